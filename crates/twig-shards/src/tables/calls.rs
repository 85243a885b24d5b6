use twig_model::{AnswerKey, PromptId, Role};

use crate::{PlainRow, record::record};

record! {
    /// Provenance of one answer: who was asked for what, what it took, and what was said.
    ///
    /// There is no column for addresses or headers, so that no secret can get in.
    pub struct CallRow {
        /// Id of the prompt.
        prompt_id: PromptId,
        /// Id of the trajectory, where the call belongs to one.
        trajectory_id: Option<String>,
        /// The stage that asked.
        stage: String,
        /// What the teacher was asked to be.
        role: Role,
        /// The model that says it answered.
        model: String,
        /// The server's own name for the state of that model, where it gives one.
        fingerprint: Option<String>,
        /// The region asked about, from 0; null for all at once.
        region_index: Option<u32>,
        /// Which attempt at it, from 0.
        attempt: u32,
        /// Tokens read, if the teacher counts them.
        input_tokens: Option<u64>,
        /// Tokens written, if the teacher counts them.
        output_tokens: Option<u64>,
        /// Price in millionths of a US dollar, if prices are given.
        cost_micro_usd: Option<u64>,
        /// Calls for this answer that were given up after they had been sent, and may have been paid for.
        maybe_paid_calls: u32,
        /// Of a painted region: the mean difference between what the painter sent outside the region and what had
        /// been there, in thousandths of the range of a colour. What had been there was put back.
        changed_outside: Option<u32>,
        /// Milliseconds from question to answer, when it was really asked.
        latency_ms: u64,
        /// Where the answer stands in the answer store.
        answer_key: Option<AnswerKey>,
        /// Whether it was read from the store and not asked this time.
        from_store: bool,
        /// The answer as it was given, or the reason it was declined; null for pictures.
        raw_text: Option<String>,
    }
}

impl PlainRow for CallRow {
    const TABLE: &'static str = "calls";
}
