use blake3::Hasher;
use twig_model::{
    AnswerKey, AnswerSchema, ChatForm, ImageForm, Part, Picture, PixelBox, Rendered, Request, Task,
};

/// The key of the answer to `request` from a teacher of this identity: a hash of everything that shapes
/// the answer and of nothing else.
///
/// What shapes it: who is asked and how it is set (`identity`), the rendered form with pictures by their
/// hash and the schema of the answer, the seeds, and the ask number. Of the typed task nothing enters but whether
/// it wants the likelihood of a word in place of the word: otherwise it is the same question as the rendered form,
/// which the seeds tie to one prompt, region and attempt.
pub fn answer_key(identity: &str, request: &Request) -> AnswerKey {
    let mut key = KeyHasher(Hasher::new_derive_key("twig answer key, version 2"));
    key.text(identity);
    key.number(request.seed);
    key.number(request.trajectory_seed);
    key.number(u64::from(request.ask));
    match &request.rendered {
        Rendered::Chat(form) => key.chat(form, matches!(request.task, Task::Probability(_))),
        Rendered::Image(form) => key.image(form),
    }
    AnswerKey(key.0.finalize().to_hex().to_string())
}

/// Hashes fields so that no two sequences of fields can be mistaken for each other: each is preceded by
/// its length or its kind.
struct KeyHasher(Hasher);

impl KeyHasher {
    fn number(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn picture(&mut self, picture: &Picture) {
        self.0.update(blake3::hash(picture.bytes()).as_bytes());
    }

    fn chat(&mut self, ChatForm { messages, answer_schema }: &ChatForm, is_likelihood: bool) {
        self.text("chat");
        self.number(messages.len() as u64);
        for message in messages {
            self.text(message.speaker.as_str());
            self.number(message.parts.len() as u64);
            for part in &message.parts {
                match part {
                    Part::Text(text) => {
                        self.text("text");
                        self.text(text);
                    }
                    Part::Picture(picture) => {
                        self.text("picture");
                        self.picture(picture);
                    }
                }
            }
        }
        let AnswerSchema { name, json } = answer_schema.unwrap_or(AnswerSchema { name: "", json: "" });
        self.text(name);
        self.text(json);
        self.number(u64::from(is_likelihood));
    }

    fn image(&mut self, ImageForm { prompt, image_size, base, editable }: &ImageForm) {
        self.text("image");
        self.text(prompt);
        self.number(u64::from(*image_size));
        match base {
            Some(picture) => {
                self.number(1);
                self.picture(picture);
            }
            None => self.number(0),
        }
        self.number(editable.len() as u64);
        for PixelBox { left, top, width, height } in editable {
            for pixels in [left, top, width, height] {
                self.number(u64::from(*pixels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::recorded::tests::think_request;
    use twig_model::{Message, ProbabilityTask, Speaker};

    fn image(prompt: &str, image_size: u32, base: Option<&[u8]>, editable: &[PixelBox]) -> Request {
        let base = base.map(|bytes| Picture::new(bytes.to_vec()));
        let form = ImageForm { prompt: prompt.to_owned(), image_size, base, editable: editable.to_vec() };
        Request { rendered: Rendered::Image(form), ..think_request("a cat") }
    }

    fn chat(messages: Vec<Message>, answer_schema: Option<AnswerSchema>) -> Request {
        Request { rendered: Rendered::Chat(ChatForm { messages, answer_schema }), ..think_request("a cat") }
    }

    fn message(speaker: Speaker, parts: &[&str]) -> Message {
        Message { speaker, parts: parts.iter().map(|text| Part::Text((*text).to_owned())).collect() }
    }

    #[test]
    fn every_field_that_shapes_an_answer_changes_the_key() {
        let base = think_request("a cat");
        let picture = |bytes: &[u8]| Message {
            speaker: Speaker::User,
            parts: vec![Part::Picture(Picture::new(bytes.to_vec()))],
        };
        let schema = |name, json| Some(AnswerSchema { name, json });
        let likely = ProbabilityTask { prompt: "a cat".to_owned(), picture: Picture::new(&b"png"[..]) };
        let upper = PixelBox { left: 0, top: 0, width: 384, height: 128 };
        let requests = [
            base.clone(),
            Request { seed: base.seed + 1, ..base.clone() },
            Request { trajectory_seed: base.trajectory_seed + 1, ..base.clone() },
            Request { ask: 1, ..base.clone() },
            think_request("a dog"),
            chat(vec![], None),
            Request { task: Task::Probability(likely), ..chat(vec![], None) },
            chat(vec![], schema("thought", "{}")),
            chat(vec![], schema("thoughts", "{}")),
            chat(vec![], schema("thought", r#"{"type": "object"}"#)),
            chat(vec![], schema("thought{}", "")),
            chat(vec![message(Speaker::User, &["ab"])], None),
            chat(vec![message(Speaker::System, &["ab"])], None),
            chat(vec![message(Speaker::User, &["a", "b"])], None),
            chat(vec![message(Speaker::User, &["a"]), message(Speaker::User, &["b"])], None),
            chat(vec![message(Speaker::User, &["one"])], None),
            chat(vec![message(Speaker::Assistant, &["one"])], None),
            chat(vec![picture(b"one")], None),
            chat(vec![picture(b"two")], None),
            image("a cat", 384, None, &[]),
            image("a dog", 384, None, &[]),
            image("a cat", 512, None, &[]),
            image("a cat", 384, Some(b"one"), &[]),
            image("a cat", 384, Some(b"two"), &[]),
            image("a cat", 384, Some(b"one"), &[upper]),
            image("a cat", 384, Some(b"one"), &[PixelBox { top: 128, ..upper }]),
            image("a cat", 384, Some(b"one"), &[PixelBox { left: 128, ..upper }]),
            image("a cat", 384, Some(b"one"), &[PixelBox { width: 64, ..upper }]),
            image("a cat", 384, Some(b"one"), &[PixelBox { height: 64, ..upper }]),
            image("a cat", 384, Some(b"one"), &[upper, upper]),
        ];
        let mut keys: HashSet<_> = requests.iter().map(|request| answer_key("stub", request)).collect();
        assert_eq!(keys.len(), requests.len());
        assert!(keys.insert(answer_key("another", &base)), "the identity is part of the key");
        assert_eq!(answer_key("stub", &base), answer_key("stub", &base.clone()));
    }
}
