//! The judgements stage: finished pictures → scores, by one or several judges.

use std::sync::Arc;

use twig_model::{
    Criterion, JudgeCriterion, JudgeTask, Judgement, Rejection, Reply, Task, Teacher, Trajectory,
};
use twig_shards::{CallRow, RejectedRow, TableReader};

use crate::{
    answers::{self, JudgeAnswer},
    asking::{Asking, Position, Unanswered},
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    part::{Committed, OpenPart, PartRecord},
    partition::Partition,
    recipe::Recipe,
    run::Run,
    seeds,
};

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
        .with("template", &recipe.templates.hash("judge"))
}

/// A judge of an open partition.
struct Judge {
    name: String,
    teacher: Arc<dyn Teacher>,
}

/// Judges all trajectories of a partition and commits the scores.
pub(crate) async fn partition(
    run: &Run<'_>,
    partition: Partition,
    input: &PartRecord,
    fingerprint: String,
    window: usize,
) -> Result<Committed, RunError> {
    input.check_rows(&run.job.folder, Stage::Trajectories, partition)?;
    let answers = Arc::new(run.answers.partition(partition.index)?);
    let judges: Vec<Judge> = run
        .settings
        .file
        .judgements
        .judges
        .iter()
        .map(|(name, judge)| Judge {
            name: name.clone(),
            teacher: run.teachers.open(&judge.teacher, &answers, &run.stop),
        })
        .collect();
    let trajectories = TableReader::<Trajectory>::open(&run.job.folder.part(Stage::Trajectories, partition))?;
    let mut part = OpenPart::create(&run.job.folder, Stage::Judgements, partition)?;
    run.in_order(
        trajectories.map(|trajectory| judge(run, &judges, trajectory.map_err(RunError::from))),
        window,
        |(outcome, calls)| {
            part.called(calls);
            match outcome {
                Ok(rows) => part.push(rows),
                Err(row) => {
                    part.reject(row);
                    Ok(())
                }
            }
        },
    )
    .await?;
    let folder = run.job.folder.clone();
    run.blocking(move || part.commit(&folder, fingerprint)).await
}

type Judged = (Result<Vec<Judgement>, RejectedRow>, Vec<CallRow>);

/// Asks every judge about one trajectory. Where one gives no answer the trajectory is rejected: a reward
/// from fewer judges would not compare with the others.
async fn judge(
    run: &Run<'_>,
    judges: &[Judge],
    trajectory: Result<Trajectory, RunError>,
) -> Result<Judged, RunError> {
    let trajectory = trajectory?;
    let prompt = &trajectory.prompt;
    let id = trajectory.id().to_string();
    let file = &run.settings.file;
    let seed = seeds::trajectory_seed(file.seed, &prompt.id, trajectory.sample_index);
    let mut asking = Asking {
        stage: Stage::Judgements,
        templates: &run.templates,
        trajectory_seed: seed,
        prompt_id: prompt.id.clone(),
        trajectory_id: id.clone(),
        invalid_answer_retries: file.trajectories.invalid_answer_retries,
        asker: String::new(),
        calls: Vec::new(),
    };
    let num_regions = if file.judgements.regions { trajectory.schedule.num_regions() } else { 0 };
    let mut rows = Vec::new();
    for judge in judges {
        for region_index in std::iter::once(None).chain((0..num_regions).map(Some)) {
            match ask(&mut asking, judge, &trajectory, region_index).await {
                Ok((answer, reply)) => rows.extend(scores(run, judge, &id, region_index, &answer, &reply)),
                Err(Unanswered::Rejected(rejection)) => {
                    let row = rejected(&trajectory, id, judge, rejection);
                    return Ok((Err(row), asking.calls));
                }
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
    }
    Ok((Ok(rows), asking.calls))
}

async fn ask(
    asking: &mut Asking<'_>,
    judge: &Judge,
    trajectory: &Trajectory,
    region_index: Option<usize>,
) -> Result<(JudgeAnswer, Reply), Unanswered> {
    let task = Task::Judge(JudgeTask {
        prompt: trajectory.prompt.text.clone(),
        schedule: trajectory.schedule.clone(),
        region_index,
        thoughts: trajectory.steps.iter().map(|step| step.last_attempt().thought.clone()).collect(),
        picture: trajectory.final_image.clone(),
    });
    let position = Position { region_index, attempt: 0 };
    asking.asker = judge.name.clone();
    asking.text(&judge.teacher, task, position, answers::judgement).await
}

/// One row for the whole score and one a criterion.
fn scores(
    run: &Run,
    judge: &Judge,
    id: &str,
    region_index: Option<usize>,
    answer: &JudgeAnswer,
    reply: &Reply,
) -> Vec<Judgement> {
    let row = |criterion, score| Judgement {
        trajectory_id: id.to_owned(),
        region_index: region_index.map(|index| index as u32),
        judge: judge.name.clone(),
        model: reply.model.clone(),
        prompt_hash: run.templates.hash("judge"),
        criterion,
        score,
        answer_key: reply.key.clone().unwrap_or_else(|| twig_model::AnswerKey(String::new())),
    };
    let overall = row(JudgeCriterion::Overall, answer.scores.total().get());
    let each =
        Criterion::ALL.map(|criterion| row(JudgeCriterion::Of(criterion), answer.scores.get(criterion)));
    std::iter::once(overall).chain(each).collect()
}

fn rejected(trajectory: &Trajectory, id: String, judge: &Judge, rejection: Rejection) -> RejectedRow {
    let detail = format!("judge `{}`: {}", judge.name, rejection.detail);
    let rejection = Rejection::new(rejection.reason, detail);
    let (text, category) = (trajectory.prompt.text.clone(), trajectory.prompt.category.clone());
    RejectedRow::new(id, text, category, Stage::Judgements.as_str(), rejection)
}
