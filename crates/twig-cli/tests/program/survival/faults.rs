//! Disks that are full, read-only or broken, writes that are cut short, clocks that jump.

use std::time::Duration;

use super::{Trial, disk};
use crate::project::{Ran, assert_same, reproducible};

/// A way for a disk to fail, and how a run ends of it.
struct Fault {
    name: &'static str,
    /// As the system numbers its errors.
    errno: i32,
    /// Kinds of operations that fail; the library's text says what the letters are.
    kinds: &'static str,
    code: i32,
    message: &'static str,
}

const FAULTS: [Fault; 5] = [
    Fault { name: "full", errno: 28, kinds: "CWMS", code: 75, message: "No space left on device" },
    Fault { name: "no inodes", errno: 28, kinds: "CM", code: 75, message: "No space left on device" },
    Fault { name: "over quota", errno: 122, kinds: "W", code: 75, message: "uota exceeded" },
    Fault { name: "read-only", errno: 30, kinds: "CWMRTUD", code: 1, message: "Read-only file system" },
    Fault { name: "broken", errno: 5, kinds: "S", code: 1, message: "Input/output error" },
];

#[test]
fn a_disk_that_fails_is_told_and_gone_on_with() {
    let trial = Trial::new(Duration::from_millis(2));
    let Some(shim) = disk::shim() else { return };
    let num_operations = trial.operations.len();
    for Fault { name, errno, kinds, code, message } in FAULTS {
        // From the beginning, among the answers, in the stages after them, in the release.
        for first in [1, num_operations / 4, num_operations * 6 / 10, num_operations * 85 / 100] {
            trial.clean();
            let before = trial.paid();
            let mut command = trial.command();
            disk::watched(&mut command, shim, &trial.root(), &trial.log(), false);
            command.env("DISK_FAIL", format!("{errno}:{first}-:{kinds}"));
            let ran = Ran::new(&command.output().unwrap());
            let what = format!("{name} from operation {first}");
            assert_eq!(ran.code, Some(code), "{what}: {}", ran.stderr);
            assert!(ran.stderr.contains(message), "{what}: {}", ran.stderr);
            trial.ends_well(&what, before);
        }
    }
}

#[test]
fn writes_cut_short_and_interrupted_change_nothing() {
    undisturbed_by("DISK_SHORT");
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    undisturbed_by("DISK_CLOCK");
}

/// A run comes to the same end under this variable of the disk's library, at once.
fn undisturbed_by(variable: &str) {
    let trial = Trial::new(Duration::from_millis(2));
    let Some(shim) = disk::shim() else { return };
    trial.clean();
    let before = trial.paid().calls;
    let mut command = trial.command();
    disk::watched(&mut command, shim, &trial.root(), &trial.log(), false);
    let ran = Ran::new(&command.env(variable, "1").output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(trial.paid().calls - before, trial.needed);
    assert_same(&reproducible(&trial.out().join("release")), &trial.release);
    trial.project.succeeds(&["verify", "disk/out"]);
}
