//! The rows that a selection chooses among: 40 bytes each, and what thoughts (65 bytes) and pictures (117) are known by
//! where the selection compares them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use twig_imaging::Likeness;
use twig_model::{JudgeCriterion, Judgement, Ratings, Score, weighted_reward};
use twig_shards::{
    Filter, MeasureRow, Row as _, SelectionRow, TableReader, TrajectorySummary, read_text_columns,
};

use super::{TrajectoryKey, steps::Step};
use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    near::Sketch,
    partition::Partition,
    settings::{Settings, TokenScope},
};

/// A trajectory that could be published: it was judged.
pub(super) struct Row {
    pub(super) key: TrajectoryKey,
    pub(super) partition: u32,
    pub(super) category: u16,
    pub(super) painter: u16,
    pub(super) reward: Score,
    pub(super) min_step_score: Score,
    /// A bit for each clause of [`Settings::clauses`] that it fails.
    pub(super) failed: u64,
    /// Whether it has tokens, or still may get them. What is selected and has none was rejected by the stage
    /// before, and is neither published nor counted.
    pub(super) is_encoded: bool,
}

/// Partitions read side by side: enough for every core, few enough to hold.
const READ_TOGETHER: usize = 32;

/// All rows in the order of partitions and ids, and what was seen while reading them.
pub(super) struct Candidates {
    pub(super) rows: Vec<Row>,
    /// What the thoughts of each row are known by; empty where no step compares them.
    pub(super) sketches: Vec<Option<Sketch>>,
    /// What the picture of each row is known by; empty where no step compares them.
    pub(super) looks: Vec<Option<Likeness>>,
    pub(super) categories: Names,
    pub(super) painters: Names,
    /// How often each judge, and the critic, gave which score.
    pub(super) scores: BTreeMap<String, ScoreCounts>,
    /// What pictures kept after encoding and decoding, in hundredths of a decibel, by tokenizer.
    pub(super) psnr_millibels: BTreeMap<String, Vec<i32>>,
    /// What judges and critic said of the same pictures.
    pub(super) ratings: Ratings,
}

/// How far the stage of tokens is when rows are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Every trajectory was to be encoded; those without tokens were rejected there.
    All,
    /// Those were to be encoded that this selection takes.
    Selected,
    /// Nothing is encoded yet.
    NotYet,
}

impl Encoding {
    /// Once the stage is done.
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.file.tokens.scope() {
            TokenScope::All => Self::All,
            TokenScope::Selected => Self::Selected,
        }
    }
}

/// What the steps of a selection compare rows by.
struct Compares {
    thoughts: bool,
    pictures: bool,
}

impl Compares {
    fn of(settings: &Settings) -> Self {
        let steps = Step::all(settings);
        let has = |is_one: fn(&Step) -> bool| steps.iter().any(is_one);
        Self {
            thoughts: has(|step| matches!(step, Step::NearThoughts(_))),
            pictures: has(|step| matches!(step, Step::NearPictures(_) | Step::Contaminated)),
        }
    }
}

/// How often each score from 0 to 100 was given.
pub(super) type ScoreCounts = [u64; 101];

/// Names that many rows share, as numbers.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    fn number(&mut self, name: &str) -> u16 {
        let found = self.0.iter().position(|known| known == name);
        found.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        }) as u16
    }

    pub(super) fn name(&self, number: u16) -> &str {
        self.0.get(number as usize).map_or("", String::as_str)
    }
}

impl Candidates {
    /// Reads the small columns of the committed parts.
    pub(super) fn load(
        settings: &Settings,
        folder: &JobFolder,
        partitions: &[Partition],
        encoding: Encoding,
    ) -> Result<Self, RunError> {
        let mut all = Self {
            rows: Vec::new(),
            sketches: Vec::new(),
            looks: Vec::new(),
            categories: Names::default(),
            painters: Names::default(),
            scores: BTreeMap::new(),
            psnr_millibels: BTreeMap::new(),
            ratings: Ratings::default(),
        };
        for some in partitions.chunks(READ_TOGETHER) {
            let parts = some.par_iter().map(|partition| Part::read(settings, folder, *partition, encoding));
            parts.collect::<Result<Vec<_>, _>>()?.into_iter().for_each(|part| all.add(part));
        }
        Ok(all)
    }

    fn add(&mut self, part: Part) {
        for (judge, counts) in part.scores {
            let sums = self.scores.entry(judge).or_insert([0; 101]);
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        for (tokenizer, losses) in part.encoded.psnr_millibels {
            self.psnr_millibels.entry(tokenizer).or_default().extend(losses);
        }
        self.ratings.merge(part.ratings);
        self.sketches.extend(part.sketches);
        self.looks.extend(part.looks);
        for PartRow { mut row, category, painter } in part.rows {
            row.category = self.categories.number(&category);
            row.painter = self.painters.number(&painter);
            self.rows.push(row);
        }
    }
}

/// What a partition gives.
struct Part {
    rows: Vec<PartRow>,
    sketches: Vec<Option<Sketch>>,
    looks: Vec<Option<Likeness>>,
    scores: BTreeMap<String, ScoreCounts>,
    encoded: Encoded,
    ratings: Ratings,
}

/// A row whose names are not numbered yet.
struct PartRow {
    row: Row,
    category: Arc<str>,
    painter: Arc<str>,
}

impl Part {
    fn read(
        settings: &Settings,
        folder: &JobFolder,
        partition: Partition,
        encoding: Encoding,
    ) -> Result<Self, RunError> {
        let mut scores = BTreeMap::new();
        let verdicts = verdicts(folder, partition, &mut scores)?;
        let mut ratings = Ratings::default();
        let encoded = match encoding {
            Encoding::All | Encoding::Selected => Encoded::read(folder, partition)?,
            Encoding::NotYet => Encoded::default(),
        };
        let summaries = TableReader::<TrajectorySummary>::open(&folder.part(Stage::Trajectories, partition))?;
        let mut measures = TableReader::<MeasureRow>::open(&folder.part(Stage::Measures, partition))?;
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        let (mut sketches, mut looks, compares) = (Vec::new(), Vec::new(), Compares::of(settings));
        let mut shared = SharedNames::default();
        for summary in summaries {
            let summary = summary?;
            let measure = measures.next().transpose()?.filter(|measure| measure.id == summary.id);
            let measure =
                measure.ok_or_else(|| RunError::Accounting(format!("{} was not measured", summary.id)))?;
            // Those without a reward were rejected by the stage before, and so were those without tokens, if all
            // were to get them.
            let Some(verdicts) = verdicts.get(&summary.id) else { continue };
            let Some(reward) = reward(settings, verdicts) else { continue };
            let is_encoded = encoding == Encoding::NotYet || encoded.ids.contains(&summary.id);
            if encoding == Encoding::All && !is_encoded {
                continue;
            }
            count(&mut scores, "the critic", measure.step_scores.iter().copied());
            let judges: Vec<(&str, u8)> =
                verdicts.iter().map(|(judge, score)| (&**judge, score.get() as u8)).collect();
            let critic = [("the critic's lowest score", summary.min_step_score.get() as u8)];
            ratings.add(&judges, &critic, measure.faulty_regions.map(|regions| regions > 0));
            let malformed = |error: twig_shards::Malformed| RunError::Accounting(error.to_string());
            let row = Row {
                key: TrajectoryKey {
                    prompt: summary.prompt_id().map_err(malformed)?.hash(),
                    sample_index: summary.sample_index,
                },
                partition: partition.index,
                category: 0,
                painter: 0,
                reward,
                min_step_score: summary.min_step_score,
                failed: 0,
                is_encoded,
            };
            if compares.thoughts {
                sketches.push(Sketch::from_hex(&measure.thought_sketch));
            }
            if compares.pictures {
                looks.push(measure.likeness.as_deref().and_then(Likeness::from_hex));
            }
            rows.push(PartRow {
                row,
                category: shared.of(&summary.category),
                painter: shared.of(&summary.painter),
            });
            columns.push(selection_row(summary, measure, reward));
        }
        mark_failed(settings, &mut rows, columns)?;
        Ok(Self { rows, sketches, looks, scores, encoded, ratings })
    }
}

/// Names of a partition, each held once.
#[derive(Default)]
struct SharedNames(HashSet<Arc<str>>);

impl SharedNames {
    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.0.insert(name.clone());
        name
    }
}

/// Evaluates every clause on all rows of a partition.
fn mark_failed(
    settings: &Settings,
    rows: &mut [PartRow],
    columns: Vec<SelectionRow>,
) -> Result<(), RunError> {
    let batch = SelectionRow::to_batch(columns);
    let clauses = [&settings.gates, &settings.condition].into_iter().flatten().flat_map(Filter::clauses);
    for (bit, clause) in clauses.enumerate() {
        let passes = clause.passes(&batch).map_err(|error| {
            RunError::Accounting(format!("`{}` cannot be evaluated: {error}", clause.text()))
        })?;
        for (row, passes) in rows.iter_mut().zip(passes.values()) {
            row.row.failed |= u64::from(!passes) << bit;
        }
    }
    Ok(())
}

fn selection_row(summary: TrajectorySummary, measure: MeasureRow, reward: Score) -> SelectionRow {
    SelectionRow {
        id: summary.id,
        reward,
        min_step_score: summary.min_step_score,
        attempts: summary.attempts,
        num_regions: summary.num_steps,
        num_reflections: summary.attempts.saturating_sub(summary.num_steps),
        sample_index: summary.sample_index,
        category: summary.category,
        mode: summary.mode,
        painter: summary.painter,
        prompt: summary.prompt,
        prompt_words: measure.prompt_words,
        thought_words_min: measure.thought_words_min,
        thought_words_max: measure.thought_words_max,
        critique_words_min: measure.critique_words_min,
        language: measure.language,
        banned: measure.banned,
        repetition: measure.repetition,
        leakage: measure.leakage,
        coverage: measure.coverage,
    }
}

fn count(scores: &mut BTreeMap<String, ScoreCounts>, judge: &str, values: impl Iterator<Item = u32>) {
    if !scores.contains_key(judge) {
        scores.insert(judge.to_owned(), [0; 101]);
    }
    if let Some(counts) = scores.get_mut(judge) {
        values.for_each(|score| counts[(score as usize).min(100)] += 1);
    }
}

/// Judges with their scores of one trajectory.
type Verdicts = Vec<(Arc<str>, Score)>;

/// What every judge gave every trajectory of a partition as a whole.
fn verdicts(
    folder: &JobFolder,
    partition: Partition,
    counts: &mut BTreeMap<String, ScoreCounts>,
) -> Result<HashMap<String, Verdicts>, RunError> {
    let mut names = SharedNames::default();
    let mut verdicts: HashMap<String, Verdicts> = HashMap::new();
    for row in TableReader::<Judgement>::open(&folder.part(Stage::Judgements, partition))? {
        let Judgement { trajectory_id, region_index, judge, criterion, score, .. } = row?;
        if region_index.is_some() || criterion != JudgeCriterion::Overall {
            continue;
        }
        let score = Score::new(i64::from(score)).map_err(|error| RunError::Accounting(error.to_string()))?;
        count(counts, &format!("the judge `{judge}`"), std::iter::once(score.get() as u32));
        verdicts.entry(trajectory_id).or_default().push((names.of(&judge), score));
    }
    Ok(verdicts)
}

/// The weighted mean of verdicts.
fn reward(settings: &Settings, verdicts: &[(Arc<str>, Score)]) -> Option<Score> {
    let judges = &settings.file.judgements.judges;
    let weight = |judge: &str| judges.get(judge).map_or(0, |judge| judge.weight);
    let weighted: Vec<_> = verdicts.iter().map(|(judge, score)| (*score, weight(judge))).collect();
    weighted_reward(&weighted)
}

/// What the stage of tokens says of a partition.
#[derive(Default)]
struct Encoded {
    /// Trajectories whose pictures could be encoded.
    ids: HashSet<String>,
    psnr_millibels: BTreeMap<String, Vec<i32>>,
}

impl Encoded {
    /// Reads no image tokens.
    fn read(folder: &JobFolder, partition: Partition) -> Result<Self, RunError> {
        let mut encoded = Self::default();
        let columns = ["trajectory_id", "tokenizer", "psnr_millibels"];
        for row in read_text_columns(&folder.part(Stage::Tokens, partition), &columns)? {
            let Ok([Some(id), Some(tokenizer), psnr]) = <[_; 3]>::try_from(row?) else { continue };
            if let Some(millibels) = psnr.and_then(|psnr| psnr.parse().ok()) {
                encoded.psnr_millibels.entry(tokenizer).or_default().push(millibels);
            }
            encoded.ids.insert(id);
        }
        Ok(encoded)
    }
}
