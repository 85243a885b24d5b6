//! How long the batches of a run may take: waves that follow one another × the time that each may take.

use serde::Serialize;
use twig_model::Mode;

use super::asked::Asked;
use crate::settings::{Settings, TeacherSettings};

/// What batches mean for the time of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchPlan {
    /// Batches that follow one another for a trajectory, since each asks what the one before has answered: fewest
    /// (no region redone) and most.
    pub waves: (u64, u64),
    /// Trajectories that go through them together.
    pub together: u64,
    /// How often so many trajectories go through them.
    pub rounds: u64,
    /// Hours that all of it may take, as long as every batch is over within the time that its server is given.
    pub hours: (u64, u64),
    /// What should be thought over.
    pub warning: Option<String>,
}

/// The plan of the batches for so many trajectories; `None` where nobody is asked in batches.
pub(super) fn batches(
    settings: &Settings,
    asked: &[Asked],
    trajectories: u64,
    partitions: u32,
) -> Option<BatchPlan> {
    let batch = |teacher: &str| settings.file.teachers.get(teacher).and_then(TeacherSettings::batch);
    let in_batches: Vec<(&Asked, u64)> =
        asked.iter().filter_map(|asked| Some((asked, batch(asked.teacher)?.window_hours))).collect();
    if in_batches.is_empty() {
        return None;
    }
    let sum = |of: fn(&Asked) -> u64, scaled: bool| -> u64 {
        let (mut in_turn, mut side_by_side) = (0, 0);
        for (asked, hours) in &in_batches {
            let waves = of(asked) * if scaled { *hours } else { 1 };
            if asked.side_by_side {
                side_by_side = waves.max(side_by_side);
            } else {
                in_turn += waves;
            }
        }
        in_turn + side_by_side
    };
    let each = trajectories.div_ceil(u64::from(partitions.max(1))).max(1);
    let open = settings.open_partitions(each as usize) as u64;
    let together = (settings.in_flight() as u64).min(open * each).min(trajectories);
    let rounds = trajectories.div_ceil(together.max(1));
    let (least, most) = (|asked: &Asked| asked.least, |asked: &Asked| asked.most);
    let waves = (sum(least, false), sum(most, false));
    let by_region = settings.file.trajectories.mode == Mode::RegionByRegion;
    Some(BatchPlan {
        waves,
        together,
        rounds,
        hours: (rounds * sum(least, true), rounds * sum(most, true)),
        warning: by_region.then(|| {
            format!(
                "region by region, {} to {} batches have to wait for one another; `mode: whole_image` needs fewer",
                waves.0, waves.1
            )
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::asked::of_one_trajectory, *};

    fn planned(trajectories: &str, teacher: &str, count: u64, partitions: u32) -> Option<BatchPlan> {
        judged(trajectories, teacher, "near: { teacher: near }", count, partitions)
    }

    fn judged(
        trajectories: &str,
        teacher: &str,
        judges: &str,
        count: u64,
        partitions: u32,
    ) -> Option<BatchPlan> {
        let text = format!(
            "version: 1\nname: t\noutput: o\nprompts: {{ files: [p.txt] }}\nteachers:\n  near: {{ kind: procedural }}\n  \
             far: {{ kind: openai, base_url: 'http://127.0.0.1:1/v1', model: m{teacher} }}\nroles: {{ thinker: far, painter: \
             far, critic: far }}\ntrajectories: {{ {trajectories} }}\njudgements: {{ judges: {{ {judges} }} }}\n"
        );
        let settings = Settings::parse(&text, ".".into(), &[]).unwrap();
        batches(&settings, &of_one_trajectory(&settings), count, partitions)
    }

    #[test]
    fn waves_times_the_time_that_a_batch_may_take() {
        assert_eq!(planned("regions: 3", "", 100, 1), None, "nobody is asked in batches");
        // Thoughts, picture and three critiques; the judge is asked at once.
        let plan = planned("regions: 3", ", batch: {}", 4_100, 40).unwrap();
        assert_eq!((plan.waves, plan.together, plan.rounds, plan.hours), ((5, 5), 2_000, 3, (360, 360)));
        assert_eq!(plan.warning, None);
        let plan = judged("regions: 3", ", batch: {}", "a: { teacher: far }, b: { teacher: far }", 100, 1);
        assert_eq!(plan.unwrap().waves, (6, 6), "judges are asked side by side");
        let plan = planned(
            "regions: 3, mode: region_by_region, redo_rounds: 1",
            ", batch: { window_hours: 2 }",
            50,
            1,
        );
        let plan = plan.unwrap();
        assert_eq!((plan.waves, plan.rounds, plan.hours), ((9, 15), 1, (18, 30)));
        assert!(plan.warning.unwrap().contains("9 to 15 batches"));
    }
}
