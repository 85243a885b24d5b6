//! Whom a trajectory asks how often.

use std::collections::BTreeMap;

use twig_model::Mode;

use crate::settings::{JudgeKind, PromptSource, ScheduleSettings, Settings, Thinking};

/// Questions about one trajectory, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) role: &'static str,
    pub(super) teacher: &'a str,
    /// With no region redone.
    pub(super) least: u64,
    /// With every region redone every round.
    pub(super) most: u64,
    /// Whether all that have this set are asked at the same time.
    pub(super) side_by_side: bool,
}

/// Everybody who is asked about a trajectory, each judge apart.
pub(super) fn of_one_trajectory(settings: &Settings) -> Vec<Asked<'_>> {
    let file = &settings.file;
    let regions = settings.schedule.num_regions() as u64;
    let redone = regions * u64::from(file.trajectories.redo_rounds);
    let is_given = file.prompts.source == PromptSource::Pictures;
    let (thinks, paints) = match (file.trajectories.mode, &file.trajectories.schedule) {
        _ if is_given => (regions, 0),
        (Mode::WholeImage, ScheduleSettings::Content { .. }) => (1 + regions, 1),
        (Mode::WholeImage, _) => match file.trajectories.thinking {
            Thinking::AtOnce => (1, 1),
            Thinking::InTurn => (regions, 1),
        },
        (Mode::RegionByRegion, _) => (regions, regions),
    };
    let thinks = thinks + u64::from(file.trajectories.schedule == ScheduleSettings::Proposed);
    let repainted = if is_given { 0 } else { redone };
    let (thinker, painter, critic) = (&file.roles.thinker, &file.roles.painter, &file.roles.critic);
    let of = |role, teacher, least, most| Asked { role, teacher, least, most, side_by_side: false };
    let mut asked = vec![
        of("thinker", thinker, thinks, thinks),
        of("painter", painter, paints, paints + repainted),
        of("critic", critic, regions, regions + redone),
    ];
    let judged = if file.judgements.regions { regions + 1 } else { 1 };
    let others = u64::from(file.trajectories.samples_per_prompt) - 1;
    asked.extend(file.judgements.judges.values().map(|judge| {
        let count = match judge.kind {
            JudgeKind::Rubric => judged,
            JudgeKind::Probability => 1,
            JudgeKind::Questions => 2,
            // Each pair in both orders; a pair has two samples.
            JudgeKind::Pairwise => others,
        };
        let side_by_side = judge.kind != JudgeKind::Pairwise;
        Asked { side_by_side, ..of(JUDGE, &judge.teacher, count, count) }
    }));
    asked
}

/// The role that is asked after all trajectories are made.
pub(super) const JUDGE: &str = "judge";

/// Fewest and most questions a role may be asked about so many trajectories.
pub(super) fn questions(asked: &[Asked], to_make: u64, to_judge: u64) -> BTreeMap<String, (u64, u64)> {
    let mut questions = BTreeMap::new();
    for Asked { role, least, most, .. } in asked {
        let rows = if *role == JUDGE { to_judge } else { to_make };
        let count = questions.entry((*role).to_owned()).or_insert((0, 0));
        *count = (count.0 + least * rows, count.1 + most * rows);
    }
    questions
}
