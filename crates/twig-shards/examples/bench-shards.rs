//! What `cargo xtask bench --shards` times on the Rust side.
//!
//!   bench-shards FOLDER GIGABYTES
//!
//! Writes two releases of half the size each, merges and filters them beside plain copies of files in turns, and
//! writes the same rows with our writer and with bare arrow-rs in turns: the same columns and properties into the same
//! kind of file, but on one thread, arrays made beforehand, no hashing, no atomic commit. That isolates what our crate
//! adds. Bare arrow-rs chunks pictures by content too where it chunks at all, which ours does not; so it is timed with
//! and without.
//!
//! Pictures are 384 × 384 PNGs of usual size and of 64 kinds; writers and copies never look into them. Leaves the
//! merged release, and prints one JSON object.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use arrow::array::RecordBatch;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};
use serde_json::json;
use twig_imaging::{Rgb, RgbImage, encode_png};
use twig_model::{
    Attempt, CriterionScores, Critique, Geometry, Mode, Picture, Prompt, PromptId, Schedule, Score, Step,
    Trajectory, TrajectoryTokens,
};
use twig_shards::{
    CardFacts, Config, DEFAULT_SHARD_BYTES, Derivation, Filter, Keep, Manifest, Purpose, ReleaseSummary,
    ReleaseTrajectory, Row, SCHEMA_VERSION, ShardWriter, Split, StageAccount, StepRow, derive, files_below,
    publish, writer_properties,
};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Rows that writers are compared on.
const ROWS: u64 = 300;
const ROUNDS: usize = 5;
/// How often whole releases are copied, merged and filtered: each of them first, second and third as often.
const DISK_ROUNDS: usize = 6;
const KINDS: u64 = 64;
/// Pictures of a trajectory: three canvases, the last of which is stored as the finished picture too.
const PICTURES: u64 = 4;
/// What is copied at once.
const PIECE: usize = 1 << 20;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, gigabytes] = arguments.as_slice() else {
        return Err("usage: bench-shards FOLDER GIGABYTES".into());
    };
    let (folder, gigabytes) = (Path::new(folder), gigabytes.parse::<f64>()?);
    let pictures: Vec<Picture> = (0..KINDS).map(picture).collect();
    let picture_bytes = pictures.iter().map(|picture| picture.bytes().len() as u64).sum::<u64>() / KINDS;
    let rows = (gigabytes * 1e9 / 2.0) as u64 / (PICTURES * picture_bytes);
    let halves = ["first", "second"].map(|name| folder.join(name));
    let writing = seconds(|| {
        write_release(&halves[0], 0..rows, &pictures)?;
        write_release(&halves[1], rows..2 * rows, &pictures)
    })?;
    let keep = Filter::parse("reward >= 50", &ReleaseSummary::schema())?;
    let made = ["copied", "filtered", "merged"].map(|name| folder.join(name));
    let [copied, filtered, merged] = &made;
    let mut rounds = Vec::new();
    for round in 0..DISK_ROUNDS {
        let mut speeds = [0.0; 3];
        // In turns, since a disk may take the first gigabytes faster than those that follow.
        for what in (0..3).map(|place| (place + round) % 3) {
            if made[what].exists() {
                fs::remove_dir_all(&made[what])?;
                // What is left to do for files that are gone is not done at the cost of what is timed.
                File::open(folder)?.sync_all()?;
            }
            let took = seconds(|| match what {
                // As much as is merged.
                0 => ["first", "second"]
                    .iter()
                    .zip(&halves)
                    .try_for_each(|(name, half)| copy(half, &copied.join(name))),
                1 => make("filter", &halves[..1], Keep::Where(&keep), filtered),
                _ => make("merge", &halves, Keep::All, merged),
            })?;
            speeds[what] = bytes(&made[what])? as f64 / took;
        }
        rounds.push(speeds);
    }
    // A disk has another speed from one minute to the next: each is compared with the copy of its own round.
    let [copying, filtering, merging] = [0, 1, 2].map(|what| median(rounds.iter().map(|round| round[what])));
    let [filter_ratio, merge_ratio] =
        [1, 2].map(|what| median(rounds.iter().map(|round| round[what] / round[0])));
    let merged_bytes = bytes(merged)?;
    [copied, filtered, &halves[0], &halves[1]].into_iter().try_for_each(fs::remove_dir_all)?;

    let [ours, bare, unchunked] = writers(&pictures)?;
    let report = json!({
        "rows": 2 * rows, "picture_bytes": picture_bytes, "release": merged,
        "release_bytes": merged_bytes, "compared_rows": ROWS,
        "writing": merged_bytes as f64 / writing, "copying": copying, "merging": merging, "filtering": filtering,
        "filter_ratio": filter_ratio, "merge_ratio": merge_ratio,
        "ours_rows": ROWS as f64 / ours, "bare_rows": ROWS as f64 / bare, "unchunked_rows": ROWS as f64 / unchunked,
    });
    println!("{report}");
    Ok(())
}

fn seconds(work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn bytes(folder: &Path) -> Outcome<u64> {
    let sizes = files_below(folder)?.into_iter().map(|name| Ok(fs::metadata(folder.join(name))?.len()));
    sizes.sum()
}

/// Every file of a folder, piece by piece and to the disk.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let mut piece = vec![0; PIECE];
    for name in files_below(from)? {
        let path = to.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(to))?;
        let (mut source, mut target) = (File::open(from.join(&name))?, File::create(path)?);
        loop {
            let count = source.read(&mut piece)?;
            if count == 0 {
                break;
            }
            target.write_all(&piece[..count])?;
        }
        target.sync_all()?;
    }
    Ok(())
}

fn make(action: &str, sources: &[PathBuf], keep: Keep, out: &Path) -> Outcome<()> {
    let description = action.to_owned();
    let derivation =
        Derivation { action, description, name: None, sources, keep, shard_bytes: DEFAULT_SHARD_BYTES };
    derive(&derivation, out)?;
    Ok(())
}

fn write_release(folder: &Path, numbers: std::ops::Range<u64>, pictures: &[Picture]) -> Outcome<()> {
    let rows = numbers.end - numbers.start;
    let mut trajectories = ShardWriter::<ReleaseTrajectory>::new(folder, "train", DEFAULT_SHARD_BYTES);
    let mut steps = ShardWriter::<StepRow>::new(folder, "train", DEFAULT_SHARD_BYTES);
    for number in numbers {
        let release = trajectory(number, pictures)?;
        StepRow::all_of(&release).into_iter().try_for_each(|step| steps.push(step))?;
        trajectories.push(release)?;
    }
    let config = |name: &str, shards| Config {
        name: name.to_owned(),
        splits: vec![Split { name: "train".to_owned(), shards }],
    };
    let configs = vec![config("trajectories", trajectories.finish()?), config("steps", steps.finish()?)];
    let account = StageAccount {
        stage: "release".to_owned(),
        rows_in: rows,
        rows_out: rows,
        rejected: BTreeMap::new(),
    };
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        program: concat!("twig ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings_hash: String::new(),
        seed: 7,
        prefix_style: "twig".to_owned(),
        tokenizers: Vec::new(),
        text_tokenizer: None,
        templates: BTreeMap::new(),
        judges: Vec::new(),
        accounting: vec![account],
        configs,
    };
    Ok(publish(folder, &manifest, &CardFacts::default())?)
}

/// Seconds for [`ROWS`] rows with our writer, with bare arrow-rs, and with bare arrow-rs without chunking by content:
/// the best of several rounds in turns, in memory where the system has a folder there, since a disk would hide the
/// difference.
fn writers(pictures: &[Picture]) -> Outcome<[f64; 3]> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = folder.join(format!("twig-bench-shards-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let rows = (0..ROWS).map(|number| trajectory(number, pictures)).collect::<Outcome<Vec<_>>>()?;
    let batches: Vec<RecordBatch> =
        rows.chunks(20).map(|chunk| ReleaseTrajectory::to_batch(chunk.to_vec())).collect();
    let properties = writer_properties("trajectories", &ReleaseTrajectory::schema(), Purpose::Release);
    let unchunked = properties.clone().into_builder().set_content_defined_chunking(None).build();
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        let again = rows.clone();
        let round = [
            seconds(|| write_ours(&folder, again))?,
            seconds(|| write_bare(&folder, &batches, &properties))?,
            seconds(|| write_bare(&folder, &batches, &unchunked))?,
        ];
        best = std::array::from_fn(|writer| best[writer].min(round[writer]));
    }
    fs::remove_dir_all(&folder)?;
    Ok(best)
}

fn write_ours(folder: &Path, rows: Vec<ReleaseTrajectory>) -> Outcome<()> {
    let mut writer = ShardWriter::new(folder, "train", 1 << 30);
    rows.into_iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    Ok(())
}

fn write_bare(folder: &Path, batches: &[RecordBatch], properties: &WriterProperties) -> Outcome<()> {
    let file = File::create(folder.join("bare.parquet"))?;
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties.clone()))?;
    for (index, batch) in batches.iter().enumerate() {
        writer.write(batch)?;
        // Row groups of 100 rows, as ours.
        if index % 5 == 4 {
            writer.flush()?;
        }
    }
    Ok(writer.into_inner()?.sync_all()?)
}

fn trajectory(number: u64, pictures: &[Picture]) -> Outcome<ReleaseTrajectory> {
    let schedule = Schedule::bands(Geometry::JANUS, 3)?;
    let final_ids: Vec<u32> = (0..576).map(|cell| lot(number, cell) as u32 % 16_384).collect();
    let steps: Vec<Step> = schedule
        .regions()
        .iter()
        .map(|region| {
            let attempt = Attempt {
                thought: format!(
                    "Picture {number}: the {} shows a quiet lake under a pale sky.",
                    region.name
                ),
                critique: Critique {
                    scores: CriterionScores::new([20, 19, 18, 17, 16])?,
                    comment: "The lake is there and its colour fits.".to_owned(),
                    revised_thought: format!("Picture {number}: the same lake, a little brighter."),
                },
                accepted: true,
                canvas: pictures[lot(number, region.index as u64) as usize % pictures.len()].clone(),
            };
            Ok(Step { region_index: region.index, attempts: vec![attempt] })
        })
        .collect::<Outcome<_>>()?;
    let attempt_ids = schedule.regions().iter().map(|region| final_ids[region.spans()[0].range()].to_vec());
    let tokens =
        TrajectoryTokens { tokenizer: "patches".to_owned(), attempt_ids: attempt_ids.collect(), final_ids };
    let prompt = Prompt {
        id: PromptId::from_hash(lot(number, 1 << 40)),
        text: format!("a lake with {number} boats under a sky of colour {}", lot(number, 7) % 1000),
        category: ["color", "shape", "texture", "numeracy"][(number % 4) as usize].to_owned(),
        source: "bench".to_owned(),
    };
    let final_image = steps[2].attempts[0].canvas.clone();
    let trajectory = Trajectory {
        prompt,
        sample_index: 0,
        mode: Mode::WholeImage,
        painter: "painter".to_owned(),
        seed: number as i64,
        schedule,
        steps,
        final_image,
    };
    let reward = Score::new((lot(number, 1 << 41) % 101) as i64)?;
    Ok(ReleaseTrajectory { trajectory, tokens: Some(tokens), reward })
}

/// A number drawn for two others, by the mixing function of SplitMix64.
fn lot(number: u64, of: u64) -> u64 {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    mix(mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ of)
}

/// A soft picture with grain: about 140 kB as a PNG.
fn picture(kind: u64) -> Picture {
    let image = RgbImage::from_fn(384, 384, |x, y| {
        let grain = lot(u64::from(x) << 32 | u64::from(y), kind);
        let channel = |shift: u32, base: u32| (base / 3 + (grain >> shift) as u32 % 5) as u8;
        Rgb([channel(0, x), channel(8, y), channel(16, x + y)])
    });
    Picture::new(encode_png(&image))
}
