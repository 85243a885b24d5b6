//! Checks of `sft` and `janus`.

use super::{CheckedRow, RowKeys, Rules, require};
use crate::{JanusRecord, SftRecord, tables::IMAGE_TAG};

/// Marks a position without loss, in the convention of PyTorch.
const IGNORED: i32 = -100;
/// Marks a position that is no image token.
const NO_IMAGE: i32 = -1;

impl CheckedRow for SftRecord {
    fn keys(&self) -> RowKeys {
        RowKeys::new(&[&self.id], &self.trajectory_id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        let parts = self.messages.iter().flat_map(|message| &message.content);
        let places = parts.filter(|part| part.kind == "image").count();
        let tags: usize = self.conversations.iter().map(|turn| turn.value.matches(IMAGE_TAG).count()).sum();
        let images = self.images.len();
        require(places == images, problems, || format!("messages: {places} image parts for {images} images"));
        require(tags == images, problems, || format!("conversations: {tags} image tags for {images} images"));
        require(self.conversations.len() == self.messages.len(), problems, || {
            "conversations: not one turn a message".to_owned()
        });
        if rules.first.is_some() {
            require(self.image_tokens.len() == images, problems, || {
                format!("image_tokens: {} lists for {images} images", self.image_tokens.len())
            });
        }
        for ids in &self.image_tokens {
            let wanted = rules.first.as_ref().map_or(0, |first| first.num_tokens);
            rules.check_ids("image_tokens", ids, wanted, problems);
        }
        rules.check_pictures("images", &self.images, problems);
    }
}

impl CheckedRow for JanusRecord {
    fn keys(&self) -> RowKeys {
        RowKeys::new(&[&self.id], &self.trajectory_id)
    }

    fn check(&self, rules: &Rules, problems: &mut Vec<String>) {
        let Self { input_ids, labels, vq_ids, vq_labels, .. } = self;
        let length = self.num_tokens as usize;
        let lengths = [input_ids.len(), labels.len(), vq_ids.len(), vq_labels.len()];
        require(lengths == [length; 4], problems, || {
            format!("input_ids, labels, vq_ids, vq_labels: {lengths:?} entries, num_tokens is {length}")
        });
        require(self.prompt_len as usize <= length, problems, || "prompt_len: beyond the end".to_owned());
        require(self.prompt_len > 0 || self.prompt_dropped != Some(true), problems, || {
            "prompt_dropped: there is no prompt to drop".to_owned()
        });
        require(follows(labels, input_ids), problems, || {
            "labels: neither -100 nor the id at the same place".to_owned()
        });
        require(follows(vq_labels, vq_ids), problems, || {
            "vq_labels: neither -100 nor the id at the same place".to_owned()
        });
        require(input_ids.iter().all(|id| *id >= 0), problems, || "input_ids: a negative id".to_owned());
        let codebook = rules.first.as_ref().map_or(0, |first| first.codebook_size as i32);
        require(vq_ids.iter().all(|id| (NO_IMAGE..codebook).contains(id)), problems, || {
            format!("vq_ids: an id that is neither -1 nor one of {codebook} codes")
        });
        if let Some(placeholder) = rules.image_placeholder {
            let (runs, images) = (num_runs(input_ids, placeholder), self.images.len());
            require(runs == images, problems, || format!("images: {images} for {runs} runs of placeholders"));
        }
        rules.check_pictures("images", &self.images, problems);
    }
}

/// Whether each label is the id at its place, or ignored.
fn follows(labels: &[i32], ids: &[i32]) -> bool {
    labels.iter().zip(ids).all(|(label, id)| *label == IGNORED || (label == id && *id >= 0))
}

/// Number of runs of `wanted`.
fn num_runs(ids: &[i32], wanted: i32) -> usize {
    let begins = |index: usize| ids[index] == wanted && (index == 0 || ids[index - 1] != wanted);
    (0..ids.len()).filter(|&index| begins(index)).count()
}
