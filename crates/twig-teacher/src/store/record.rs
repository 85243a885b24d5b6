//! The bytes of one stored answer.

use serde::{Deserialize, Serialize};
use twig_model::{Answer, AnswerKey, Picture, Rejection, Reply, Usage};

/// A record as it stands in a segment, without its frame:
/// key (64 hexadecimal digits) · length of the head (u32, little endian) · head (JSON) · body (the answer).
#[derive(Serialize, Deserialize)]
struct Head {
    kind: Kind,
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    usage: Usage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    Picture,
    Declined,
}

const KEY_LEN: usize = 64;

pub(super) fn to_bytes(key: &AnswerKey, reply: &Reply) -> serde_json::Result<Vec<u8>> {
    let declined;
    let (kind, body) = match &reply.answer {
        Answer::Text(text) => (Kind::Text, text.as_bytes()),
        Answer::Picture(picture) => (Kind::Picture, picture.bytes()),
        Answer::Declined(rejection) => {
            declined = serde_json::to_vec(rejection)?;
            (Kind::Declined, declined.as_slice())
        }
    };
    let (model, fingerprint) = (reply.model.clone(), reply.fingerprint.clone());
    let head = serde_json::to_vec(&Head { kind, model, fingerprint, usage: reply.usage })?;
    let mut bytes = Vec::with_capacity(KEY_LEN + 4 + head.len() + body.len());
    bytes.extend_from_slice(key.0.as_bytes());
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// The key of a record, without looking at the rest.
pub(super) fn key_of(bytes: &[u8]) -> Option<AnswerKey> {
    let key = std::str::from_utf8(bytes.get(..KEY_LEN)?).ok()?;
    key.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| AnswerKey(key.to_owned()))
}

/// The record as the reply it was; `None` where the bytes are no record.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Reply> {
    let key = key_of(bytes)?;
    let rest = &bytes[KEY_LEN..];
    let head_len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let end = head_len.checked_add(4)?;
    let head: Head = serde_json::from_slice(rest.get(4..end)?).ok()?;
    let body = &rest[end..];
    let answer = match head.kind {
        Kind::Text => Answer::Text(String::from_utf8(body.to_vec()).ok()?),
        Kind::Picture => Answer::Picture(Picture::new(body)),
        Kind::Declined => Answer::Declined(serde_json::from_slice::<Rejection>(body).ok()?),
    };
    Some(Reply {
        answer,
        model: head.model,
        fingerprint: head.fingerprint,
        usage: head.usage,
        key: Some(key),
        from_store: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twig_model::RejectReason;

    fn answers() -> impl Strategy<Value = Answer> {
        prop_oneof![
            ".*".prop_map(Answer::Text),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(|b| Answer::Picture(Picture::new(b))),
            ".*".prop_map(|d| Answer::Declined(Rejection::new(RejectReason::UnsupportedPrompt, d))),
        ]
    }

    proptest! {
        #[test]
        fn a_record_gives_its_reply_back(answer in answers(), cost in proptest::option::of(0u64..1000)) {
            let key = AnswerKey(blake3::hash(b"question").to_hex().to_string());
            let usage = Usage { cost_micro_usd: cost, latency_ms: 3, ..Usage::default() };
            let reply =
                Reply { answer, model: "m".to_owned(), fingerprint: cost.map(|_| "fp".to_owned()), usage, key: Some(key.clone()), from_store: true };
            prop_assert_eq!(from_bytes(&to_bytes(&key, &reply).unwrap()), Some(reply));
        }

        #[test]
        fn any_bytes_are_a_record_or_none_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = from_bytes(&bytes);
            let mut keyed = [b'a'; KEY_LEN].to_vec();
            keyed.extend(bytes);
            let _ = from_bytes(&keyed);
        }
    }
}
