//! The embedded teacher: reads a prompt as a scene, draws it from open artwork, makes the mistakes it is told
//! to make, and as critic and judge measures pixels.
//!
//! Prompt → [`grammar`] → scene → [`layout`] → thoughts ([`thinker`]) and picture ([`painter`], with the
//! [`mistake`]s of the settings). The [`critic`] shares the artwork and the grammar with them, as anybody does
//! who knows what a duck looks like, but never the scene that was painted, its seeds or its mistakes.
//!
//! Deliberately absent: networks, clocks, files, stages; every answer is a function of settings and request.

mod areas;
mod artwork;
mod backdrop;
pub mod benchmark;
mod color;
mod coverage;
mod critic;
mod dice;
mod fitting;
mod grammar;
mod inquiry;
mod inspection;
mod layout;
mod lexicon;
mod mentions;
mod mistake;
mod nouns;
mod painter;
mod palette;
mod pattern;
mod percept;
mod reading;
mod scene;
mod settings;
mod sheet;
mod solid;
mod sprite;
mod surface;
mod teacher;
mod template;
#[cfg(test)]
mod tests;
mod thinker;

pub use coverage::readability;
pub use mentions::mentions;
pub use mistake::{Mistake, MistakeKind};
pub use settings::{Faults, ProceduralSettings};
pub use sheet::{Exhibit, contact_sheet};
pub use teacher::ProceduralTeacher;
