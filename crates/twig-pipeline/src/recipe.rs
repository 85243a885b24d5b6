//! What shapes the rows of a job besides its prompts; a plan needs it as much as a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use twig_imaging::Rgb;
use twig_tokens::{
    ByteTokenizer, CheckpointText, ImageTokenizer, JanusDevice, JanusVq, JanusVqSettings, PatchTokenizer,
    TextTokenizer,
};

use crate::{
    error::RunError,
    settings::{DeviceName, Settings, TokenizerSettings},
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
            templates: Templates::new(&settings.file.templates)?,
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
        TokenizerSettings::JanusVq { name, checkpoint, threads, batch, device } => {
            let device = match device {
                DeviceName::Cpu => JanusDevice::Cpu,
                DeviceName::Cuda => JanusDevice::Cuda,
            };
            let (threads, batch) = (*threads, *batch);
            let settings = JanusVqSettings { threads, batch, device, ..JanusVqSettings::default() };
            Ok(Arc::new(JanusVq::open(name, &base.join(checkpoint), settings)?))
        }
    }
}

/// The text tokenizer of the release: the one that it names, else that of the checkpoint of the first image
/// tokenizer, else the embedded one.
pub(crate) fn text_tokenizer(settings: &Settings) -> Result<Box<dyn TextTokenizer>, RunError> {
    let named = settings.file.release.text_tokenizer.as_ref().map(|path| settings.base.join(path));
    match named.or_else(|| beside_first_tokenizer(settings)) {
        Some(path) => Ok(Box::new(CheckpointText::open(&path)?)),
        None => Ok(Box::new(ByteTokenizer::new())),
    }
}

/// The checkpoint of the first image tokenizer, if a text tokenizer lies there too.
fn beside_first_tokenizer(settings: &Settings) -> Option<PathBuf> {
    match settings.file.tokens.tokenizers.first()? {
        TokenizerSettings::Patch {} => None,
        TokenizerSettings::JanusVq { checkpoint, .. } => {
            let folder = settings.base.join(checkpoint);
            folder.join("tokenizer.json").exists().then_some(folder)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "\
version: 1
name: test
output: out
prompts: {files: [a.txt]}
teachers: {studio: {kind: procedural}}
roles: {thinker: studio, painter: studio, critic: studio}
judgements: {judges: {studio: {teacher: studio}}}
tokens: {tokenizers: [{kind: janus_vq, checkpoint: checkpoint}]}
";

    #[test]
    fn the_text_tokenizer_is_the_one_named_or_that_of_the_checkpoint_or_the_embedded_one() {
        let base = tempfile::tempdir().unwrap();
        let name = |overrides: &[&str]| {
            let overrides: Vec<String> = overrides.iter().map(|&one| one.to_owned()).collect();
            let settings = Settings::parse(JOB, base.path().to_owned(), &overrides).unwrap();
            text_tokenizer(&settings).map(|tokenizer| tokenizer.name().to_owned())
        };
        assert_eq!(name(&[]).unwrap(), ByteTokenizer::NAME);
        let folder = base.path().join("checkpoint");
        std::fs::create_dir(&folder).unwrap();
        let json = ByteTokenizer::new().tokenizer_json().to_string();
        std::fs::write(folder.join("tokenizer.json"), json).unwrap();
        assert_eq!(name(&[]).unwrap(), CheckpointText::NAME);
        assert_eq!(name(&["tokens.tokenizers=[{kind: patch}]"]).unwrap(), ByteTokenizer::NAME);
        assert!(name(&["release.text_tokenizer=elsewhere"]).is_err());
        assert_eq!(
            name(&["release.text_tokenizer=checkpoint/tokenizer.json"]).unwrap(),
            CheckpointText::NAME
        );
    }
}
