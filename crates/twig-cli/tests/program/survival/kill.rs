//! SIGKILL: at every operation on the disk in turn, and at random times.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use super::{
    PICTURE_COST, TEXT_COST, Trial,
    disk::{self, How},
    names, setting, side_by_side, table,
};
use crate::project::{assert_same, reproducible};

#[test]
fn killed_before_operations_of_every_kind() {
    every_kind(How::Before, 0);
}

#[test]
fn killed_in_the_middle_of_operations_of_every_kind() {
    every_kind(How::Torn, 1);
}

#[test]
fn killed_after_operations_of_every_kind() {
    every_kind(How::After, 2);
}

/// Takes a third of the kinds of operations; the three tests have all of them.
fn every_kind(how: How, third: usize) {
    let trial = Trial::new(Duration::from_millis(2));
    let mut last = BTreeMap::new();
    for (index, operation) in counted(&trial).enumerate() {
        last.insert(operation.what(), index + 1);
    }
    let points: Vec<usize> = last.into_values().collect();
    if disk::shim().is_some() {
        assert!(points.len() > 40, "{} kinds of commit points", points.len());
    }
    for number in points.into_iter().skip(third).step_by(3) {
        strike(&trial, number, how);
    }
}

/// A shard that is gone is written again alone.
#[test]
fn killed_at_every_operation_of_mending_a_shard() {
    let Some(shim) = disk::shim() else { return };
    let trial = Trial::new(Duration::from_millis(2));
    let release = trial.out().join("release");
    let shards: Vec<_> = trial.release.keys().filter(|name| name.ends_with(".parquet")).collect();
    let mends_at = |number: usize| {
        fs::remove_file(release.join(shards[number % shards.len()])).unwrap();
        let mut command = trial.command();
        disk::watched(&mut command, shim, &trial.root(), &trial.log(), false);
        disk::killed_at(&mut command, number, if number.is_multiple_of(2) { How::Before } else { How::Torn });
        let is_over = command.status().unwrap().success();
        let ran = trial.project.twig(&["run", "job.yaml"]);
        assert_eq!(ran.code, Some(0), "killed at operation {number}: {}", ran.stderr);
        assert_same(&reproducible(&release), &trial.release);
        assert_eq!(names(&trial.out()), trial.names, "killed at operation {number}");
        is_over
    };
    let operations = (1..200).find(|number| mends_at(*number));
    assert!(operations.is_some_and(|number| number > 8), "{operations:?}");
}

/// `cargo xtask kill`
#[test]
#[ignore = "takes long"]
fn killed_at_every_commit_point() {
    const DELAY: Duration = Duration::from_millis(2);
    let num_points = counted(&Trial::new(DELAY)).count();
    let points = (1..=num_points).step_by(setting("TWIG_EVERY", 1));
    let struck = side_by_side(DELAY, points, |trial, number| {
        // What happens at an operation differs: after it, except for writes, which are torn, and renames, which are
        // not done every other time.
        let how = if number % 2 == 0 { How::Before } else { How::Torn };
        strike(trial, number, how)
    });
    let kills: usize = struck.values().sum();
    println!("{kills} kills, one at each of {num_points} operations of an undisturbed run.\n");
    println!("{}", table("killed at", &struck));
}

/// Ends a run at an operation and goes on; returns what was struck, if the run got there.
fn strike(trial: &Trial, number: usize, how: How) -> Option<String> {
    let shim = disk::shim()?;
    trial.clean();
    let before = trial.paid();
    let mut command = trial.command();
    disk::watched(&mut command, shim, &trial.root(), &trial.log(), false);
    disk::killed_at(&mut command, number, how);
    let status = command.status().unwrap();
    let last = disk::operations(&trial.log()).pop().filter(|operation| operation.kind == 'K');
    let what = last.map(|operation| operation.what());
    assert_eq!(what.is_none(), status.success(), "operation {number}: ended with {status}");
    trial.ends_well(&format!("killed at operation {number} ({how:?}, {what:?})"), before);
    what
}

/// The operations of the undisturbed run that count as points to die at.
fn counted(trial: &Trial) -> impl Iterator<Item = &disk::Operation> {
    trial.operations.iter().filter(|operation| operation.kind != 'Q')
}

#[test]
fn killed_at_random_times() {
    random_kills(setting("TWIG_KILLS", 8));
}

/// `cargo xtask kill`
#[test]
#[ignore = "takes long"]
fn killed_at_many_random_times() {
    random_kills(setting("TWIG_KILLS", 200));
}

fn random_kills(times: usize) {
    let seed = setting("TWIG_SEED", 1);
    let mut random = Random(seed as u64);
    let moments = (1..=times).map(|kill| (kill, random.share()));
    let at_stage = side_by_side(Duration::from_millis(30), moments, |trial, (kill, moment)| {
        trial.clean();
        let before = trial.paid();
        let wait = trial.took.mul_f64(moment);
        let mut child = trial.project.start(&["run", "job.yaml"]);
        thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let reached = trial.project.events("disk/out").into_iter().rev().find_map(|event| {
            (event["event"] == "stage_started").then(|| event["stage"].as_str().unwrap_or("?").to_owned())
        });
        trial.ends_well(&format!("kill {kill} of seed {seed}, after {wait:?}"), before);
        Some(reached.unwrap_or_else(|| "before the first stage".to_owned()))
    });
    println!("{times} kills at random times (seed {seed}).\n");
    println!("{}", table("stage that was under way", &at_stage));
}

#[test]
fn kills_never_lead_over_the_budget() {
    const BUDGET: &str = "0.30";
    let trial = Trial::new(Duration::from_millis(10));
    trial.clean();
    let before = trial.paid();
    let tight = ["run", "job.yaml", "--set", "run.budget_usd=0.30"];
    let mut random = Random(5);
    for _ in 0..6 {
        let mut child = trial.project.start(&tight);
        thread::sleep(trial.took.mul_f64(0.2 + random.share() / 4.0));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = trial.project.twig(&tight);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let (paid, budget) = (trial.paid(), BUDGET.parse::<f64>().unwrap());
    let real = paid.cost_since(before) as f64 / 1e6;
    let spent = trial.store().spent;
    assert!(real <= spent + 1e-9 && spent <= budget, "{real} of {budget} was spent, the ledger says {spent}");
    assert!(spent > (PICTURE_COST + TEXT_COST) as f64 / 1e6, "something was bought: {spent}");
}

/// Numbers that look drawn by lot: xorshift, so that a seed gives the same kills again.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        let scattered = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.0 = self.0.wrapping_add(1);
        let mixed = (scattered ^ (scattered >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
