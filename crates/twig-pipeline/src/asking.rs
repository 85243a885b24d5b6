//! Asking one question of one trajectory: render, ask, read the answer, ask again where it misses the form.

use std::{borrow::Cow, sync::Arc};

use twig_imaging::RgbImage;
use twig_model::{
    Answer, AskError, Message, Part, PromptId, RejectReason, Rejection, Rendered, Reply, Request, Schedule,
    Speaker, Task, Teacher,
};
use twig_shards::CallRow;

use crate::{
    answers::InvalidAnswer, error::RunError, job::Stage, seeds, templates::Templates, trajectories::canvas,
};

/// Why a question has no usable answer.
pub(crate) enum Unanswered {
    /// The row is rejected.
    Rejected(Rejection),
    /// The run cannot go on.
    Failed(RunError),
}

impl From<Rejection> for Unanswered {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<AskError> for Unanswered {
    fn from(error: AskError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<RunError> for Unanswered {
    fn from(error: RunError) -> Self {
        Self::Failed(error)
    }
}

/// Asks for one trajectory and keeps the record of its calls.
pub(crate) struct Asking<'a> {
    pub(crate) stage: Stage,
    pub(crate) templates: &'a Templates,
    pub(crate) trajectory_seed: u64,
    pub(crate) prompt_id: PromptId,
    pub(crate) trajectory_id: String,
    pub(crate) invalid_answer_retries: u32,
    /// How often a question without a usable answer is asked anew; `twig retry` raises it.
    pub(crate) retries: u32,
    /// For judges their name: two that share a teacher are asked apart, and adding one leaves the others'
    /// questions as they were. Empty elsewhere.
    pub(crate) asker: String,
    pub(crate) calls: Vec<CallRow>,
}

/// Where in a trajectory a question belongs; seeds and provenance follow from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) region_index: Option<usize>,
    pub(crate) attempt: u32,
}

impl Asking<'_> {
    /// Asks for a text and reads it with `read`. An answer that misses the form is shown to the teacher with
    /// what is wrong, so many times as the settings say; then the row is rejected, or the question asked anew.
    pub(crate) async fn text<T>(
        &mut self,
        teacher: &Arc<dyn Teacher>,
        task: Task,
        position: Position,
        read: impl Fn(&str) -> Result<T, InvalidAnswer>,
    ) -> Result<(T, Reply), Unanswered> {
        let mut request = self.request(task, position)?;
        loop {
            match self.text_of(teacher, &request, position, &read).await {
                Err(Unanswered::Rejected(rejection)) if self.is_asked_anew(&request, &rejection) => {
                    request.ask += 1;
                }
                answered => return answered,
            }
        }
    }

    /// Whether a question that led to a rejection is asked once more.
    fn is_asked_anew(&self, request: &Request, rejection: &Rejection) -> bool {
        request.ask < self.retries && rejection.reason.is_retryable()
    }

    async fn text_of<T>(
        &mut self,
        teacher: &Arc<dyn Teacher>,
        request: &Request,
        position: Position,
        read: &impl Fn(&str) -> Result<T, InvalidAnswer>,
    ) -> Result<(T, Reply), Unanswered> {
        let mut tries_left = self.invalid_answer_retries;
        let mut request = Cow::Borrowed(request);
        loop {
            let reply = self.ask(teacher, &request, position).await?;
            let (text, invalid) = match &reply.answer {
                Answer::Declined(rejection) => return Err(rejection.clone().into()),
                Answer::Picture(_) => {
                    (String::new(), InvalidAnswer::new("a picture came where a text was wanted"))
                }
                Answer::Text(text) => match read(text) {
                    Ok(value) => return Ok((value, reply)),
                    Err(invalid) => (text.clone(), invalid),
                },
            };
            if tries_left == 0 {
                return Err(Rejection::new(RejectReason::InvalidAnswer, invalid.to_string()).into());
            }
            tries_left -= 1;
            ask_for_correction(request.to_mut(), text, &invalid);
        }
    }

    /// Asks for a picture, and fits it to the schedule's grid.
    pub(crate) async fn picture(
        &mut self,
        teacher: &Arc<dyn Teacher>,
        task: Task,
        position: Position,
        schedule: &Schedule,
    ) -> Result<(Arc<RgbImage>, Reply), Unanswered> {
        let mut request = self.request(task, position)?;
        loop {
            match self.picture_of(teacher, &request, position, schedule).await {
                Err(Unanswered::Rejected(rejection)) if self.is_asked_anew(&request, &rejection) => {
                    request.ask += 1;
                }
                answered => return answered,
            }
        }
    }

    async fn picture_of(
        &mut self,
        teacher: &Arc<dyn Teacher>,
        request: &Request,
        position: Position,
        schedule: &Schedule,
    ) -> Result<(Arc<RgbImage>, Reply), Unanswered> {
        let reply = self.ask(teacher, request, position).await?;
        match &reply.answer {
            Answer::Picture(picture) => Ok((canvas::fitted(picture.clone(), schedule).await?, reply)),
            Answer::Declined(rejection) => Err(rejection.clone().into()),
            Answer::Text(text) => {
                let begins: String = text.chars().take(80).collect();
                let detail = format!("a text came where a picture was wanted: {begins}");
                Err(Rejection::new(RejectReason::BadPicture, detail).into())
            }
        }
    }

    /// Notes how much the last picture had changed outside its region.
    ///
    /// `difference` is the mean absolute difference of two pictures, 0 to 255.
    pub(crate) fn note_changed_outside(&mut self, difference: f64) {
        if let Some(call) = self.calls.last_mut() {
            call.changed_outside = Some((difference / 255.0 * 1000.0).round() as u32);
        }
    }

    fn request(&self, task: Task, position: Position) -> Result<Request, Unanswered> {
        let rendered = self.templates.render(&task).map_err(|e| Unanswered::Failed(e.into()))?;
        let Position { region_index, attempt } = position;
        let seed = seeds::request_seed(self.trajectory_seed, task.role(), &self.asker, region_index, attempt);
        Ok(Request { task, rendered, seed, trajectory_seed: self.trajectory_seed, ask: 0 })
    }

    async fn ask(
        &mut self,
        teacher: &Arc<dyn Teacher>,
        request: &Request,
        position: Position,
    ) -> Result<Reply, AskError> {
        let reply = teacher.ask(request).await?;
        self.calls.push(CallRow {
            prompt_id: self.prompt_id.clone(),
            trajectory_id: Some(self.trajectory_id.clone()),
            stage: self.stage.as_str().to_owned(),
            role: request.task.role(),
            model: reply.model.clone(),
            fingerprint: reply.fingerprint.clone(),
            region_index: position.region_index.map(|index| index as u32),
            attempt: position.attempt,
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            cost_micro_usd: reply.usage.cost_micro_usd,
            maybe_paid_calls: reply.usage.maybe_paid_calls,
            changed_outside: None,
            latency_ms: reply.usage.latency_ms,
            answer_key: reply.key.clone(),
            from_store: reply.from_store,
            raw_text: match &reply.answer {
                Answer::Text(text) => Some(text.clone()),
                Answer::Declined(rejection) => Some(rejection.detail.clone()),
                Answer::Picture(_) => None,
            },
        });
        Ok(reply)
    }
}

/// Goes on with the conversation: the answer as it was, then what is wrong with it.
fn ask_for_correction(request: &mut Request, answer: String, invalid: &InvalidAnswer) {
    if let Rendered::Chat(form) = &mut request.rendered {
        let text = |speaker, text| Message { speaker, parts: vec![Part::Text(text)] };
        form.messages.push(text(Speaker::Assistant, answer));
        let question = format!(
            "This answer cannot be used: {invalid}. Answer again, with what was asked for and nothing else."
        );
        form.messages.push(text(Speaker::User, question));
    }
}
