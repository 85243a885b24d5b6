//! Sequences as Janus-Pro is trained on them: text ids, image ids, and what is to be learnt of both.
//!
//! Text never stands between visual spans: a generation sequence is *all thoughts so far*, then *all image
//! tokens so far*. Labels are unshifted: the trainer predicts position i from position i − 1, so the first
//! id of region k is predicted from the last id of region k − 1, or from `<begin_of_image>`.
//!
//! Deliberately absent: batching and padding to a common length, which belong to the trainer.

use serde::{Deserialize, Serialize};

use crate::{SpecialToken, TextError, TextTokenizer};

/// A label of a position that is not learnt.
pub const IGNORED_LABEL: i32 = -100;

/// The image id of a position that is no image token.
pub const NO_IMAGE_TOKEN: i32 = -1;

/// How the thoughts are wrapped in front of the image tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixStyle {
    /// `User: τ1 τ2 … τk\n\nAssistant:<begin_of_image>`, plain words for the speakers, as TwiG was released.
    #[default]
    Twig,
    /// `<|User|>: τ1 τ2 … τk\n\n<|Assistant|>:<begin_of_image>`, Janus-Pro's own template.
    Janus,
}

/// One sequence. The four lists have the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Text ids. Positions of generated image tokens hold the pad id, positions of understood pictures the
    /// id of `<image_placeholder>`.
    pub input_ids: Vec<i32>,
    /// `input_ids[i]` where text is learnt, else [`IGNORED_LABEL`].
    pub labels: Vec<i32>,
    /// Image ids, [`NO_IMAGE_TOKEN`] where there is no generated image token.
    pub vq_ids: Vec<i32>,
    /// `vq_ids[i]` where image tokens are learnt, else [`IGNORED_LABEL`].
    pub vq_labels: Vec<i32>,
    /// Length of the text in front of the image tokens, from BOS to `<begin_of_image>`. A
    /// classifier-free-guidance drop sets positions `1..prompt_len - 1` of `input_ids` to the pad id. 0 for
    /// a chat, where nothing may be dropped.
    pub prompt_len: u32,
}

impl Sequence {
    /// The classifier-free-guidance drop: everything of the prompt but its first and last token becomes pad, as
    /// the unconditional half of a batch has it when pictures are generated.
    pub fn drop_prompt(&mut self, text: &dyn TextTokenizer) {
        let pad = text.special_ids(SpecialToken::Pad)[0];
        for position in 1..(self.prompt_len as usize).saturating_sub(1) {
            self.input_ids[position] = pad;
        }
    }
}

/// A piece of the user's turn in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatPart<'a> {
    /// A picture to look at.
    Image,
    /// Plain text.
    Text(&'a str),
}

/// `V_k = ULM_g(τ_≤k, V_<k)`: lays out the image tokens of one region behind the thoughts and the tokens of
/// the regions before it.
///
/// `thoughts` are `τ_1 … τ_k`, `visual_prefix` the ids of `V_1 … V_{k−1}` in raster order, `targets` those of
/// `V_k`; only the targets are learnt.
pub fn generation(
    text: &dyn TextTokenizer,
    style: PrefixStyle,
    thoughts: &[&str],
    visual_prefix: &[u32],
    targets: &[u32],
) -> Result<Sequence, TextError> {
    let mut builder = Builder::new(text);
    let thoughts = thoughts.join(" ");
    match style {
        PrefixStyle::Twig => builder.text(&format!("User: {thoughts}\n\nAssistant:"))?,
        PrefixStyle::Janus => {
            builder.special(SpecialToken::User);
            builder.text(&format!(": {thoughts}\n\n"))?;
            builder.special(SpecialToken::Assistant);
            builder.text(":")?;
        }
    }
    builder.special(SpecialToken::BeginOfImage);
    builder.sequence.prompt_len = builder.sequence.input_ids.len() as u32;
    builder.image_tokens(visual_prefix, Learnt::No);
    builder.image_tokens(targets, Learnt::Yes);
    Ok(builder.sequence)
}

/// An understanding pass `ULM_u`: `<|User|>: ` with pictures and text, then `<|Assistant|>:` and the answer.
///
/// A picture is `<begin_of_image>`, `num_image_tokens` times `<image_placeholder>`, `<end_of_image>`; parts
/// are kept apart by one line feed. Only the answer, with the space in front of it, and EOS are learnt: at
/// the time of use Janus-Pro's prompt ends with `<|Assistant|>:`, and the space belongs to the first word.
///
/// A `system_prompt` stands in front of everything, two line feeds apart; empty, there is none.
pub fn chat(
    text: &dyn TextTokenizer,
    system_prompt: &str,
    question: &[ChatPart<'_>],
    answer: &str,
    num_image_tokens: u32,
) -> Result<Sequence, TextError> {
    let mut builder = Builder::new(text);
    if !system_prompt.is_empty() {
        builder.text(&format!("{system_prompt}\n\n"))?;
    }
    builder.special(SpecialToken::User);
    // Text between two special tokens is encoded in one go: a tokenizer with merges may join across pieces.
    let mut pending = ": ".to_owned();
    for (position, part) in question.iter().enumerate() {
        if position > 0 {
            pending.push('\n');
        }
        match part {
            ChatPart::Text(words) => pending.push_str(words),
            ChatPart::Image => {
                builder.text(&std::mem::take(&mut pending))?;
                builder.understood_image(num_image_tokens);
            }
        }
    }
    builder.text(&(pending + "\n\n"))?;
    builder.special(SpecialToken::Assistant);
    builder.text(":")?;
    builder.answer(&format!(" {answer}"))?;
    Ok(builder.sequence)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Learnt {
    Yes,
    No,
}

/// Appends to all four lists at once, so that they cannot get out of step.
struct Builder<'a> {
    tokenizer: &'a dyn TextTokenizer,
    sequence: Sequence,
}

impl<'a> Builder<'a> {
    /// An empty sequence: BOS.
    fn new(tokenizer: &'a dyn TextTokenizer) -> Self {
        let sequence = Sequence {
            input_ids: Vec::new(),
            labels: Vec::new(),
            vq_ids: Vec::new(),
            vq_labels: Vec::new(),
            prompt_len: 0,
        };
        let mut builder = Self { tokenizer, sequence };
        builder.special(SpecialToken::BeginOfSentence);
        builder
    }

    fn text(&mut self, text: &str) -> Result<(), TextError> {
        self.push_texts(&self.tokenizer.encode(text)?, Learnt::No);
        Ok(())
    }

    fn special(&mut self, token: SpecialToken) {
        self.push_texts(self.tokenizer.special_ids(token), Learnt::No);
    }

    fn understood_image(&mut self, num_image_tokens: u32) {
        self.special(SpecialToken::BeginOfImage);
        for _ in 0..num_image_tokens {
            self.special(SpecialToken::ImagePlaceholder);
        }
        self.special(SpecialToken::EndOfImage);
    }

    fn answer(&mut self, answer: &str) -> Result<(), TextError> {
        self.push_texts(&self.tokenizer.encode(answer)?, Learnt::Yes);
        self.push_texts(self.tokenizer.special_ids(SpecialToken::EndOfSentence), Learnt::Yes);
        Ok(())
    }

    fn image_tokens(&mut self, ids: &[u32], learnt: Learnt) {
        let pad = self.tokenizer.special_ids(SpecialToken::Pad)[0];
        for &id in ids {
            let id = id as i32;
            let vq_label = if learnt == Learnt::Yes { id } else { IGNORED_LABEL };
            self.push(pad, IGNORED_LABEL, id, vq_label);
        }
    }

    fn push_texts(&mut self, ids: &[i32], learnt: Learnt) {
        for &id in ids {
            let label = if learnt == Learnt::Yes { id } else { IGNORED_LABEL };
            self.push(id, label, NO_IMAGE_TOKEN, IGNORED_LABEL);
        }
    }

    fn push(&mut self, input_id: i32, label: i32, vq_id: i32, vq_label: i32) {
        self.sequence.input_ids.push(input_id);
        self.sequence.labels.push(label);
        self.sequence.vq_ids.push(vq_id);
        self.sequence.vq_labels.push(vq_label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ByteTokenizer;
    use proptest::prelude::*;

    fn readable(sequence: &Sequence) -> String {
        ByteTokenizer::new().readable(&sequence.input_ids)
    }

    #[test]
    fn the_prefix_is_the_released_one() {
        let text = ByteTokenizer::new();
        let sequence = generation(&text, PrefixStyle::Twig, &["Blue sky.", "A dog."], &[7], &[8, 9]).unwrap();
        assert_eq!(
            readable(&sequence),
            "<｜begin▁of▁sentence｜>User: Blue sky. A dog.\n\nAssistant:<begin_of_image>\
             <｜▁pad▁｜><｜▁pad▁｜><｜▁pad▁｜>"
        );
        let start = sequence.prompt_len as usize;
        assert_eq!(sequence.vq_ids[start..], [7, 8, 9]);
        assert_eq!(sequence.vq_labels[start..], [-100, 8, 9]);
        assert!(sequence.labels.iter().all(|&label| label == IGNORED_LABEL));
    }

    #[test]
    fn the_janus_prefix_names_the_speakers_by_special_tokens() {
        let text = ByteTokenizer::new();
        let sequence = generation(&text, PrefixStyle::Janus, &["Blue sky."], &[], &[8]).unwrap();
        assert_eq!(
            readable(&sequence),
            "<｜begin▁of▁sentence｜><|User|>: Blue sky.\n\n<|Assistant|>:<begin_of_image><｜▁pad▁｜>"
        );
        assert_eq!(sequence.input_ids[1..2], *text.special_ids(SpecialToken::User));
    }

    #[test]
    fn a_chat_learns_the_answer_and_its_end() {
        let text = ByteTokenizer::new();
        let question = [ChatPart::Image, ChatPart::Text("What next?")];
        let sequence = chat(&text, "", &question, "A dog.", 2).unwrap();
        assert_eq!(
            readable(&sequence),
            "<｜begin▁of▁sentence｜><|User|>: <begin_of_image><image_placeholder><image_placeholder>\
             <end_of_image>\nWhat next?\n\n<|Assistant|>: A dog.<｜end▁of▁sentence｜>"
        );
        let learnt: Vec<i32> = sequence.labels.iter().copied().filter(|&l| l != IGNORED_LABEL).collect();
        assert_eq!(text.readable(&learnt), " A dog.<｜end▁of▁sentence｜>");
        assert_eq!(sequence.prompt_len, 0);
        let told = chat(&text, "Be brief.", &question, "A dog.", 2).unwrap();
        assert!(
            readable(&told).starts_with("<｜begin▁of▁sentence｜>Be brief.\n\n<|User|>: <begin_of_image>")
        );
        assert_eq!(told.labels.iter().filter(|&&label| label != IGNORED_LABEL).count(), learnt.len());
    }

    #[test]
    fn a_dropped_prompt_keeps_its_first_and_last_token() {
        let text = ByteTokenizer::new();
        let kept = generation(&text, PrefixStyle::Twig, &["A dog."], &[7], &[8]).unwrap();
        let mut dropped = kept.clone();
        dropped.drop_prompt(&text);
        let prompt = readable(&dropped).replace("<｜▁pad▁｜>", "·");
        assert_eq!(prompt, format!("<｜begin▁of▁sentence｜>{}<begin_of_image>··", "·".repeat(24)));
        assert_eq!(Sequence { input_ids: kept.input_ids.clone(), ..dropped }, kept);
    }

    /// What holds for every sequence.
    fn check(sequence: &Sequence) {
        let Sequence { input_ids, labels, vq_ids, vq_labels, prompt_len } = sequence;
        let length = input_ids.len();
        assert_eq!((labels.len(), vq_ids.len(), vq_labels.len()), (length, length, length));
        assert!(*prompt_len as usize <= length);
        let text = ByteTokenizer::new();
        for i in 0..length {
            assert!(labels[i] == IGNORED_LABEL || labels[i] == input_ids[i]);
            assert!(vq_labels[i] == IGNORED_LABEL || vq_labels[i] == vq_ids[i]);
            let is_image_token = vq_ids[i] != NO_IMAGE_TOKEN;
            assert_eq!(is_image_token, input_ids[i] == text.special_ids(SpecialToken::Pad)[0]);
            assert!(is_image_token || vq_labels[i] == IGNORED_LABEL);
        }
        assert_eq!(input_ids[..1], *text.special_ids(SpecialToken::BeginOfSentence));
    }

    proptest! {
        #[test]
        fn generation_sequences_are_sound(
            thoughts in prop::collection::vec(".{0,40}", 1..5),
            prefix in prop::collection::vec(0u32..16_384, 0..400),
            targets in prop::collection::vec(0u32..16_384, 1..200),
            is_twig: bool,
        ) {
            let style = if is_twig { PrefixStyle::Twig } else { PrefixStyle::Janus };
            let thoughts: Vec<&str> = thoughts.iter().map(String::as_str).collect();
            let sequence = generation(&ByteTokenizer::new(), style, &thoughts, &prefix, &targets).unwrap();
            check(&sequence);
            let num_targets = sequence.vq_labels.iter().filter(|&&label| label != IGNORED_LABEL).count();
            prop_assert_eq!(num_targets, targets.len());
            prop_assert_eq!(
                sequence.input_ids.len(),
                sequence.prompt_len as usize + prefix.len() + targets.len()
            );
            let num_specials = match style { PrefixStyle::Twig => 2, PrefixStyle::Janus => 4 };
            let specials = &sequence.input_ids[..sequence.prompt_len as usize];
            prop_assert_eq!(specials.iter().filter(|&&id| id >= 256).count(), num_specials);
        }

        #[test]
        fn chat_sequences_are_sound(question in ".{0,60}", answer in ".{0,60}", num_images in 0usize..3) {
            let mut parts = vec![ChatPart::Image; num_images];
            parts.push(ChatPart::Text(&question));
            let text = ByteTokenizer::new();
            let sequence = chat(&text, "", &parts, &answer, 576).unwrap();
            check(&sequence);
            let placeholder = text.special_ids(SpecialToken::ImagePlaceholder)[0];
            let num_places = sequence.input_ids.iter().filter(|&&id| id == placeholder).count();
            prop_assert_eq!(num_places, num_images * 576);
            let num_learnt = sequence.labels.iter().filter(|&&label| label != IGNORED_LABEL).count();
            prop_assert_eq!(num_learnt, 1 + answer.len() + 1);
            prop_assert!(sequence.vq_ids.iter().all(|&id| id == NO_IMAGE_TOKEN));
        }
    }
}
