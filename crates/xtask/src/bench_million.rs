//! `cargo xtask bench --million`: a long job, with the embedded stub of a server, which answers every question for a
//! picture with the same kilobyte. What is measured is everything else: memory by stage, time, disk, open files.
//! With `--drawn` fewer prompts, whose pictures the embedded teacher draws.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    bench::machine,
    chore::{build_twig, built},
    http::{build_stub, stub},
};

/// Who makes the pictures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Painter {
    Stub,
    Embedded,
}

impl Painter {
    /// Prompts of the job that the other is compared with, and of that.
    fn prompts(self) -> (u64, u64) {
        match self {
            Self::Stub => (10_000, 1_000_000),
            Self::Embedded => (1_000, 100_000),
        }
    }
}

const PAUSE: Duration = Duration::from_millis(100);
/// Runs of the smaller job, of which each stage's highest memory counts: from one run to the next it differs by a tenth,
/// and a long job comes by its highest more surely than a short one.
const SHORT_RUNS: usize = 3;

/// Runs both jobs and prints their figures side by side as Markdown.
pub(crate) fn bench(prompts: Option<&str>, is_drawn: bool) -> Result<()> {
    let painter = if is_drawn { Painter::Embedded } else { Painter::Stub };
    let (fewer, many) = painter.prompts();
    let many = prompts.map_or(Ok(many), str::parse).context("--prompts wants a number")?;
    let most = [&COLORS[..], &THINGS, &RELATIONS, &COLORS, &OTHERS].map(<[_]>::len).iter().product::<usize>();
    ensure!(
        !is_drawn || many <= most as u64,
        "there are words for {most} prompts to be drawn, not for {many}"
    );
    let (twig, stub) = (build_twig()?, build_stub()?);
    println!("Machine: {}.\n", machine());
    let folder = built()?.join("bench-million");
    let fresh = |prompts| -> Result<Figures> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let figures = run(&twig, &stub, &folder, painter, prompts)?;
        fs::remove_dir_all(&folder)?;
        Ok(figures)
    };
    let mut few = fresh(fewer)?;
    for _ in 1..SHORT_RUNS {
        few.take_highest(&fresh(fewer)?);
    }
    println!("Of {SHORT_RUNS} runs the highest memory, else the first: {}", few.report(None));
    println!("{}", fresh(many)?.report(Some(&few)));
    Ok(())
}

/// What a job took.
#[derive(Default)]
struct Figures {
    prompts: u64,
    wall: Duration,
    most_files: usize,
    disk_bytes: u64,
    stages: Vec<Stage>,
}

#[derive(Default)]
struct Stage {
    name: String,
    /// Most memory held while it ran, in bytes.
    most_bytes: u64,
    rows: u64,
    seconds: f64,
}

fn run(twig: &Path, stub_server: &Path, folder: &Path, painter: Painter, prompts: u64) -> Result<Figures> {
    let server = match painter {
        Painter::Stub => Some(stub(stub_server, &["--shared-picture-bytes", "1024"])?),
        Painter::Embedded => None,
    };
    let teacher = server.as_ref().map_or_else(
        || "kind: procedural".to_owned(),
        |server| {
            let base_url = &server.base_url;
            format!("kind: openai, base_url: '{base_url}', identity: stub, model: stub, concurrency: 64")
        },
    );
    let trajectories = match painter {
        Painter::Stub => "mode: whole_image, regions: 1",
        Painter::Embedded => "mode: region_by_region, regions: 3",
    };
    write_prompts(&folder.join("many_train.txt"), painter, prompts)?;
    let job = format!(
        "version: 1\nname: many\noutput: out\nprompts: {{ files: [many_train.txt] }}\n\
         teachers:\n  one: {{ {teacher} }}\n\
         roles: {{ thinker: one, painter: one, critic: one }}\n\
         trajectories: {{ {trajectories} }}\n\
         judgements:\n  judges:\n    one: {{ teacher: one }}\n"
    );
    fs::write(folder.join("job.yaml"), job)?;
    let mut command = Command::new(twig);
    command.args(["run", "job.yaml"]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().context("cannot start twig")?;
    // The program reads the prompts before it can tell anybody.
    let first = Stage { name: "prompts".to_owned(), ..Stage::default() };
    let mut figures = Figures { prompts, stages: vec![first], ..Figures::default() };
    let mut events = Events::new(folder.join("out/events.jsonl"));
    let status = loop {
        events.follow(&mut figures.stages, start)?;
        let process = PathBuf::from(format!("/proc/{}", child.id()));
        if let (Some(stage), Some(bytes)) = (figures.stages.last_mut(), memory(&process)) {
            stage.most_bytes = stage.most_bytes.max(bytes);
        }
        let files = fs::read_dir(process.join("fd")).map_or(0, Iterator::count);
        figures.most_files = figures.most_files.max(files);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(PAUSE);
    };
    events.follow(&mut figures.stages, start)?;
    figures.wall = start.elapsed();
    ensure!(status.success(), "the job of {prompts} prompts ended with {status}");
    figures.disk_bytes = size(&folder.join("out"))?;
    Ok(figures)
}

/// Prompts that differ in more than a number, since near duplicates are not what is measured.
fn write_prompts(path: &Path, painter: Painter, prompts: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for number in 0..prompts {
        let mut rest = number as usize;
        let mut one_of = |words: &[&'static str]| {
            let word = words[rest % words.len()];
            rest /= words.len();
            word
        };
        let (color, thing) = (one_of(&COLORS), one_of(&THINGS));
        match painter {
            Painter::Stub => writeln!(file, "a {color} {thing} with the number {number} on it")?,
            Painter::Embedded => {
                let (relation, other_color, other) = (one_of(&RELATIONS), one_of(&COLORS), one_of(&OTHERS));
                writeln!(file, "a {color} {thing} {relation} a {other_color} {other}")?;
            }
        }
    }
    Ok(file.flush()?)
}

const COLORS: [&str; 10] =
    ["red", "green", "blue", "yellow", "black", "white", "brown", "purple", "orange", "grey"];
const THINGS: [&str; 10] =
    ["apple", "cup", "frog", "house", "tree", "car", "bird", "balloon", "umbrella", "chair"];
/// With them there are 100,000 prompts that the embedded teacher can draw.
const OTHERS: [&str; 20] = [
    "cat",
    "dog",
    "key",
    "boat",
    "clock",
    "fish",
    "horse",
    "mouse",
    "butterfly",
    "rabbit",
    "cow",
    "pig",
    "sheep",
    "turtle",
    "bee",
    "train",
    "bicycle",
    "book",
    "phone",
    "sofa",
];
const RELATIONS: [&str; 5] =
    ["on the left of", "on the right of", "on the top of", "on the bottom of", "next to"];

/// The events of a job as they are written.
struct Events {
    path: PathBuf,
    file: Option<BufReader<fs::File>>,
    /// A line that is not whole yet.
    line: String,
}

impl Events {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, line: String::new() }
    }

    fn follow(&mut self, stages: &mut Vec<Stage>, start: Instant) -> Result<()> {
        if self.file.is_none() {
            self.file = fs::File::open(&self.path).ok().map(BufReader::new);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        while file.read_line(&mut self.line)? > 0 && self.line.ends_with('\n') {
            let event: Value = serde_json::from_str(&self.line)?;
            self.line.clear();
            let name = event["stage"].as_str().unwrap_or_default();
            match event["event"].as_str() {
                Some("stage_started") if name != "prompts" => {
                    stages.push(Stage { name: name.to_owned(), ..Stage::default() });
                }
                Some("stage_finished") => {
                    if let Some(stage) = stages.last_mut() {
                        stage.rows = event["rows_in"].as_u64().unwrap_or(0);
                        stage.seconds = match name {
                            "prompts" => start.elapsed().as_secs_f64(),
                            _ => event["seconds"].as_f64().unwrap_or(0.0),
                        };
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Memory that a process holds, in bytes.
fn memory(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

impl Figures {
    /// Takes the memory of another run of the same job where it is higher.
    fn take_highest(&mut self, other: &Self) {
        for (stage, of_other) in self.stages.iter_mut().zip(&other.stages) {
            stage.most_bytes = stage.most_bytes.max(of_other.most_bytes);
        }
    }

    /// A table of the stages, with how much more memory they have held than in the smaller job.
    fn report(&self, few: Option<&Self>) -> String {
        let mut text = format!(
            "{} prompts: {:.0} s, {:.2} GB on the disk, at most {} open files.\n\n| stage | rows | seconds | \
             most memory | more than with fewer prompts | bytes a row |\n|---|---:|---:|---:|---:|---:|\n",
            self.prompts,
            self.wall.as_secs_f64(),
            self.disk_bytes as f64 / 1e9,
            self.most_files,
        );
        for (index, Stage { name, most_bytes, rows, seconds }) in self.stages.iter().enumerate() {
            let above = few.and_then(|few| Some((few, few.stages.get(index)?))).map(|(few, stage)| {
                let (most, of_few) = (*most_bytes as f64, stage.most_bytes as f64);
                let a_row = (most - of_few) / self.prompts.saturating_sub(few.prompts).max(1) as f64;
                format!("{:+.1} % | {a_row:.0}", 100.0 * (most / of_few - 1.0))
            });
            let above = above.unwrap_or_else(|| "|".to_owned());
            let mebibytes = most_bytes >> 20;
            text.push_str(&format!("| {name} | {rows} | {seconds:.1} | {mebibytes} MiB | {above} |\n"));
        }
        text
    }
}
