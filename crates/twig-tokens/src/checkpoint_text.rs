use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use tokenizers::{AddedToken, Tokenizer};

use crate::{SpecialToken, TextError, TextTokenizer};

/// The text tokenizer of a checkpoint: its `tokenizer.json`, in the format of Hugging Face's `tokenizers`.
///
/// Ids of special tokens are looked up by name; they differ between the checkpoints of Janus-Pro.
#[derive(Debug)]
pub struct CheckpointText {
    tokenizer: Tokenizer,
    fingerprint: String,
    is_janus: bool,
    vocab_size: u32,
    /// In the order of [`SpecialToken::ALL`].
    special_ids: [Vec<i32>; SpecialToken::ALL.len()],
}

/// Why a checkpoint's tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointTextError {
    /// No file, or one that cannot be read.
    #[error("cannot read {path}; give the folder of a checkpoint, or its tokenizer.json", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// Far larger than any tokenizer.
    #[error("{path} has more than {MAX_BYTES} bytes, which no tokenizer has", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not in the format of `tokenizers`.
    #[error("{path} is no tokenizer.json: {what}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        what: String,
    },
    /// The tokenizer of another kind of model.
    #[error(
        "{path} is not the tokenizer of a Janus checkpoint: it has no {}", missing.join(", "),
        path = path.display()
    )]
    MissingTokens {
        /// The file.
        path: PathBuf,
        /// The tokens that are not in it.
        missing: Vec<&'static str>,
    },
}

/// Janus-Pro's has 5 MB.
const MAX_BYTES: u64 = 256 << 20;

impl CheckpointText {
    /// Reads the tokenizer of a checkpoint: its folder, or the file itself.
    ///
    /// It counts as Janus's if the `config.json` beside it is that of a Janus model, as the authors
    /// (`multi_modality`) or Hugging Face (`janus`) have it.
    pub fn open(path: &Path) -> Result<Self, CheckpointTextError> {
        let file = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
        let json = read(&file)?;
        let malformed = |what: String| CheckpointTextError::Malformed { path: file.clone(), what };
        let mut tokenizer = Tokenizer::from_bytes(&json).map_err(|error| malformed(error.to_string()))?;
        // Lengths are the release's affair.
        tokenizer.with_truncation(None).map_err(|error| malformed(error.to_string()))?;
        tokenizer.with_padding(None);
        let special_ids = special_ids(&mut tokenizer).map_err(|error| match error {
            Lookup::Missing(missing) => CheckpointTextError::MissingTokens { path: file.clone(), missing },
            Lookup::Unencodable(what) => malformed(what),
        })?;
        Ok(Self {
            fingerprint: blake3::hash(&json).to_hex().to_string(),
            is_janus: is_janus(&file.with_file_name("config.json")),
            vocab_size: vocab_size(&tokenizer),
            tokenizer,
            special_ids,
        })
    }

    /// The text of ids, special tokens by name.
    pub fn decode(&self, ids: &[i32]) -> Result<String, TextError> {
        let known: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.tokenizer.decode(&known, false).map_err(|error| failed("", &error))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointTextError> {
    let unreadable = |source| CheckpointTextError::Unreadable { path: path.to_owned(), source };
    let mut json = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut json).map_err(unreadable)?;
    if json.len() as u64 > MAX_BYTES {
        return Err(CheckpointTextError::TooLarge { path: path.to_owned() });
    }
    Ok(json)
}

enum Lookup {
    Missing(Vec<&'static str>),
    Unencodable(String),
}

/// Looks the special tokens up and makes sure that none of them is ever found in plain text.
fn special_ids(tokenizer: &mut Tokenizer) -> Result<[Vec<i32>; SpecialToken::ALL.len()], Lookup> {
    let unencodable = |error: tokenizers::Error| Lookup::Unencodable(error.to_string());
    let ids = SpecialToken::ALL.map(|token| tokenizer.token_to_id(token.name()).map(|id| id as i32));
    let known = SpecialToken::ALL.into_iter().zip(&ids);
    let missing: Vec<&str> = known
        .clone()
        .filter(|(token, id)| id.is_none() && !token.is_speaker())
        .map(|(token, _)| token.name())
        .collect();
    if !missing.is_empty() {
        return Err(Lookup::Missing(missing));
    }
    // Some checkpoints list them as added but not as special; only special ones are passed over in text.
    let present = known.filter(|(_, id)| id.is_some());
    let tokens: Vec<AddedToken> = present.map(|(token, _)| AddedToken::from(token.name(), true)).collect();
    tokenizer.add_special_tokens(tokens).map_err(unencodable)?;
    tokenizer.set_encode_special_tokens(true);
    let mut all: [Vec<i32>; SpecialToken::ALL.len()] = Default::default();
    for ((token, id), all) in SpecialToken::ALL.into_iter().zip(ids).zip(&mut all) {
        *all = match id {
            Some(id) => vec![id],
            None => encoded(tokenizer, token.name()).map_err(unencodable)?,
        };
    }
    Ok(all)
}

fn encoded(tokenizer: &Tokenizer, text: &str) -> Result<Vec<i32>, tokenizers::Error> {
    let encoding = tokenizer.encode_fast(text, false)?;
    Ok(encoding.get_ids().iter().map(|&id| id as i32).collect())
}

/// One more than the largest id: added tokens may leave gaps.
fn vocab_size(tokenizer: &Tokenizer) -> u32 {
    tokenizer.get_vocab(true).into_values().max().map_or(0, |largest| largest + 1)
}

fn is_janus(config: &Path) -> bool {
    let config = std::fs::read(config).ok().and_then(|json| serde_json::from_slice(&json).ok());
    config.is_some_and(|config: serde_json::Value| {
        matches!(config["model_type"].as_str(), Some("multi_modality" | "janus"))
    })
}

fn failed(text: &str, error: &tokenizers::Error) -> TextError {
    TextError {
        tokenizer: CheckpointText::NAME.to_owned(),
        text: text.chars().take(60).collect(),
        what: error.to_string(),
    }
}

impl CheckpointText {
    /// The tokenizer's name; which checkpoint's it is, the fingerprint tells.
    pub const NAME: &str = "tokenizer.json";
}

impl TextTokenizer for CheckpointText {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn is_janus(&self) -> bool {
        self.is_janus
    }

    fn vocab_size(&self) -> u32 {
        self.vocab_size
    }

    fn encode(&self, text: &str) -> Result<Vec<i32>, TextError> {
        encoded(&self.tokenizer, text).map_err(|error| failed(text, &error))
    }

    fn special_ids(&self, token: SpecialToken) -> &[i32] {
        &self.special_ids[token as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        ByteTokenizer,
        layout::{PrefixStyle, generation},
    };

    /// A folder with a byte-level tokenizer that merges `th`, `the` and ` the`, its special tokens in the reverse
    /// of our order.
    fn checkpoint(change: impl Fn(&mut Value)) -> tempfile::TempDir {
        let mut json = ByteTokenizer::new().tokenizer_json();
        let tokens = json["added_tokens"].as_array_mut().unwrap();
        tokens.reverse();
        for (token, id) in tokens.iter_mut().zip(259..) {
            token["id"] = id.into();
        }
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        for (id, merged) in [(256, "th"), (257, "the"), (258, "Ġthe")] {
            vocab.insert(merged.to_owned(), id.into());
        }
        json["model"]["merges"] = json!([["t", "h"], ["th", "e"], ["Ġ", "the"]]);
        json["post_processor"]["special_tokens"] = json!({
            "<｜begin▁of▁sentence｜>":
                { "id": "<｜begin▁of▁sentence｜>", "ids": [266], "tokens": ["<｜begin▁of▁sentence｜>"] }
        });
        change(&mut json);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
        fs::write(folder.path().join("config.json"), r#"{"model_type": "multi_modality"}"#).unwrap();
        folder
    }

    /// Where a special token stands in the file.
    fn position(token: SpecialToken) -> usize {
        SpecialToken::ALL.len() - 1 - token as usize
    }

    #[test]
    fn special_ids_are_those_of_the_file() {
        let folder = checkpoint(|_| {});
        let tokenizer = CheckpointText::open(folder.path()).unwrap();
        let ids = SpecialToken::ALL.map(|token| tokenizer.special_ids(token).to_vec());
        assert_eq!(ids.concat(), (259..267).rev().collect::<Vec<_>>());
        assert_eq!(tokenizer.vocab_size(), 267);
        assert!(tokenizer.is_janus());
        fs::remove_file(folder.path().join("config.json")).unwrap();
        assert!(!CheckpointText::open(&folder.path().join("tokenizer.json")).unwrap().is_janus());
    }

    #[test]
    fn text_merges_and_never_becomes_a_special_token() {
        let tokenizer = CheckpointText::open(checkpoint(|_| {}).path()).unwrap();
        assert_eq!(tokenizer.encode("the the").unwrap(), [257, 258]);
        assert_eq!(tokenizer.encode("<|User|>").unwrap(), b"<|User|>".map(i32::from));
        // Listed as added but not as special, as some checkpoints have it.
        let plain =
            |json: &mut Value| json["added_tokens"][position(SpecialToken::User)]["special"] = false.into();
        let tokenizer = CheckpointText::open(checkpoint(plain).path()).unwrap();
        assert_eq!(tokenizer.encode("<|User|>").unwrap(), b"<|User|>".map(i32::from));
        assert_eq!(tokenizer.special_ids(SpecialToken::User), [260]);
    }

    #[test]
    fn speakers_may_be_plain_words_and_nothing_else_may() {
        let without = |token| {
            move |json: &mut Value| {
                json["added_tokens"].as_array_mut().unwrap().remove(position(token));
            }
        };
        let tokenizer = CheckpointText::open(checkpoint(without(SpecialToken::User)).path()).unwrap();
        assert_eq!(tokenizer.special_ids(SpecialToken::User), b"<|User|>".map(i32::from));
        let folder = checkpoint(without(SpecialToken::BeginOfImage));
        let refusal = CheckpointText::open(folder.path()).unwrap_err().to_string();
        assert!(refusal.ends_with("it has no <begin_of_image>"), "{refusal}");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_with_what_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = CheckpointText::open(folder.path()).unwrap_err().to_string();
        assert!(refusal.ends_with("tokenizer.json; give the folder of a checkpoint, or its tokenizer.json"));
        fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        let refusal = CheckpointText::open(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("is no tokenizer.json: "), "{refusal}");
    }

    proptest! {
        /// A sequence laid out piece by piece has the ids that the library gives for the whole text, which is
        /// what the released code encodes.
        #[test]
        fn a_prefix_is_what_the_library_makes_of_the_whole_text(
            thoughts in prop::collection::vec("[a-zé .,]{0,30}", 1..4),
            is_twig: bool,
        ) {
            let folder = checkpoint(|_| {});
            let tokenizer = CheckpointText::open(folder.path()).unwrap();
            let library = Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
            let (style, user, assistant) = if is_twig {
                (PrefixStyle::Twig, "User", "Assistant")
            } else {
                (PrefixStyle::Janus, "<|User|>", "<|Assistant|>")
            };
            let thoughts: Vec<&str> = thoughts.iter().map(String::as_str).collect();
            let text = format!("{user}: {}\n\n{assistant}:<begin_of_image>", thoughts.join(" "));
            let wanted = library.encode(text, true).unwrap();
            let sequence = generation(&tokenizer, style, &thoughts, &[], &[7]).unwrap();
            let wanted: Vec<i32> = wanted.get_ids().iter().map(|&id| id as i32).collect();
            prop_assert_eq!(&sequence.input_ids[..sequence.prompt_len as usize], &wanted);
        }
    }
}
