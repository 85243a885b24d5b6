use twig_model::{JanusSample, Picture, SampleLayout};

use super::head::sample_record;
use crate::{Malformed, PlainRow, Row};

sample_record! {
    /// Columns of a sample for Janus training loops. The four lists of ids have the same length; labels are
    /// not shifted.
    pub struct JanusRecord {
        /// How text and image tokens follow each other: `chat` (a question with pictures, then the answer),
        /// `twig` (`User: ` and all thoughts so far, then all image tokens so far) or `janus` (the same behind
        /// Janus-Pro's own template); null in releases of version 1.
        layout: Option<SampleLayout>,
        /// Length of the four lists.
        num_tokens: u32,
        /// Length of the text in front of generated image tokens: a classifier-free-guidance drop sets its
        /// positions 1 to `prompt_len - 2` to the pad id. 0 in a chat.
        prompt_len: u32,
        /// Whether that drop has been made; null in releases of version 1.
        prompt_dropped: Option<bool>,
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
        let Self { head, layout, input_ids, labels, vq_ids, vq_labels, prompt_len, prompt_dropped, images } =
            self;
        let num_tokens = input_ids.len() as u32;
        JanusRecord::from_head(
            head,
            Some(layout),
            num_tokens,
            prompt_len,
            Some(prompt_dropped),
            input_ids,
            labels,
            vq_ids,
            vq_labels,
            images,
        )
    }

    fn from_record(record: JanusRecord) -> Result<Self, Malformed> {
        Ok(Self {
            head: record.head(),
            layout: record.layout.ok_or_else(|| Malformed::new("layout", "null"))?,
            input_ids: record.input_ids,
            labels: record.labels,
            vq_ids: record.vq_ids,
            vq_labels: record.vq_labels,
            prompt_len: record.prompt_len,
            prompt_dropped: record.prompt_dropped.ok_or_else(|| Malformed::new("prompt_dropped", "null"))?,
            images: record.images,
        })
    }
}
