//! The samples of one prompt as a group: the best against the worst, and group-relative advantages.

use twig_model::{
    Advantage, DpoPair, PairKind, PromptGroup, PromptMentions, Score, SftMessage, SftPart, Trajectory,
    TrajectoryTokens,
};

use crate::instructions;

/// One of the pictures of a prompt.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// How it was made.
    pub trajectory: &'a Trajectory,
    /// Its image tokens.
    pub tokens: &'a TrajectoryTokens,
    /// What the judges gave it.
    pub reward: Score,
}

impl Member<'_> {
    /// What decides between members: reward, then the lowest score of a region, then the earlier sample.
    fn rank(&self) -> impl Ord {
        let trajectory = self.trajectory;
        (self.reward, trajectory.min_step_score(), std::cmp::Reverse(trajectory.sample_index))
    }
}

/// The best against the worst picture of a prompt, both in full; `None` where no reward is above another.
pub fn best_and_worst(group: &[Member<'_>]) -> Option<DpoPair> {
    let chosen = group.iter().max_by_key(|member| member.rank())?;
    let rejected = group.iter().min_by_key(|member| member.rank())?;
    if chosen.reward <= rejected.reward {
        return None;
    }
    let Trajectory { prompt, sample_index, .. } = chosen.trajectory;
    let message = |role, text| SftMessage { role, parts: vec![SftPart::Text(text)] };
    let plan = |member: &Member<'_>| vec![message("assistant", instructions::plan(member.trajectory))];
    Some(DpoPair {
        id: format!("{}-sample-{sample_index}-{}", prompt.id, rejected.trajectory.sample_index),
        kind: PairKind::Sample,
        trajectory_id: chosen.trajectory.id().to_string(),
        rejected_trajectory_id: rejected.trajectory.id().to_string(),
        caption: prompt.text.clone(),
        category: prompt.category.clone(),
        region_index: None,
        prompt: vec![message("user", instructions::plan_question(chosen.trajectory))],
        chosen: plan(chosen),
        rejected: plan(rejected),
        images: Vec::new(),
        earlier_thoughts: Vec::new(),
        prefix_tokens: Vec::new(),
        chosen_image: chosen.trajectory.final_image.clone(),
        rejected_image: rejected.trajectory.final_image.clone(),
        chosen_tokens: chosen.tokens.final_ids.clone(),
        rejected_tokens: rejected.tokens.final_ids.clone(),
        chosen_score: chosen.reward,
        rejected_score: rejected.reward,
    })
}

/// The row of a prompt for reinforcement learning; `None` for an empty group.
pub fn group_of(group: &[Member<'_>], mentions: PromptMentions) -> Option<PromptGroup> {
    let prompt = &group.first()?.trajectory.prompt;
    let rewards: Vec<Score> = group.iter().map(|member| member.reward).collect();
    Some(PromptGroup {
        id: prompt.id.clone(),
        prompt: prompt.text.clone(),
        category: prompt.category.clone(),
        task_type: task_type(&prompt.category, &mentions).to_owned(),
        mentions,
        trajectory_ids: group.iter().map(|member| member.trajectory.id().to_string()).collect(),
        advantages: Advantage::of_group(&rewards),
        rewards,
    })
}

/// T2I-R1's name for a category of T2I-CompBench. The checks of places and numbers need to know what to look
/// for; where a prompt was not understood so far, and for categories of other sources, it is `complex`.
fn task_type(category: &str, mentions: &PromptMentions) -> &'static str {
    match category {
        "color" => "color",
        "shape" => "shape",
        "texture" => "texture",
        "non_spatial" => "non",
        "object" => "object",
        "spatial" | "3d_spatial" if mentions.spatial.is_some() => "spatial",
        "numeracy" if !mentions.counts.is_empty() => "numeracy",
        _ => "complex",
    }
}

#[cfg(test)]
mod tests {
    use twig_model::{Schedule, SpatialMention};

    use super::*;
    use crate::test_trajectories::{SMALL, trajectory};

    fn samples(rewards: &[i64]) -> Vec<(Trajectory, TrajectoryTokens, Score)> {
        let sample = |(index, &reward): (usize, &i64)| {
            let (mut trajectory, tokens) =
                trajectory(Schedule::bands(SMALL, 2).unwrap(), &[vec![index as u8], vec![20]]);
            trajectory.sample_index = index as u32;
            (trajectory, tokens, Score::new(reward).unwrap())
        };
        rewards.iter().enumerate().map(sample).collect()
    }

    fn members(samples: &[(Trajectory, TrajectoryTokens, Score)]) -> Vec<Member<'_>> {
        samples
            .iter()
            .map(|(trajectory, tokens, reward)| Member { trajectory, tokens, reward: *reward })
            .collect()
    }

    #[test]
    fn the_best_of_a_group_stands_against_the_worst() {
        let samples = samples(&[50, 90, 40, 90, 40]);
        let pair = best_and_worst(&members(&samples)).unwrap();
        // Of equals, the lowest region decides.
        assert_eq!(pair.id, "00000000000000ab-sample-3-2");
        assert_eq!((pair.chosen_score.get(), pair.rejected_score.get()), (90, 40));
        let thoughts = SftPart::Text("Thought 0.0.\nThought 1.0.".to_owned());
        assert_eq!(pair.chosen[0].parts, [thoughts]);
        assert!(best_and_worst(&members(&samples[..1])).is_none());
        assert!(best_and_worst(&[]).is_none());
    }

    #[test]
    fn a_group_has_one_reward_and_advantage_a_sample() {
        let samples = samples(&[60, 80, 100]);
        let group = group_of(&members(&samples), PromptMentions::default()).unwrap();
        assert_eq!(group.trajectory_ids, ["00000000000000ab-0", "00000000000000ab-1", "00000000000000ab-2"]);
        let advantages: Vec<f64> = group.advantages.iter().map(|advantage| advantage.get().round()).collect();
        assert_eq!(advantages, [-1.0, 0.0, 1.0]);
        assert_eq!(group.task_type, "color");
        assert!(group_of(&[], PromptMentions::default()).is_none());
    }

    #[test]
    fn checks_that_need_more_than_the_prompt_are_named_only_where_there_is_more() {
        let place = SpatialMention { obj1: "a".into(), obj2: "b".into(), locality: "on the left of".into() };
        let placed = PromptMentions { spatial: Some(place), ..PromptMentions::default() };
        assert_eq!(task_type("spatial", &placed), "spatial");
        for category in ["spatial", "numeracy", "poems"] {
            assert_eq!(task_type(category, &PromptMentions::default()), "complex");
        }
    }
}
