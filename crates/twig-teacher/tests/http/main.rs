//! The client for OpenAI's interface against servers that misbehave in every way we know of. Each ends in the
//! right retry, a typed rejection or a typed error; nothing hangs, nothing is invented.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
mod faults;
mod money;
mod outages;
mod scripted;
#[path = "../../examples/stub_server/server.rs"]
#[allow(dead_code, reason = "tests use parts of it")]
mod server;

use std::sync::Arc;

use serde_json::{Value, json};
use twig_model::{
    Answer, AnswerSchema, AskError, ChatForm, Geometry, ImageForm, Message, Part, Picture, PixelBox,
    RejectReason, Rendered, Reply, Request, Schedule, Speaker, Task, Teacher, ThinkTask,
};
use twig_teacher::{AnswerStore, Notices, OpenAiSettings, Purse, Remote, Shared, Stop};

const THOUGHT: AnswerSchema = AnswerSchema { name: "thought", json: "{\"type\": \"object\"}" };

/// A question for a text.
fn question(text: &str) -> Request {
    let task = ThinkTask {
        prompt: text.to_owned(),
        schedule: Schedule::bands(Geometry::JANUS, 3).unwrap(),
        region_index: None,
        earlier_thoughts: Vec::new(),
        canvas: None,
    };
    let message = Message { speaker: Speaker::User, parts: vec![Part::Text(text.to_owned())] };
    Request {
        task: Task::Think(task),
        rendered: Rendered::Chat(ChatForm { messages: vec![message], answer_schema: Some(THOUGHT) }),
        seed: 7,
        trajectory_seed: 70,
        ask: 0,
    }
}

/// A question for a picture, made anew or in the upper third of `base`.
fn picture_question(prompt: &str, base: Option<Picture>) -> Request {
    let upper = PixelBox { left: 0, top: 0, width: 384, height: 128 };
    let editable = base.iter().map(|_| upper).collect();
    let form = ImageForm { prompt: prompt.to_owned(), image_size: 384, base, editable };
    Request { rendered: Rendered::Image(form), ..question(prompt) }
}

fn settings(base_url: &str, more: &Value) -> OpenAiSettings {
    let mut value = json!({
        "base_url": base_url, "model": "m", "timeouts": {"connect_secs": 1, "text_secs": 1, "picture_secs": 1},
        "limits": {"attempts": 2, "max_pause_secs": 1, "outage_secs": 600},
    });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn shared(purse: Option<Arc<Purse>>) -> Shared {
    Shared { purse, notices: Notices::default(), stop: Stop::default(), batches: std::env::temp_dir() }
}

fn remote(base_url: &str, more: &Value) -> Remote {
    Remote::new("t", &settings(base_url, more), &shared(None)).unwrap()
}

fn purse(folder: &std::path::Path, run: &str, budget_usd: f64) -> Arc<Purse> {
    let store = AnswerStore::open(folder, run).unwrap();
    Arc::new(Purse::new(store.ledger().unwrap(), Some(budget_usd)))
}

fn text_of(reply: &Reply) -> &str {
    match &reply.answer {
        Answer::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn reason_of(reply: &Reply) -> (RejectReason, &str) {
    match &reply.answer {
        Answer::Declined(rejection) => (rejection.reason, &rejection.detail),
        other => panic!("{other:?}"),
    }
}
