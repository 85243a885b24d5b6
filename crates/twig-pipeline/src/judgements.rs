//! The judgements stage: finished pictures → scores, by one or several judges.

mod ask;
mod pairs;

use std::{iter::Peekable, sync::Arc};

use futures::{Stream, StreamExt, TryStreamExt, future::join_all, stream};
use twig_model::{Judgement, Rejection, Teacher, Trajectory};
use twig_shards::{CallRow, RejectedRow, TableReader};

use crate::{
    asking::{Asking, Unanswered},
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    part::{Committed, OpenPart, PartRows},
    partition::Partition,
    recipe::Recipe,
    run::Run,
    seeds,
    settings::JudgeKind,
    templates::{OF_JUDGEMENTS, Templates},
};

/// Hash of the wording by which judges of a kind are asked.
pub(crate) fn prompt_hash(templates: &Templates, kind: JudgeKind) -> String {
    match kind {
        JudgeKind::Rubric => templates.hash("judge"),
        JudgeKind::Probability => templates.hash("probability"),
        JudgeKind::Questions => templates.hash("questions"),
        JudgeKind::Pairwise => templates.hash("compare"),
    }
}

/// What of the settings shapes the rows of a partition, besides its trajectories.
pub(crate) fn fingerprint(recipe: &Recipe) -> Fingerprint {
    let file = &recipe.settings.file;
    let judges: Vec<String> =
        file.judgements.judges.values().map(|judge| recipe.teachers.identity(&judge.teacher)).collect();
    Fingerprint::of(Stage::Judgements)
        .with("settings", &file.judgements)
        .with("retries", &file.trajectories.invalid_answer_retries)
        .with("seed", &file.seed)
        .with("teachers", &judges)
        .with("templates", &recipe.templates.wording(&OF_JUDGEMENTS))
}

/// A judge of an open partition.
struct Judge {
    name: String,
    kind: JudgeKind,
    /// Hash of its wording.
    prompt_hash: String,
    teacher: Arc<dyn Teacher>,
}

/// Judges all trajectories of a partition and commits the scores. The samples of a prompt, which stand together,
/// are judged together, because some judges compare them.
pub(crate) async fn partition(
    run: &Run<'_>,
    partition: Partition,
    input: &PartRows,
    fingerprint: String,
) -> Result<Committed, RunError> {
    let (rows, folder) = (input.clone(), run.job.folder.clone());
    let open = move || {
        rows.check(&folder, Stage::Trajectories, partition)?;
        Ok(TableReader::<Trajectory>::open(&folder.part(Stage::Trajectories, partition))?)
    };
    let trajectories = run.blocking(open).await?;
    let answers = run.open_answers(partition).await?;
    let judges: Vec<Judge> = run
        .settings
        .file
        .judgements
        .judges
        .iter()
        .map(|(name, judge)| Judge {
            name: name.clone(),
            kind: judge.kind,
            prompt_hash: prompt_hash(&run.templates, judge.kind),
            teacher: run.teachers.open(&judge.teacher, &answers, &run.stop),
        })
        .collect();
    let mut part = OpenPart::create(run, Stage::Judgements, partition)?;
    run.in_order(
        partition,
        decoded(run, Samples(trajectories.peekable())).map(|samples| judge_samples(run, &judges, samples)),
        |judged: Vec<Judged>| {
            // A unit is a prompt, progress counts its samples.
            run.events.progress(judged.len().saturating_sub(1) as u64);
            for (outcome, calls) in judged {
                part.called(calls);
                match outcome {
                    Ok(rows) => part.push(rows)?,
                    Err(row) => part.reject(*row)?,
                }
            }
            Ok(())
        },
    )
    .await?;
    let folder = run.job.folder.clone();
    run.blocking(move || part.commit(&folder, fingerprint)).await
}

/// Trajectories in runs of one prompt.
struct Samples<I: Iterator>(Peekable<I>);

impl<E, I: Iterator<Item = Result<Trajectory, E>>> Iterator for Samples<I>
where
    RunError: From<E>,
{
    type Item = Result<Vec<Trajectory>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut samples = match self.0.next()? {
            Ok(first) => vec![first],
            Err(error) => return Some(Err(error.into())),
        };
        let prompt = samples[0].prompt.id.clone();
        while let Some(Ok(next)) =
            self.0.next_if(|next| next.as_ref().is_ok_and(|next| next.prompt.id == prompt))
        {
            samples.push(next);
        }
        Some(Ok(samples))
    }
}

/// Rows that are decoded together, and held until they are asked about.
const DECODED_ROWS: usize = 16;

/// The trajectories of each prompt, decoded beside the questions about those before them.
fn decoded<'a, I>(
    run: &'a Run<'_>,
    samples: Samples<I>,
) -> impl Stream<Item = Result<Vec<Trajectory>, RunError>> + use<'a, I>
where
    Samples<I>: Iterator<Item = Result<Vec<Trajectory>, RunError>> + Send + 'static,
    I: Iterator,
{
    let batches = stream::try_unfold(samples, |mut samples| async {
        let decode = move || {
            let (mut batch, mut rows) = (Vec::new(), 0);
            while rows < DECODED_ROWS
                && let Some(next) = samples.next()
            {
                let next = next?;
                rows += next.len();
                batch.push(next);
            }
            Ok((!batch.is_empty()).then_some((batch, samples)))
        };
        run.blocking(decode).await
    });
    batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok))).try_flatten()
}

/// The scores of a trajectory, or why it has none, and what was asked for them.
type Judged = (Result<Vec<Judgement>, Box<RejectedRow>>, Vec<CallRow>);

/// Asks every judge about the samples of a prompt. Where one gives no answer about a trajectory, that is rejected: a
/// reward from fewer judges would not compare with the others.
async fn judge_samples(
    run: &Run<'_>,
    judges: &[Judge],
    samples: Result<Vec<Trajectory>, RunError>,
) -> Result<Vec<Judged>, RunError> {
    let samples = samples?;
    let mut judged = Vec::with_capacity(samples.len());
    for trajectory in &samples {
        judged.push(judge_alone(run, judges, trajectory).await?);
    }
    for judge in judges.iter().filter(|judge| judge.kind == JudgeKind::Pairwise) {
        pairs::judge(run, judge, &samples, &mut judged).await?;
    }
    Ok(judged)
}

/// Asks all judges that look at one trajectory at a time, side by side. What they say stands in
/// the order of their names, whoever answers first.
async fn judge_alone(run: &Run<'_>, judges: &[Judge], trajectory: &Trajectory) -> Result<Judged, RunError> {
    let asked = judges.iter().map(|judge| async move {
        let mut asking = asking(run, trajectory);
        let found = ask::judge(run, judge, trajectory, &mut asking).await;
        (judge, found, asking.calls)
    });
    let (mut rows, mut calls, mut unjudged) = (Vec::new(), Vec::new(), None);
    for (judge, found, asked) in join_all(asked).await {
        calls.extend(asked);
        match found {
            Ok(found) => rows.extend(found),
            Err(Unanswered::Failed(error)) => return Err(error),
            Err(Unanswered::Rejected(rejection)) => {
                unjudged.get_or_insert_with(|| Box::new(rejected(trajectory, judge, rejection)));
            }
        }
    }
    Ok((unjudged.map_or(Ok(rows), Err), calls))
}

fn asking<'a>(run: &'a Run<'_>, trajectory: &Trajectory) -> Asking<'a> {
    let file = &run.settings.file;
    let prompt = &trajectory.prompt;
    let partition = Partition::of_prompt(&prompt.id, run.job.record.partitions);
    Asking {
        stage: Stage::Judgements,
        templates: &run.templates,
        trajectory_seed: seeds::trajectory_seed(file.seed, &prompt.id, trajectory.sample_index),
        prompt_id: prompt.id.clone(),
        trajectory_id: trajectory.id().to_string(),
        invalid_answer_retries: file.trajectories.invalid_answer_retries,
        retries: run.retries.asks(Stage::Judgements, partition, &trajectory.id().to_string()),
        asker: String::new(),
        calls: Vec::new(),
    }
}

fn rejected(trajectory: &Trajectory, judge: &Judge, rejection: Rejection) -> RejectedRow {
    let detail = format!("judge `{}`: {}", judge.name, rejection.detail);
    let rejection = Rejection::new(rejection.reason, detail);
    let (text, category) = (trajectory.prompt.text.clone(), trajectory.prompt.category.clone());
    let id = trajectory.id().to_string();
    RejectedRow::new(id, text, category, Stage::Judgements.as_str(), rejection)
}
