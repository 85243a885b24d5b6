//! Runs that cannot be lost: killed at every operation on the disk and at any time, cut off from power, on disks that
//! fail. Each goes on to the same bytes, pays nothing twice, and leaves nothing behind.
#![cfg(unix)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what was struck and what was skipped is told")]

mod disk;
mod faults;
mod kill;
mod power;
mod power_cut;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    http::{calls, server, sound},
    project::{Project, Ran, assert_same, files, reproducible},
    server::{Behaviour, Server},
};

/// Questions that the job has under way at once, at most.
const UNDER_WAY: u64 = 4;
/// What the job may cost in US dollars: enough.
const BUDGET: f64 = 100.0;
/// What the server's answers cost, in millionths of a US dollar: 200 tokens read and 50 written, or a picture.
const TEXT_COST: u64 = 200 * 25 / 10 + 50 * 10;
const PICTURE_COST: u64 = 40_000;

/// A job with a server whose answers depend on the request alone, and what it comes to when nothing disturbs it.
struct Trial {
    server: Server,
    project: Project,
    /// Calls of an undisturbed run.
    needed: u64,
    release: BTreeMap<String, Vec<u8>>,
    /// Every file of its folder, without what differs from run to run.
    names: BTreeSet<String>,
    /// What it did on the disk, where that can be seen.
    operations: Vec<disk::Operation>,
    /// How long it took.
    took: Duration,
}

impl Trial {
    /// Runs the job once, undisturbed. Every answer takes `delay`.
    fn new(delay: Duration) -> Self {
        let server = server(Behaviour { delay, points: 14, ..sound() });
        let project = Project::empty();
        project.write("mixed_train.txt", "a cat\na dog\nan owl\na red car\n");
        project.write("job.yaml", job(&server));
        let mut trial = Self {
            server,
            project,
            needed: 0,
            release: BTreeMap::new(),
            names: BTreeSet::new(),
            operations: Vec::new(),
            took: Duration::ZERO,
        };
        trial.clean();
        let mut command = trial.command();
        if let Some(shim) = disk::shim() {
            disk::watched(&mut command, shim, &trial.root(), &trial.log(), true);
        }
        let start = Instant::now();
        let ran = Ran::new(&command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        trial.took = start.elapsed();
        trial.needed = calls(&trial.server);
        trial.release = reproducible(&trial.out().join("release"));
        trial.names = names(&trial.out());
        if disk::shim().is_some() {
            trial.operations = disk::operations(&trial.log());
        }
        trial
    }

    /// The folder that the disk's library watches; the job's folder lies in it.
    fn root(&self) -> PathBuf {
        self.project.path("disk")
    }

    fn out(&self) -> PathBuf {
        self.project.path("disk/out")
    }

    fn log(&self) -> PathBuf {
        self.project.path("disk.log")
    }

    fn command(&self) -> Command {
        self.project.command(&["run", "job.yaml"])
    }

    /// An empty disk.
    fn clean(&self) {
        let _ = fs::remove_dir_all(self.root());
        fs::create_dir(self.root()).unwrap();
    }

    /// What the server has been asked and must be paid for.
    fn paid(&self) -> Paid {
        // A call of a killed run may still be on its way through the server.
        let mut calls_before = u64::MAX;
        while calls_before != calls(&self.server) || self.server.seen.under_way.load(Ordering::Relaxed) > 0 {
            calls_before = calls(&self.server);
            thread::sleep(Duration::from_millis(10));
        }
        Paid { calls: calls_before, pictures: self.server.seen.pictures.load(Ordering::Relaxed) }
    }

    /// Answers and dollars in the store.
    fn store(&self) -> Store {
        // Whose folder it is was written before the first question.
        if !self.out().join("job.json").exists() {
            return Store::default();
        }
        let stats = self.project.succeeds(&["answers", "stats", "disk/out", "--json"]).stdout;
        let stats: Value = serde_json::from_str(&stats).unwrap();
        Store { answers: stats["answers"].as_u64().unwrap(), spent: stats["spent_usd"].as_f64().unwrap() }
    }

    /// Runs the job to its end and checks everything that must hold. `before` is what the server had been asked
    /// before the run that was cut off.
    #[track_caller]
    fn ends_well(&self, what: &str, before: Paid) {
        let cut_off = self.paid();
        let durable = self.store();
        let ran = self.project.twig(&["run", "job.yaml"]);
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        let after = self.paid();

        let asked = after.calls - cut_off.calls;
        assert_eq!(asked, self.needed - durable.answers, "{what}: what was durable was asked again");
        let sent_again = (after.calls - before.calls) - self.needed;
        assert!(sent_again <= UNDER_WAY, "{what}: {sent_again} calls were sent again");

        let store = self.store();
        assert_eq!(store.answers, self.needed, "{what}: answers are missing or there twice");
        let real = after.cost_since(before) as f64 / 1e6;
        assert!(store.spent + 1e-9 >= real, "{what}: {real} was spent, and the ledger says {}", store.spent);
        assert!(store.spent <= BUDGET, "{what}: {} was spent of {BUDGET}", store.spent);

        assert_same(&reproducible(&self.out().join("release")), &self.release);
        assert_eq!(names(&self.out()), self.names, "{what}: other files than an undisturbed run leaves");
        let verified = self.project.twig(&["verify", "disk/out"]);
        assert_eq!(verified.code, Some(0), "{what}: {}", verified.stdout);
    }
}

/// Strikes at every point, a trial on each core, and counts what was struck. Tells how far it is, since there may be a
/// thousand points and a second or two for each.
fn side_by_side<T: Send>(
    delay: Duration,
    points: impl Iterator<Item = T> + Send,
    strike: impl Fn(&Trial, T) -> Option<String> + Sync,
) -> BTreeMap<String, usize> {
    const TELL_EVERY: usize = 25;
    let start = Instant::now();
    let (points, struck) = (Mutex::new(points.zip(1..)), Mutex::new(BTreeMap::new()));
    let strike_at_some = || {
        let trial = Trial::new(delay);
        let next = || points.lock().unwrap().next();
        while let Some((point, number)) = next() {
            if let Some(what) = strike(&trial, point) {
                *struck.lock().unwrap().entry(what).or_insert(0) += 1;
            }
            if number % TELL_EVERY == 0 {
                eprintln!("{number} were struck, {:.0?}", start.elapsed());
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(strike_at_some))));
    struck.into_inner().unwrap()
}

/// What the server has been asked so far.
#[derive(Debug, Clone, Copy)]
struct Paid {
    calls: u64,
    pictures: u64,
}

impl Paid {
    fn cost_since(self, before: Self) -> u64 {
        let pictures = self.pictures - before.pictures;
        (self.calls - before.calls - pictures) * TEXT_COST + pictures * PICTURE_COST
    }
}

#[derive(Debug, Default)]
struct Store {
    answers: u64,
    spent: f64,
}

fn job(server: &Server) -> String {
    format!(
        "version: 1\nname: test\noutput: disk/out\nseed: 7\nprompts: {{ files: [mixed_train.txt] }}\n\
         teachers:\n  model:\n    kind: openai\n    base_url: {}\n    identity: stub\n    model: stub\n    \
         concurrency: {UNDER_WAY}\n    prices: {{ input: 2.5, output: 10, pictures: {{ 1024x1024: 0.04 }} }}\n\
         roles: {{ thinker: model, painter: model, critic: model }}\n\
         trajectories: {{ mode: region_by_region, regions: 2, redo_rounds: 1 }}\n\
         judgements:\n  judges:\n    model: {{ teacher: model }}\n\
         run: {{ partitions: 2, open_partitions: 2, in_flight: {UNDER_WAY}, budget_usd: {BUDGET} }}\n",
        server.base_url()
    )
}

/// Every file of a job's folder but those of the cache `ids`, which is not flushed: what the power takes of it is
/// missing until it is needed. The answer store's are named after runs, and there are more of them after a kill.
fn names(out: &Path) -> BTreeSet<String> {
    let name = |path: &String| match path.rsplit_once('/') {
        Some((folder, file)) if disk::is_segment(file) => format!("{folder}/*.seg"),
        _ => path.clone(),
    };
    files(out).keys().filter(|path| !path.starts_with("ids/")).map(name).collect()
}

/// A number from the environment, or the one that is usual.
fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// How often what was struck, as a table.
fn table(title: &str, counts: &BTreeMap<String, usize>) -> String {
    let rows = counts.iter().map(|(what, count)| format!("| {what} | {count} |\n"));
    format!("| {title} | times |\n|---|---:|\n{}", rows.collect::<String>())
}
