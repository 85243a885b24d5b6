use twig_model::{CritiquePair, Picture, Score};

use super::{
    MessageRecord,
    sft::{message_records, sft_messages},
};
use crate::{Malformed, PlainRow, Row, record::record};

record! {
    /// Columns of a preference pair of critiques, in the form of TRL's `DPOTrainer`.
    pub struct CritiqueDpoRecord {
        /// `{trajectory id}-critique-{region index}-{attempt}-{other attempt}`.
        id: String,
        /// Id of the trajectory.
        trajectory_id: String,
        /// The text that is drawn.
        caption: String,
        /// What kind of prompt it is.
        category: String,
        /// The region that is judged, from 0.
        region_index: u32,
        /// The attempt whose canvas is shown.
        attempt: u32,
        /// The attempt that `rejected` was really said about.
        other_attempt: u32,
        /// The question, with the canvas, as chat messages.
        prompt: Vec<MessageRecord>,
        /// The critique of this canvas, as the answer.
        chosen: Vec<MessageRecord>,
        /// The critique of another attempt at the region, as the answer.
        rejected: Vec<MessageRecord>,
        /// The canvas that `prompt` refers to.
        images: Vec<Picture>,
        /// The score that `chosen` gives, 0 to 100.
        chosen_score: Score,
        /// The score that `rejected` gives, 0 to 100.
        rejected_score: Score,
    }
}

impl PlainRow for CritiqueDpoRecord {
    const TABLE: &'static str = "critique_dpo";
}

impl Row for CritiquePair {
    type Record = CritiqueDpoRecord;
    const TABLE: &'static str = "critique_dpo";

    fn into_record(self) -> CritiqueDpoRecord {
        CritiqueDpoRecord {
            id: self.id,
            trajectory_id: self.trajectory_id,
            caption: self.caption,
            category: self.category,
            region_index: self.region_index,
            attempt: self.attempt,
            other_attempt: self.other_attempt,
            prompt: message_records(self.prompt),
            chosen: message_records(self.chosen),
            rejected: message_records(self.rejected),
            images: self.images,
            chosen_score: self.chosen_score,
            rejected_score: self.rejected_score,
        }
    }

    fn from_record(record: CritiqueDpoRecord) -> Result<Self, Malformed> {
        Ok(Self {
            id: record.id,
            trajectory_id: record.trajectory_id,
            caption: record.caption,
            category: record.category,
            region_index: record.region_index,
            attempt: record.attempt,
            other_attempt: record.other_attempt,
            prompt: sft_messages(record.prompt)?,
            chosen: sft_messages(record.chosen)?,
            rejected: sft_messages(record.rejected)?,
            images: record.images,
            chosen_score: record.chosen_score,
            rejected_score: record.rejected_score,
        })
    }
}
