//! Checks of `trajectories` and `steps`.

use twig_model::{Schedule, Trajectory};

use super::{CheckedRow, RowKeys, Rules, require};
use crate::{AttemptRecord, ReleaseTrajectory, Row, StepRow, TrajectoryRecord};

impl CheckedRow for TrajectoryRecord {
    fn keys(&self) -> RowKeys {
        RowKeys::of_trajectory(&self.id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        // Put together again, the row must be a trajectory; a schedule exists only if it tiles the canvas.
        match ReleaseTrajectory::from_record(self.clone()) {
            Ok(release) => {
                check_columns(self, release.clone(), problems);
                check_regions(&release.trajectory, rules, problems);
                check_tokens(&release, rules, problems);
            }
            Err(error) => problems.push(error.to_string()),
        }
        require(self.final_image.as_ref() == self.images.last(), problems, || {
            "final_image: differs from the last canvas".to_owned()
        });
        rules.check_pictures("final_image", &self.final_image, problems);
        rules.check_pictures("images", &self.images, problems);
    }
}

/// Columns that follow from others are what they must be: the row is what would be written today.
fn check_columns(found: &TrajectoryRecord, release: ReleaseTrajectory, problems: &mut Vec<String>) {
    let wanted = release.into_record();
    let counts = |record: &TrajectoryRecord| (record.num_steps, record.attempts, record.num_reflections);
    require(found.id == wanted.id, problems, || format!("id: should be `{}`", wanted.id));
    require(counts(found) == counts(&wanted), problems, || {
        "num_steps, attempts or num_reflections: not the counts of `steps`".to_owned()
    });
    require(found.min_step_score == wanted.min_step_score, problems, || {
        format!("min_step_score: should be {}", wanted.min_step_score.get())
    });
    require(found.images.len() == wanted.images.len(), problems, || "images: not one an attempt".to_owned());
    let different = found.steps.iter().zip(&wanted.steps).position(|(found, wanted)| found != wanted);
    require(different.is_none() && found.steps.len() == wanted.steps.len(), problems, || {
        format!("steps: entry {} contradicts itself or the schedule", different.unwrap_or(wanted.steps.len()))
    });
}

fn check_regions(trajectory: &Trajectory, rules: &Rules, problems: &mut Vec<String>) {
    let schedule: &Schedule = &trajectory.schedule;
    let in_order = trajectory.steps.iter().map(|step| step.region_index).eq(0..schedule.num_regions());
    require(in_order, problems, || "steps: not every region of the schedule in its order".to_owned());
    if let Some(first) = &rules.first {
        let geometry = schedule.geometry();
        let fits = geometry.image_size == first.image_size
            && geometry.grid.rows as usize * geometry.grid.cols as usize == first.num_tokens;
        require(fits, problems, || "meta: the schedule's grid is not the tokenizer's".to_owned());
    }
}

fn check_tokens(release: &ReleaseTrajectory, rules: &Rules, problems: &mut Vec<String>) {
    let Some(tokens) = &release.tokens else {
        return require(rules.first.is_none(), problems, || "image_tokens: null".to_owned());
    };
    rules.check_ids("image_tokens", &tokens.final_ids, num_tokens(rules), problems);
    let attempts: Vec<_> = release.trajectory.attempts().collect();
    require(attempts.len() == tokens.attempt_ids.len(), problems, || {
        format!("step_tokens: {} lists for {} attempts", tokens.attempt_ids.len(), attempts.len())
    });
    for ((step, index, _), ids) in attempts.into_iter().zip(&tokens.attempt_ids) {
        let region = &release.trajectory.schedule.regions()[step.region_index];
        rules.check_ids("step_tokens", ids, region.num_tokens() as usize, problems);
        let of_final = region.cells().map(|cell| tokens.final_ids.get(cell as usize));
        let is_last = index + 1 == step.attempts.len();
        require(!is_last || of_final.eq(ids.iter().map(Some)), problems, || {
            format!("step_tokens: region {} differs from image_tokens", region.index)
        });
    }
}

fn num_tokens(rules: &Rules) -> usize {
    rules.first.as_ref().map_or(0, |first| first.num_tokens)
}

impl CheckedRow for StepRow {
    fn keys(&self) -> RowKeys {
        RowKeys::new(&[&self.id, &self.step.to_string()], &self.id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        let points = [
            self.color_accuracy,
            self.object_completeness,
            self.detail_richness,
            self.spatial_relationships,
            self.visual_coherence,
        ];
        let in_range = points.iter().all(|points| (0..=20).contains(points));
        require(in_range && points.iter().sum::<i32>() == self.score.get(), problems, || {
            "score: not the sum of five numbers within 0 to 20".to_owned()
        });
        let wanted =
            AttemptRecord::num_region_tokens(self.token_start, self.token_end, self.cells.as_deref());
        match (wanted, &self.tokens) {
            (None, _) => problems.push("token_start, token_end, cells: neither a run nor cells".to_owned()),
            (Some(wanted), Some(ids)) => rules.check_ids("tokens", ids, wanted, problems),
            (Some(_), None) => require(rules.first.is_none(), problems, || "tokens: null".to_owned()),
        }
    }
}
