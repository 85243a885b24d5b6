//! From the rendered form of a question to the body of a call.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use twig_model::{
    AnswerSchema, ChatForm, ImageForm, Message, Part, Picture, PixelBox, Rendered, Request, Speaker, Task,
};

use super::settings::{OpenAiSettings, StructuredOutput};
use crate::prices::CallBound;

/// Alternatives to the first token that are asked for: the most that OpenAI gives.
const TOP_LOGPROBS: u32 = 20;

/// A call before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) kind: CallKind,
    pub(crate) fields: Map<String, Value>,
    /// The body in place of `fields`, where it was put together beforehand.
    pub(crate) json: Option<Bytes>,
}

impl Call {
    /// The body as JSON.
    pub(crate) fn body(&self) -> Value {
        let fields = || Value::Object(self.fields.clone());
        // What was put together is JSON.
        self.json.as_ref().map_or_else(fields, |json| serde_json::from_slice(json).unwrap_or_default())
    }
}

/// Paths behind the base URL.
pub(crate) const CHAT: &str = "/chat/completions";
pub(crate) const GENERATE: &str = "/images/generations";
pub(crate) const EDIT: &str = "/images/edits";

/// Which of the interface's doors a call goes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CallKind {
    /// `/chat/completions`.
    Chat,
    /// The same, for one word, yes or no; wanted is how likely yes is.
    YesOrNo,
    /// `/images/generations`.
    Generate,
    /// `/images/edits`, with the picture and where it may change.
    Edit { base: Picture, editable: Vec<PixelBox> },
}

impl CallKind {
    /// The path behind the base URL.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Self::Chat | Self::YesOrNo => CHAT,
            Self::Generate => GENERATE,
            Self::Edit { .. } => EDIT,
        }
    }

    pub(crate) fn makes_picture(&self) -> bool {
        match self {
            Self::Chat | Self::YesOrNo => false,
            Self::Generate | Self::Edit { .. } => true,
        }
    }
}

/// The call that asks `request`.
pub(crate) fn call(settings: &OpenAiSettings, request: &Request) -> Call {
    let (kind, fields) = match (&request.rendered, &request.task) {
        (Rendered::Chat(form), Task::Probability(_)) => {
            (CallKind::YesOrNo, yes_or_no(settings, form, request.seed))
        }
        (Rendered::Chat(form), _) => (CallKind::Chat, chat(settings, form, request.seed)),
        (Rendered::Image(form), _) => image(settings, form),
    };
    Call { kind, fields: as_the_server_wants(fields, settings), json: None }
}

/// The most that a question can take.
///
/// A token is at least a byte of UTF-8; roles and framing of a message cost a few more.
pub(crate) fn bound(settings: &OpenAiSettings, request: &Request) -> CallBound {
    const TOKENS_PER_MESSAGE: u64 = 16;
    match &request.rendered {
        Rendered::Chat(form) => {
            let parts = form.messages.iter().flat_map(|message| &message.parts);
            let of_parts: u64 = parts
                .map(|part| match part {
                    Part::Text(text) => text.len() as u64,
                    Part::Picture(_) => settings.tokens_per_picture,
                })
                .sum();
            CallBound {
                input_tokens: of_parts + TOKENS_PER_MESSAGE * form.messages.len() as u64,
                output_tokens: settings.max_output_tokens,
                pictures: 0,
            }
        }
        Rendered::Image(form) => {
            let base = u64::from(form.base.is_some()) * settings.tokens_per_picture;
            let input_tokens = form.prompt.len() as u64 + base + TOKENS_PER_MESSAGE;
            CallBound { input_tokens, output_tokens: 0, pictures: 1 }
        }
    }
}

pub(super) fn chat(settings: &OpenAiSettings, form: &ChatForm, seed: u64) -> Map<String, Value> {
    let mut fields = text(settings, form, seed);
    if let Some(schema) = form.answer_schema
        && let Some(format) = response_format(settings.structured_output, schema)
    {
        fields.insert("response_format".to_owned(), format);
    }
    fields
}

/// No form is asked for but one word; its log-probabilities say how sure the model is.
pub(super) fn yes_or_no(settings: &OpenAiSettings, form: &ChatForm, seed: u64) -> Map<String, Value> {
    let mut fields = text(settings, form, seed);
    fields.insert("logprobs".to_owned(), true.into());
    fields.insert("top_logprobs".to_owned(), TOP_LOGPROBS.into());
    fields
}

fn text(settings: &OpenAiSettings, form: &ChatForm, seed: u64) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), settings.model.clone().into());
    fields.insert("messages".to_owned(), form.messages.iter().map(message).collect());
    fields.insert("max_tokens".to_owned(), settings.max_output_tokens.into());
    fields.insert("seed".to_owned(), self::seed(seed).into());
    fields
}

/// Servers read a signed number of 32 bits at least.
pub(super) fn seed(seed: u64) -> u64 {
    seed & 0x7fff_ffff
}

fn response_format(wanted: StructuredOutput, AnswerSchema { name, json }: AnswerSchema) -> Option<Value> {
    match wanted {
        StructuredOutput::JsonSchema => {
            // Schemas are written by our own code: they are JSON.
            let schema: Value = serde_json::from_str(json).unwrap_or_default();
            Some(json!({
                "type": "json_schema",
                "json_schema": { "name": name, "strict": true, "schema": schema },
            }))
        }
        StructuredOutput::JsonObject => Some(json!({ "type": "json_object" })),
        StructuredOutput::Text => None,
    }
}

fn message(message: &Message) -> Value {
    let content = match message.parts.as_slice() {
        // Text alone goes as a plain string: some servers know no other form.
        [Part::Text(text)] => Value::from(text.as_str()),
        parts => parts.iter().map(part).collect(),
    };
    json!({ "role": role(message.speaker), "content": content })
}

pub(super) fn role(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Picture(picture) => json!({ "type": "image_url", "image_url": { "url": data_url(picture) } }),
    }
}

pub(crate) fn data_url(picture: &Picture) -> String {
    let mime = mime_of(picture.bytes());
    let mut url = String::with_capacity(picture.bytes().len() * 4 / 3 + 64);
    url.push_str("data:");
    url.push_str(mime);
    url.push_str(";base64,");
    BASE64.encode_string(picture.bytes(), &mut url);
    url
}

/// The type of an encoded picture by its first bytes; PNG, which is what we make, where they say nothing.
pub(crate) fn mime_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "image/png",
    }
}

fn image(settings: &OpenAiSettings, form: &ImageForm) -> (CallKind, Map<String, Value>) {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), settings.model.clone().into());
    fields.insert("prompt".to_owned(), form.prompt.clone().into());
    fields.insert("n".to_owned(), 1.into());
    fields.insert("size".to_owned(), settings.picture.size.clone().into());
    if let Some(quality) = &settings.picture.quality {
        fields.insert("quality".to_owned(), quality.clone().into());
    }
    if let Some(format) = &settings.picture.response_format {
        fields.insert("response_format".to_owned(), format.clone().into());
    }
    let kind = match &form.base {
        Some(base) => CallKind::Edit { base: base.clone(), editable: form.editable.clone() },
        None => CallKind::Generate,
    };
    (kind, fields)
}

/// Adds the fields of the settings' `body`, leaves out what is to be omitted, and gives each field the name
/// that the server knows it by.
pub(crate) fn as_the_server_wants(
    mut fields: Map<String, Value>,
    settings: &OpenAiSettings,
) -> Map<String, Value> {
    fields.extend(settings.body.clone());
    fields
        .into_iter()
        .filter(|(name, _)| !settings.omit.contains(name))
        .map(|(name, value)| (settings.rename.get(&name).cloned().unwrap_or(name), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::tests::think_request;

    fn settings(more: Value) -> OpenAiSettings {
        let mut value = json!({"base_url": "http://127.0.0.1:1/v1", "model": "m"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn asking(parts: Vec<Part>) -> Request {
        let message = Message { speaker: Speaker::User, parts };
        let schema = AnswerSchema { name: "thought", json: "{\"type\": \"object\"}" };
        let form = ChatForm { messages: vec![message], answer_schema: Some(schema) };
        Request { rendered: Rendered::Chat(form), ..think_request("a cat") }
    }

    #[test]
    fn a_chat_call_has_pictures_as_data_urls_and_its_schema() {
        let parts = vec![Part::Picture(Picture::new(&b"\xff\xd8x"[..])), Part::Text("Look.".to_owned())];
        let call = call(&settings(json!({"body": {"temperature": 0.5}})), &asking(parts));
        assert_eq!(call.kind, CallKind::Chat);
        assert_eq!(
            Value::Object(call.fields),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9h4"}},
                    {"type": "text", "text": "Look."},
                ]}],
                "max_tokens": 1024,
                "seed": 7,
                "response_format": {"type": "json_schema", "json_schema":
                    {"name": "thought", "strict": true, "schema": {"type": "object"}}},
                "temperature": 0.5,
            })
        );
    }

    #[test]
    fn fields_are_renamed_and_left_out_as_the_settings_say() {
        let more = json!({
            "omit": ["seed", "temperature"], "rename": {"max_tokens": "max_completion_tokens"},
            "body": {"temperature": 1.0}, "structured_output": "text",
        });
        let call = call(&settings(more), &asking(vec![Part::Text("Hi.".to_owned())]));
        assert_eq!(
            Value::Object(call.fields),
            json!({"model": "m", "messages": [{"role": "user", "content": "Hi."}], "max_completion_tokens": 1024})
        );
    }

    #[test]
    fn a_picture_to_edit_goes_through_another_door() {
        let base = Picture::new(&b"png"[..]);
        let upper = PixelBox { left: 0, top: 0, width: 384, height: 128 };
        let form = |base, editable| Request {
            rendered: Rendered::Image(ImageForm {
                prompt: "a cat".to_owned(),
                image_size: 384,
                base,
                editable,
            }),
            ..think_request("a cat")
        };
        let settings = settings(json!({"picture": {"size": "512x512", "quality": "low"}}));
        let made = call(&settings, &form(None, Vec::new()));
        assert_eq!(made.kind, CallKind::Generate);
        assert_eq!(
            Value::Object(made.fields),
            json!({"model": "m", "prompt": "a cat", "n": 1, "size": "512x512", "quality": "low"})
        );
        let edited = call(&settings, &form(Some(base.clone()), vec![upper]));
        assert_eq!(edited.kind, CallKind::Edit { base, editable: vec![upper] });
    }
}
