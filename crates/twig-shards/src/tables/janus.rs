use twig_model::{JanusSample, Picture, SampleHead, Score, TaskKind};

use crate::{Malformed, PlainRow, Row, record::record};

record! {
    /// Columns of a sample for Janus training loops. The four lists of ids have the same length; labels are
    /// not shifted.
    pub struct JanusRecord {
        /// `{trajectory id}-{task}-{region index}-{attempt}`.
        id: String,
        /// Id of the trajectory.
        trajectory_id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// `think`, `reflect` or `generate`.
        task: TaskKind,
        /// The region that is asked about or painted, from 0.
        region_index: u32,
        /// Which attempt at this region, from 0.
        attempt: u32,
        /// Whether that attempt was accepted.
        accepted: bool,
        /// Whether the seeded default mix (think : generate = 1 : 1, no reflect) draws this sample.
        in_default_mix: bool,
        /// Reward of the finished picture, 0 to 100.
        reward: Score,
        /// Length of the four lists.
        num_tokens: u32,
        /// Number of leading positions that a classifier-free-guidance drop may blank.
        prompt_len: u32,
        /// Text token ids; the pad id where an image token is generated, the placeholder id where a picture is
        /// understood.
        input_ids: Vec<i32>,
        /// Text targets, -100 where there is no loss.
        labels: Vec<i32>,
        /// Image token ids, -1 where the position is no image token.
        vq_ids: Vec<i32>,
        /// Image token targets, -100 where there is no loss.
        vq_labels: Vec<i32>,
        /// One picture for each run of image placeholders, in order.
        images: Vec<Picture>,
    }
}

impl PlainRow for JanusRecord {
    const TABLE: &'static str = "janus";
}

impl Row for JanusSample {
    type Record = JanusRecord;
    const TABLE: &'static str = "janus";

    fn into_record(self) -> JanusRecord {
        let Self { head, input_ids, labels, vq_ids, vq_labels, prompt_len, images } = self;
        JanusRecord {
            id: head.id,
            trajectory_id: head.trajectory_id,
            prompt: head.prompt,
            category: head.category,
            task: head.task,
            region_index: head.region_index,
            attempt: head.attempt,
            accepted: head.accepted,
            in_default_mix: head.in_default_mix,
            reward: head.reward,
            num_tokens: input_ids.len() as u32,
            prompt_len,
            input_ids,
            labels,
            vq_ids,
            vq_labels,
            images,
        }
    }

    fn from_record(record: JanusRecord) -> Result<Self, Malformed> {
        let head = SampleHead {
            id: record.id,
            trajectory_id: record.trajectory_id,
            prompt: record.prompt,
            category: record.category,
            task: record.task,
            region_index: record.region_index,
            attempt: record.attempt,
            accepted: record.accepted,
            in_default_mix: record.in_default_mix,
            reward: record.reward,
        };
        Ok(Self {
            head,
            input_ids: record.input_ids,
            labels: record.labels,
            vq_ids: record.vq_ids,
            vq_labels: record.vq_labels,
            prompt_len: record.prompt_len,
            images: record.images,
        })
    }
}
