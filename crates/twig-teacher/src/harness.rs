//! Doors for tests that throw any bytes at what reads untrusted ones; nothing may panic or hang.

use std::{fs::File, path::Path};

use crate::{
    openai::reply::{chat, image},
    store,
};

/// The body of a server's answer.
pub fn reply(bytes: &[u8]) {
    let _ = chat(bytes);
    let _ = image(bytes);
}

/// A file as a segment of the answer store.
pub fn segment(path: &Path) -> std::io::Result<()> {
    store::read_anything(path, &File::open(path)?);
    Ok(())
}
