//! A disk that is full stops a run, costs nothing that was answered, and is worth another try.
#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command};

use crate::project::{Project, assert_same, reproducible};

#[test]
fn a_full_disk_is_worth_another_try() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let whole = reproducible(&project.path("whole/release"));
    // Each size is full at another place: among the answers, in a stage, in the release.
    for size in ["300k", "800k", "1600k"] {
        let folder = project.path(size);
        fs::create_dir(&folder).unwrap();
        let Some(disk) = SmallDisk::mount(&folder, size) else {
            eprintln!("skipped: this user may not mount a file system");
            return;
        };
        let output = format!("{size}/out");
        let ran = project.twig(&["run", "job.yaml", "--output", &output]);
        assert_eq!(ran.code, Some(75), "{size}: {}", ran.stderr);
        assert!(ran.stderr.contains("No space left on device"), "{size}: {}", ran.stderr);
        assert!(disk.grow());
        project.succeeds(&["run", "job.yaml", "--output", &output]);
        assert_same(&reproducible(&folder.join("out/release")), &whole);
    }
}

/// A file system in memory, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], folder).then_some(Self(folder))
    }

    fn grow(&self) -> bool {
        run("mount", &["-o", "remount,size=100m"], self.0)
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
