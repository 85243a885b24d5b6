//! Bodies of chat calls, put together from what is the same in all of them: the fields of each answer form are
//! written as JSON once, and a call adds its messages and its seed. Schemas are long, and calls are many.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value};
use twig_model::{AnswerSchema, ChatForm, Message, Part, Rendered, Request, Task};

use super::{
    body::{self, Call, CallKind},
    settings::OpenAiSettings,
};

/// What the fields besides messages and seed depend on: whether it is a question of yes or no, and the schema.
type Kind = (bool, Option<AnswerSchema>);

/// The bodies of one teacher's calls.
#[derive(Debug)]
pub(crate) struct Forms {
    settings: OpenAiSettings,
    /// Whether the settings name messages themselves; then bodies are put together field by field.
    names_messages: bool,
    /// The quoted name under which the seed goes, if it does.
    seed: Option<String>,
    /// The fields besides messages and seed, by kind of call and schema, as they have come up. Locked for a look.
    rest: Mutex<HashMap<Kind, Arc<str>>>,
}

impl Forms {
    pub(crate) fn new(settings: &OpenAiSettings) -> Self {
        let names_messages = settings.omit.iter().any(|name| name == MESSAGES)
            || settings.rename.contains_key(MESSAGES)
            || settings.body.contains_key(MESSAGES);
        let sends_seed = !settings.omit.iter().any(|name| name == SEED) && !settings.body.contains_key(SEED);
        let seed = settings.rename.get(SEED).map_or(SEED, String::as_str);
        Self {
            settings: settings.clone(),
            names_messages,
            seed: sends_seed.then(|| Value::from(seed).to_string()),
            rest: Mutex::default(),
        }
    }

    /// The call that asks `request`.
    pub(crate) fn call(&self, request: &Request) -> Call {
        match &request.rendered {
            Rendered::Chat(form) if !self.names_messages => {
                let is_yes_or_no = matches!(request.task, Task::Probability(_));
                let rest = self.rest(is_yes_or_no, form.answer_schema);
                let kind = if is_yes_or_no { CallKind::YesOrNo } else { CallKind::Chat };
                Call { kind, fields: Map::new(), json: Some(self.json(form, request.seed, &rest).into()) }
            }
            Rendered::Chat(_) | Rendered::Image(_) => body::call(&self.settings, request),
        }
    }

    fn rest(&self, is_yes_or_no: bool, answer_schema: Option<AnswerSchema>) -> Arc<str> {
        let mut known = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = known.entry((is_yes_or_no, answer_schema)).or_insert_with(|| {
            let form = ChatForm { messages: Vec::new(), answer_schema };
            let write = if is_yes_or_no { body::yes_or_no } else { body::chat };
            let mut fields = write(&self.settings, &form, 0);
            fields.shift_remove(SEED);
            let mut fields = body::as_the_server_wants(fields, &self.settings);
            fields.shift_remove(MESSAGES);
            let json = Value::Object(fields).to_string();
            let inner = &json[1..json.len() - 1];
            if inner.is_empty() { Arc::default() } else { format!(",{inner}").into() }
        });
        Arc::clone(rest)
    }

    fn json(&self, form: &ChatForm, seed: u64, rest: &str) -> String {
        let mut json = String::with_capacity(rest.len() + expected_len(form));
        json.push_str("{\"messages\":[");
        for (number, message) in form.messages.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            push_message(&mut json, message);
        }
        json.push(']');
        if let Some(name) = &self.seed {
            // Writing to a string cannot fail.
            let _ = write!(json, ",{name}:{}", body::seed(seed));
        }
        json.push_str(rest);
        json.push('}');
        json
    }
}

const MESSAGES: &str = "messages";
const SEED: &str = "seed";

fn expected_len(form: &ChatForm) -> usize {
    let parts = form.messages.iter().flat_map(|message| &message.parts);
    let of_parts = parts.map(|part| match part {
        Part::Text(text) => text.len() + text.len() / 8,
        Part::Picture(picture) => picture.bytes().len() / 3 * 4 + 100,
    });
    of_parts.sum::<usize>() + 200
}

fn push_message(json: &mut String, message: &Message) {
    json.push_str("{\"role\":\"");
    json.push_str(body::role(message.speaker));
    json.push_str("\",\"content\":");
    if let [Part::Text(text)] = message.parts.as_slice() {
        json.push_str(&quoted(text));
    } else {
        json.push('[');
        for (number, part) in message.parts.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            match part {
                Part::Text(text) => {
                    json.push_str("{\"type\":\"text\",\"text\":");
                    json.push_str(&quoted(text));
                    json.push('}');
                }
                Part::Picture(picture) => {
                    json.push_str("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:");
                    json.push_str(body::mime_of(picture.bytes()));
                    json.push_str(";base64,");
                    BASE64.encode_string(picture.bytes(), json);
                    json.push_str("\"}}");
                }
            }
        }
        json.push(']');
    }
    json.push('}');
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twig_model::{Picture, ProbabilityTask, Speaker};

    use super::*;
    use crate::recorded::tests::think_request;

    #[test]
    fn what_is_put_together_is_what_is_written_field_by_field() {
        let schema = |json| Some(AnswerSchema { name: "thought", json });
        let picture = || Part::Picture(Picture::new(&b"\xff\xd8picture"[..]));
        let text = |text: &str| Part::Text(text.to_owned());
        let messages = vec![
            Message { speaker: Speaker::System, parts: vec![text("\"Be\"\nplain: τ \u{1}")] },
            Message { speaker: Speaker::User, parts: vec![picture(), text("Look."), picture()] },
            Message { speaker: Speaker::Assistant, parts: Vec::new() },
        ];
        let task = Task::Probability(ProbabilityTask {
            prompt: "a cat".to_owned(),
            picture: Picture::new(&b"png"[..]),
        });
        for more in [
            json!({}),
            json!({"omit": ["seed", "max_tokens", "model", "response_format", "logprobs", "top_logprobs"]}),
            json!({"rename": {"seed": "random_seed", "max_tokens": "max_completion_tokens"}}),
            json!({"body": {"seed": 5, "temperature": 0.5}, "structured_output": "json_object"}),
            json!({"rename": {"messages": "conversation"}}),
            json!({"body": {"messages": []}}),
        ] {
            let mut settings = json!({"base_url": "http://127.0.0.1:1/v1", "model": "m"});
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let settings: OpenAiSettings = serde_json::from_value(settings).unwrap();
            let forms = Forms::new(&settings);
            let schemas = [r#"{"type": "object", "title": "\"τ\""}"#, r#"{"type": "array"}"#].map(schema);
            for answer_schema in [None, schemas[0], schemas[1], schemas[0]] {
                let form = ChatForm { messages: messages.clone(), answer_schema };
                let chat = Request { rendered: Rendered::Chat(form), ..think_request("a cat") };
                let likely = Request { task: task.clone(), ..chat.clone() };
                for request in [chat, likely] {
                    let slow = body::call(&settings, &request);
                    let fast = forms.call(&request);
                    assert_eq!(fast.kind, slow.kind);
                    assert_eq!(fast.body(), Value::Object(slow.fields), "{more} {answer_schema:?}");
                }
            }
        }
    }
}
