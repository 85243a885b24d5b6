//! From a batch's fetched answers to those who wait for them.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader},
    sync::Arc,
};

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use twig_model::{AskError, RejectReason, Reply, Usage};

use super::{Expected, Inner, Kept, Waiting, record::BatchRecord};
use crate::openai::{
    failure::{Failure, FailureKind},
    reply::{self, What},
};

/// A line of a batch's answers.
#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Line<'_> {
    /// Whether it is an answer and not a failure, which there is no use in keeping.
    fn is_answer(&self) -> bool {
        self.response.as_ref().is_some_and(|response| (200..300).contains(&response.status_code))
    }
}

/// Whether a batch has come to its end before this question had its turn.
fn is_left(error: &Value) -> bool {
    matches!(error["code"].as_str(), Some("batch_expired" | "batch_cancelled"))
}

/// What became of a batch's answers.
#[derive(Default)]
pub(super) struct HandedOut {
    /// Keys of the questions that had a line which can be read.
    pub(super) read: HashSet<String>,
    /// Lines that cannot be read.
    pub(super) unreadable: usize,
}

impl Inner {
    /// Reads the fetched answers line by line, and remembers where those stand that nobody has asked for yet.
    pub(super) fn hand_out(&self, record: &Arc<BatchRecord>) -> io::Result<HandedOut> {
        let mut handed_out = HandedOut::default();
        let path = record.answers(&self.folder);
        if !path.exists() {
            return Ok(handed_out);
        }
        self.state().unstored(record);
        // What is now expected of a later batch is not looked at.
        let asked: HashSet<&str> = record.questions.iter().map(|question| question.key.as_str()).collect();
        let mut reader = BufReader::new(File::open(path)?);
        let (mut offset, mut line) = (0, Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 {
            match serde_json::from_slice::<Line>(&line) {
                Ok(read) if !asked.contains(read.custom_id.as_str()) => {}
                Ok(read) => {
                    self.hand_over(record, &read, &line, offset);
                    handed_out.read.insert(read.custom_id);
                }
                Err(error) => {
                    handed_out.unreadable += 1;
                    self.tell(format!("a line of a batch's answers cannot be read: {error}"));
                }
            }
            offset += line.len() as u64;
            line.clear();
        }
        Ok(handed_out)
    }

    /// Answers whoever waits for a line, and keeps it where nobody has asked yet.
    fn hand_over(&self, record: &Arc<BatchRecord>, read: &Line, line: &[u8], offset: u64) {
        let waiting = {
            let mut state = self.state();
            if let Some(Expected { reserved: earlier, .. }) = state.expected.remove(&read.custom_id) {
                if read.is_answer() {
                    let (record, hash, len) = (Arc::clone(record), blake3::hash(line), line.len());
                    state.keep(read.custom_id.clone(), Kept { record, earlier, offset, len, hash });
                } else {
                    self.remote.till().give_back(None, earlier.as_ref());
                }
            }
            state.waiting.remove(&read.custom_id)
        };
        if let Some(left) = waiting.and_then(|waiting| self.answer(waiting, read, record)) {
            // For `give_up`, which asks it again.
            self.state().waiting.insert(left.key.clone(), left);
        }
    }

    /// Answers a question with a line of a batch's answers, or gives it back to be asked again.
    pub(super) fn answer_with(&self, waiting: Waiting, line: &[u8], record: &BatchRecord) -> Option<Waiting> {
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => self.answer(waiting, &line, record),
            Err(_) => Some(waiting),
        }
    }

    fn answer(&self, mut waiting: Waiting, line: &Line, record: &BatchRecord) -> Option<Waiting> {
        let said = match (&line.response, &line.error) {
            (Some(Response { status_code: 200..=299, body }), _) => {
                reply::read(&waiting.call.kind, body.get().as_bytes())
            }
            (Some(Response { status_code, body }), _) => {
                let status = StatusCode::from_u16(*status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Failure::from_status(status, &HeaderMap::new(), body.get().as_bytes()))
            }
            (None, Some(error)) if is_left(error) => {
                Err(Failure::new(FailureKind::Overloaded, error.to_string(), false))
            }
            (None, Some(error)) => Err(Failure::broken(error.to_string(), false)),
            (None, None) => Err(Failure::broken("an answer without response or error", false)),
        };
        let said = said.and_then(|said| match said.what {
            What::Answer(answer) => Ok((answer, said.model, said.fingerprint, said.usage)),
            What::PictureAt(_) => {
                let what = "a batch answers with addresses of pictures; ask for b64_json";
                Err(Failure { maybe_paid: true, ..Failure::declined(RejectReason::TeacherFailed, what) })
            }
        });
        let reply = match said {
            Ok((answer, model, fingerprint, usage)) => {
                let pictures = u64::from(waiting.call.kind.makes_picture());
                let till = self.remote.till();
                let cost = till.settle_batched(
                    waiting.reservation.take(),
                    waiting.earlier.as_ref(),
                    &usage,
                    pictures,
                );
                let usage = Usage {
                    cost_micro_usd: cost.map(|cost| cost + waiting.lost.micro_usd),
                    maybe_paid_calls: waiting.lost.calls,
                    ..usage
                };
                let model = model.unwrap_or_else(|| self.remote.settings().model.clone());
                Reply { answer, model, fingerprint, usage, key: None, from_store: false }
            }
            Err(failure) => {
                if failure.maybe_paid {
                    waiting.loses_answer();
                }
                let reason = match failure.kind {
                    FailureKind::Declined(reason) => reason,
                    // No question's fault: where it goes on, `give_up` ends the run.
                    FailureKind::Overloaded => return Some(waiting),
                    FailureKind::Paused => {
                        self.abandon(waiting, self.remote.error(failure, "a batch is refused"));
                        return None;
                    }
                    FailureKind::Broken | FailureKind::Silent | FailureKind::Unreached => {
                        waiting.failures += 1;
                        if waiting.failures < self.remote.settings().limits.attempts {
                            return Some(waiting);
                        }
                        RejectReason::TeacherFailed
                    }
                };
                let (reservation, earlier) = (waiting.reservation.take(), waiting.earlier.take());
                self.remote.till().give_back(reservation, earlier.as_ref());
                self.remote.declined(failure, reason, &waiting.lost)
            }
        };
        self.state().handed_out(&record.name, &waiting.key);
        // Where nobody listens any more, the run is being stopped: the next one reads the answer again.
        let _ = waiting.done.send(Ok(reply));
        None
    }

    /// Ends a question that nobody is paid for.
    pub(super) fn abandon(&self, mut waiting: Waiting, error: AskError) {
        self.remote.till().give_back(waiting.reservation.take(), waiting.earlier.as_ref());
        let _ = waiting.done.send(Err(error));
    }

    /// An answer that was fetched and that nobody had asked for then.
    pub(super) fn read(&self, kept: &Kept) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let mut line = vec![0; kept.len];
        File::open(kept.record.answers(&self.folder))?.read_exact_at(&mut line, kept.offset)?;
        if blake3::hash(&line) != kept.hash {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has changed since it was fetched"));
        }
        Ok(line)
    }
}
