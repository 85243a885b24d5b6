//! `cargo xtask bench --http`: what a call to a teacher behind HTTP costs on our side, and how well its server is
//! used. Everything goes through `twig run`, with answer store, fsync and budget on; the server is the project's own
//! stub, on the same cores.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    bench::machine,
    chore::{build_twig, built},
    http::{Server, build_stub, stub},
    watched::{Watched, WatchedStage, watched},
};

/// Time that the server takes for an answer, in seconds.
const DELAY: f64 = 0.2;

struct Bench {
    twig: PathBuf,
    stub: PathBuf,
    folder: PathBuf,
}

/// Runs all measurements and prints them as Markdown.
pub(crate) fn bench() -> Result<()> {
    let folder = built()?.join("bench-http");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let bench = Bench { twig: build_twig()?, stub: build_stub()?, folder };
    println!("Machine: {}.\n", machine());
    bench.chats()?;
    bench.pictures()?;
    bench.limits()
}

impl Bench {
    /// 20,000 chat calls: two judges of 10,000 pictures, which are made first and are not measured.
    fn chats(&self) -> Result<()> {
        const PROMPTS: usize = 10_000;
        let made = self.job("chats", PROMPTS)?;
        self.prepare(&made)?;
        println!(
            "| in flight | calls | seconds | calls/s | of concurrency ÷ delay | without its ends | CPU a call, ms | server's, ms | both cores busy | peak memory, MB | early → end |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        for concurrency in [64, 256, 1024] {
            // Each begins with the same answers in the store.
            let job = self.folder.join(format!("chats-{concurrency}"));
            let copied = Command::new("cp").arg("-r").args([&made, &job]).status()?;
            ensure!(copied.success(), "cannot copy {}", made.display());
            let server = stub(&self.stub, &["--delay-ms", "200"])?;
            let watched = self.judge(&job, &server, concurrency, 2)?;
            let steady = steady_rate(&server.json("/v1/stats")?);
            println!("{}", row(&watched, steady, concurrency, 2 * PROMPTS)?);
        }
        Ok(())
    }

    /// Pictures of a megabyte.
    fn pictures(&self) -> Result<()> {
        const PROMPTS: usize = 1_280;
        let job = self.job("pictures", PROMPTS)?;
        let server = stub(&self.stub, &["--delay-ms", "200", "--picture-bytes", "1000000"])?;
        let mut command = self.run(&job, &server.base_url);
        command.args(["--set", "teachers.maker.concurrency=64"]);
        let watched = watched(&mut command, &job.join("out"), server.id())?;
        let made = stage(&watched, "trajectories")?;
        println!(
            "\n{PROMPTS} pictures of 1 MB at 64 in flight: peak memory of the whole job {} MB; trajectories in {:.1} s, {:.2} s of CPU on our side.",
            watched.peak_bytes / 1_000_000,
            made.seconds,
            made.end.cpu - made.begin.cpu,
        );
        Ok(())
    }

    /// A server with a limit, and one that refuses for no reason.
    fn limits(&self) -> Result<()> {
        const PROMPTS: usize = 400;
        let job = self.job("limits", PROMPTS)?;
        self.prepare(&job)?;
        let limited = stub(&self.stub, &["--delay-ms", "200", "--calls-per-sec", "40"])?;
        let watched = self.judge(&job, &limited, 32, 1)?;
        let seconds = stage(&watched, "judgements")?.seconds;
        // The first 40 come out of a full bucket; the last answer takes its delay.
        let floor = (PROMPTS - 40) as f64 / 40.0 + DELAY;
        let calls = limited.json("/v1/stats")?["calls"].as_f64().unwrap_or_default();
        println!(
            "\n{PROMPTS} calls at 32 in flight, server limited to 40 a second: {calls} sent ({:.1} % wasted), {seconds:.2} s ({:+.1} % of the floor of {floor:.1} s).",
            (calls / PROMPTS as f64 - 1.0) * 100.0,
            (seconds / floor - 1.0) * 100.0,
        );
        let (sound, stray) = (
            stub(&self.stub, &["--delay-ms", "200"])?,
            stub(&self.stub, &["--delay-ms", "200", "--stray-429", "0.3"])?,
        );
        let mut seconds = Vec::new();
        for server in [&sound, &stray] {
            let watched = self.judge(&job, server, 64, 10)?;
            seconds.push(stage(&watched, "judgements")?.seconds);
        }
        let stats = stray.json("/v1/stats")?;
        println!(
            "\n{} calls at 64 in flight: {:.2} s; with 30 % stray refusals ({} of {} calls) {:.2} s ({:+.1} %).",
            10 * PROMPTS,
            seconds[0],
            stats["refused"],
            stats["calls"],
            seconds[1],
            (seconds[1] / seconds[0] - 1.0) * 100.0,
        );
        Ok(())
    }

    /// A job of so many prompts with one region each, of which the release keeps a few.
    fn job(&self, name: &str, prompts: usize) -> Result<PathBuf> {
        let job = self.folder.join(name);
        fs::create_dir_all(&job)?;
        let lines = |range: std::ops::Range<usize>| -> String {
            range.map(|number| format!("a calm view with thing number {number}\n")).collect()
        };
        fs::write(job.join("kept_train.txt"), lines(0..20))?;
        fs::write(job.join("other_train.txt"), lines(20..prompts))?;
        fs::write(job.join("job.yaml"), JOB)?;
        Ok(job)
    }

    /// Makes the pictures, with a server that answers at once.
    fn prepare(&self, job: &Path) -> Result<()> {
        let server = stub(&self.stub, &[])?;
        watched(&mut self.run(job, &server.base_url), &job.join("out"), server.id()).map(drop)
    }

    /// Has so many new judges, whose questions nobody has answered yet, look at all pictures.
    fn judge(&self, job: &Path, server: &Server, concurrency: usize, judges: usize) -> Result<Watched> {
        let judges: Vec<String> = (0..judges)
            .map(|judge| format!("of_{}_{judge}: {{ teacher: judge }}", server.port().unwrap_or_default()))
            .map(|judge| judge.replace("of_", &format!("at_{concurrency}_")))
            .collect();
        let mut command = self.run(job, &server.base_url);
        command.arg("--set").arg(format!("judgements.judges={{ {} }}", judges.join(", ")));
        command.arg("--set").arg(format!("teachers.judge.concurrency={concurrency}"));
        watched(&mut command, &job.join("out"), server.id())
    }

    fn run(&self, job: &Path, base_url: &str) -> Command {
        let mut command = Command::new(&self.twig);
        command.args(["run", "job.yaml", "--output", "out"]).current_dir(job).env("STUB", base_url);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    }
}

const JOB: &str = "\
version: 1
name: bench
output: out
prompts: { files: ['*_train.txt'] }
teachers:
  maker:
    kind: openai
    base_url: ${STUB}
    identity: stub
    model: stub
    prices: { input: 1, output: 1, pictures: { 1024x1024: 0.01 } }
  judge:
    kind: openai
    base_url: ${STUB}
    identity: stub
    model: stub
    prices: { input: 1, output: 1 }
roles: { thinker: maker, painter: maker, critic: maker }
trajectories: { mode: whole_image, regions: 1 }
judgements: { judges: { first: { teacher: maker } } }
tokens: { scope: selected }
select: { where: \"category = 'kept'\", gates: 'true' }
run: { budget_usd: 1000 }
";

fn stage<'a>(watched: &'a Watched, name: &str) -> Result<&'a WatchedStage> {
    watched.stages.get(name).with_context(|| format!("the job has no stage `{name}`"))
}

/// Calls a second as the server has seen them, without the tenth that came first and the one that came last: a stage
/// begins by reading what it asks about, and ends with answers that nothing follows.
fn steady_rate(stats: &Value) -> f64 {
    let tenths: Vec<u64> =
        stats["calls_by_tenth"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let (all, mut before) = (tenths.iter().sum::<u64>(), 0);
    let middle = tenths.iter().filter(|calls| {
        let is_middle = before >= all / 10 && before + **calls <= all - all / 10;
        before += **calls;
        is_middle
    });
    let middle: Vec<u64> = middle.copied().collect();
    10.0 * middle.iter().sum::<u64>() as f64 / middle.len() as f64
}

fn row(watched: &Watched, steady: f64, concurrency: usize, calls: usize) -> Result<String> {
    let WatchedStage { seconds, begin, end, memory_early } = stage(watched, "judgements")?;
    let (rate, calls_f) = (calls as f64 / seconds, calls as f64);
    let (own, server) = (end.cpu - begin.cpu, end.server_cpu - begin.server_cpu);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Ok(format!(
        "| {concurrency} | {calls} | {seconds:.2} | {rate:.0} | {:.1} % | {:.1} % | {:.3} | {:.3} | {:.0} % | {} | {} → {} |",
        100.0 * rate / (concurrency as f64 / DELAY),
        100.0 * steady / (concurrency as f64 / DELAY),
        1000.0 * own / calls_f,
        1000.0 * server / calls_f,
        100.0 * (own + server) / (seconds * cores),
        watched.peak_bytes / 1_000_000,
        memory_early / 1_000_000,
        end.memory / 1_000_000,
    ))
}
