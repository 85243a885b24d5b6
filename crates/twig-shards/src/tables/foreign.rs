//! Tables of other people's making, as exports write them.

use crate::{Blob, PlainRow, record::record};

record! {
    /// A picture with its captions, as BAGEL's text-to-image reader wants it.
    pub struct BagelPicture {
        /// The picture.
        image: Blob,
        /// JSON: captions by name, one of which is drawn for each use.
        captions: String,
    }
}

record! {
    /// A chain of edits, as BAGEL's editing reader wants it.
    pub struct BagelSequence {
        /// The pictures in order.
        image_list: Vec<Blob>,
        /// Between each two of them: wordings of what was done, one of which is drawn for each use.
        instruction_list: Vec<Vec<String>>,
    }
}

record! {
    /// An interleaved conversation, as IRG's reader wants it.
    pub struct IrgConversation {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// JSON: turns, whose parts say whether they are learnt.
        conversation: String,
    }
}

impl PlainRow for BagelPicture {
    const TABLE: &'static str = "bagel_t2i";
}

impl PlainRow for BagelSequence {
    const TABLE: &'static str = "bagel_editing";
}

impl PlainRow for IrgConversation {
    const TABLE: &'static str = "irg";
}
