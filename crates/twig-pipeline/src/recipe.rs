//! What shapes the rows of a job besides its prompts; a plan needs it as much as a run.

use std::{path::Path, sync::Arc};

use twig_imaging::Rgb;
use twig_tokens::{
    ByteTokenizer, CheckpointText, ImageTokenizer, JanusVq, JanusVqSettings, PatchTokenizer, TextTokenizer,
};

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
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Result<Self, RunError> {
        let tokenizers = settings.file.tokens.tokenizers.iter().map(|one| tokenizer(one, &settings.base));
        Ok(Self {
            settings,
            templates: Templates::shipped()?,
            teachers: Teachers::new(&settings.file),
            tokenizers: tokenizers.collect::<Result<_, _>>()?,
        })
    }

    /// Colour of what is not painted yet: that of code 0 of the first tokenizer. With a slow one it takes some
    /// seconds when it is asked for first.
    pub(crate) fn placeholder(&self) -> Result<Rgb<u8>, RunError> {
        match self.tokenizers.first() {
            Some(tokenizer) => Ok(tokenizer.placeholder()?),
            None => Ok(Rgb([0; 3])),
        }
    }

    /// What the placeholder follows from.
    pub(crate) fn placeholder_source(&self) -> Option<&str> {
        self.tokenizers.first().map(|tokenizer| tokenizer.fingerprint())
    }
}

fn tokenizer(settings: &TokenizerSettings, base: &Path) -> Result<Arc<dyn ImageTokenizer>, RunError> {
    match settings {
        TokenizerSettings::Patch {} => Ok(Arc::new(PatchTokenizer::embedded()?)),
        TokenizerSettings::JanusVq { name, checkpoint, threads, batch } => {
            let settings = JanusVqSettings { threads: *threads, batch: *batch, ..JanusVqSettings::default() };
            Ok(Arc::new(JanusVq::open(name, &base.join(checkpoint), settings)?))
        }
    }
}

/// The text tokenizer of the release.
pub(crate) fn text_tokenizer(settings: &Settings) -> Result<Box<dyn TextTokenizer>, RunError> {
    match &settings.file.release.text_tokenizer {
        Some(path) => Ok(Box::new(CheckpointText::open(&settings.base.join(path))?)),
        None => Ok(Box::new(ByteTokenizer::new())),
    }
}
