//! What the embedded teacher says where it is asked something other than a thought, a picture or a critique.

use serde_json::json;
use twig_imaging::{DecodeLimits, RgbImage, decode};
use twig_model::{
    Answer, CriterionScores, DescribeTask, InspectTask, JudgeTask, Picture, RejectReason, Rejection,
    Schedule, ScheduleTask, Task,
};

use crate::{
    areas, critic,
    fitting::Fit,
    grammar,
    inspection::{Problem, inspect},
    layout, palette,
    percept::{SIDE, View},
    scene::{Look, RelationKind, Scene},
    thinker::{article, noun_phrase},
};

/// Answers a question of one of these kinds. Others are declined.
pub(crate) fn answer(task: &Task, trajectory_seed: u64) -> Answer {
    let answered = match task {
        Task::Schedule(task) => proposed(task, trajectory_seed),
        Task::Describe(task) => described(task),
        Task::Questions(task) => read(&task.prompt).map(|scene| json!({ "questions": questions(&scene) })),
        Task::Inspect(task) => inspected(task),
        Task::Probability(task) => share_right(&task.prompt, &task.picture).map(|share| {
            // Surer than chance only where something was found out.
            json!({ "probability": 0.02 + 0.96 * share })
        }),
        Task::Compare(task) => share_right(&task.prompt, &task.first).and_then(|first| {
            let second = share_right(&task.prompt, &task.second)?;
            let better = match first.total_cmp(&second) {
                std::cmp::Ordering::Greater => "first",
                std::cmp::Ordering::Less => "second",
                std::cmp::Ordering::Equal => "neither",
            };
            let comment = format!(
                "{:.0} % of what the prompt says can be seen in the first picture, {:.0} % in the second.",
                100.0 * first,
                100.0 * second
            );
            Ok(json!({ "better": better, "comment": comment }))
        }),
        Task::Think(_) | Task::Paint(_) | Task::Critique(_) | Task::Judge(_) => {
            Err(Rejection::new(RejectReason::Refused, "this is asked elsewhere"))
        }
    };
    answered.map_or_else(Answer::Declined, |json| Answer::Text(json.to_string()))
}

/// The judge's scores for a picture or a region: the worst of the regions that it looks at.
pub(crate) fn judged(picture: &RgbImage, task: &JudgeTask) -> (CriterionScores, String) {
    let JudgeTask { prompt, schedule, region_index, thoughts, .. } = task;
    let regions = region_index.map_or(0..schedule.num_regions(), |region| region..region + 1);
    let all = schedule.num_regions();
    let opinions: Option<Vec<_>> =
        regions.map(|k| areas::critique(picture, thoughts, schedule, k, all)).collect();
    let Some(opinions) = opinions else {
        return critic::judge(picture, prompt, thoughts, schedule, *region_index);
    };
    let worst = opinions
        .iter()
        .map(|opinion| opinion.scores.points().map(i64::from))
        .fold([20; 5], |worst, points| std::array::from_fn(|at| worst[at].min(points[at])));
    let mut comments: Vec<String> = Vec::new();
    for opinion in opinions {
        if !comments.contains(&opinion.comment) {
            comments.push(opinion.comment);
        }
    }
    (CriterionScores::new(worst).expect("points are kept within 0 to 20"), comments.join(" "))
}

fn read(prompt: &str) -> Result<Scene, Rejection> {
    grammar::read(prompt)
        .map_err(|unreadable| Rejection::new(RejectReason::UnsupportedPrompt, unreadable.to_string()))
}

fn decoded(picture: &Picture) -> Result<RgbImage, Rejection> {
    decode(picture.bytes(), &DecodeLimits::default())
        .map_err(|error| Rejection::new(RejectReason::BadPicture, error.to_string()))
}

/// Bands whose borders cross as little of the figures as can be, of much the same height otherwise.
fn proposed(task: &ScheduleTask, trajectory_seed: u64) -> Result<serde_json::Value, Rejection> {
    let grid = task.geometry.grid;
    let rows = grid.rows as usize;
    let count = task.num_regions.clamp(1, rows);
    let wrong =
        |error: twig_model::ScheduleError| Rejection::new(RejectReason::InvalidAnswer, error.to_string());
    let bands = Schedule::bands(task.geometry, count).map_err(wrong)?;
    let layout = layout::arrange(&read(&task.prompt)?, &bands, trajectory_seed);
    let even = rows as f32 / count as f32;
    let crossed = |row: usize| -> f32 {
        let y = row as f32 / rows as f32;
        let figures = layout.figures.iter().filter(|figure| figure.area.y < y && y < figure.area.bottom());
        figures.map(|figure| figure.area.w).sum()
    };
    // The cheapest division of the first rows into k bands, row by row.
    let mut best: Vec<Vec<(f32, usize)>> = vec![vec![(f32::INFINITY, 0); rows + 1]];
    best[0][0] = (0.0, 0);
    for k in 1..=count {
        let row = (0..=rows).map(|end| {
            let border = if end == rows { 0.0 } else { crossed(end) };
            let starts = (0..end).map(|start| {
                let uneven = ((end - start) as f32 / even - 1.0).powi(2);
                (best[k - 1][start].0 + border + 0.15 * uneven, start)
            });
            starts.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((f32::INFINITY, 0))
        });
        let row = row.collect();
        best.push(row);
    }
    let (mut boxes, mut end) = (Vec::new(), rows);
    for k in (1..=count).rev() {
        let start = best[k][end].1;
        boxes.push(json!({
            "name": bands.regions()[k - 1].name,
            "row": start, "column": 0, "rows": end - start, "columns": grid.cols,
        }));
        end = start;
    }
    boxes.reverse();
    Ok(json!({ "regions": boxes }))
}

/// What a region of any picture looks like: its colours. What is in a photograph the embedded teacher cannot tell.
fn described(task: &DescribeTask) -> Result<serde_json::Value, Rejection> {
    let picture = decoded(&task.picture)?;
    let region = &task.schedule.regions()[task.region_index];
    let seen = palette::palette(&picture, region, task.schedule.geometry());
    Ok(json!({ "thought": palette::described(&seen) }))
}

/// What a picture of the scene must show, one thing a question.
fn questions(scene: &Scene) -> Vec<String> {
    let phrase = |group: usize| {
        let group = &scene.groups[group];
        let phrase = noun_phrase(group.look, &group.noun, group.count);
        if group.count == 1 {
            format!("{} {phrase}", article(&phrase)).trim().to_owned()
        } else {
            format!("{} {phrase}", crate::lexicon::number_word(group.count))
        }
    };
    let is_there = (0..scene.groups.len()).map(|group| {
        let verb = if scene.groups[group].count == 1 { "Is" } else { "Are" };
        format!("{verb} there {}?", phrase(group))
    });
    let related = scene.relations.iter().map(|relation| {
        let verb = if scene.groups[relation.subject].count == 1 { "Is" } else { "Are" };
        let (subject, object) = (phrase(relation.subject), phrase(relation.object));
        format!("{verb} {subject} {} {object}?", relation_words(relation.kind))
    });
    let mut questions: Vec<String> = Vec::new();
    for question in is_there.chain(related) {
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

fn relation_words(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::LeftOf => "on the left of",
        RelationKind::RightOf => "on the right of",
        RelationKind::Above => "above",
        RelationKind::On => "on top of",
        RelationKind::Below => "below",
        RelationKind::Beside => "next to",
        RelationKind::InFrontOf => "in front of",
        RelationKind::Behind => "behind",
    }
}

fn inspected(task: &InspectTask) -> Result<serde_json::Value, Rejection> {
    let view = View::of(&decoded(&task.picture)?, 1.0);
    let answers = task.questions.iter().map(|question| answered(&view, question));
    Ok(json!({ "answers": answers.collect::<Result<Vec<bool>, _>>()? }))
}

/// Whether what a question says can be seen.
fn answered(view: &View, question: &str) -> Result<bool, Rejection> {
    let statement = question.trim_end_matches('?');
    let statement = ["Is there ", "Are there ", "Is ", "Are "]
        .iter()
        .find_map(|opening| statement.strip_prefix(opening))
        .unwrap_or(statement);
    let scene = read(statement)?;
    let are_there = scene.groups.iter().all(|group| {
        let phrase = noun_phrase(group.look, &group.noun, group.count);
        let number = crate::lexicon::number_word(group.count);
        is_seen(view, &format!("Show {number} {phrase}."))
    });
    let are_related = scene.relations.iter().all(|relation| {
        let place = |group: usize| place(view, scene.groups[group].look);
        match (place(relation.subject), place(relation.object)) {
            (Some(subject), Some(object)) => holds(relation.kind, subject, object),
            _ => false,
        }
    });
    Ok(are_there && are_related)
}

/// Whether the figures of a thought are there, whole and as they should be, whatever else is.
fn is_seen(view: &View, thought: &str) -> bool {
    let Ok(whole) = Schedule::bands(twig_model::Geometry::JANUS, 1) else { return false };
    let inspection = inspect(view, "", &[thought.to_owned()], &whole, 0);
    !inspection.problems.iter().any(|problem| match problem {
        Problem::Missing { .. }
        | Problem::WrongColor { .. }
        | Problem::WrongPlace { .. }
        | Problem::Misshapen { .. }
        | Problem::CutOff { .. } => true,
        // One too many of what is counted is a wrong count.
        Problem::Extra { like, .. } => like.is_some(),
        Problem::Faded => false,
    })
}

/// Where the blob that a look suits best stands, 0 to 1 in each direction.
fn place(view: &View, look: Look) -> Option<(f32, f32)> {
    const LIKE_ENOUGH: f32 = 0.6;
    let fits = view.blobs.iter().map(|blob| (Fit::single(view, blob, look).score, blob));
    let (score, blob) = fits.max_by(|one, other| one.0.total_cmp(&other.0))?;
    let middle = |from: usize, to: usize| (from + to) as f32 / 2.0 / SIDE as f32;
    (score > LIKE_ENOUGH).then(|| (middle(blob.left, blob.right), middle(blob.top, blob.bottom)))
}

fn holds(kind: RelationKind, (x, y): (f32, f32), (other_x, other_y): (f32, f32)) -> bool {
    // Closer than this is neither one nor the other.
    const CLEARLY: f32 = 0.05;
    match kind {
        RelationKind::LeftOf => x + CLEARLY < other_x,
        RelationKind::RightOf => x > other_x + CLEARLY,
        RelationKind::Above | RelationKind::On => y + CLEARLY < other_y,
        RelationKind::Below => y > other_y + CLEARLY,
        RelationKind::Beside => (x - other_x).abs() > CLEARLY && (y - other_y).abs() < 0.35,
        // Where one stands before the other they are one blob or overlap; that both are there was asked already.
        RelationKind::InFrontOf | RelationKind::Behind => (x - other_x).abs() < 0.4,
    }
}

/// The share of the prompt's questions that the picture answers with yes.
fn share_right(prompt: &str, picture: &Picture) -> Result<f32, Rejection> {
    let view = View::of(&decoded(picture)?, 1.0);
    let questions = questions(&read(prompt)?);
    let right = questions.iter().map(|question| answered(&view, question));
    let right = right.collect::<Result<Vec<bool>, _>>()?;
    Ok(right.iter().filter(|right| **right).count() as f32 / right.len().max(1) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_cover_figures_and_relations_and_read_back() {
        let scene = read("two red cups on the left of a wooden chair").unwrap();
        let questions = questions(&scene);
        assert_eq!(
            questions,
            [
                "Are there two red cups?",
                "Is there a wooden chair?",
                "Are two red cups on the left of a wooden chair?",
            ]
        );
    }
}
