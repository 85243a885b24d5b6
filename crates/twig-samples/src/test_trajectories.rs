//! Trajectories for tests. Pictures are short texts that name them, because samples never look inside.

use twig_model::{
    Attempt, CriterionScores, Critique, Geometry, Grid, Mode, Picture, Prompt, PromptId, Schedule, Step,
    Trajectory, TrajectoryTokens,
};

/// A grid of 6 × 4 tokens.
pub(crate) const SMALL: Geometry = Geometry { grid: Grid { rows: 6, cols: 4 }, image_size: 24 };

/// The name of the canvas after an attempt.
pub(crate) fn canvas(region: usize, attempt: usize) -> Picture {
    Picture::new(format!("canvas {region}.{attempt}").into_bytes())
}

/// The id of all tokens of a region at an attempt: 11 for the first region at attempt 1, 20 for the second
/// at attempt 0.
pub(crate) fn token_id(region: usize, attempt: usize) -> u32 {
    (10 * (region + 1) + attempt) as u32
}

/// A trajectory whose region k has `points[k].len()` attempts, with that many points on each criterion; 18
/// points are enough.
pub(crate) fn trajectory(schedule: Schedule, points: &[Vec<u8>]) -> (Trajectory, TrajectoryTokens) {
    let attempt = |region: usize, attempt: usize, points: u8| Attempt {
        thought: format!("Thought {region}.{attempt}."),
        critique: Critique {
            scores: CriterionScores::new([i64::from(points); 5]).unwrap(),
            comment: format!("Comment {region}.{attempt}."),
            revised_thought: format!("Thought {region}.{}.", attempt + 1),
        },
        accepted: points >= 18,
        canvas: canvas(region, attempt),
    };
    let step = |(region, points): (usize, &Vec<u8>)| Step {
        region_index: region,
        attempts: points.iter().enumerate().map(|(index, &points)| attempt(region, index, points)).collect(),
    };
    let steps: Vec<Step> = points.iter().enumerate().map(step).collect();
    let trajectory = Trajectory {
        prompt: Prompt {
            id: PromptId::from_hash(0xab),
            text: "a red duck on a green pond".to_owned(),
            category: "color".to_owned(),
            source: "color_train.txt:1".to_owned(),
        },
        sample_index: 2,
        mode: Mode::RegionByRegion,
        painter: "procedural".to_owned(),
        seed: 7,
        schedule,
        final_image: steps.last().unwrap().last_attempt().canvas.clone(),
        steps,
    };
    let tokens = tokens(&trajectory);
    (trajectory, tokens)
}

fn tokens(trajectory: &Trajectory) -> TrajectoryTokens {
    let schedule = &trajectory.schedule;
    let mut final_ids = vec![0; schedule.geometry().grid.num_tokens() as usize];
    let mut attempt_ids = Vec::new();
    for (step, attempt, _) in trajectory.attempts() {
        let region = &schedule.regions()[step.region_index];
        let id = token_id(step.region_index, attempt);
        region.cells().for_each(|cell| final_ids[cell as usize] = id);
        attempt_ids.push(vec![id; region.num_tokens() as usize]);
    }
    TrajectoryTokens { tokenizer: "twig-patch".to_owned(), final_ids, attempt_ids }
}
