//! Doors for tests that throw any bytes at what reads untrusted ones. Whatever comes in, nothing may panic, hang, or
//! take more memory than its limits say; what is made of the bytes does not matter.

use std::path::PathBuf;

use twig_model::Geometry;

use crate::{answers, inquiries, settings::Settings};

/// A teacher's answer, read as each of those that may be asked for.
pub fn answer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = answers::thoughts(&text, 3);
    let _ = answers::thought(&text);
    let _ = answers::critique(&text);
    let _ = answers::judgement(&text);
    let _ = inquiries::schedule(&text, Geometry::JANUS, 3);
    let _ = inquiries::questions(&text);
    let _ = inquiries::inspection(&text, 3);
    let _ = inquiries::probability(&text);
    let _ = inquiries::comparison(&text);
}

/// A pipeline file, and an argument of `--set`.
pub fn pipeline_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Settings::parse(&text, PathBuf::new(), &[]);
    if let Some((first, rest)) = text.split_once('\n') {
        let _ = Settings::parse(rest, PathBuf::new(), &[first.to_owned()]);
    }
}
