use std::fmt::Write as _;

use crate::{SpecialToken, TextError, TextTokenizer, hugging_face};

/// The embedded text tokenizer: ids 0 to 255 are the bytes of UTF-8, the special tokens follow in the order
/// of [`SpecialToken::ALL`].
///
/// It needs no file and no training, gives the text back exactly, and makes sequences that are four to five
/// times as long as Janus-Pro's own. Meant for trying things out, where no checkpoint is at hand.
#[derive(Debug, Clone)]
pub struct ByteTokenizer {
    fingerprint: String,
}

/// The number of plain ids, and the id of the first special token.
pub(crate) const NUM_BYTES: u32 = 256;

/// The ids of the special tokens, in the order of [`SpecialToken::ALL`].
const SPECIAL_IDS: [i32; SpecialToken::ALL.len()] = [256, 257, 258, 259, 260, 261, 262, 263];

impl ByteTokenizer {
    /// The tokenizer's name.
    pub const NAME: &str = "twig-bytes";

    /// The one tokenizer of this kind.
    pub fn new() -> Self {
        let json = hugging_face::byte_tokenizer_json().to_string();
        Self { fingerprint: blake3::hash(json.as_bytes()).to_hex().to_string() }
    }

    /// The same tokenizer as a `tokenizer.json` of Hugging Face's `tokenizers`.
    ///
    /// Two differences that lie in that library: it turns the name of a special token into that token
    /// wherever the text has it, and its `encode` puts BOS in front (as Janus-Pro's tokenizer does) unless
    /// told not to.
    pub fn tokenizer_json(&self) -> serde_json::Value {
        hugging_face::byte_tokenizer_json()
    }

    /// Ids as readable text: special tokens by name, bytes that are not UTF-8 and unknown ids as `\x…`.
    pub fn readable(&self, ids: &[i32]) -> String {
        let mut text = String::new();
        let mut bytes = Vec::new();
        for &id in ids {
            if let Ok(byte) = u8::try_from(id) {
                bytes.push(byte);
                continue;
            }
            flush(&mut bytes, &mut text);
            match SPECIAL_IDS.iter().position(|&special| special == id) {
                Some(position) => text.push_str(SpecialToken::ALL[position].name()),
                None => write!(text, "\\x{{{id}}}").expect("writing to a string cannot fail"),
            }
        }
        flush(&mut bytes, &mut text);
        text
    }
}

/// Moves the bytes collected so far into the text.
fn flush(bytes: &mut Vec<u8>, text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    bytes.clear();
}

impl Default for ByteTokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl TextTokenizer for ByteTokenizer {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn is_janus(&self) -> bool {
        false
    }

    fn vocab_size(&self) -> u32 {
        NUM_BYTES + SpecialToken::ALL.len() as u32
    }

    fn encode(&self, text: &str) -> Result<Vec<i32>, TextError> {
        Ok(text.bytes().map(i32::from).collect())
    }

    fn special_ids(&self, token: SpecialToken) -> &[i32] {
        std::slice::from_ref(&SPECIAL_IDS[token as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn special_tokens_follow_the_bytes_in_order() {
        let tokenizer = ByteTokenizer::new();
        let ids = SpecialToken::ALL.map(|token| tokenizer.special_ids(token).to_vec());
        assert_eq!(ids.concat(), (256..264).collect::<Vec<_>>());
        assert_eq!(tokenizer.vocab_size(), 264);
        for token in SpecialToken::ALL {
            assert_eq!(SpecialToken::from_name(token.name()), Some(token));
        }
    }

    #[test]
    fn the_name_of_a_special_token_in_a_prompt_is_text() {
        let ids = ByteTokenizer::new().encode("<|User|>");
        assert_eq!(ids.unwrap(), b"<|User|>".map(i32::from));
    }

    #[test]
    fn ids_that_are_no_text_stay_visible() {
        let text = ByteTokenizer::new().readable(&[104, 105, 0xc3, 263, 300, -100]);
        assert_eq!(text, r"hi\xc3<|Assistant|>\x{300}\x{-100}");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".*") {
            let tokenizer = ByteTokenizer::new();
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert!(ids.iter().all(|id| (0..256).contains(id)));
            prop_assert_eq!(tokenizer.readable(&ids), text);
        }
    }
}
