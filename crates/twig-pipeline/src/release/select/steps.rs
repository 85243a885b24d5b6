//! The steps of a selection, in order: evaluation pictures, gates, `where`, near duplicates, quotas.

use std::{collections::HashMap, fs};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use twig_imaging::{DecodeLimits, Likeness, crops, decode};
use twig_model::RejectReason;
use twig_shards::Filter;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    TrajectoryKey, marks,
    rows::{Candidates, Row},
};
use crate::{
    error::RunError,
    near::{Link, Pictures, Sketches, links, links_to_known, repeated},
    settings::{MarkedRows, Settings},
};

/// What one step does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Pictures of evaluation sets.
    Contaminated,
    /// Marks that people set.
    Marks(MarkedRows),
    /// A gate of this bit.
    Gate(u8, String),
    /// A clause of `where` of this bit.
    Where(u8, String),
    NearThoughts(f64),
    NearPictures(f64),
    PerPrompt(u32),
    PerCategory,
    Balance,
    Top(u32),
}

/// Why a row is not published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Removal {
    /// Which of the steps.
    pub(super) step: u8,
    pub(super) cause: Cause,
}

/// What a row had to give way to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cause {
    /// The evaluation picture of this index, and how alike it is.
    Evaluation(u32, f32),
    Gate,
    Where,
    Mark,
    /// The row of this index, which stays, and how alike it is.
    Near(u32, f32),
    Quota,
}

impl Removal {
    pub(super) fn reason(&self) -> RejectReason {
        match self.cause {
            Cause::Evaluation(..) => RejectReason::Contaminated,
            Cause::Gate => RejectReason::TextGate,
            Cause::Where | Cause::Mark => RejectReason::Filtered,
            Cause::Near(..) => RejectReason::NearDuplicate,
            Cause::Quota => RejectReason::OverQuota,
        }
    }
}

impl Step {
    /// The steps that the settings ask for.
    pub(super) fn all(settings: &Settings) -> Vec<Self> {
        let (file, select) = (&settings.file, &settings.file.select);
        let texts = |filter: &Option<Filter>| -> Vec<String> {
            let clauses = filter.iter().flat_map(Filter::clauses);
            clauses.map(|clause| clause.text().to_owned()).collect()
        };
        let gates = texts(&settings.gates);
        let num_gates = gates.len() as u8;
        let mut steps = Vec::new();
        steps.extend((!file.decontaminate.against.is_empty()).then_some(Self::Contaminated));
        steps.extend((0..).zip(gates).map(|(bit, text)| Self::Gate(bit, text)));
        steps.extend((num_gates..).zip(texts(&settings.condition)).map(|(bit, text)| Self::Where(bit, text)));
        steps.extend(select.marks.map(Self::Marks));
        steps.extend(select.near_thoughts.map(Self::NearThoughts));
        steps.extend(select.near_pictures.map(Self::NearPictures));
        steps.extend(select.per_prompt.map(Self::PerPrompt));
        steps.extend(
            (select.per_category.is_some() || !select.quotas.is_empty()).then_some(Self::PerCategory),
        );
        steps.extend(select.balance.then_some(Self::Balance));
        steps.extend(select.top.map(Self::Top));
        steps
    }

    /// The field of the pipeline file, with its value.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Contaminated => "decontaminate.against (pictures)".to_owned(),
            Self::Marks(MarkedRows::Drop) => "marks: drop".to_owned(),
            Self::Marks(MarkedRows::Keep) => "marks: keep".to_owned(),
            Self::Gate(_, text) => format!("gates: {text}"),
            Self::Where(_, text) => format!("where: {text}"),
            Self::NearThoughts(threshold) => format!("near_thoughts: {threshold}"),
            Self::NearPictures(threshold) => format!("near_pictures: {threshold}"),
            Self::PerPrompt(most) => format!("per_prompt: {most}"),
            Self::PerCategory => "per_category, quotas".to_owned(),
            Self::Balance => "balance".to_owned(),
            Self::Top(most) => format!("top: {most}"),
        }
    }
}

/// The steps of a job's selection with what they compare, which is found once.
pub(super) struct Steps<'a> {
    pub(super) all: Vec<Step>,
    candidates: &'a Candidates,
    settings: &'a Settings,
    /// Rows by rank: the best first.
    ranked: Vec<u32>,
    /// By step: the links between rows, as ranks, or to evaluation pictures.
    links: Vec<Vec<Link>>,
    /// Names of the evaluation pictures, each as often as it has crops.
    evaluation: Vec<String>,
    /// Marks that people set, if they are asked for.
    marks: HashMap<TrajectoryKey, MarkedRows>,
}

impl<'a> Steps<'a> {
    /// Compares what is to be compared.
    pub(super) fn prepare(settings: &'a Settings, candidates: &'a Candidates) -> Result<Self, RunError> {
        let (steps, rows) = (Step::all(settings), &candidates.rows);
        let ranked = ranked(rows, settings.file.seed);
        let row_at = |rank: usize| ranked[rank] as usize;
        let mut evaluation = Vec::new();
        let mut all_links = Vec::with_capacity(steps.len());
        for step in &steps {
            all_links.push(match step {
                Step::NearThoughts(threshold) => {
                    links(&Sketches::new(rows.len(), *threshold, |rank| candidates.sketches[row_at(rank)]))
                }
                Step::NearPictures(threshold) => {
                    links(&Pictures::new(rows.len(), *threshold, |rank| candidates.looks[row_at(rank)]))
                }
                Step::Contaminated => {
                    let known;
                    (evaluation, known) = evaluation_pictures(settings)?;
                    let likeness_of = |index: usize| match index.checked_sub(known.len()) {
                        None => Some(known[index]),
                        Some(row) => candidates.looks[row],
                    };
                    let threshold = settings.file.decontaminate.picture_similarity;
                    let pictures = Pictures::new(known.len() + rows.len(), threshold, likeness_of);
                    links_to_known(&pictures, known.len())
                }
                Step::Marks(_)
                | Step::Gate(..)
                | Step::Where(..)
                | Step::PerPrompt(_)
                | Step::PerCategory
                | Step::Balance
                | Step::Top(_) => Vec::new(),
            });
        }
        let marks = marks::read(settings)?;
        Ok(Self { all: steps, candidates, settings, ranked, links: all_links, evaluation, marks })
    }

    /// The steps in order, each on what those before have left.
    pub(super) fn removals(&self) -> Vec<Option<Removal>> {
        let mut removals: Vec<Option<Removal>> = vec![None; self.candidates.rows.len()];
        for step in 0..self.all.len() {
            let is_left: Vec<bool> = removals.iter().map(Option::is_none).collect();
            for (row, cause) in self.removed_by(step, &is_left) {
                removals[row as usize] = Some(Removal { step: step as u8, cause });
            }
        }
        removals
    }

    /// How many rows a step would remove if it were the only one.
    pub(super) fn alone(&self, step: usize) -> u64 {
        self.removed_by(step, &vec![true; self.candidates.rows.len()]).len() as u64
    }

    /// The name of an evaluation picture.
    pub(super) fn evaluation_name(&self, index: u32) -> &str {
        self.evaluation.get(index as usize).map_or("", String::as_str)
    }

    /// The rows that a step removes of those that are left, each once.
    fn removed_by(&self, step: usize, is_left: &[bool]) -> Vec<(u32, Cause)> {
        let failing = |bit: u8, cause| {
            let failed = self.left(is_left).filter(|(_, row)| row.failed >> bit & 1 == 1);
            failed.map(|(index, _)| (index, cause)).collect()
        };
        let select = &self.settings.file.select;
        match &self.all[step] {
            Step::Contaminated => self.contaminated(step, is_left),
            Step::Marks(decide) => {
                let goes = |row: &Row| match self.marks.get(&row.key) {
                    Some(MarkedRows::Drop) => true,
                    Some(MarkedRows::Keep) => false,
                    None => *decide == MarkedRows::Keep,
                };
                let marked = self.left(is_left).filter(|(_, row)| goes(row));
                marked.map(|(index, _)| (index, Cause::Mark)).collect()
            }
            Step::Gate(bit, _) => failing(*bit, Cause::Gate),
            Step::Where(bit, _) => failing(*bit, Cause::Where),
            Step::NearThoughts(_) | Step::NearPictures(_) => self.near(step, is_left),
            Step::PerPrompt(most) => self.beyond(is_left, |row| (row.key.prompt, Some(*most))),
            Step::PerCategory => self.beyond(is_left, |row| {
                let quota = select.quotas.get(self.candidates.categories.name(row.category)).copied();
                (u64::from(row.category), quota.or(select.per_category))
            }),
            Step::Balance => {
                let mut counts: HashMap<u16, u32> = HashMap::new();
                self.left(is_left).for_each(|(_, row)| *counts.entry(row.category).or_insert(0) += 1);
                let fewest = counts.values().min().copied();
                self.beyond(is_left, |row| (u64::from(row.category), fewest))
            }
            Step::Top(most) => self.beyond(is_left, |_| (0, Some(*most))),
        }
    }

    fn left(&self, is_left: &[bool]) -> impl Iterator<Item = (u32, &Row)> {
        (0..).zip(&self.candidates.rows).zip(is_left).filter(|(_, is_left)| **is_left).map(|(row, _)| row)
    }

    fn contaminated(&self, step: usize, is_left: &[bool]) -> Vec<(u32, Cause)> {
        let known = self.evaluation.len() as u32;
        let nearest = self.links[step]
            .chunk_by(|a, b| a.row == b.row)
            .filter_map(|of_row| of_row.iter().max_by(|a, b| a.similarity.total_cmp(&b.similarity)));
        nearest
            .map(|link| (link.row - known, Cause::Evaluation(link.earlier, link.similarity)))
            .filter(|(row, _)| is_left[*row as usize])
            .collect()
    }

    fn near(&self, step: usize, is_left: &[bool]) -> Vec<(u32, Cause)> {
        let row = |rank: u32| self.ranked[rank as usize];
        let is_left = |rank: u32| is_left[row(rank) as usize];
        let links: Vec<Link> = (self.links[step].iter())
            .filter(|link| is_left(link.row) && is_left(link.earlier))
            .copied()
            .collect();
        let cause = |link: Link| (row(link.row), Cause::Near(row(link.earlier), link.similarity));
        repeated(&links).into_iter().map(cause).collect()
    }

    /// The rows beyond the quota of their group, the best of which stay.
    fn beyond(&self, is_left: &[bool], group: impl Fn(&Row) -> (u64, Option<u32>)) -> Vec<(u32, Cause)> {
        let mut taken: HashMap<u64, u32> = HashMap::new();
        let mut beyond = Vec::new();
        for &index in self.ranked.iter().filter(|index| is_left[**index as usize]) {
            let (group, most) = group(&self.candidates.rows[index as usize]);
            let taken = taken.entry(group).or_insert(0);
            *taken += 1;
            if most.is_some_and(|most| *taken > most) {
                beyond.push((index, Cause::Quota));
            }
        }
        beyond
    }
}

/// Rows by reward, then by their weakest region, then by lot.
fn ranked(rows: &[Row], seed: u32) -> Vec<u32> {
    let mut ranked: Vec<u32> = (0..rows.len() as u32).collect();
    let lot = |row: &Row| {
        let sample = u64::from(seed) << 32 | u64::from(row.key.sample_index);
        (xxh3_64_with_seed(&row.key.prompt.to_le_bytes(), sample), row.key)
    };
    ranked.sort_by(|a, b| {
        let (a, b) = (&rows[*a as usize], &rows[*b as usize]);
        let scores = |row: &Row| (row.reward, row.min_step_score);
        scores(b).cmp(&scores(a)).then_with(|| lot(a).cmp(&lot(b)))
    });
    ranked
}

/// How the evaluation pictures look, whole and cropped, with the name of each one's file.
fn evaluation_pictures(settings: &Settings) -> Result<(Vec<String>, Vec<Likeness>), RunError> {
    let files = settings.file.decontaminate.picture_files(&settings.base)?;
    let looks = files.into_par_iter().map(|path| -> Result<(String, Vec<Likeness>), RunError> {
        let bytes = fs::read(&path).map_err(|source| RunError::io(&path, source))?;
        let picture = decode(&bytes, &DecodeLimits::default())
            .map_err(|source| RunError::EvaluationPicture { path: path.clone(), source })?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let looks = crops(&picture).iter().map(Likeness::of).collect::<Vec<_>>();
        Ok((name, looks))
    });
    let looks: Vec<(String, Vec<Likeness>)> = looks.collect::<Result<_, RunError>>()?;
    let all =
        looks.into_iter().flat_map(|(name, looks)| looks.into_iter().map(move |look| (name.clone(), look)));
    Ok(all.unzip())
}

/// What the evaluation pictures show, for the fingerprint of the release.
pub(crate) fn evaluation_digest(settings: &Settings) -> Result<Vec<String>, RunError> {
    let (names, looks) = evaluation_pictures(settings)?;
    Ok(names.into_iter().zip(looks).map(|(name, look)| format!("{name} {}", look.to_hex())).collect())
}
