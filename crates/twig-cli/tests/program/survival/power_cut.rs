//! The power goes: whatever was not flushed is gone. A kill does not show that a flush is missing, since the system
//! keeps what was written; here the disk is rebuilt from what an undisturbed run did, without what it never flushed.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{
    Paid, Trial, UNDER_WAY,
    disk::{self, Operation},
    power::{self, Disk, Loss, Tree},
    setting, side_by_side, table,
};

#[test]
fn power_cuts_lose_nothing_that_was_paid_for() {
    // A different flush each time; all of them with `cargo xtask kill`.
    power_cuts(29);
}

/// `cargo xtask kill`
#[test]
#[ignore = "takes long"]
fn power_cuts_after_every_flush_lose_nothing_that_was_paid_for() {
    power_cuts(setting("TWIG_EVERY", 1));
}

/// Cuts the power at every moment at which what is left changes; of those takes one in `every`.
fn power_cuts(every: usize) {
    const DELAY: Duration = Duration::from_millis(2);
    if disk::shim().is_none() {
        return;
    }
    let trial = Trial::new(DELAY);
    let mut whole = Disk::new();
    trial.operations.iter().for_each(|operation| whole.apply(operation));
    assert!(whole.seen() == power::read(&trial.root()), "something was written that was not seen");

    let mut states = 0;
    let points = moments(&trial.operations).inspect(|_| states += 1).skip(every - 1).step_by(every);
    let cuts = side_by_side(DELAY, points, |trial, Moment { loss, operation, left, sent }| {
        cut(trial, &format!("{loss:?} lost at: {operation}"), &left, sent);
        Some(format!("{loss:?}"))
    });
    println!("{} power cuts of {states} different states of the disk.\n", cuts.values().sum::<usize>());
    println!("{}", table("what was not flushed", &cuts));
}

/// A moment at which the power may go.
struct Moment {
    loss: Loss,
    /// The last operation before it.
    operation: String,
    /// What is left on the disk; no earlier moment leaves the same.
    left: Tree,
    /// Calls that were sent before.
    sent: u64,
}

fn moments(operations: &[Operation]) -> impl Iterator<Item = Moment> {
    let (mut disk, mut sent, mut seen) = (Disk::new(), 0, HashSet::new());
    operations.iter().flat_map(move |operation| {
        sent += u64::from(operation.kind == 'Q');
        disk.apply(operation);
        let losses = if operation.kind == 'Q' { &[][..] } else { &Loss::ALL };
        let mut moments = Vec::new();
        for &loss in losses {
            let left = disk.after_a_cut(loss);
            if seen.insert(hash(&left)) {
                moments.push(Moment { loss, operation: operation.what(), left, sent });
            }
        }
        moments
    })
}

/// Goes on from what is left, after so many calls were sent.
fn cut(trial: &Trial, what: &str, left: &Tree, sent: u64) {
    trial.clean();
    power::write(&trial.root(), left);
    let now = trial.paid();
    // As if the calls before the cut had been sent in this test: nothing but their number counts.
    let before = Paid { calls: now.calls - sent, pictures: now.pictures };
    let durable = trial.store().answers;
    assert!(durable + UNDER_WAY >= sent, "{what}: {sent} calls were sent, {durable} answers were left");
    trial.ends_well(what, before);
}

fn hash(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    tree.hash(&mut hasher);
    hasher.finish()
}
