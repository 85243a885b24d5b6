//! Checks of `dpo`, `critique_dpo` and `grpo`.

use twig_model::{Advantage, PairKind, Score};

use super::{CheckedRow, RowKeys, Rules, require};
use crate::{CritiqueDpoRecord, DpoRecord, GrpoRecord, MessageRecord};

/// What trainers insist on: one question, one answer a side, a place for each picture.
fn check_chats(
    [prompt, chosen, rejected]: [&[MessageRecord]; 3],
    num_images: usize,
    problems: &mut Vec<String>,
) {
    let parts = prompt.iter().flat_map(|message| &message.content);
    let places = parts.filter(|part| part.kind == "image").count();
    require(places == num_images, problems, || {
        format!("prompt: {places} image parts for {num_images} images")
    });
    let are = |messages: &[MessageRecord], role| matches!(messages, [message] if message.role == role);
    let is_pair = are(prompt, "user") && are(chosen, "assistant") && are(rejected, "assistant");
    require(is_pair, problems, || "prompt, chosen, rejected: not a question and two answers".to_owned());
}

impl CheckedRow for DpoRecord {
    fn keys(&self) -> RowKeys {
        RowKeys::new(&[&self.id], &self.trajectory_id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        let Self { kind, region_index, chosen_tokens, rejected_tokens, .. } = self;
        check_chats([&self.prompt, &self.chosen, &self.rejected], self.images.len(), problems);
        require(self.chosen_score > self.rejected_score, problems, || {
            "chosen_score: not above rejected_score".to_owned()
        });
        let is_redo = *kind == PairKind::Redo;
        let is_consistent = region_index.is_some() == is_redo
            && (self.trajectory_id == self.rejected_trajectory_id) == is_redo;
        require(is_consistent, problems, || {
            format!("kind: `{}` contradicts the region or the trajectories", kind.as_str())
        });
        let region = if is_redo { chosen_tokens.len() } else { rules.num_tokens() };
        rules.check_ids("chosen_tokens", chosen_tokens, region, problems);
        rules.check_ids("rejected_tokens", rejected_tokens, region, problems);
        rules.check_ids("prefix_tokens", &self.prefix_tokens, self.prefix_tokens.len(), problems);
        rules.check_pictures("images", &self.images, problems);
        rules.check_pictures("chosen_image", [&self.chosen_image], problems);
        rules.check_pictures("rejected_image", [&self.rejected_image], problems);
    }
}

impl CheckedRow for CritiqueDpoRecord {
    fn keys(&self) -> RowKeys {
        RowKeys::new(&[&self.id], &self.trajectory_id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        check_chats([&self.prompt, &self.chosen, &self.rejected], self.images.len(), problems);
        require(self.chosen_score != self.rejected_score, problems, || {
            "rejected_score: that of chosen, so nothing is preferred".to_owned()
        });
        require(self.attempt != self.other_attempt, problems, || "other_attempt: the same".to_owned());
        rules.check_pictures("images", &self.images, problems);
    }
}

impl CheckedRow for GrpoRecord {
    fn keys(&self) -> RowKeys {
        let first = self.trajectory_ids.first().map_or("", String::as_str);
        RowKeys::new(&[self.id.as_str()], first)
    }

    fn check(&self, _: &Rules, problems: &mut Vec<String>) {
        let size = self.trajectory_ids.len();
        let is_one_group = size > 0 && self.rewards.len() == size && self.advantages.len() == size;
        require(is_one_group, problems, || {
            "trajectory_ids, rewards, advantages: not one of each a picture".to_owned()
        });
        require(self.advantages == Advantage::of_group(&self.rewards), problems, || {
            let rewards: Vec<i32> = self.rewards.iter().copied().map(Score::get).collect();
            format!("advantages: not those of the rewards {rewards:?}")
        });
        let is_of_prompt = |id: &String| id.rsplit_once('-').is_some_and(|(id, _)| id == self.id.as_str());
        require(self.trajectory_ids.iter().all(is_of_prompt), problems, || {
            "trajectory_ids: one of another prompt".to_owned()
        });
    }
}
