/// The tokens that carry structure, under the names that Janus-Pro's own tokenizer gives them.
///
/// Their ids differ between checkpoints and are always asked of the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialToken {
    /// First token of every sequence (BOS).
    BeginOfSentence,
    /// Last token of every answer (EOS).
    EndOfSentence,
    /// Fills positions that carry no text.
    Pad,
    /// Opens a picture, understood or generated.
    BeginOfImage,
    /// Closes an understood picture.
    EndOfImage,
    /// One position of an understood picture.
    ImagePlaceholder,
    /// Opens the user's turn.
    User,
    /// Opens the assistant's turn.
    Assistant,
}

impl SpecialToken {
    /// Every special token.
    pub const ALL: [Self; 8] = [
        Self::BeginOfSentence,
        Self::EndOfSentence,
        Self::Pad,
        Self::BeginOfImage,
        Self::EndOfImage,
        Self::ImagePlaceholder,
        Self::User,
        Self::Assistant,
    ];

    /// The token's text in Janus-Pro's `tokenizer.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeginOfSentence => "<｜begin▁of▁sentence｜>",
            Self::EndOfSentence => "<｜end▁of▁sentence｜>",
            Self::Pad => "<｜▁pad▁｜>",
            Self::BeginOfImage => "<begin_of_image>",
            Self::EndOfImage => "<end_of_image>",
            Self::ImagePlaceholder => "<image_placeholder>",
            Self::User => "<|User|>",
            Self::Assistant => "<|Assistant|>",
        }
    }

    /// Whether it names a speaker, whose name a checkpoint may spell in plain words.
    pub fn is_speaker(self) -> bool {
        matches!(self, Self::User | Self::Assistant)
    }

    /// The special token of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|token| token.name() == name)
    }
}

/// Turns text into ids.
///
/// A tokenizer that lacks one of the [`SpecialToken`]s cannot be made, so that sequences can always be laid
/// out.
pub trait TextTokenizer: Send + Sync {
    /// Name in tables and manifest.
    fn name(&self) -> &str;

    /// BLAKE3 of everything that shapes the ids, as 64 hexadecimal digits.
    fn fingerprint(&self) -> &str;

    /// Whether it is that of a Janus checkpoint; ids of another one fit no published model.
    fn is_janus(&self) -> bool;

    /// Number of ids, special tokens included.
    fn vocab_size(&self) -> u32;

    /// The ids of plain text. Never a special token: a prompt that says `<|User|>` is text like any other,
    /// and no BOS is put in front.
    fn encode(&self, text: &str) -> Result<Vec<i32>, TextError>;

    /// The ids that a special token is written with: one, except for [`User`](SpecialToken::User) and
    /// [`Assistant`](SpecialToken::Assistant), which a checkpoint may know as plain words only.
    fn special_ids(&self, token: SpecialToken) -> &[i32];
}

/// A text that a tokenizer cannot encode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text tokenizer `{tokenizer}` cannot encode {text:?}: {what}")]
pub struct TextError {
    /// The tokenizer.
    pub tokenizer: String,
    /// The beginning of the text.
    pub text: String,
    /// What it said.
    pub what: String,
}
