use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};
use twig_model::Answer;

use crate::{
    Remote, StructuredOutput,
    openai::{
        body::{Call, CallKind},
        failure::Failure,
    },
};

/// What a tiny question has shown of a teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ping {
    /// The model that says it answered; for painters the one that was asked for.
    pub model: String,
    /// Milliseconds from question to answer.
    pub latency_ms: u64,
    /// What was found to work, or not, in words.
    pub supports: Vec<String>,
}

impl Remote {
    /// Asks one tiny question and, where that works, whether the server holds a model to a JSON Schema. A
    /// painter is asked only whether it knows the model: a picture has its price.
    pub async fn ping(&self, paints: bool) -> Result<Ping, String> {
        let ping = if paints { self.knows_model().await } else { self.answers().await };
        ping.map_err(|failure| failure.detail)
    }

    async fn knows_model(&self) -> Result<Ping, Failure> {
        let start = Instant::now();
        let models = self.client().models().await?;
        let model = self.settings().model.clone();
        let named = models["data"].as_array().into_iter().flatten().any(|entry| entry["id"] == *model);
        let supports = if named {
            "the server names the model; no picture was asked for".to_owned()
        } else {
            format!("the server answers, and does not name `{model}` among its models")
        };
        Ok(Ping { model, latency_ms: start.elapsed().as_millis() as u64, supports: vec![supports] })
    }

    async fn answers(&self) -> Result<Ping, Failure> {
        let answered = self.client().attempt(&self.tiny(COLOUR, &[])).await?.reply;
        let latency_ms = answered.usage.latency_ms;
        let mut supports = vec!["text".to_owned()];
        if answered.usage.input_tokens.is_some() {
            supports.push("token counts".to_owned());
        } else {
            supports.push("no token counts: calls will be settled at what they can have cost".to_owned());
        }
        if self.settings().structured_output != StructuredOutput::Text {
            supports.push(match self.client().attempt(&self.colour_by_schema()).await {
                Ok(answered) if keeps_to_schema(&answered.reply.answer) => "json_schema".to_owned(),
                Ok(_) => "json_schema is accepted and not enforced".to_owned(),
                Err(failure) => format!("no json_schema ({})", failure.detail),
            });
        }
        supports.push(match self.client().attempt(&self.yes_or_no()).await {
            Ok(answered) if is_between(&answered.reply.answer) => "log-probabilities".to_owned(),
            Ok(_) => "no log-probabilities: a judge of kind `probability` says 0 or 100".to_owned(),
            Err(failure) => format!("no log-probabilities ({})", failure.detail),
        });
        Ok(Ping { model: answered.model, latency_ms, supports })
    }

    fn colour_by_schema(&self) -> Call {
        self.tiny(COLOUR, &[("response_format", schema())])
    }

    fn yes_or_no(&self) -> Call {
        let question = "Is grass red? Answer with one word, yes or no.";
        let more = [("logprobs", true.into()), ("top_logprobs", 20.into())];
        Call { kind: CallKind::YesOrNo, ..self.tiny(question, &more) }
    }

    /// A question of a few tokens, with the settings' own fields.
    fn tiny(&self, question: &str, more: &[(&str, Value)]) -> Call {
        let mut fields = serde_json::Map::new();
        fields.insert("model".to_owned(), self.settings().model.clone().into());
        fields.insert("messages".to_owned(), json!([{ "role": "user", "content": question }]));
        fields.insert("max_tokens".to_owned(), 64.into());
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Call {
            kind: CallKind::Chat,
            fields: crate::openai::body::as_the_server_wants(fields, self.settings()),
            json: None,
        }
    }
}

const COLOUR: &str = "What colour has grass? Answer with JSON: {\"colour\": …}";

fn schema() -> Value {
    json!({
        "type": "json_schema",
        "json_schema": { "name": "colour", "strict": true, "schema": {
            "type": "object",
            "properties": { "colour": { "type": "string" } },
            "required": ["colour"],
            "additionalProperties": false,
        }},
    })
}

fn keeps_to_schema(answer: &Answer) -> bool {
    match answer {
        Answer::Text(text) => {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value["colour"].is_string())
        }
        Answer::Picture(_) | Answer::Declined(_) => false,
    }
}

/// Whether the answer is a probability that one word alone would not give.
fn is_between(answer: &Answer) -> bool {
    match answer {
        Answer::Text(text) => serde_json::from_str::<Value>(text)
            .is_ok_and(|value| value["probability"].as_f64().is_some_and(|likely| likely.fract() > 0.0)),
        Answer::Picture(_) | Answer::Declined(_) => false,
    }
}
