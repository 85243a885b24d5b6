//! From the pictures of one prompt to the rows of every table: what stands in a part, and what is worked out.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use twig_imaging::encode_png;
use twig_model::{
    CritiquePair, DpoPair, JanusSample, Judgement, Picture, PromptGroup, RejectReason, SftSample, TaskKind,
    Trajectory, TrajectoryTokens,
};
use twig_samples::{
    Member, MixWeights, RejectedSample, SampleError, SampleSettings, best_and_worst, canvas_ids, group_of,
    redo_pairs, samples_of,
};
use twig_shards::{RejectedRow, ReleaseTrajectory, StageAccount, StepRow, TokensRow};
use twig_tokens::ImageTokenizer;

use super::select::Chosen;
use crate::{error::RunError, run::Run, settings::CanvasView};

/// Training samples of a release.
#[derive(Debug, Default)]
pub(super) struct SampleCounts {
    written: BTreeMap<(TaskKind, u32), u64>,
    rejected: BTreeMap<RejectReason, u64>,
}

impl SampleCounts {
    pub(super) fn count(&mut self, rows: &Rows) {
        for janus in &rows.janus {
            *self.written.entry((janus.head.task, janus.head.region_index)).or_insert(0) += 1;
        }
        for row in &rows.rejected {
            *self.rejected.entry(row.reason).or_insert(0) += 1;
        }
    }

    /// By task, over all regions.
    pub(super) fn by_task(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((task, _), count) in &self.written {
            *counts.entry(task.as_str().to_owned()).or_insert(0) += count;
        }
        counts
    }

    /// By task and region, counted from 1 as in the paper: `think 1`.
    pub(super) fn by_region(&self) -> BTreeMap<String, u64> {
        self.written
            .iter()
            .map(|((task, k), count)| (format!("{} {}", task.as_str(), k + 1), *count))
            .collect()
    }

    /// Samples that the published trajectories could give, and what became of them.
    pub(super) fn account(&self) -> StageAccount {
        let rows_out = self.written.values().sum();
        StageAccount {
            stage: StageAccount::SAMPLES.to_owned(),
            rows_in: rows_out + self.rejected.values().sum::<u64>(),
            rows_out,
            rejected: self.rejected.clone(),
        }
    }
}

/// A chosen trajectory with what belongs to it.
pub(super) struct PartRow {
    pub(super) chosen: Chosen,
    pub(super) trajectory: Trajectory,
    pub(super) all_tokens: Vec<TrajectoryTokens>,
    pub(super) judgements: Vec<Judgement>,
}

/// The chosen trajectories of one prompt, in the order of their samples. All are in the same split.
pub(super) struct Group {
    pub(super) members: Vec<PartRow>,
}

/// Rows of every table.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) is_validation: bool,
    pub(super) trajectories: Vec<ReleaseTrajectory>,
    pub(super) steps: Vec<StepRow>,
    pub(super) judgements: Vec<Judgement>,
    pub(super) tokens: Vec<TokensRow>,
    pub(super) sft: Vec<SftSample>,
    pub(super) janus: Vec<JanusSample>,
    pub(super) dpo: Vec<DpoPair>,
    pub(super) critique_dpo: Vec<CritiquePair>,
    pub(super) grpo: Vec<PromptGroup>,
    pub(super) rejected: Vec<RejectedRow>,
}

impl Rows {
    /// Puts other rows behind these.
    pub(super) fn append(&mut self, mut other: Self) {
        self.trajectories.append(&mut other.trajectories);
        self.steps.append(&mut other.steps);
        self.judgements.append(&mut other.judgements);
        self.tokens.append(&mut other.tokens);
        self.sft.append(&mut other.sft);
        self.janus.append(&mut other.janus);
        self.dpo.append(&mut other.dpo);
        self.critique_dpo.append(&mut other.critique_dpo);
        self.grpo.append(&mut other.grpo);
        self.rejected.append(&mut other.rejected);
    }
}

impl Group {
    /// Everything that is published of these trajectories.
    pub(super) fn into_rows(self, run: &Run) -> Result<Rows, RunError> {
        let is_validation = self.members.iter().any(|row| row.chosen.is_validation);
        let mut rows = Rows { is_validation, ..Rows::default() };
        self.compare(&mut rows)?;
        let settings = sample_settings(run);
        for member in self.members {
            member.add_to(&mut rows, run, &settings)?;
        }
        Ok(rows)
    }

    /// What the pictures of a prompt say about each other.
    fn compare(&self, rows: &mut Rows) -> Result<(), RunError> {
        let members = self.members.iter().map(PartRow::member).collect::<Result<Vec<_>, _>>()?;
        rows.dpo.extend(best_and_worst(&members));
        let prompt = self.members.first().map_or("", |row| row.trajectory.prompt.text.as_str());
        rows.grpo.extend(group_of(&members, twig_procedural::mentions(prompt)));
        Ok(())
    }
}

impl PartRow {
    /// The ids of the job's first tokenizer.
    fn first_tokens(&self) -> Result<&TrajectoryTokens, RunError> {
        let missing = || RunError::Accounting(format!("{} has no tokens", self.trajectory.id()));
        self.all_tokens.first().ok_or_else(missing)
    }

    fn member(&self) -> Result<Member<'_>, RunError> {
        let tokens = self.first_tokens()?;
        Ok(Member { trajectory: &self.trajectory, tokens, reward: self.chosen.reward })
    }

    fn add_to(self, rows: &mut Rows, run: &Run, settings: &SampleSettings) -> Result<(), RunError> {
        let (tokens, reward) = (self.first_tokens()?.clone(), self.chosen.reward);
        let Self { trajectory, all_tokens, judgements, .. } = self;
        let id = trajectory.id().to_string();
        let seen = match (run.settings.file.trajectories.canvas, run.tokenizers.first()) {
            (CanvasView::Decoded, Some(tokenizer)) => &decoded(&trajectory, &tokens, tokenizer.as_ref())?,
            (CanvasView::Decoded, None) | (CanvasView::Flat, _) => &trajectory,
        };
        let samples =
            samples_of(seen, &tokens, reward, settings, run.text_tokenizer.as_ref()).map_err(of_samples)?;
        let preferences = redo_pairs(seen, &tokens).map_err(|mismatch| of_samples(mismatch.into()))?;
        rows.sft.extend(samples.sft);
        rows.janus.extend(samples.janus);
        rows.rejected.extend(samples.rejected.into_iter().map(rejected_row));
        rows.dpo.extend(preferences.dpo);
        rows.critique_dpo.extend(preferences.critique_dpo);
        let trajectory = ReleaseTrajectory { tokens: Some(tokens), trajectory, reward };
        rows.steps.extend(StepRow::all_of(&trajectory));
        rows.tokens.extend(all_tokens.iter().flat_map(|tokens| TokensRow::all_of(&id, tokens)));
        rows.trajectories.push(trajectory);
        rows.judgements.extend(judgements);
        Ok(())
    }
}

/// The trajectory as a model with this tokenizer sees it: every canvas decoded from its ids, 0 where nothing is painted.
fn decoded(
    trajectory: &Trajectory,
    tokens: &TrajectoryTokens,
    tokenizer: &dyn ImageTokenizer,
) -> Result<Trajectory, RunError> {
    let all_ids = canvas_ids(trajectory, tokens).map_err(|mismatch| of_samples(mismatch.into()))?;
    let picture = |ids: &Vec<u32>| tokenizer.decode(ids).map(|canvas| Picture::new(encode_png(&canvas)));
    let pictures = all_ids.par_iter().map(picture).collect::<Result<Vec<_>, _>>()?;
    let mut seen = trajectory.clone();
    let attempts = seen.steps.iter_mut().flat_map(|step| &mut step.attempts);
    attempts.zip(pictures).for_each(|(attempt, picture)| attempt.canvas = picture);
    Ok(seen)
}

/// Tokens of something else are a fault of ours; a text that cannot be encoded is not.
fn of_samples(error: SampleError) -> RunError {
    match error {
        SampleError::Tokens(mismatch) => RunError::Accounting(mismatch.to_string()),
        SampleError::Text { .. } => RunError::Samples(error),
    }
}

fn rejected_row(sample: RejectedSample) -> RejectedRow {
    let RejectedSample { head, rejection } = sample;
    RejectedRow::new(head.id, head.prompt, head.category, StageAccount::SAMPLES, rejection)
}

fn sample_settings(run: &Run) -> SampleSettings {
    let release = &run.settings.file.release;
    let mix =
        MixWeights { think: release.mix.think, reflect: release.mix.reflect, generate: release.mix.generate };
    SampleSettings {
        prefix: release.prefix,
        system_prompt: release.system_prompt.clone(),
        mix,
        prompt_drop: release.prompt_drop,
        max_tokens: release.max_tokens,
        seed: u64::from(run.settings.file.seed),
    }
}
