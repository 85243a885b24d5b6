use twig_model::{DpoPair, PairKind, Picture, Score};

use super::{
    MessageRecord,
    sft::{message_records, sft_messages},
};
use crate::{Malformed, PlainRow, Row, record::record};

record! {
    /// Columns of a preference pair. `prompt`, `chosen`, `rejected` and `images` are what TRL's `DPOTrainer`
    /// takes: the thoughts as chats. The others are for generators: the pictures and image tokens that those
    /// thoughts led to.
    pub struct DpoRecord {
        /// `{trajectory id}-redo-{region index}-{chosen attempt}-{rejected attempt}`, or
        /// `{prompt id}-sample-{chosen sample}-{rejected sample}`.
        id: String,
        /// `redo`: a failed attempt at a region against a better one. `sample`: the best against the worst of
        /// several pictures of a prompt.
        kind: PairKind,
        /// The trajectory of the chosen side.
        trajectory_id: String,
        /// The trajectory of the rejected side; the same one for a redo.
        rejected_trajectory_id: String,
        /// The text that is drawn.
        caption: String,
        /// What kind of prompt it is.
        category: String,
        /// The region, from 0; null where whole pictures are compared.
        region_index: Option<u32>,
        /// The question that both sides answer, as chat messages.
        prompt: Vec<MessageRecord>,
        /// The thought behind the chosen picture, as the answer.
        chosen: Vec<MessageRecord>,
        /// The thought behind the rejected picture, as the answer.
        rejected: Vec<MessageRecord>,
        /// The pictures that `prompt` refers to, in order.
        images: Vec<Picture>,
        /// Thoughts of the regions before, as they stay in the picture.
        earlier_thoughts: Vec<String>,
        /// Ids of the regions before by the first tokenizer, where those are the beginning of the grid.
        prefix_tokens: Vec<u32>,
        /// The chosen picture: the canvas after the attempt, or the finished picture.
        chosen_image: Picture,
        /// The rejected picture.
        rejected_image: Picture,
        /// Ids of the chosen region or picture by the first tokenizer.
        chosen_tokens: Vec<u32>,
        /// Ids of the rejected region or picture by the first tokenizer.
        rejected_tokens: Vec<u32>,
        /// Score of the chosen attempt, or reward of the chosen picture, 0 to 100.
        chosen_score: Score,
        /// The same of the rejected one; always below.
        rejected_score: Score,
    }
}

impl PlainRow for DpoRecord {
    const TABLE: &'static str = "dpo";
}

impl Row for DpoPair {
    type Record = DpoRecord;
    const TABLE: &'static str = "dpo";

    fn into_record(self) -> DpoRecord {
        DpoRecord {
            id: self.id,
            kind: self.kind,
            trajectory_id: self.trajectory_id,
            rejected_trajectory_id: self.rejected_trajectory_id,
            caption: self.caption,
            category: self.category,
            region_index: self.region_index,
            prompt: message_records(self.prompt),
            chosen: message_records(self.chosen),
            rejected: message_records(self.rejected),
            images: self.images,
            earlier_thoughts: self.earlier_thoughts,
            prefix_tokens: self.prefix_tokens,
            chosen_image: self.chosen_image,
            rejected_image: self.rejected_image,
            chosen_tokens: self.chosen_tokens,
            rejected_tokens: self.rejected_tokens,
            chosen_score: self.chosen_score,
            rejected_score: self.rejected_score,
        }
    }

    fn from_record(record: DpoRecord) -> Result<Self, Malformed> {
        Ok(Self {
            id: record.id,
            kind: record.kind,
            trajectory_id: record.trajectory_id,
            rejected_trajectory_id: record.rejected_trajectory_id,
            caption: record.caption,
            category: record.category,
            region_index: record.region_index,
            prompt: sft_messages(record.prompt)?,
            chosen: sft_messages(record.chosen)?,
            rejected: sft_messages(record.rejected)?,
            images: record.images,
            earlier_thoughts: record.earlier_thoughts,
            prefix_tokens: record.prefix_tokens,
            chosen_image: record.chosen_image,
            rejected_image: record.rejected_image,
            chosen_tokens: record.chosen_tokens,
            rejected_tokens: record.rejected_tokens,
            chosen_score: record.chosen_score,
            rejected_score: record.rejected_score,
        })
    }
}
