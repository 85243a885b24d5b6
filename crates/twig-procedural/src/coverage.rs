//! Which prompts are understood.

use crate::grammar;

/// Whether a prompt is understood, else why not: the words outside the vocabulary, or what else is wrong.
pub fn readability(prompt: &str) -> Result<(), String> {
    grammar::read(prompt).map(|_| ()).map_err(|unreadable| unreadable.to_string())
}
