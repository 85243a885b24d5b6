//! What the card knows about each table.

use twig_model::{CritiquePair, DpoPair, JanusSample, Judgement, PromptGroup, SftSample};

use crate::{Column, Record, ReleaseTrajectory, Row, StepRow, TokensRow};

/// A table as the card describes it.
pub(super) struct TableText {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: Vec<Column>,
}

/// The text about a table of a release, if it is one of ours.
pub(super) fn table_text(name: &str) -> Option<TableText> {
    all().into_iter().find(|table| table.name == name)
}

fn all() -> [TableText; 9] {
    [
        text::<ReleaseTrajectory>(
            "one row a picture: prompt, every attempt at every region with thought and critique, the canvas after \
             each, and the image tokens",
        ),
        text::<StepRow>(
            "one row an attempt at a region, flat and without pictures: for Polars, DuckDB and statistics",
        ),
        text::<Judgement>("one row a number that a judge gave"),
        text::<TokensRow>("one row a picture and tokenizer: image token ids"),
        text::<SftSample>("chat samples of the understanding tasks for TRL, LLaMA-Factory and ms-swift"),
        text::<JanusSample>("samples of all tasks as ids, labels and pictures for Janus training loops"),
        text::<DpoPair>(
            "preference pairs: failed against better attempts at a region, best against worst picture of a prompt; \
             thoughts for TRL, pictures and ids for generators",
        ),
        text::<CritiquePair>(
            "preference pairs of critiques: that of the canvas shown against that of another attempt",
        ),
        text::<PromptGroup>(
            "one row a prompt: T2I-R1's columns, and the rewards and advantages of its pictures",
        ),
    ]
}

fn text<T: Row>(about: &'static str) -> TableText {
    TableText { name: T::TABLE, about, columns: T::Record::columns() }
}
