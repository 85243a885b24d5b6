//! Judges that say which of two samples of a prompt is the better one.

use twig_model::{CompareTask, JudgeCriterion, Judgement, RejectReason, Rejection, Reply, Task, Trajectory};

use super::{Judge, Judged, ask, asking, rejected};
use crate::{
    asking::{Position, Unanswered},
    error::RunError,
    inquiries::{self, Better},
    run::Run,
};

/// Compares every pair in both orders, because models prefer what they see first, or last. A sample that stands alone
/// is rejected.
pub(super) async fn judge(
    run: &Run<'_>,
    judge: &Judge,
    samples: &[Trajectory],
    judged: &mut [Judged],
) -> Result<(), RunError> {
    let standing: Vec<usize> = (0..samples.len()).filter(|at| judged[*at].0.is_ok()).collect();
    if let [alone] = standing[..] {
        let detail = "no other sample of the prompt is left to compare with";
        let rejection = Rejection::new(RejectReason::NothingToCompare, detail);
        judged[alone].0 = Err(Box::new(rejected(&samples[alone], judge, rejection)));
        return Ok(());
    }
    let mut rows: Vec<Vec<(Judgement, Reply)>> = samples.iter().map(|_| Vec::new()).collect();
    for (position, &one) in standing.iter().enumerate() {
        for &other in &standing[position + 1..] {
            let pair = [&samples[one], &samples[other]];
            match both_orders(run, judge, pair, &mut judged[one].1).await {
                Ok([first, second]) => {
                    rows[one].push(first);
                    rows[other].push(second);
                }
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::Rejected(rejection)) => {
                    // Which of the two the judge has no word for cannot be told; the scores of both would lack it.
                    for at in [one, other] {
                        judged[at].0 = Err(Box::new(rejected(&samples[at], judge, rejection.clone())));
                    }
                }
            }
        }
    }
    for (at, rows) in rows.into_iter().enumerate() {
        let Some((_, reply)) = rows.first() else { continue };
        if let Ok(scores) = &mut judged[at].0 {
            let sum: i32 = rows.iter().map(|(row, _)| row.score).sum();
            let count = rows.len() as i32;
            let overall = (2 * sum + count) / (2 * count);
            scores.push(ask::row(judge, &samples[at], JudgeCriterion::Overall, overall, reply));
            scores.extend(rows.into_iter().map(|(row, _)| row));
        }
    }
    Ok(())
}

/// The outcome for each of two samples, with the answer in which it came first.
async fn both_orders(
    run: &Run<'_>,
    judge: &Judge,
    [one, other]: [&Trajectory; 2],
    calls: &mut Vec<twig_shards::CallRow>,
) -> Result<[(Judgement, Reply); 2], Unanswered> {
    let mut asking = asking(run, one);
    asking.asker.clone_from(&judge.name);
    let mut points = 0;
    let mut replies = Vec::with_capacity(2);
    for (first, second, is_turned) in [(one, other, false), (other, one, true)] {
        let task = Task::Compare(CompareTask {
            prompt: one.prompt.text.clone(),
            first: first.final_image.clone(),
            second: second.final_image.clone(),
        });
        let position = Position { region_index: None, attempt: 0 };
        let asked = asking.text(&judge.teacher, task, position, inquiries::comparison).await;
        calls.append(&mut asking.calls);
        let (better, reply) = asked?;
        points += match (better, is_turned) {
            (Better::First, false) | (Better::Second, true) => 50,
            (Better::Neither, _) => 25,
            (Better::Second, false) | (Better::First, true) => 0,
        };
        replies.push(reply);
    }
    let row = |own: &Trajectory, with: &Trajectory, score: i32, reply: &Reply| Judgement {
        about: Some(with.id().to_string()),
        ..ask::row(judge, own, JudgeCriterion::Comparison, score, reply)
    };
    let rows = [row(one, other, points, &replies[0]), row(other, one, 100 - points, &replies[1])];
    let [second, first] = [replies.pop(), replies.pop()];
    let missing = || RunError::Accounting("two comparisons gave fewer than two answers".to_owned());
    let replies = [first.ok_or_else(missing)?, second.ok_or_else(missing)?];
    let [row_of_one, row_of_other] = rows;
    let [first, second] = replies;
    Ok([(row_of_one, first), (row_of_other, second)])
}
