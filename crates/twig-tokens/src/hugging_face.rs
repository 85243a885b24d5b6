//! The byte tokenizer in the file format of Hugging Face's `tokenizers`: byte-level BPE without merges.
//!
//! Checked with the Python package (0.23.3), where this holds for any text without special tokens in it:
//!
//! ```python
//! tokenizer = tokenizers.Tokenizer.from_file("tokenizer.json")
//! assert tokenizer.get_vocab_size() == 264
//! assert tokenizer.encode(text, add_special_tokens=False).ids == list(text.encode())
//! assert tokenizer.encode(text).ids == [256] + list(text.encode())
//! assert tokenizer.decode(list(text.encode())) == text
//! assert tokenizer.encode("<|User|>: <begin_of_image>").ids == [256, 262, 58, 32, 259]
//! ```
//!
//! The test below keeps the bytes that were checked.

use serde_json::{Map, Value, json};

use crate::{SpecialToken, byte::NUM_BYTES};

/// `tokenizer.json` with the ids of `ByteTokenizer`.
pub(crate) fn byte_tokenizer_json() -> Value {
    let vocab: Map<String, Value> =
        byte_alphabet().into_iter().enumerate().map(|(id, symbol)| (symbol.to_string(), id.into())).collect();
    let special_id = |token: SpecialToken| NUM_BYTES + token as u32;
    let added_tokens: Vec<Value> = SpecialToken::ALL
        .map(|token| {
            json!({
                "id": special_id(token), "content": token.name(), "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false, "special": true,
            })
        })
        .to_vec();
    let bos = SpecialToken::BeginOfSentence;
    let bos_in_template = json!({ "SpecialToken": { "id": bos.name(), "type_id": 0 } });
    let bos_once = json!({ "id": bos.name(), "ids": [special_id(bos)], "tokens": [bos.name()] });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": null,
        // No regular expression: without merges there is nothing that words would keep apart.
        "pre_tokenizer": byte_level(),
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos_in_template, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [
                bos_in_template,
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "Sequence": { "id": "B", "type_id": 1 } },
            ],
            "special_tokens": { bos.name(): bos_once },
        },
        "decoder": byte_level(),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocab, "merges": [],
        },
    })
}

fn byte_level() -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false })
}

/// The character that stands for each byte in byte-level vocabularies: printable Latin-1 characters stand
/// for themselves, the other bytes in order for the characters from U+0100 on.
fn byte_alphabet() -> [char; 256] {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next_substitute = '\u{100}'..;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if is_printable(byte) {
            char::from(byte)
        } else {
            next_substitute.next().expect("at most 256 characters are taken from an endless range")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteTokenizer, TextTokenizer};

    #[test]
    fn the_file_is_the_one_that_was_checked() {
        let json = byte_tokenizer_json().to_string();
        let checked = "6baaf3192ad704cd3dbd3a672b75e0ec9315858c09c54a348a1c05c348c4e8c8";
        assert_eq!(blake3::hash(json.as_bytes()).to_hex().as_str(), checked);
        assert_eq!(ByteTokenizer::new().fingerprint(), checked);
    }

    #[test]
    fn the_alphabet_has_a_character_of_its_own_for_each_byte() {
        let alphabet = byte_alphabet();
        let distinct: std::collections::HashSet<char> = alphabet.into_iter().collect();
        assert_eq!(distinct.len(), 256);
        // The well-known ones: a space is Ġ, a line feed Ċ.
        assert_eq!(
            (alphabet[b' ' as usize], alphabet[b'\n' as usize], alphabet[b'a' as usize]),
            ('Ġ', 'Ċ', 'a')
        );
    }
}
