//! What shapes the rows of a job besides its prompts; a plan needs it as much as a run.

use std::sync::Arc;

use twig_imaging::Rgb;
use twig_tokens::{ByteTokenizer, CheckpointText, ImageTokenizer, PatchTokenizer, TextTokenizer};

use crate::{
    error::RunError,
    settings::{Settings, TokenizerSettings},
    teachers::Teachers,
    templates::Templates,
};

/// The settings of a job, and what they name.
pub(crate) struct Recipe<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) templates: Templates,
    pub(crate) teachers: Teachers,
    pub(crate) tokenizers: Vec<Arc<dyn ImageTokenizer>>,
    /// Colour of what is not painted yet: that of code 0 of the first tokenizer.
    pub(crate) placeholder: Rgb<u8>,
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Result<Self, RunError> {
        let tokenizers: Vec<_> =
            settings.file.tokens.tokenizers.iter().copied().map(tokenizer).collect::<Result<_, _>>()?;
        Ok(Self {
            settings,
            templates: Templates::shipped()?,
            teachers: Teachers::new(&settings.file),
            placeholder: tokenizers.first().map_or(Rgb([0; 3]), |tokenizer| tokenizer.placeholder()),
            tokenizers,
        })
    }
}

fn tokenizer(settings: TokenizerSettings) -> Result<Arc<dyn ImageTokenizer>, RunError> {
    match settings {
        TokenizerSettings::Patch => Ok(Arc::new(PatchTokenizer::embedded()?)),
    }
}

/// The text tokenizer of the release.
pub(crate) fn text_tokenizer(settings: &Settings) -> Result<Box<dyn TextTokenizer>, RunError> {
    match &settings.file.release.text_tokenizer {
        Some(path) => Ok(Box::new(CheckpointText::open(&settings.base.join(path))?)),
        None => Ok(Box::new(ByteTokenizer::new())),
    }
}
