//! Writes the shards of a release in one pass over the parts.
//!
//! Order: partitions shuffled by the seed, prompts by their id within. A partition is a random sample of the
//! prompts (ids are hashes), so any prefix of the release is a fair sample.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use twig_model::{JanusSample, Judgement, SftSample, TaskKind, Trajectory, TrajectoryTokens};
use twig_samples::{MixWeights, SampleSettings, Samples, samples_of};
use twig_shards::{
    Config, ImageTokenizer, ImageTokensRow, Judge, Manifest, ReleaseTrajectory, Row, SCHEMA_VERSION,
    ShardWriter, Split, StageAccount, StepRow, TableReader, TextTokenizer, TokensRow,
};
use twig_tokens::{SpecialToken, layout::PrefixStyle};

use super::select::{Chosen, Selection};
use crate::{error::RunError, job::Stage, partition::Partition, run::Run};

/// Trajectories that are turned into samples together.
const BATCH: usize = 32;

/// Training samples of a release.
#[derive(Debug, Default)]
pub(super) struct SampleCounts(BTreeMap<(TaskKind, u32), u64>);

impl SampleCounts {
    /// By task, over all regions.
    pub(super) fn by_task(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((task, _), count) in &self.0 {
            *counts.entry(task.as_str().to_owned()).or_insert(0) += count;
        }
        counts
    }

    /// By task and region, counted from 1 as in the paper: `think 1`.
    pub(super) fn by_region(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|((task, k), count)| (format!("{} {}", task.as_str(), k + 1), *count)).collect()
    }
}

pub(super) struct Written {
    pub(super) configs: Vec<Config>,
    pub(super) samples: SampleCounts,
}

/// The shard writers of one split.
struct Writers {
    trajectories: ShardWriter<ReleaseTrajectory>,
    steps: ShardWriter<StepRow>,
    judgements: ShardWriter<Judgement>,
    tokens: ShardWriter<TokensRow>,
    sft: ShardWriter<SftSample>,
    janus: ShardWriter<JanusSample>,
}

/// All rows that one trajectory gives.
struct Rows {
    is_validation: bool,
    trajectory: ReleaseTrajectory,
    steps: Vec<StepRow>,
    judgements: Vec<Judgement>,
    tokens: Vec<TokensRow>,
    samples: Samples,
}

pub(super) fn shards(run: &Run, selection: &Selection, folder: &Path) -> Result<Written, RunError> {
    let target_bytes = u64::from(run.settings.file.release.shard_mb) * 1_000_000;
    let mut train = Writers::new(folder, "train", target_bytes);
    let mut validation = Writers::new(folder, "validation", target_bytes);
    let mut samples = SampleCounts::default();
    for partition in shuffled(run) {
        let Some(chosen) = selection.chosen.get(&partition.index) else { continue };
        let mut part = PartRows::open(run, partition)?;
        loop {
            if run.stop.is_requested() {
                return Err(RunError::Interrupted);
            }
            let batch = part.next_batch(chosen)?;
            if batch.is_empty() {
                break;
            }
            let num_rows = batch.len() as u64;
            let rows = batch.into_par_iter().map(|row| row.into_rows(run)).collect::<Result<Vec<_>, _>>()?;
            for janus in rows.iter().flat_map(|row| &row.samples.janus) {
                *samples.0.entry((janus.head.task, janus.head.region_index)).or_insert(0) += 1;
            }
            let (to_validation, to_train) = rows.into_iter().partition(|row| row.is_validation);
            train.push(to_train)?;
            validation.push(to_validation)?;
            run.events.progress(num_rows);
        }
    }
    Ok(Written { configs: configs(train, validation)?, samples })
}

/// Partitions in an order drawn by the seed.
fn shuffled(run: &Run) -> Vec<Partition> {
    let mut partitions: Vec<Partition> = run.job.partitions().collect();
    let seed = u64::from(run.settings.file.seed);
    let lot =
        |partition: &Partition| xxhash_rust::xxh3::xxh3_64_with_seed(&partition.index.to_le_bytes(), seed);
    partitions.sort_by_key(|partition| (lot(partition), partition.index));
    partitions
}

/// The rows of a partition, read side by side.
struct PartRows {
    trajectories: TableReader<Trajectory>,
    tokens: std::iter::Peekable<TableReader<ImageTokensRow>>,
    judgements: HashMap<String, Vec<Judgement>>,
}

/// A chosen trajectory with what belongs to it.
struct PartRow {
    chosen: Chosen,
    trajectory: Trajectory,
    tokens: Vec<TrajectoryTokens>,
    judgements: Vec<Judgement>,
}

impl PartRows {
    fn open(run: &Run, partition: Partition) -> Result<Self, RunError> {
        let folder = &run.job.folder;
        let mut judgements: HashMap<String, Vec<Judgement>> = HashMap::new();
        for row in TableReader::<Judgement>::open(&folder.part(Stage::Judgements, partition))? {
            let row = row?;
            judgements.entry(row.trajectory_id.clone()).or_default().push(row);
        }
        Ok(Self {
            trajectories: TableReader::open(&folder.part(Stage::Trajectories, partition))?,
            tokens: TableReader::open(&folder.part(Stage::Tokens, partition))?.peekable(),
            judgements,
        })
    }

    fn next_batch(&mut self, chosen: &HashMap<String, Chosen>) -> Result<Vec<PartRow>, RunError> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(trajectory) = self.trajectories.next() else { break };
            let trajectory = trajectory?;
            let id = trajectory.id().to_string();
            let tokens = self.tokens_of(&id)?;
            let judgements = self.judgements.remove(&id).unwrap_or_default();
            if let Some(&chosen) = chosen.get(&id) {
                batch.push(PartRow { chosen, trajectory, tokens, judgements });
            }
        }
        Ok(batch)
    }

    /// The next rows of tokens, if they are this trajectory's: both parts are in the same order.
    fn tokens_of(&mut self, id: &str) -> Result<Vec<TrajectoryTokens>, RunError> {
        let mut tokens = Vec::new();
        let is_its =
            |row: &Result<ImageTokensRow, _>| row.as_ref().map_or(true, |row| row.trajectory_id == id);
        while let Some(row) = self.tokens.next_if(is_its) {
            tokens.push(row?.into_tokens());
        }
        Ok(tokens)
    }
}

impl PartRow {
    fn into_rows(self, run: &Run) -> Result<Rows, RunError> {
        let Self { chosen, trajectory, tokens: all_tokens, judgements } = self;
        let id = trajectory.id().to_string();
        let first = all_tokens.first().ok_or_else(|| RunError::Accounting(format!("{id} has no tokens")))?;
        let samples =
            samples_of(&trajectory, first, chosen.reward, &sample_settings(run), &run.text_tokenizer)
                .map_err(|mismatch| RunError::Accounting(mismatch.to_string()))?;
        let trajectory = ReleaseTrajectory { tokens: Some(first.clone()), trajectory, reward: chosen.reward };
        Ok(Rows {
            is_validation: chosen.is_validation,
            steps: StepRow::all_of(&trajectory),
            tokens: all_tokens.iter().flat_map(|tokens| TokensRow::all_of(&id, tokens)).collect(),
            trajectory,
            judgements,
            samples,
        })
    }
}

fn sample_settings(run: &Run) -> SampleSettings {
    let release = &run.settings.file.release;
    let mix =
        MixWeights { think: release.mix.think, reflect: release.mix.reflect, generate: release.mix.generate };
    SampleSettings { prefix: release.prefix, mix, seed: u64::from(run.settings.file.seed) }
}

impl Writers {
    fn new(folder: &Path, split: &str, target_bytes: u64) -> Self {
        Self {
            trajectories: ShardWriter::new(folder, split, target_bytes),
            steps: ShardWriter::new(folder, split, target_bytes),
            judgements: ShardWriter::new(folder, split, target_bytes),
            tokens: ShardWriter::new(folder, split, target_bytes),
            sft: ShardWriter::new(folder, split, target_bytes),
            janus: ShardWriter::new(folder, split, target_bytes),
        }
    }

    /// Hands the rows to the tables, which encode side by side; each table sees them in order.
    fn push(&mut self, rows: Vec<Rows>) -> Result<(), RunError> {
        let (mut trajectories, mut steps, mut judgements, mut tokens) = (vec![], vec![], vec![], vec![]);
        let (mut sft, mut janus) = (vec![], vec![]);
        for row in rows {
            trajectories.push(row.trajectory);
            steps.extend(row.steps);
            judgements.extend(row.judgements);
            tokens.extend(row.tokens);
            sft.extend(row.samples.sft);
            janus.extend(row.samples.janus);
        }
        let ((a, b), (c, d)) = rayon::join(
            || {
                rayon::join(
                    || push_all(&mut self.trajectories, trajectories),
                    || push_all(&mut self.sft, sft),
                )
            },
            || {
                rayon::join(
                    || push_all(&mut self.janus, janus),
                    || {
                        push_all(&mut self.steps, steps)?;
                        push_all(&mut self.judgements, judgements)?;
                        push_all(&mut self.tokens, tokens)
                    },
                )
            },
        );
        a.and(b).and(c).and(d)
    }
}

fn push_all<T: Row>(writer: &mut ShardWriter<T>, rows: Vec<T>) -> Result<(), RunError> {
    rows.into_iter().try_for_each(|row| writer.push(row)).map_err(RunError::from)
}

fn configs(train: Writers, validation: Writers) -> Result<Vec<Config>, RunError> {
    Ok(vec![
        config(train.trajectories, validation.trajectories)?,
        config(train.steps, validation.steps)?,
        config(train.judgements, validation.judgements)?,
        config(train.tokens, validation.tokens)?,
        config(train.sft, validation.sft)?,
        config(train.janus, validation.janus)?,
    ])
}

/// The table's splits; those without rows are left out.
fn config<T: Row>(train: ShardWriter<T>, validation: ShardWriter<T>) -> Result<Config, RunError> {
    let mut splits = Vec::new();
    for (name, writer) in [("train", train), ("validation", validation)] {
        let shards = writer.finish()?;
        if !shards.is_empty() {
            splits.push(Split { name: name.to_owned(), shards });
        }
    }
    Ok(Config { name: T::TABLE.to_owned(), splits })
}

pub(super) fn manifest(
    run: &Run,
    accounts: &[StageAccount],
    release: &StageAccount,
    configs: Vec<Config>,
) -> Manifest {
    let file = &run.settings.file;
    let tokenizers = run.tokenizers.iter().map(|tokenizer| ImageTokenizer {
        name: tokenizer.name().to_owned(),
        fingerprint: tokenizer.fingerprint().to_owned(),
        codebook_size: tokenizer.codebook_size(),
        grid: tokenizer.geometry().grid,
        image_size: tokenizer.geometry().image_size,
        placeholder: 0,
    });
    let judge_template = run.templates.hash("judge");
    let judges = file.judgements.judges.iter().map(|(name, judge)| Judge {
        name: name.clone(),
        prompt_hash: judge_template.clone(),
        weight: judge.weight,
    });
    Manifest {
        schema_version: SCHEMA_VERSION,
        program: concat!("twig ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings_hash: run.settings.hash(),
        seed: u64::from(file.seed),
        prefix_style: prefix_name(file.release.prefix).to_owned(),
        tokenizers: tokenizers.collect(),
        text_tokenizer: Some(text_tokenizer(run)),
        templates: run.templates.hashes().into_iter().collect(),
        judges: judges.collect(),
        accounting: accounts.iter().chain([release]).cloned().collect(),
        configs,
    }
}

fn text_tokenizer(run: &Run) -> TextTokenizer {
    use twig_tokens::TextTokenizer as _;
    let special =
        |token: SpecialToken| (token.name().to_owned(), run.text_tokenizer.special_id(token) as u32);
    TextTokenizer {
        name: run.text_tokenizer.name().to_owned(),
        fingerprint: run.text_tokenizer.fingerprint().to_owned(),
        is_janus: false,
        special_ids: SpecialToken::ALL.into_iter().map(special).collect(),
    }
}

/// The name of a prefix style in the pipeline file.
pub(super) fn prefix_name(prefix: PrefixStyle) -> &'static str {
    match prefix {
        PrefixStyle::Twig => "twig",
        PrefixStyle::Janus => "janus",
    }
}
