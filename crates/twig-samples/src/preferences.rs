//! Preference pairs from regions that were redone: which thought, picture and critique is the better one.

use twig_model::{CritiquePair, DpoPair, PairKind, Score, Step, Trajectory, TrajectoryTokens};

use crate::{
    TokensMismatch,
    pass::{Pass, passes},
    samples::{Chat, check_tokens},
};

/// The pairs of one trajectory, region by region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Failed against better attempts.
    pub dpo: Vec<DpoPair>,
    /// Right against wrong critiques of the same canvas.
    pub critique_dpo: Vec<CritiquePair>,
}

/// The pairs of every region that has an attempt that was not accepted and a better one.
///
/// The best attempt (the later one of equals) stands against every attempt that was not accepted and has a
/// lower score: both were asked for in the same place, with the same canvas. Each such pair also gives two
/// pairs of critiques: each canvas with its own critique against that of the other.
pub fn redo_pairs(trajectory: &Trajectory, tokens: &TrajectoryTokens) -> Result<Preferences, TokensMismatch> {
    check_tokens(trajectory, tokens)?;
    let passes = passes(trajectory, tokens);
    let mut preferences = Preferences::default();
    let mut rest = passes.as_slice();
    for step in &trajectory.steps {
        let (attempts, later) = rest.split_at(step.attempts.len());
        rest = later;
        let Some(best) = best(step) else { continue };
        for failed in attempts.iter().filter(|pass| is_failed(pass, step.attempts[best].critique.score())) {
            preferences.dpo.push(redo_pair(&attempts[best], failed));
            preferences.critique_dpo.push(critique_pair(&attempts[best], failed));
            preferences.critique_dpo.push(critique_pair(failed, &attempts[best]));
        }
    }
    Ok(preferences)
}

/// Position of the attempt with the highest score, the later one of equals.
fn best(step: &Step) -> Option<usize> {
    let scores = step.attempts.iter().map(|attempt| attempt.critique.score()).enumerate();
    scores.max_by_key(|&(index, score)| (score, index)).map(|(index, _)| index)
}

fn is_failed(pass: &Pass<'_>, best: Score) -> bool {
    !pass.attempt.accepted && pass.attempt.critique.score() < best
}

fn redo_pair(chosen: &Pass<'_>, rejected: &Pass<'_>) -> DpoPair {
    let trajectory = chosen.trajectory;
    let trajectory_id = trajectory.id().to_string();
    let (chat, other) = (Chat::think(chosen), Chat::think(rejected));
    let (region, one, two) = (chosen.region.index, chosen.attempt_index, rejected.attempt_index);
    DpoPair {
        id: format!("{trajectory_id}-redo-{region}-{one}-{two}"),
        kind: PairKind::Redo,
        rejected_trajectory_id: trajectory_id.clone(),
        trajectory_id,
        caption: trajectory.prompt.text.clone(),
        category: trajectory.prompt.category.clone(),
        region_index: Some(region as u32),
        prompt: vec![chat.user()],
        chosen: vec![chat.assistant()],
        rejected: vec![other.assistant()],
        images: chat.images(),
        earlier_thoughts: chosen.earlier_thoughts.iter().map(|&thought| thought.to_owned()).collect(),
        prefix_tokens: chosen.visual_prefix().to_vec(),
        chosen_image: chosen.attempt.canvas.clone(),
        rejected_image: rejected.attempt.canvas.clone(),
        chosen_tokens: chosen.ids.to_vec(),
        rejected_tokens: rejected.ids.to_vec(),
        chosen_score: chosen.attempt.critique.score(),
        rejected_score: rejected.attempt.critique.score(),
    }
}

/// The canvas of `seen` with its own critique against that of `other`.
fn critique_pair(seen: &Pass<'_>, other: &Pass<'_>) -> CritiquePair {
    let trajectory = seen.trajectory;
    let trajectory_id = trajectory.id().to_string();
    let (chat, wrong) = (Chat::reflect(seen), Chat::reflect(other));
    let (region, one, two) = (seen.region.index, seen.attempt_index, other.attempt_index);
    CritiquePair {
        id: format!("{trajectory_id}-critique-{region}-{one}-{two}"),
        trajectory_id,
        caption: trajectory.prompt.text.clone(),
        category: trajectory.prompt.category.clone(),
        region_index: region as u32,
        attempt: one as u32,
        other_attempt: two as u32,
        prompt: vec![chat.user()],
        chosen: vec![chat.assistant()],
        rejected: vec![wrong.assistant()],
        images: chat.images(),
        chosen_score: seen.attempt.critique.score(),
        rejected_score: other.attempt.critique.score(),
    }
}

#[cfg(test)]
mod tests {
    use twig_model::{Schedule, SftPart};

    use super::*;
    use crate::test_trajectories::{SMALL, canvas, token_id, trajectory};

    fn pairs(points: &[Vec<u8>]) -> Preferences {
        let (trajectory, tokens) = trajectory(Schedule::bands(SMALL, points.len()).unwrap(), points);
        redo_pairs(&trajectory, &tokens).unwrap()
    }

    fn said(message: &twig_model::SftMessage) -> String {
        let texts = message.parts.iter().filter_map(|part| match part {
            SftPart::Text(text) => Some(text.as_str()),
            SftPart::Image => None,
        });
        texts.collect()
    }

    #[test]
    fn a_failed_attempt_stands_against_the_better_one() {
        let Preferences { dpo, critique_dpo } = pairs(&[vec![20], vec![11, 19], vec![18]]);
        let [pair] = dpo.as_slice() else { panic!("{dpo:?}") };
        assert_eq!(pair.id, "00000000000000ab-2-redo-1-1-0");
        assert_eq!((pair.chosen_score.get(), pair.rejected_score.get()), (95, 55));
        assert_eq!(
            (said(&pair.chosen[0]), said(&pair.rejected[0])),
            ("Thought 1.1.".into(), "Thought 1.0.".into())
        );
        assert_eq!(pair.images, [canvas(0, 0)]);
        assert_eq!((&pair.chosen_image, &pair.rejected_image), (&canvas(1, 1), &canvas(1, 0)));
        assert_eq!(pair.earlier_thoughts, ["Thought 0.0."]);
        assert_eq!(pair.prefix_tokens, [token_id(0, 0); 8]);
        assert_eq!(
            (&pair.chosen_tokens, &pair.rejected_tokens),
            (&vec![token_id(1, 1); 8], &vec![token_id(1, 0); 8])
        );
        let [right, wrong] = critique_dpo.as_slice() else { panic!("{critique_dpo:?}") };
        assert_eq!((right.images[0].clone(), wrong.images[0].clone()), (canvas(1, 1), canvas(1, 0)));
        assert_eq!(said(&right.chosen[0]), "SCORE: 95\nIMPROVED_DESCRIPTION: Thought 1.2.");
        assert_eq!(said(&right.rejected[0]), "SCORE: 55\nIMPROVED_DESCRIPTION: Thought 1.1.");
        assert_eq!((&right.chosen, &right.rejected), (&wrong.rejected, &wrong.chosen));
        assert!(
            said(&wrong.prompt[0]).contains("Thought 1.0.")
                && said(&right.prompt[0]).contains("Thought 1.1.")
        );
    }

    #[test]
    fn nothing_is_preferred_among_equals_or_where_all_were_accepted() {
        assert_eq!(pairs(&[vec![20], vec![18]]), Preferences::default());
        assert_eq!(pairs(&[vec![11, 11]]), Preferences::default());
        // The redo made it worse: what came first is the better one.
        let worse = pairs(&[vec![12, 11]]);
        assert_eq!(worse.dpo[0].id, "00000000000000ab-2-redo-0-0-1");
        // Two failures against the best, none against each other.
        let ids: Vec<String> = pairs(&[vec![5, 7, 20]]).dpo.into_iter().map(|pair| pair.id).collect();
        assert_eq!(ids, ["00000000000000ab-2-redo-0-2-0", "00000000000000ab-2-redo-0-2-1"]);
    }
}
