//! From a batch's fetched answers to those who wait for them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    sync::Arc,
};

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use twig_model::{Answer, RejectReason, Reply, Usage};

use super::{Inner, Kept, Waiting, record::BatchRecord};
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

impl Inner {
    /// Reads the fetched answers line by line, and remembers where those stand that nobody has asked for yet.
    pub(super) fn hand_out(&self, record: &Arc<BatchRecord>) -> io::Result<()> {
        let path = record.answers(&self.folder);
        if !path.exists() {
            return Ok(());
        }
        let mut reader = BufReader::new(File::open(path)?);
        let (mut offset, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 0 {
            let len = line.len();
            match serde_json::from_str::<Line>(&line) {
                Ok(Line { custom_id, .. }) => {
                    let waiting = {
                        let mut state = self.state();
                        let waiting = state.waiting.remove(&custom_id);
                        if waiting.is_none()
                            && let Some(earlier) = state.expected.remove(&custom_id)
                        {
                            let (record, hash) = (Arc::clone(record), blake3::hash(line.as_bytes()));
                            let kept = Kept { record, earlier, offset, len, hash };
                            state.kept.insert(custom_id, kept);
                        }
                        waiting
                    };
                    if let Some(waiting) = waiting {
                        self.answer_with(waiting, &line);
                    }
                }
                Err(error) => self.tell(format!("a line of a batch's answers cannot be read: {error}")),
            }
            offset += len as u64;
            line.clear();
        }
        Ok(())
    }

    /// Answers a question with a line of a batch's answers.
    pub(super) fn answer_with(&self, waiting: Waiting, line: &str) {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => self.answer(waiting, &line),
            Err(error) => self.tell(format!("a line of a batch's answers cannot be read: {error}")),
        }
    }

    fn answer(&self, mut waiting: Waiting, line: &Line) {
        let said = match (&line.response, &line.error) {
            (Some(Response { status_code: 200..=299, body }), _) => {
                reply::read(&waiting.call.kind, body.get().as_bytes())
            }
            (Some(Response { status_code, body }), _) => {
                let status = StatusCode::from_u16(*status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Failure::from_status(status, &HeaderMap::new(), body.get().as_bytes()))
            }
            (None, Some(error)) => Err(Failure::broken(error.to_string(), false)),
            (None, None) => Err(Failure::broken("an answer without response or error", false)),
        };
        let pictures = u64::from(waiting.call.kind.makes_picture());
        let reply = match said {
            Ok(said) => match said.what {
                What::Answer(answer) => {
                    let reservation = waiting.reservation.take();
                    let cost = self.remote.till().settle_batched(
                        reservation,
                        waiting.earlier.as_ref(),
                        &said.usage,
                        pictures,
                    );
                    Reply {
                        answer,
                        model: said.model.unwrap_or_else(|| self.remote.settings().model.clone()),
                        fingerprint: said.fingerprint,
                        usage: Usage { cost_micro_usd: cost, ..said.usage },
                        key: None,
                        from_store: false,
                    }
                }
                What::PictureAt(_) => self.declined(
                    Failure::broken("a batch answers with addresses of pictures; ask for b64_json", true),
                    RejectReason::TeacherFailed,
                ),
            },
            Err(failure) => {
                waiting.failures += 1;
                let last = waiting.failures >= self.remote.settings().limits.attempts;
                match failure.kind {
                    FailureKind::Declined(reason) => self.declined(failure, reason),
                    _ if last => self.declined(failure, RejectReason::TeacherFailed),
                    FailureKind::Overloaded
                    | FailureKind::Broken
                    | FailureKind::Silent
                    | FailureKind::Unreached
                    | FailureKind::Paused => {
                        // Left for `give_up`, which asks it again.
                        self.state().waiting.insert(waiting.key.clone(), waiting);
                        return;
                    }
                }
            }
        };
        let _ = waiting.done.send(Ok(reply));
    }

    fn declined(&self, failure: Failure, reason: RejectReason) -> Reply {
        Reply {
            answer: Answer::Declined(failure.rejection(reason)),
            model: self.remote.settings().model.clone(),
            fingerprint: None,
            usage: Usage::default(),
            key: None,
            from_store: false,
        }
    }

    /// An answer that was fetched and that nobody had asked for then.
    pub(super) fn read(&self, kept: &Kept) -> io::Result<String> {
        use std::os::unix::fs::FileExt;
        let mut line = vec![0; kept.len];
        File::open(kept.record.answers(&self.folder))?.read_exact_at(&mut line, kept.offset)?;
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "it has changed since it was fetched");
        if blake3::hash(&line) != kept.hash {
            return Err(changed());
        }
        String::from_utf8(line).map_err(|_| changed())
    }
}
