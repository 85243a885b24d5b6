//! Asking teachers: the answer store, and the wrappers that every teacher goes through.
//!
//! A teacher is anything that implements [`twig_model::Teacher`]. Policies are wrappers over that same
//! trait, put together in one function, [`stack`], so that their order can be read in one place.
//!
//! Deliberately absent: stages, prompt templates, Parquet. What an answer means is not known here.

mod key;
mod limited;
mod on_cpu;
mod recorded;
mod stack;
mod stop;
mod store;

pub use key::answer_key;
pub use limited::Limited;
pub use on_cpu::OnCpu;
pub use recorded::Recorded;
pub use stack::stack;
pub use stop::Stop;
pub use store::{AnswerStore, PartitionAnswers, StoreError, StoreStats};
