//! Questions come in and are gathered into batches.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use twig_model::Teacher;

use super::{Expected, Inner, QUEUE_LEN, Waiting, record};
use crate::openai::{
    body::{CallKind, data_url},
    mask,
};

impl Inner {
    /// Looks which batches earlier runs have left, and takes in questions from then on.
    pub(super) fn begin(self: &Arc<Self>) -> io::Result<mpsc::Sender<Waiting>> {
        let (records, unreadable) = record::left_by_earlier_runs(&self.folder, self.remote.identity())?;
        for error in unreadable {
            self.tell(error.to_string());
        }
        let mut adopted = Vec::new();
        // What one batch has left unanswered may have gone into a later one: that one answers it.
        for mut record in records.into_iter().rev() {
            let expected = &mut self.state().expected;
            record.questions.retain(|question| !expected.contains_key(&question.key));
            expected.extend(record.expected());
            if record.questions.is_empty() {
                record.forget(&self.folder)?;
            } else {
                adopted.push(record);
            }
        }
        for record in adopted {
            tokio::spawn(Arc::clone(self).adopt(record));
        }
        let (queue, incoming) = mpsc::channel(QUEUE_LEN);
        tokio::spawn(Arc::clone(self).run(incoming));
        Ok(queue)
    }

    /// Takes in questions and sends them in waves, for as long as the run lasts.
    async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Waiting>) {
        while let Some(first) = incoming.recv().await {
            let mut wave = Vec::new();
            let mut next = Some(first);
            while let Some(waiting) = next {
                wave.extend(self.asked_before(waiting));
                if wave.len() == self.settings.max_requests {
                    break;
                }
                let gather = Duration::from_secs(self.settings.gather_secs);
                next = timeout(gather, incoming.recv()).await.ok().flatten();
            }
            // What an earlier run has sent was asked without money for another time.
            tokio::spawn(Arc::clone(&self).ask(wave));
        }
    }

    /// Answers a question that an earlier run has put into a batch, or lets it wait for that batch; gives it back
    /// where none has.
    fn asked_before(&self, mut waiting: Waiting) -> Option<Waiting> {
        let kept = {
            let mut state = self.state();
            match (state.kept.remove(&waiting.key), state.expected.get(&waiting.key).cloned()) {
                (Some(kept), _) => kept,
                (None, Some(Expected { batch, reserved })) => {
                    if let Some((failure, what)) = state.broken.get(&batch) {
                        let _ = waiting.done.send(Err(self.remote.error(failure.clone(), what)));
                    } else {
                        (waiting.batch, waiting.earlier) = (batch, reserved);
                        state.expected.remove(&waiting.key);
                        state.waiting.insert(waiting.key.clone(), waiting);
                    }
                    return None;
                }
                (None, None) => return Some(waiting),
            }
        };
        match self.read(&kept) {
            Ok(line) => {
                let (name, key) = (&kept.record.name, waiting.key.clone());
                waiting.earlier = kept.earlier;
                let left = self.answer_with(waiting, &line, &kept.record)?;
                self.let_go(name, &key);
                Some(left)
            }
            // What was put aside for the lost answer counts as spent.
            Err(error) => {
                self.let_go(&kept.record.name, &waiting.key);
                waiting.lost.calls += 1;
                waiting.lost.micro_usd += kept.earlier.map_or(0, |earlier| earlier.micro_usd);
                self.tell(format!("a fetched answer cannot be read, and is asked again: {error}"));
                Some(waiting)
            }
        }
    }
}

/// A batch goes to one door.
pub(super) fn by_endpoint(wave: Vec<Waiting>) -> HashMap<&'static str, Vec<Waiting>> {
    let mut groups: HashMap<&'static str, Vec<Waiting>> = HashMap::new();
    for waiting in wave {
        groups.entry(waiting.call.kind.path()).or_default().push(waiting);
    }
    groups
}

/// The questions as files of at most `most_bytes`.
pub(super) fn cut_by_size(
    wave: Vec<Waiting>,
    endpoint: &str,
    most_bytes: u64,
) -> Vec<(Vec<Waiting>, Vec<u8>)> {
    let mut batches: Vec<(Vec<Waiting>, Vec<u8>)> = Vec::new();
    for waiting in wave {
        let line = line(&waiting, endpoint);
        match batches.last_mut() {
            Some((questions, lines)) if (lines.len() + line.len()) as u64 <= most_bytes => {
                questions.push(waiting);
                lines.extend(line);
            }
            _ => batches.push((vec![waiting], line)),
        }
    }
    batches
}

/// A question as a line of a batch's file. An edit carries its pictures as data URLs.
fn line(waiting: &Waiting, endpoint: &str) -> Vec<u8> {
    let mut body = waiting.call.body();
    if let CallKind::Edit { base, editable } = &waiting.call.kind {
        body["images"] = json!([{ "image_url": data_url(base) }]);
        if let Ok(Some(mask)) = mask::of(base, editable) {
            body["mask"] = json!({ "image_url": data_url(&mask) });
        }
    }
    let line = json!({
        "custom_id": waiting.key, "method": "POST", "url": format!("/v1{endpoint}"), "body": body,
    });
    let mut bytes = line.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}
