use twig_model::{RejectReason, Rejection};

use crate::{PlainRow, record::record};

record! {
    /// A row that did not become data, and why.
    pub struct RejectedRow {
        /// Id of the prompt, or of the trajectory where there is one.
        id: String,
        /// The prompt's text.
        prompt: String,
        /// Category of the prompt.
        category: String,
        /// The stage that rejected it.
        stage: String,
        /// Which of the closed list of reasons.
        reason: RejectReason,
        /// What exactly, in words.
        detail: String,
        /// Whether asking once more can help.
        retryable: bool,
    }
}

impl RejectedRow {
    /// The row of a rejection; whether it is worth another try follows from the reason.
    pub fn new(id: String, prompt: String, category: String, stage: &str, rejection: Rejection) -> Self {
        let Rejection { reason, detail } = rejection;
        let (stage, retryable) = (stage.to_owned(), reason.is_retryable());
        Self { id, prompt, category, stage, reason, detail, retryable }
    }
}

impl PlainRow for RejectedRow {
    const TABLE: &'static str = "rejected";
}
