//! Writes the shards of a release in one pass over the parts.
//!
//! Order: partitions as `order` says, prompts by their id within. A partition is a random sample of the prompts (ids
//! are hashes), so any prefix of the release is a fair sample.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use twig_model::{
    CritiquePair, DpoPair, JanusSample, Judgement, PromptGroup, SftSample, Trajectory, TrajectoryTokens,
};
use twig_shards::{
    Config, ImageTokenizer, ImageTokensRow, Judge, Manifest, PartWriter, RejectedRow, ReleaseTrajectory, Row,
    SCHEMA_VERSION, Shard, ShardMender, ShardWriter, Split, StageAccount, StepRow, TableReader,
    TextTokenizer, TokensRow,
};
use twig_tokens::{SpecialToken, layout::PrefixStyle};

use super::{
    order,
    samples::{Group, PartRow, Rows, SampleCounts},
    select::{Chosen, Selection, TrajectoryKey},
};
use crate::{error::RunError, job::Stage, partition::Partition, run::Run};

/// Trajectories that are turned into samples together.
const BATCH: usize = 32;

pub(super) struct Written {
    pub(super) configs: Vec<Config>,
    pub(super) samples: SampleCounts,
}

/// Which shards are written.
pub(super) enum Wanted<'a> {
    /// All of a new release.
    All { folder: &'a Path, target_bytes: u64 },
    /// Those of a finished release that are missing or damaged, by their paths.
    Missing { release: &'a Path, manifest: &'a Manifest, paths: &'a BTreeSet<String> },
}

impl Wanted<'_> {
    fn table<T: Row>(&self, split: &str) -> Table<T> {
        match self {
            Self::All { folder, target_bytes } => Table::New(ShardWriter::new(folder, split, *target_bytes)),
            Self::Missing { release, manifest, paths } => {
                let splits = manifest.config(T::TABLE).into_iter().flat_map(|config| &config.splits);
                let split = splits.into_iter().find(|found| found.name == split);
                Table::Again(ShardMender::new(release, split, |shard| paths.contains(&shard.path)))
            }
        }
    }
}

/// Where the rows of one split of one table go.
enum Table<T: Row> {
    New(ShardWriter<T>),
    Again(ShardMender<T>),
}

impl<T: Row> Table<T> {
    fn push_all(&mut self, rows: Vec<T>) -> Result<(), RunError> {
        let pushed = match self {
            Self::New(writer) => rows.into_iter().try_for_each(|row| writer.push(row)),
            Self::Again(mender) => rows.into_iter().try_for_each(|row| mender.push(row)),
        };
        pushed.map_err(RunError::from)
    }

    /// The shards of a new release.
    fn finish(self) -> Result<Vec<Shard>, RunError> {
        match self {
            Self::New(writer) => Ok(writer.finish()?),
            Self::Again(mender) => Ok(mender.finish().map(|()| Vec::new())?),
        }
    }
}

/// The tables of one split.
struct Tables {
    trajectories: Table<ReleaseTrajectory>,
    steps: Table<StepRow>,
    judgements: Table<Judgement>,
    tokens: Table<TokensRow>,
    sft: Table<SftSample>,
    janus: Table<JanusSample>,
    dpo: Table<DpoPair>,
    critique_dpo: Table<CritiquePair>,
    grpo: Table<PromptGroup>,
}

pub(super) fn shards(run: &Run, selection: &Selection, wanted: &Wanted) -> Result<Written, RunError> {
    let mut train = Tables::new(wanted, "train");
    let mut validation = Tables::new(wanted, "validation");
    let mut samples = SampleCounts::default();
    let path = run.job.folder.path().join("rejected/samples.parquet");
    let mut rejected = PartWriter::<RejectedRow>::create(&path)?;
    for index in order::order(&selection.composition, u64::from(run.settings.file.seed)) {
        let partition = Partition { index, of: run.job.record.partitions };
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
            let num_rows = batch.iter().map(|group| group.members.len() as u64).sum();
            let rows =
                batch.into_par_iter().map(|group| group.into_rows(run)).collect::<Result<Vec<_>, _>>()?;
            for rows in &rows {
                samples.count(rows);
                rows.rejected.iter().cloned().try_for_each(|row| rejected.push(row))?;
            }
            let (to_validation, to_train) = rows.into_iter().partition(|rows| rows.is_validation);
            train.push(to_train)?;
            validation.push(to_validation)?;
            run.events.progress(num_rows);
        }
    }
    rejected.commit()?;
    Ok(Written { configs: configs(train, validation)?, samples })
}

/// The rows of a partition, read side by side.
struct PartRows {
    trajectories: std::iter::Peekable<TableReader<Trajectory>>,
    tokens: std::iter::Peekable<TableReader<ImageTokensRow>>,
    judgements: HashMap<String, Vec<Judgement>>,
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
            trajectories: TableReader::open(&folder.part(Stage::Trajectories, partition))?.peekable(),
            tokens: TableReader::open(&folder.part(Stage::Tokens, partition))?.peekable(),
            judgements,
        })
    }

    /// About [`BATCH`] trajectories as groups of one prompt, which stand together in a part.
    fn next_batch(&mut self, chosen: &HashMap<TrajectoryKey, Chosen>) -> Result<Vec<Group>, RunError> {
        let (mut batch, mut num_rows) = (Vec::new(), 0);
        while num_rows < BATCH {
            let group = self.next_group(chosen)?;
            let Some(group) = group else { break };
            num_rows += group.members.len();
            if !group.members.is_empty() {
                batch.push(group);
            }
        }
        Ok(batch)
    }

    /// The chosen trajectories of the next prompt; `None` at the end of the part.
    fn next_group(&mut self, chosen: &HashMap<TrajectoryKey, Chosen>) -> Result<Option<Group>, RunError> {
        let Some(first) = self.trajectories.next() else { return Ok(None) };
        let first = first?;
        let prompt = first.prompt.id.clone();
        let mut group = Group { members: Vec::new() };
        self.add(first, chosen, &mut group)?;
        let is_of_prompt =
            |row: &Result<Trajectory, _>| row.as_ref().map_or(true, |row| row.prompt.id == prompt);
        while let Some(next) = self.trajectories.next_if(is_of_prompt) {
            self.add(next?, chosen, &mut group)?;
        }
        Ok(Some(group))
    }

    fn add(
        &mut self,
        trajectory: Trajectory,
        chosen: &HashMap<TrajectoryKey, Chosen>,
        group: &mut Group,
    ) -> Result<(), RunError> {
        let key = TrajectoryKey::from(&trajectory.id());
        let id = trajectory.id().to_string();
        let all_tokens = self.tokens_of(&id)?;
        let judgements = self.judgements.remove(&id).unwrap_or_default();
        if let Some(&chosen) = chosen.get(&key) {
            group.members.push(PartRow { chosen, trajectory, all_tokens, judgements });
        }
        Ok(())
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

impl Tables {
    fn new(wanted: &Wanted, split: &str) -> Self {
        Self {
            trajectories: wanted.table(split),
            steps: wanted.table(split),
            judgements: wanted.table(split),
            tokens: wanted.table(split),
            sft: wanted.table(split),
            janus: wanted.table(split),
            dpo: wanted.table(split),
            critique_dpo: wanted.table(split),
            grpo: wanted.table(split),
        }
    }

    /// Hands the rows to the tables, which encode side by side; each table sees them in order.
    fn push(&mut self, rows: Vec<Rows>) -> Result<(), RunError> {
        let mut all = Rows::default();
        for rows in rows {
            all.append(rows);
        }
        let ((a, b), (c, d)) = rayon::join(
            || {
                rayon::join(
                    || self.trajectories.push_all(all.trajectories),
                    || {
                        self.sft.push_all(all.sft)?;
                        self.dpo.push_all(all.dpo)
                    },
                )
            },
            || {
                rayon::join(
                    || self.janus.push_all(all.janus),
                    || {
                        self.steps.push_all(all.steps)?;
                        self.judgements.push_all(all.judgements)?;
                        self.tokens.push_all(all.tokens)?;
                        self.critique_dpo.push_all(all.critique_dpo)?;
                        self.grpo.push_all(all.grpo)
                    },
                )
            },
        );
        a.and(b).and(c).and(d)
    }
}

fn configs(train: Tables, validation: Tables) -> Result<Vec<Config>, RunError> {
    let configs = [
        config(train.trajectories, validation.trajectories)?,
        config(train.steps, validation.steps)?,
        config(train.judgements, validation.judgements)?,
        config(train.tokens, validation.tokens)?,
        config(train.sft, validation.sft)?,
        config(train.janus, validation.janus)?,
        config(train.dpo, validation.dpo)?,
        config(train.critique_dpo, validation.critique_dpo)?,
        config(train.grpo, validation.grpo)?,
    ];
    // A table without a row has no file, and `datasets` cannot load what has none.
    Ok(configs.into_iter().filter(|config| !config.splits.is_empty()).collect())
}

/// The table's splits; those without rows are left out.
fn config<T: Row>(train: Table<T>, validation: Table<T>) -> Result<Config, RunError> {
    let mut splits = Vec::new();
    for (name, table) in [("train", train), ("validation", validation)] {
        let shards = table.finish()?;
        if !shards.is_empty() {
            splits.push(Split { name: name.to_owned(), shards });
        }
    }
    Ok(Config { name: T::TABLE.to_owned(), splits })
}

pub(super) fn manifest(run: &Run, accounting: Vec<StageAccount>, configs: Vec<Config>) -> Manifest {
    let file = &run.settings.file;
    let tokenizers = run.tokenizers.iter().map(|tokenizer| ImageTokenizer {
        name: tokenizer.name().to_owned(),
        fingerprint: tokenizer.fingerprint().to_owned(),
        codebook_size: tokenizer.codebook_size(),
        grid: tokenizer.geometry().grid,
        image_size: tokenizer.geometry().image_size,
        placeholder: 0,
    });
    let judges = file.judgements.judges.iter().map(|(name, judge)| Judge {
        name: name.clone(),
        prompt_hash: crate::judgements::prompt_hash(&run.templates, judge.kind),
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
        accounting,
        configs,
    }
}

fn text_tokenizer(run: &Run) -> TextTokenizer {
    let text = &run.text_tokenizer;
    let special = |token: SpecialToken| match text.special_ids(token) {
        [id] => Some((token.name().to_owned(), *id as u32)),
        _ => None,
    };
    TextTokenizer {
        name: text.name().to_owned(),
        fingerprint: text.fingerprint().to_owned(),
        is_janus: text.is_janus(),
        special_ids: SpecialToken::ALL.into_iter().filter_map(special).collect(),
    }
}

/// The name of a prefix style in the pipeline file.
pub(super) fn prefix_name(prefix: PrefixStyle) -> &'static str {
    match prefix {
        PrefixStyle::Twig => "twig",
        PrefixStyle::Janus => "janus",
    }
}
