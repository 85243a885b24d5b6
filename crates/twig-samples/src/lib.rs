//! Trajectories to training samples: the rows of the nine TwiG tasks.
//!
//! Every attempt at a region gives one sample of each group: *think* (what to say about the region),
//! *reflect* (how good it came out, and how to say it better) and *generate* (its image tokens). Regions that
//! were redone, and prompts with several samples, give preference pairs as well; every prompt gives a row for
//! reinforcement learning. Pure functions; nothing is asked of anybody.
//!
//! Deliberately absent: pictures are passed on and never decoded, ids are made elsewhere (`twig-tokens`),
//! and nothing is written (`twig-shards`).

mod groups;
mod instructions;
mod mix;
mod pass;
mod preferences;
mod samples;

pub use groups::{Member, best_and_worst, group_of};
pub use mix::{InvalidWeight, MixWeights};
pub use preferences::{Preferences, redo_pairs};
pub use samples::{
    RejectedSample, SampleError, SampleSettings, Samples, TokensMismatch, canvas_ids, samples_of,
};

#[cfg(test)]
mod released_code_tests;
#[cfg(test)]
mod test_trajectories;
#[cfg(test)]
mod tests;
