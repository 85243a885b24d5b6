//! Small JSON files of a job's folder, each with a seal: a hash of what stands before it, so that a changed byte is
//! found wherever it is.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::RunError;

const MARK: &str = ",\n  \"seal\": \"";
const END: &str = "\"\n}\n";

/// Writes an object as a whole or not at all.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let json = serde_json::to_string_pretty(value).map_err(|error| RunError::io(path, error.into()))?;
    // Pretty objects end with a line break and a brace.
    let content = json.strip_suffix("\n}").unwrap_or(&json);
    let sealed = format!("{content}{MARK}{}{END}", seal(content));
    twig_shards::atomic::write(path, sealed.as_bytes())?;
    Ok(())
}

/// The object that was written; `None` where a byte of it has changed.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let (content, rest) = text.rsplit_once(MARK)?;
    let is_sound = rest.strip_suffix(END)? == seal(content);
    is_sound.then(|| serde_json::from_str(&format!("{content}\n}}")).ok())?
}

fn seal(content: &str) -> String {
    blake3::hash(content.as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let value = BTreeMap::from([("rows", 12), ("rejected", 3)]);
        write(&path, &value).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let found: BTreeMap<String, i32> = read(&text).unwrap();
        assert_eq!((found["rows"], found["rejected"]), (12, 3));
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        for at in 0..text.len() {
            let mut spoilt = text.clone().into_bytes();
            spoilt[at] ^= 1;
            let spoilt = String::from_utf8(spoilt).unwrap();
            assert_eq!(read::<BTreeMap<String, i32>>(&spoilt), None, "bit at {at}");
        }
    }

    #[test]
    fn nested_objects_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let value = BTreeMap::from([(
            "a".to_owned(),
            BTreeMap::from([("b".to_owned(), BTreeMap::<String, u8>::new())]),
        )]);
        write(&path, &value).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(read::<BTreeMap<String, BTreeMap<String, BTreeMap<String, u8>>>>(&text), Some(value));
    }
}
