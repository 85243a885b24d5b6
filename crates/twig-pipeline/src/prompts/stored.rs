//! Prompt files in object stores. A file is fetched once and kept on this machine, by its address and version.

use std::{
    env,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern};
use twig_shards::{Remote, RemoteObject};

use super::PromptError;

/// As on disk: `*` stays within a folder, and a leading dot is no matter.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Copies of the files that an address names, in which `*`, `?` and `[…]` stand for several; in the order of names.
pub(super) fn files(address: &str) -> Result<Vec<PathBuf>, PromptError> {
    fetched(address, &cache())
}

fn fetched(address: &str, cache: &Path) -> Result<Vec<PathBuf>, PromptError> {
    let none = || PromptError::NoFile { pattern: address.to_owned(), base: "the store".to_owned() };
    let failed = |source| PromptError::Store { address: address.to_owned(), source };
    let (place, below) = split(address).ok_or_else(none)?;
    let pattern = Pattern::new(below).map_err(|_| none())?;
    let remote = Remote::open(place).map_err(failed)?;
    let mut objects = remote.list().map_err(failed)?;
    objects.retain(|object| pattern.matches_with(&object.name, MATCHING));
    if objects.is_empty() {
        return Err(none());
    }
    objects
        .iter()
        .map(|object| {
            let path = kept(cache, &remote.url_of(&object.name), object);
            if !path.metadata().is_ok_and(|found| found.len() == object.size) {
                remote.download(&object.name, &path).map_err(failed)?;
            }
            Ok(path)
        })
        .collect()
}

/// The folder of an address, and what of it is a name or a pattern.
fn split(address: &str) -> Option<(&str, &str)> {
    let bucket = address.find("://")? + 3;
    let end = address.find(['*', '?', '[']).unwrap_or(address.len());
    let slash = address[..end].rfind('/').filter(|slash| *slash >= bucket)?;
    let (place, below) = (&address[..slash], &address[slash + 1..]);
    (!below.is_empty()).then_some((place, below))
}

/// Where a copy lies. It bears the name of the original, which tells category and source.
fn kept(cache: &Path, url: &str, object: &RemoteObject) -> PathBuf {
    let key = blake3::hash(format!("{url}\n{}\n{}", object.version, object.size).as_bytes());
    let name = object.name.rsplit('/').next().unwrap_or_default();
    cache.join("prompts").join(&key.to_hex()[..16]).join(name)
}

/// `$TWIG_CACHE`, or the user's folder for caches.
fn cache() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("TWIG_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("twig")))
        .or_else(|| Some(folder("HOME")?.join(".cache/twig")))
        .unwrap_or_else(|| env::temp_dir().join("twig"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_address_ends_before_its_first_pattern() {
        assert_eq!(split("s3://b/p/*_train.txt"), Some(("s3://b/p", "*_train.txt")));
        assert_eq!(split("s3://b/p*/x.txt"), Some(("s3://b", "p*/x.txt")));
        assert_eq!(split("gs://b/p/x.txt"), Some(("gs://b/p", "x.txt")));
        assert_eq!(split("file:///a/x.txt"), Some(("file:///a", "x.txt")));
        assert_eq!((split("s3://bucket"), split("s3://b/")), (None, None));
    }

    #[test]
    fn files_of_a_store_are_found_by_pattern_and_fetched_again_when_they_change() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = |address: &str| fetched(address, cache.path());
        fs::create_dir(folder.path().join("deep")).unwrap();
        for name in ["b_train.txt", "a_train.txt", "notes.md", "deep/c_train.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let address = |below: &str| format!("file://{}/{below}", folder.path().display());
        let names = |below: &str| -> Vec<String> {
            let found = files(&address(below)).unwrap();
            found.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
        };
        assert_eq!(names("*_train.txt"), ["a_train.txt", "b_train.txt"]);
        assert_eq!(names("deep/c_train.txt"), ["deep/c_train.txt"]);
        assert_eq!(files(&address("*_train.txt")).unwrap()[0].file_name().unwrap(), "a_train.txt");
        fs::write(folder.path().join("a_train.txt"), "longer than before").unwrap();
        assert_eq!(names("a_*.txt"), ["longer than before"]);
        assert!(matches!(files(&address("none*")), Err(PromptError::NoFile { .. })));
        assert!(matches!(files("s3://"), Err(PromptError::NoFile { .. } | PromptError::Store { .. })));
    }
}
