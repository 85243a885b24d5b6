//! Asking teachers: the answer store, the wrappers that every teacher goes through, and the client for
//! OpenAI's HTTP interface.
//!
//! A teacher is anything that implements [`twig_model::Teacher`]. Policies are wrappers over that same
//! trait, put together in one function, [`stack`], so that their order can be read in one place.
//!
//! Deliberately absent: stages, prompt templates, Parquet. What an answer means is not known here.

mod batched;
mod breaker;
#[doc(hidden)]
pub mod harness;
mod key;
mod limited;
mod limits;
mod notices;
mod on_cpu;
mod openai;
mod pace;
mod ping;
mod prices;
mod purse;
mod recorded;
mod remote;
mod replay;
mod stack;
mod stop;
mod store;
mod till;
mod trying;
mod watch;

pub use batched::Batched;
pub use key::answer_key;
pub use limited::Limited;
pub use limits::LimitSettings;
pub use notices::{Gauge, Notice, Notices, Reading};
pub use on_cpu::OnCpu;
pub use openai::{
    BatchSettings, ClientError, OpenAiSettings, PictureSettings, StructuredOutput, TimeoutSettings,
};
pub use ping::Ping;
pub use prices::{CallBound, PriceSettings, Prices};
pub use purse::Purse;
pub use recorded::Recorded;
pub use remote::{Remote, Shared};
pub use replay::Replay;
pub use stack::stack;
pub use stop::Stop;
pub use store::{AnswerStore, Ledger, PartitionAnswers, StoreError, StoreReport, StoreStats};
