//! Trajectories to training samples: the rows of the nine TwiG tasks.
//!
//! Every attempt at a region gives one sample of each group: *think* (what to say about the region),
//! *reflect* (how good it came out, and how to say it better) and *generate* (its image tokens). Pure
//! functions; nothing is asked of anybody.
//!
//! Deliberately absent: pictures are passed on and never decoded, ids are made elsewhere (`twig-tokens`),
//! and nothing is written (`twig-shards`).

mod instructions;
mod mix;
mod pass;
mod samples;

pub use mix::{InvalidWeight, MixWeights};
pub use samples::{SampleSettings, Samples, Skipped, TokensMismatch, samples_of};

#[cfg(test)]
mod test_trajectories;
#[cfg(test)]
mod tests;
