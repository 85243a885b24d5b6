use twig_model::{Picture, SftMessage, SftPart, SftSample};

use super::head::sample_record;
use crate::{Malformed, PlainRow, Row, record::record};

sample_record! {
    /// Columns of a chat sample. `messages` is the form of TRL and ms-swift, `conversations` that of
    /// LLaMA-Factory; both refer to `images` in order.
    pub struct SftRecord {
        /// Chat messages whose content is a list of texts and picture places.
        messages: Vec<MessageRecord>,
        /// The same chat as plain texts, a picture's place marked by `<image>`.
        conversations: Vec<ConversationTurn>,
        /// The pictures the chat refers to, in order.
        images: Vec<Picture>,
        /// Ids of each picture by the first tokenizer: those of the regions so far, the placeholder code for
        /// the rest.
        image_tokens: Vec<Vec<u32>>,
    }
}

record! {
    /// A chat message.
    pub struct MessageRecord {
        /// `user` or `assistant`.
        role: String,
        /// Texts and picture places in order.
        content: Vec<MessagePart>,
    }
}

record! {
    /// A piece of a message. TRL fills in pictures only if the struct has exactly these two fields.
    pub struct MessagePart {
        /// `text` or `image`.
        kind as "type": String,
        /// The text; null for an image.
        text: Option<String>,
    }
}

record! {
    /// A message in the form of `ShareGPT`.
    pub struct ConversationTurn {
        /// `human` or `gpt`.
        from: String,
        /// The text, with `<image>` in the place of a picture.
        value: String,
    }
}

/// Marks the place of a picture in [`ConversationTurn::value`].
pub(crate) const IMAGE_TAG: &str = "<image>";

impl From<SftPart> for MessagePart {
    fn from(part: SftPart) -> Self {
        match part {
            SftPart::Image => Self { kind: "image".to_owned(), text: None },
            SftPart::Text(text) => Self { kind: "text".to_owned(), text: Some(text) },
        }
    }
}

impl TryFrom<MessagePart> for SftPart {
    type Error = Malformed;

    fn try_from(part: MessagePart) -> Result<Self, Malformed> {
        match (part.kind.as_str(), part.text) {
            ("image", None) => Ok(Self::Image),
            ("text", Some(text)) => Ok(Self::Text(text)),
            (kind, _) => Err(Malformed::new("messages.content", format!("a part of type `{kind}`"))),
        }
    }
}

impl ConversationTurn {
    fn new(message: &SftMessage) -> Self {
        let value = message.parts.iter().map(|part| match part {
            SftPart::Image => IMAGE_TAG.to_owned(),
            // A prompt may contain the tag itself, which would count as one more picture.
            SftPart::Text(text) => text.replace(IMAGE_TAG, "< image >"),
        });
        let from = if message.role == "assistant" { "gpt" } else { "human" };
        Self { from: from.to_owned(), value: value.collect() }
    }
}

/// Messages as columns.
pub(super) fn message_records(messages: Vec<SftMessage>) -> Vec<MessageRecord> {
    messages.into_iter().map(MessageRecord::from).collect()
}

/// Messages from columns.
pub(super) fn sft_messages(records: Vec<MessageRecord>) -> Result<Vec<SftMessage>, Malformed> {
    records.into_iter().map(SftMessage::try_from).collect()
}

impl From<SftMessage> for MessageRecord {
    fn from(message: SftMessage) -> Self {
        let content = message.parts.into_iter().map(MessagePart::from).collect();
        Self { role: message.role.to_owned(), content }
    }
}

impl TryFrom<MessageRecord> for SftMessage {
    type Error = Malformed;

    fn try_from(message: MessageRecord) -> Result<Self, Malformed> {
        let role = ["user", "assistant"].into_iter().find(|role| *role == message.role);
        let role = role.ok_or_else(|| Malformed::new("messages.role", format!("`{}`", message.role)))?;
        let parts = message.content.into_iter().map(SftPart::try_from).collect::<Result<_, _>>()?;
        Ok(Self { role, parts })
    }
}

impl PlainRow for SftRecord {
    const TABLE: &'static str = "sft";
}

impl Row for SftSample {
    type Record = SftRecord;
    const TABLE: &'static str = "sft";

    fn into_record(self) -> SftRecord {
        let Self { head, messages, images, image_tokens } = self;
        let conversations = messages.iter().map(ConversationTurn::new).collect();
        SftRecord::from_head(head, message_records(messages), conversations, images, image_tokens)
    }

    fn from_record(record: SftRecord) -> Result<Self, Malformed> {
        let head = record.head();
        let messages = sft_messages(record.messages)?;
        Ok(Self { head, messages, images: record.images, image_tokens: record.image_tokens })
    }
}
