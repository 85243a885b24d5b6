//! What the card knows about each table.

use twig_model::{CritiquePair, DpoPair, JanusSample, Judgement, PromptGroup, SftSample};

use crate::{Column, ReleaseTrajectory, Row, StepRow, TokensRow, versions::columns_of};

/// A table as the card describes it.
pub(super) struct TableText {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: Vec<Column>,
}

/// The text about a table of a release, if it is one of ours. Columns are those of the release's version.
pub(super) fn table_text(name: &str, version: u32) -> Option<TableText> {
    all(version).into_iter().find(|table| table.name == name)
}

fn all(version: u32) -> [TableText; 9] {
    [
        text::<ReleaseTrajectory>(
            version,
            "one row a picture: prompt, every attempt at every region with thought and critique, the canvas after \
             each, and the image tokens",
        ),
        text::<StepRow>(
            version,
            "one row an attempt at a region, flat and without pictures: for Polars, DuckDB and statistics",
        ),
        text::<Judgement>(version, "one row a number that a judge gave"),
        text::<TokensRow>(version, "one row a picture and tokenizer: image token ids"),
        text::<SftSample>(
            version,
            "chat samples of the understanding tasks for TRL, LLaMA-Factory and ms-swift",
        ),
        text::<JanusSample>(
            version,
            "samples of all tasks as ids, labels and pictures for Janus training loops",
        ),
        text::<DpoPair>(
            version,
            "preference pairs: failed against better attempts at a region, best against worst picture of a prompt; \
             thoughts for TRL, pictures and ids for generators",
        ),
        text::<CritiquePair>(
            version,
            "preference pairs of critiques: that of the canvas shown against that of another attempt",
        ),
        text::<PromptGroup>(
            version,
            "one row a prompt: T2I-R1's columns, and the rewards and advantages of its pictures",
        ),
    ]
}

fn text<T: Row>(version: u32, about: &'static str) -> TableText {
    TableText { name: T::TABLE, about, columns: columns_of::<T>(version) }
}
