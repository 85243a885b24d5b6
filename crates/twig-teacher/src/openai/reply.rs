//! From the body of an answer to what was said. Nothing is filled in: what is missing or odd is a failure.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::{Value, json};
use twig_model::{Answer, Picture, RejectReason, Rejection, Usage};

use super::{
    body::CallKind,
    failure::{Failure, shortened},
    likelihood::{self, Logprobs},
};

/// What an answer's body holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) what: What,
    /// The model that says it answered, where it says so.
    pub(crate) model: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) usage: Usage,
}

/// The answer itself, or where it is to be fetched.
#[derive(Debug, PartialEq)]
pub(crate) enum What {
    Answer(Answer),
    PictureAt(String),
}

#[derive(Deserialize)]
struct ChatBody {
    model: Option<String>,
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    usage: Option<UsageBody>,
}

#[derive(Deserialize)]
struct Choice {
    message: ChatMessage,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct ChatMessage {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct ImageBody<'a> {
    #[serde(borrow)]
    data: Vec<ImageDatum<'a>>,
    model: Option<String>,
    usage: Option<UsageBody>,
}

#[derive(Deserialize)]
struct ImageDatum<'a> {
    /// Borrowed from the body: a picture of 1 MB is not copied once more.
    #[serde(borrow)]
    b64_json: Option<Cow<'a, str>>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
}

/// Tokens as chat (`prompt_tokens`, …) and picture calls (`input_tokens`, …) count them.
#[derive(Default, Deserialize)]
struct UsageBody {
    #[serde(alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(alias = "output_tokens")]
    completion_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<Value>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<Value>,
}

impl From<UsageBody> for Usage {
    fn from(body: UsageBody) -> Self {
        let detail = |details: &Option<Value>, name: &str| details.as_ref()?[name].as_u64();
        Self {
            input_tokens: body.prompt_tokens,
            output_tokens: body.completion_tokens,
            cached_input_tokens: detail(&body.prompt_tokens_details, "cached_tokens"),
            image_input_tokens: detail(&body.prompt_tokens_details, "image_tokens"),
            image_output_tokens: detail(&body.completion_tokens_details, "image_tokens"),
            ..Self::default()
        }
    }
}

/// Reads the answer to a call of this kind.
pub(crate) fn read(kind: &CallKind, body: &[u8]) -> Result<Said, Failure> {
    match kind {
        CallKind::Chat => chat(body),
        CallKind::YesOrNo => yes_or_no(body),
        CallKind::Generate | CallKind::Edit { .. } => image(body),
    }
}

/// Reads the answer to a chat call.
pub(crate) fn chat(body: &[u8]) -> Result<Said, Failure> {
    Ok(chat_with_logprobs(body)?.0)
}

/// Reads the answer to a yes-or-no call: `{"probability": …}`, or the text as it was where it is neither.
fn yes_or_no(body: &[u8]) -> Result<Said, Failure> {
    let (mut said, logprobs) = chat_with_logprobs(body)?;
    if let What::Answer(Answer::Text(text)) = &mut said.what
        && let Some(probability) = likelihood::of_yes(logprobs.as_ref(), text)
    {
        *text = json!({ "probability": probability }).to_string();
    }
    Ok(said)
}

fn chat_with_logprobs(body: &[u8]) -> Result<(Said, Option<Logprobs>), Failure> {
    let ChatBody { model, system_fingerprint, choices, usage } = parsed(body)?;
    let Some(Choice { message, finish_reason, logprobs }) = choices.into_iter().next() else {
        return Err(Failure::broken("the answer has no choices", true));
    };
    let refused = match (message.refusal, finish_reason.as_deref()) {
        (Some(refusal), _) if !refusal.is_empty() => {
            Some(format!("the model refused: {}", shortened(&refusal)))
        }
        (_, Some("content_filter")) => Some("the server's content filter cut the answer off".to_owned()),
        _ => None,
    };
    let answer = match (refused, message.content) {
        (Some(detail), _) => Answer::Declined(Rejection::new(RejectReason::Refused, detail)),
        (None, Some(text)) => Answer::Text(text),
        (None, None) => return Err(Failure::broken("the answer has no content", true)),
    };
    let usage = usage.map(Usage::from).unwrap_or_default();
    Ok((Said { what: What::Answer(answer), model, fingerprint: system_fingerprint, usage }, logprobs))
}

/// Reads the answer to a picture call.
pub(crate) fn image(body: &[u8]) -> Result<Said, Failure> {
    let ImageBody { data, model, usage } = parsed(body)?;
    let what = match data.into_iter().next() {
        Some(ImageDatum { b64_json: Some(text), .. }) => What::Answer(decoded(&text)?),
        Some(ImageDatum { url: Some(url), .. }) => match in_data_url(&url) {
            Some(text) => What::Answer(decoded(text)?),
            None => What::PictureAt(url.into_owned()),
        },
        Some(_) | None => return Err(Failure::broken("the answer has no picture", true)),
    };
    Ok(Said { what, model, fingerprint: None, usage: usage.map(Usage::from).unwrap_or_default() })
}

fn decoded(base64: &str) -> Result<Answer, Failure> {
    let bytes = BASE64
        .decode(base64.trim())
        .map_err(|error| Failure::broken(format!("the picture is not base64: {error}"), true))?;
    Ok(Answer::Picture(Picture::new(bytes)))
}

/// What stands in an address that is itself the picture; some servers answer so where none would be looked at.
fn in_data_url(url: &str) -> Option<&str> {
    Some(url.trim_start().strip_prefix("data:")?.split_once(";base64,")?.1)
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let begins = shortened(&String::from_utf8_lossy(&body[..body.len().min(120)]));
        Failure::broken(format!("the answer is not what the interface promises ({error}): {begins}"), true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chat_answer_is_read_with_what_it_took() {
        let body = br#"{"model": "m-2024", "system_fingerprint": "fp_1",
            "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12,
                      "prompt_tokens_details": {"cached_tokens": 4}}}"#;
        let said = chat(body).unwrap();
        assert_eq!(said.what, What::Answer(Answer::Text("hello".to_owned())));
        assert_eq!((said.model.as_deref(), said.fingerprint.as_deref()), (Some("m-2024"), Some("fp_1")));
        let Usage { input_tokens, output_tokens, cached_input_tokens, .. } = said.usage;
        assert_eq!((input_tokens, output_tokens, cached_input_tokens), (Some(10), Some(2), Some(4)));
    }

    #[test]
    fn a_picture_comes_in_the_answer_or_lies_elsewhere() {
        let here =
            image(br#"{"data": [{"b64_json": "cG5n"}], "usage": {"input_tokens": 5, "output_tokens": 9}}"#);
        let here = here.unwrap();
        assert_eq!(here.what, What::Answer(Answer::Picture(Picture::new(&b"png"[..]))));
        assert_eq!((here.usage.input_tokens, here.usage.output_tokens), (Some(5), Some(9)));
        let there = image(br#"{"data": [{"url": "http://127.0.0.1/a.png"}]}"#).unwrap();
        assert_eq!(there.what, What::PictureAt("http://127.0.0.1/a.png".to_owned()));
        let inside = image(br#"{"data": [{"url": "data:image/png;base64,cG5n"}]}"#).unwrap();
        assert_eq!(inside.what, here.what);
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let detail = |failure: Failure| failure.detail;
        assert_eq!(detail(chat(br#"{"choices": []}"#).unwrap_err()), "the answer has no choices");
        assert!(detail(chat(b"<html>").unwrap_err()).contains("<html>"));
        assert!(detail(image(br#"{"data": [{"b64_json": "*"}]}"#).unwrap_err()).contains("not base64"));
        let refused =
            chat(br#"{"choices": [{"message": {"content": null, "refusal": "I cannot"}}]}"#).unwrap();
        assert!(matches!(
            refused.what,
            What::Answer(Answer::Declined(Rejection { reason: RejectReason::Refused, .. }))
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_named_and_never_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (chat(&body), image(&body));
        }
    }
}
