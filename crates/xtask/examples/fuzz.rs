//! `cargo xtask fuzz`: bytes that nobody should send, for everything that reads what others wrote.
//!
//! Each target takes the files of `tests/fuzz/<target>` and whatever it makes itself, changes them at random, and
//! reads them. A panic, an input that takes longer than its time, or a process that ends is a failure; the input lies
//! in the folder that is printed, and belongs into `tests/fuzz/<target>` once the cause is mended.
//!
//! Changes are drawn blindly: guiding them by coverage wants a nightly compiler, which this project does not use.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]
#![allow(clippy::unwrap_used, reason = "a chore that cannot go on fails")]

use std::{
    fs,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use twig_imaging::{DecodeLimits, Rgb, RgbImage, decode, encode_jpeg, encode_png};
use twig_shards::{Manifest, Row, TableReader, fixtures};

/// Longest that one input may take; a picture at the limit of pixels takes a second or two.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest input that is made.
const MAX_LEN: usize = 1 << 16;

/// Something that reads untrusted bytes. `scratch` is a file of its own.
struct Target {
    name: &'static str,
    read: fn(bytes: &[u8], scratch: &Path),
    /// Inputs to begin with that are no files.
    made: fn() -> Vec<Vec<u8>>,
    /// Pieces that mean something there.
    words: &'static [&'static str],
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[",
];
const YAML: &[&str] =
    &["&a ", "*a", "<<: ", "- ", ": ", "? ", "|\n", ">\n", "!!binary ", "{", "}", "[", "]", "${A}", "---\n"];
const BINARY: &[&str] = &["\0\0\0\0", "PAR1", "IHDR", "IDAT", "RIFF", "WEBP", "VP8L", "TWIGANS1"];

const TARGETS: [Target; 7] = [
    Target {
        name: "answer",
        read: |bytes, _| twig_pipeline::harness::answer(bytes),
        made: Vec::new,
        words: JSON,
    },
    Target {
        name: "reply",
        read: |bytes, _| twig_teacher::harness::reply(bytes),
        made: Vec::new,
        words: JSON,
    },
    Target {
        name: "pipeline-file",
        read: |bytes, _| twig_pipeline::harness::pipeline_file(bytes),
        made: pipeline_files,
        words: YAML,
    },
    Target { name: "picture", read: picture, made: pictures, words: BINARY },
    Target { name: "manifest", read: manifest, made: manifests, words: JSON },
    Target { name: "shard", read: shard, made: shards, words: BINARY },
    Target { name: "segment", read: segment, made: segments, words: BINARY },
];

fn picture(bytes: &[u8], _: &Path) {
    let limits = DecodeLimits { max_bytes: MAX_LEN, ..DecodeLimits::default() };
    if let Ok(picture) = decode(bytes, &limits) {
        assert!(u64::from(picture.width()) * u64::from(picture.height()) <= limits.max_pixels);
    }
}

fn manifest(bytes: &[u8], scratch: &Path) {
    let folder = scratch.with_extension("release");
    let _ = fs::create_dir(&folder);
    fs::write(folder.join(Manifest::FILE_NAME), bytes).unwrap();
    if let Ok(manifest) = Manifest::load(&folder) {
        let inside =
            |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        assert!(
            manifest.shards().all(|shard| inside(Path::new(&shard.path))),
            "a path leads out of the release"
        );
        let _ = twig_shards::verify(&folder);
    }
}

fn shard(bytes: &[u8], scratch: &Path) {
    fn read<T: Row>(path: &Path) {
        if let Ok(rows) = TableReader::<T>::open(path) {
            rows.take(1_000).take_while(Result::is_ok).for_each(drop);
        }
    }
    fs::write(scratch, bytes).unwrap();
    read::<twig_model::Judgement>(scratch);
    read::<twig_model::SftSample>(scratch);
    read::<twig_model::JanusSample>(scratch);
    read::<twig_shards::StepRow>(scratch);
    let _ = twig_shards::num_rows(scratch);
}

fn segment(bytes: &[u8], scratch: &Path) {
    fs::write(scratch, bytes).unwrap();
    twig_teacher::harness::segment(scratch).unwrap();
}

fn pipeline_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn pictures() -> Vec<Vec<u8>> {
    let picture = RgbImage::from_fn(9, 7, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 7]));
    let mut webp = Cursor::new(Vec::new());
    picture.write_to(&mut webp, image::ImageFormat::WebP).unwrap();
    vec![encode_png(&picture), encode_jpeg(&picture, 80), webp.into_inner()]
}

/// Every file of a small release with this ending.
fn of_a_release(ending: &str) -> Vec<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!("twig-fuzz-release-{}", std::process::id()));
    if !folder.exists() {
        fixtures::write_release(&folder);
    }
    let files = twig_shards::files_below(&folder).unwrap();
    let wanted = files.iter().filter(|name| name.ends_with(ending));
    let read: Vec<Vec<u8>> = wanted.map(|name| fs::read(folder.join(name)).unwrap()).collect();
    let _ = fs::remove_dir_all(&folder);
    read.into_iter().filter(|bytes| bytes.len() <= MAX_LEN).collect()
}

fn manifests() -> Vec<Vec<u8>> {
    of_a_release("manifest.json")
}

fn shards() -> Vec<Vec<u8>> {
    of_a_release(".parquet")
}

fn segments() -> Vec<Vec<u8>> {
    let record = [&b"0123456789abcdef".repeat(4)[..], &[2, 0, 0, 0], b"{}body"].concat();
    let frame = |record: &[u8]| {
        let hash = blake3::hash(record);
        [&(record.len() as u32).to_le_bytes()[..], &hash.as_bytes()[..16], record].concat()
    };
    vec![
        [&b"TWIGANS1"[..], &frame(&record), &frame(b"{\"entry\":\"settled\",\"call\":1,\"micro_usd\":3}")]
            .concat(),
    ]
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20);
    let only = arguments.next();
    println!("changes are drawn blindly: guiding them by coverage wants a nightly compiler");
    let mut failed = false;
    for target in TARGETS.iter().filter(|target| only.as_ref().is_none_or(|only| only == target.name)) {
        failed |= !fuzz(target, Duration::from_secs(seconds));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs a target for so long; whether nothing went wrong.
fn fuzz(target: &'static Target, time: Duration) -> bool {
    let folder = std::env::temp_dir().join(format!("twig-fuzz-{}-{}", target.name, std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut corpus = (target.made)();
    let num_made = corpus.len();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz").join(target.name);
    for entry in fs::read_dir(&files).into_iter().flatten() {
        corpus.push(fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(!corpus.is_empty(), "there is nothing to begin with for {}", target.name);
    let num_files = corpus.len() - num_made;
    let shared = Arc::new(Shared::new(folder.clone()));
    let start = Instant::now();
    // What stands in the corpus is read as it is first, then changed.
    for (number, input) in corpus.iter().enumerate() {
        shared.read(target, input, &folder.join(format!("input-{number}")));
    }
    let threads = thread::available_parallelism().map_or(2, usize::from) as u64;
    let seed = std::env::var("TWIG_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u64);
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (shared, corpus) = (Arc::clone(&shared), corpus.clone());
            thread::spawn(move || {
                let mut random = Random(seed * 1_000 + worker);
                let path = shared.folder.join(format!("worker-{worker}"));
                while start.elapsed() < time && !shared.failed.load(Ordering::Relaxed) {
                    let input = random.changed(&corpus, target.words);
                    shared.read(target, &input, &path);
                }
            })
        })
        .collect();
    // A worker that hangs is not waited for.
    while workers.iter().any(|worker| !worker.is_finished()) {
        thread::sleep(Duration::from_millis(50));
        if start.elapsed() > time + PATIENCE {
            shared.fail("an input takes too long; it is one of the newest files");
            break;
        }
    }
    let inputs = shared.inputs.load(Ordering::Relaxed);
    println!(
        "{:14} {inputs:>9} inputs in {:.0} s, from {num_made} made and {num_files} kept ones, slowest {} ms",
        target.name,
        start.elapsed().as_secs_f64(),
        shared.slowest_ms.load(Ordering::Relaxed)
    );
    let ok = !shared.failed.load(Ordering::Relaxed);
    if ok {
        let _ = fs::remove_dir_all(&folder);
    }
    ok
}

struct Shared {
    folder: PathBuf,
    inputs: AtomicU64,
    slowest_ms: AtomicU64,
    failed: AtomicBool,
}

impl Shared {
    fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            inputs: AtomicU64::new(0),
            slowest_ms: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// Reads one input, which lies in a file before: where the process ends, that file tells why.
    fn read(&self, target: &Target, input: &[u8], path: &Path) {
        let scratch = path.with_extension("scratch");
        fs::write(path, input).unwrap();
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.read)(input, &scratch)));
        let took = start.elapsed();
        self.inputs.fetch_add(1, Ordering::Relaxed);
        self.slowest_ms.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
        if outcome.is_err() || took > PATIENCE {
            let kept = self.folder.join(format!("failure-{}", self.inputs.load(Ordering::Relaxed)));
            fs::write(&kept, input).unwrap();
            let what = if outcome.is_err() { "a panic" } else { "too long" };
            self.fail(&format!("{what} with {}", kept.display()));
        }
    }

    fn fail(&self, what: &str) {
        self.failed.store(true, Ordering::Relaxed);
        eprintln!("FAILED: {what} in {}", self.folder.display());
    }
}

/// Numbers that look drawn by lot; a seed gives the same ones again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of the corpus with one to eight changes.
    fn changed(&mut self, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            let at = self.below(input.len() + 1);
            match self.below(9) {
                0 | 1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 if at < input.len() => input[at] = self.next() as u8,
                3 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                4 => input.truncate(at),
                5 => {
                    let end = at + self.below(32).min(input.len() - at);
                    input.drain(at..end);
                }
                6 => {
                    let word = words[self.below(words.len())].as_bytes();
                    let times = if self.below(16) == 0 { 1_000 } else { 1 };
                    input.splice(at..at, word.repeat(times));
                }
                7 => {
                    let (other, count) = (&corpus[self.below(corpus.len())], self.below(64));
                    let from = self.below(other.len() + 1);
                    let piece = other[from..(from + count).min(other.len())].to_vec();
                    input.splice(at..at, piece);
                }
                _ => {
                    let number = self.next() >> self.below(64);
                    for (offset, byte) in number.to_le_bytes().into_iter().enumerate().take(4) {
                        if let Some(place) = input.get_mut(at + offset) {
                            *place = byte;
                        }
                    }
                }
            }
        }
        input.truncate(MAX_LEN);
        input
    }
}
