//! What judges are asked that look at one picture at a time.

use twig_model::{
    AnswerKey, Criterion, InspectTask, JudgeCriterion, JudgeTask, Judgement, ProbabilityTask, QuestionsTask,
    Reply, Task, Trajectory,
};

use super::Judge;
use crate::{
    answers::{self, JudgeAnswer},
    asking::{Asking, Position, Unanswered},
    inquiries,
    run::Run,
    seeds,
    settings::JudgeKind,
};

const WHOLE: Position = Position { region_index: None, attempt: 0 };

/// The scores of one judge for one trajectory; none of a judge that compares.
pub(super) async fn judge(
    run: &Run<'_>,
    judge: &Judge,
    trajectory: &Trajectory,
    asking: &mut Asking<'_>,
) -> Result<Vec<Judgement>, Unanswered> {
    asking.asker.clone_from(&judge.name);
    match judge.kind {
        JudgeKind::Rubric => rubric(run, judge, trajectory, asking).await,
        JudgeKind::Probability => probability(judge, trajectory, asking).await,
        JudgeKind::Questions => questions(run, judge, trajectory, asking).await,
        JudgeKind::Pairwise => Ok(Vec::new()),
    }
}

/// A row about the whole picture.
pub(super) fn row(
    judge: &Judge,
    trajectory: &Trajectory,
    criterion: JudgeCriterion,
    score: i32,
    reply: &Reply,
) -> Judgement {
    Judgement {
        trajectory_id: trajectory.id().to_string(),
        region_index: None,
        judge: judge.name.clone(),
        model: reply.model.clone(),
        prompt_hash: judge.prompt_hash.clone(),
        criterion,
        about: None,
        score,
        answer_key: reply.key.clone().unwrap_or_else(|| AnswerKey(String::new())),
    }
}

/// Points on the five criteria, for the picture and perhaps for every region.
async fn rubric(
    run: &Run<'_>,
    judge: &Judge,
    trajectory: &Trajectory,
    asking: &mut Asking<'_>,
) -> Result<Vec<Judgement>, Unanswered> {
    let is_by_region = run.settings.file.judgements.regions;
    let num_regions = if is_by_region { trajectory.schedule.num_regions() } else { 0 };
    let mut rows = Vec::new();
    for region_index in std::iter::once(None).chain((0..num_regions).map(Some)) {
        let task = Task::Judge(JudgeTask {
            prompt: trajectory.prompt.text.clone(),
            schedule: trajectory.schedule.clone(),
            region_index,
            thoughts: trajectory.steps.iter().map(|step| step.last_attempt().thought.clone()).collect(),
            picture: trajectory.final_image.clone(),
        });
        let position = Position { region_index, attempt: 0 };
        let (JudgeAnswer { scores, .. }, reply) =
            asking.text(&judge.teacher, task, position, answers::judgement).await?;
        let row = |criterion, score| Judgement {
            region_index: region_index.map(|index| index as u32),
            ..row(judge, trajectory, criterion, score, &reply)
        };
        rows.push(row(JudgeCriterion::Overall, scores.total().get()));
        rows.extend(
            Criterion::ALL.map(|criterion| row(JudgeCriterion::Of(criterion), scores.get(criterion))),
        );
    }
    Ok(rows)
}

/// How likely yes is.
async fn probability(
    judge: &Judge,
    trajectory: &Trajectory,
    asking: &mut Asking<'_>,
) -> Result<Vec<Judgement>, Unanswered> {
    let task = Task::Probability(ProbabilityTask {
        prompt: trajectory.prompt.text.clone(),
        picture: trajectory.final_image.clone(),
    });
    let (probability, reply) = asking.text(&judge.teacher, task, WHOLE, inquiries::probability).await?;
    let score = (100.0 * probability).round() as i32;
    Ok(vec![row(judge, trajectory, JudgeCriterion::Overall, score, &reply)])
}

/// The share of the prompt's questions that are answered with yes.
async fn questions(
    run: &Run<'_>,
    judge: &Judge,
    trajectory: &Trajectory,
    asking: &mut Asking<'_>,
) -> Result<Vec<Judgement>, Unanswered> {
    let prompt = &trajectory.prompt;
    let task = Task::Questions(QuestionsTask { prompt: prompt.text.clone() });
    // All samples of a prompt are asked the same questions: those that its first sample draws.
    let own_seed = asking.trajectory_seed;
    asking.trajectory_seed = seeds::trajectory_seed(run.settings.file.seed, &prompt.id, 0);
    let asked = asking.text(&judge.teacher, task, WHOLE, inquiries::questions).await;
    asking.trajectory_seed = own_seed;
    let (questions, _) = asked?;
    let task =
        Task::Inspect(InspectTask { questions: questions.clone(), picture: trajectory.final_image.clone() });
    let count = questions.len();
    let read = |answer: &str| inquiries::inspection(answer, count);
    let (answers, reply) = asking.text(&judge.teacher, task, WHOLE, read).await?;
    let num_yes = answers.iter().filter(|yes| **yes).count();
    let overall = ((200 * num_yes + count) / (2 * count)) as i32;
    let each = questions.into_iter().zip(&answers).map(|(question, yes)| Judgement {
        about: Some(question),
        ..row(judge, trajectory, JudgeCriterion::Question, if *yes { 100 } else { 0 }, &reply)
    });
    Ok(std::iter::once(row(judge, trajectory, JudgeCriterion::Overall, overall, &reply))
        .chain(each)
        .collect())
}
