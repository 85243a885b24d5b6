//! The power goes: whatever was not flushed is gone. A kill does not show that a flush is missing, since the system
//! keeps what was written; here the disk is rebuilt from what an undisturbed run did, without what it never flushed.

use std::{
    collections::{BTreeMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{
    Paid, Trial, UNDER_WAY, disk,
    power::{self, Disk, Loss, Tree},
    setting, table,
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
    let trial = Trial::new(Duration::from_millis(2));
    if disk::shim().is_none() {
        return;
    }
    let mut whole = Disk::new();
    trial.operations.iter().for_each(|operation| whole.apply(operation));
    assert!(whole.seen() == power::read(&trial.root()), "something was written that was not seen");

    let (mut disk, mut sent, mut seen) = (Disk::new(), 0, HashSet::new());
    let (mut states, mut cuts) = (0, BTreeMap::new());
    for operation in &trial.operations {
        sent += u64::from(operation.kind == 'Q');
        disk.apply(operation);
        if operation.kind == 'Q' {
            continue;
        }
        for loss in Loss::ALL {
            let left = disk.after_a_cut(loss);
            if !seen.insert(hash(&left)) {
                continue;
            }
            states += 1;
            if states % every == 0 {
                cut(&trial, &format!("{loss:?} lost at: {}", operation.what()), &left, sent);
                *cuts.entry(format!("{loss:?}")).or_insert(0) += 1;
            }
        }
    }
    println!("{} power cuts of {states} different states of the disk.\n", cuts.values().sum::<usize>());
    println!("{}", table("what was not flushed", &cuts));
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
