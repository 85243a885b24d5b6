use twig_model::{Prompt, PromptId};

use crate::{PlainRow, record::record};

record! {
    impl Prompt {
        /// Stable id: 16 hexadecimal digits of a hash of the text.
        id: PromptId,
        /// The normalised text.
        text: String,
        /// What kind of prompt it is.
        category: String,
        /// File and line it came from.
        source: String,
    }
}

impl PlainRow for Prompt {
    const TABLE: &'static str = "prompts";
}
