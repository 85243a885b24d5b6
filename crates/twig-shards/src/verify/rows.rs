//! What a row of each table must fulfil by itself.

mod preferences;
mod samples;
mod trajectories;

use std::collections::HashMap;

use twig_model::{JudgeCriterion, Judgement};

use super::{pictures::PictureCheck, relations::RowKeys};
use crate::{Manifest, Row, TokensRow};

/// A row that can be checked.
pub(super) trait CheckedRow: Row {
    /// Its ids.
    fn keys(&self) -> RowKeys;

    /// Adds what is wrong with it.
    fn check(&self, rules: &Rules, problems: &mut Vec<String>);
}

/// What the manifest says that rows must fulfil.
pub(super) struct Rules {
    /// Version of the tables' schemas.
    pub(super) schema_version: u32,
    /// Tokenizers by name.
    tokenizers: HashMap<String, TokenRules>,
    /// Rules of the tokenizer that rows without a name mean.
    first: Option<TokenRules>,
    /// Id of the image placeholder among text ids, if the manifest tells it.
    image_placeholder: Option<i32>,
    pub(super) pictures: PictureCheck,
}

/// How many ids a picture has, and which.
#[derive(Debug, Clone, Copy)]
struct TokenRules {
    num_tokens: usize,
    codebook_size: u32,
    image_size: u32,
}

impl Rules {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let of = |tokenizer: &crate::ImageTokenizer| TokenRules {
            num_tokens: tokenizer.grid.rows as usize * tokenizer.grid.cols as usize,
            codebook_size: tokenizer.codebook_size,
            image_size: tokenizer.image_size,
        };
        let first = manifest.tokenizers.first().map(of);
        let text = manifest.text_tokenizer.as_ref();
        let placeholder = text.and_then(|text| text.special_ids.get("<image_placeholder>"));
        Self {
            schema_version: manifest.schema_version,
            tokenizers: manifest.tokenizers.iter().map(|t| (t.name.clone(), of(t))).collect(),
            first,
            image_placeholder: placeholder.and_then(|id| i32::try_from(*id).ok()),
            pictures: PictureCheck::new(first.map(|first| first.image_size)),
        }
    }

    /// Ids of a whole picture by the first tokenizer.
    fn num_tokens(&self) -> usize {
        self.first.map_or(0, |first| first.num_tokens)
    }

    /// Ids of the first tokenizer: as many as wanted, all of them codes.
    fn check_ids(&self, name: &str, ids: &[u32], wanted: usize, problems: &mut Vec<String>) {
        match &self.first {
            Some(rules) => rules.check_ids(name, ids, wanted, problems),
            None => problems.push(format!("{name} without a tokenizer in the manifest")),
        }
    }

    fn check_pictures<'a>(
        &self,
        name: &str,
        pictures: impl IntoIterator<Item = &'a twig_model::Picture>,
        problems: &mut Vec<String>,
    ) {
        let found = pictures.into_iter().filter_map(|picture| self.pictures.problem(picture));
        problems.extend(found.map(|what| format!("{name}: the picture {what}")));
    }
}

impl TokenRules {
    fn check_ids(self, name: &str, ids: &[u32], wanted: usize, problems: &mut Vec<String>) {
        if ids.len() != wanted {
            problems.push(format!("{name}: {} ids in place of {wanted}", ids.len()));
        }
        if let Some(id) = ids.iter().find(|id| **id >= self.codebook_size) {
            problems.push(format!("{name}: id {id} in a codebook of {}", self.codebook_size));
        }
    }
}

/// Adds a problem unless `holds`.
fn require(holds: bool, problems: &mut Vec<String>, what: impl FnOnce() -> String) {
    if !holds {
        problems.push(what());
    }
}

impl CheckedRow for Judgement {
    fn keys(&self) -> RowKeys {
        let region = self.region_index.map_or(String::new(), |index| index.to_string());
        let about = self.about.as_deref().unwrap_or_default();
        RowKeys::new(
            &[&self.trajectory_id, &self.judge, &region, self.criterion.as_str(), about],
            &self.trajectory_id,
        )
    }

    fn check(&self, _: &Rules, problems: &mut Vec<String>) {
        let most = match self.criterion {
            JudgeCriterion::Overall | JudgeCriterion::Question | JudgeCriterion::Comparison => 100,
            JudgeCriterion::Of(_) => 20,
        };
        require((0..=most).contains(&self.score), problems, || {
            format!("`{}` is scored {}, which is not within 0 to {most}", self.criterion, self.score)
        });
    }
}

impl CheckedRow for TokensRow {
    fn keys(&self) -> RowKeys {
        let image = self.image_index.map_or(String::new(), |index| index.to_string());
        RowKeys::new(&[&self.id, &self.tokenizer, &image], &self.id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        let Some(rules) = rules.tokenizers.get(&self.tokenizer) else {
            problems.push(format!("the manifest knows no tokenizer `{}`", self.tokenizer));
            return;
        };
        // How many a region has stands in `steps`; here it is only bounded.
        let wanted = if self.image_index.is_none() { rules.num_tokens } else { self.ids.len() };
        rules.check_ids("ids", &self.ids, wanted, problems);
        require((1..=rules.num_tokens).contains(&self.ids.len()), problems, || {
            format!("{} ids on a grid of {}", self.ids.len(), rules.num_tokens)
        });
    }
}
