//! A disk that is full, has no room for another file, or is read-only stops a run, costs nothing that was answered, and
//! lets the next run go on.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "what was skipped is told")]

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    http::{self, WHOLE, calls, server, sound},
    project::{Project, assert_same, reproducible},
    server::Behaviour,
};

/// A full disk is what is looked for here, not one that is about to be.
const TO_THE_LAST_BYTE: [&str; 4] = ["run", "job.yaml", "--set", "run.min_free_disk_mb=0"];

#[test]
fn a_full_disk_is_worth_another_try() {
    // Each size is full at another place: among the answers, in a stage, in the release.
    stops_and_goes_on(&["size=300k", "size=800k", "size=1600k"], 75, "No space left on device");
}

#[test]
fn a_disk_without_inodes_is_worth_another_try() {
    stops_and_goes_on(&["nr_inodes=8", "nr_inodes=40"], 75, "No space left on device");
}

#[test]
fn a_read_only_disk_is_named() {
    stops_and_goes_on(&["ro,size=100m"], 1, "Read-only file system");
}

#[test]
fn a_run_ends_before_somebody_else_has_filled_the_disk() {
    let server = server(Behaviour { delay: Duration::from_mins(1), ..sound() });
    let project = http::project(&server, "", WHOLE);
    let folder = project.path("disk");
    fs::create_dir(&folder).unwrap();
    let Some(_disk) = SmallDisk::mount(&folder, "size=40m") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let limits = ["--set", "run.min_free_disk_mb=20", "--set", "run.shutdown_secs=1"];
    let mut child = project.start(&[&["run", "job.yaml", "--output", "disk/out"], &limits[..]].concat());
    let start = Instant::now();
    while calls(&server) == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "nobody is asked");
        thread::sleep(Duration::from_millis(5));
    }
    fs::write(folder.join("somebody-elses"), vec![1; 30_000_000]).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    // Its question was given up, long before the answer.
    assert!(start.elapsed() < Duration::from_secs(50));
    let events = project.events("disk/out");
    let last = events.last().unwrap();
    assert!(last["detail"].to_string().contains("MB are free"), "{last}");
}

/// Runs a job on disks of these kinds, then gives them room.
fn stops_and_goes_on(kinds: &[&str], code: i32, message: &str) {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let whole = reproducible(&project.path("whole/release"));
    for kind in kinds {
        let folder = project.path(kind);
        fs::create_dir(&folder).unwrap();
        let Some(disk) = SmallDisk::mount(&folder, kind) else {
            eprintln!("skipped: this user may not mount a file system");
            return;
        };
        let output = format!("{kind}/out");
        let ran = project.twig(&[&TO_THE_LAST_BYTE[..], &["--output", &output]].concat());
        assert_eq!(ran.code, Some(code), "{kind}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{kind}: {}", ran.stderr);
        assert!(disk.grow());
        project.succeeds(&[&TO_THE_LAST_BYTE[..], &["--output", &output]].concat());
        assert_same(&reproducible(&folder.join("out/release")), &whole);
        project.succeeds(&["verify", &output]);
    }
}

/// A file system in memory, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, kind: &str) -> Option<Self> {
        run("mount", &["-t", "tmpfs", "-o", kind, "tmpfs"], folder).then_some(Self(folder))
    }

    fn grow(&self) -> bool {
        run("mount", &["-o", "remount,rw,size=100m,nr_inodes=10000"], self.0)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        run("umount", &[], self.0);
    }
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    Command::new(program).args(arguments).arg(folder).output().is_ok_and(|output| output.status.success())
}
