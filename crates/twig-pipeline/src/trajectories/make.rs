//! One trajectory: the order of questions, which is the scheme of the paper (section 3).

use std::sync::Arc;

use twig_imaging::{Rgb, RgbImage};
use twig_model::{
    Attempt, CritiqueTask, DescribeTask, Mode, PaintTask, Picture, Prompt, Schedule, Step, Task, Teacher,
    ThinkTask, Trajectory,
};
use twig_shards::{CallRow, RejectedRow};

use super::{
    canvas::{self, View},
    start::Given,
};
use crate::{
    answers,
    asking::{Asking, Position, Unanswered},
    error::RunError,
    settings::{Thinking, TrajectorySettings},
};

/// What became of a prompt.
pub(super) enum Outcome {
    Made(Box<Trajectory>),
    Rejected(RejectedRow),
}

/// Makes trajectories with the teachers of one open partition.
pub(super) struct Maker<'a> {
    pub(super) settings: &'a TrajectorySettings,
    pub(super) schedule: &'a Schedule,
    /// Colour of what is not painted yet.
    pub(super) placeholder: Rgb<u8>,
    /// How thinker and critic see a canvas.
    pub(super) view: View,
    pub(super) thinker: Arc<dyn Teacher>,
    /// `None` where pictures are given and nobody paints.
    pub(super) painter: Option<Arc<dyn Teacher>>,
    pub(super) critic: Arc<dyn Teacher>,
}

/// A trajectory on its way.
struct Draft<'a> {
    prompt: &'a Prompt,
    /// The thoughts as they stand: τ̂ in τ's place once a region was redone.
    thoughts: Vec<String>,
    /// What has been painted so far; the whole picture from the beginning in whole-image mode.
    picture: Arc<RgbImage>,
    steps: Vec<Step>,
    /// The canvas as the critic saw it last, which the thinker of the next region sees too.
    seen: Option<Picture>,
    painter: String,
    /// Whether a region that was not accepted is painted again. Of an existing picture only the thought is
    /// revised, and checked again.
    repaints: bool,
}

impl Maker<'_> {
    /// Makes a trajectory of a prompt, or of a picture that is there already.
    pub(super) async fn make(
        &self,
        mut asking: Asking<'_>,
        prompt: &Prompt,
        sample_index: u32,
        given: Option<Given>,
    ) -> Result<(Outcome, Vec<CallRow>), RunError> {
        let draft = match given {
            Some(given) => self.described(&mut asking, prompt, given).await,
            None => self.draft(&mut asking, prompt).await,
        };
        let seed = asking.trajectory_seed;
        let outcome = match draft {
            Ok(draft) => Outcome::made(self.finished(draft, sample_index, seed)),
            Err(Unanswered::Rejected(rejection)) => {
                Outcome::rejected(prompt, asking.trajectory_id.clone(), rejection)
            }
            Err(Unanswered::Failed(error)) => return Err(error),
        };
        Ok((outcome, asking.calls))
    }

    /// The regions of a picture that is there already: each described, then checked.
    async fn described<'a>(
        &self,
        asking: &mut Asking<'_>,
        prompt: &'a Prompt,
        given: Given,
    ) -> Result<Draft<'a>, Unanswered> {
        let Given { picture, painter, is_painted } = given;
        let mut draft = Draft {
            prompt,
            thoughts: Vec::new(),
            picture,
            steps: Vec::new(),
            seen: None,
            painter,
            repaints: is_painted,
        };
        for region_index in 0..self.schedule.num_regions() {
            let (picture, spotlight) =
                canvas::with_spotlight(&draft.picture, self.schedule, region_index).await?;
            let task = Task::Describe(DescribeTask {
                prompt: prompt.text.clone(),
                schedule: self.schedule.clone(),
                region_index,
                earlier_thoughts: draft.thoughts.clone(),
                picture,
                spotlight,
            });
            let position = Position { region_index: Some(region_index), attempt: 0 };
            let (thought, _) = asking.text(&self.thinker, task, position, answers::thought).await?;
            draft.thoughts.push(thought);
            let step = self.reflect_and_redo(asking, &mut draft, region_index).await?;
            draft.steps.push(step);
        }
        Ok(draft)
    }

    async fn draft<'a>(&self, asking: &mut Asking<'_>, prompt: &'a Prompt) -> Result<Draft<'a>, Unanswered> {
        let mut draft = match self.settings.mode {
            Mode::WholeImage => self.whole_image(asking, prompt).await?,
            Mode::RegionByRegion => Draft {
                prompt,
                thoughts: Vec::new(),
                picture: canvas::blank(self.schedule, self.placeholder),
                steps: Vec::new(),
                seen: None,
                painter: String::new(),
                repaints: true,
            },
        };
        for region_index in 0..self.schedule.num_regions() {
            if self.settings.mode == Mode::RegionByRegion {
                self.think_and_paint(asking, &mut draft, region_index).await?;
            }
            let step = self.reflect_and_redo(asking, &mut draft, region_index).await?;
            draft.steps.push(step);
        }
        Ok(draft)
    }

    /// K thoughts, then one picture of all of them: the construction of TwiG-50K.
    async fn whole_image<'a>(
        &self,
        asking: &mut Asking<'_>,
        prompt: &'a Prompt,
    ) -> Result<Draft<'a>, Unanswered> {
        let thoughts = self.all_thoughts(asking, prompt).await?;
        let position = Position { region_index: None, attempt: 0 };
        let paint = self.paint_task(prompt, &thoughts, None, None, 0);
        let (picture, reply) = asking.picture(self.painter()?, paint, position, self.schedule).await?;
        let (steps, painter) = (Vec::new(), reply.model);
        Ok(Draft { prompt, thoughts, picture, steps, seen: None, painter, repaints: true })
    }

    /// The K thoughts of a picture that is not there yet.
    async fn all_thoughts(
        &self,
        asking: &mut Asking<'_>,
        prompt: &Prompt,
    ) -> Result<Vec<String>, Unanswered> {
        let count = self.schedule.num_regions();
        let mut thoughts: Vec<String> = Vec::new();
        let think = |region_index, earlier_thoughts: &[String]| {
            Task::Think(ThinkTask {
                prompt: prompt.text.clone(),
                schedule: self.schedule.clone(),
                region_index,
                earlier_thoughts: earlier_thoughts.to_vec(),
                canvas: None,
            })
        };
        match self.settings.thinking {
            Thinking::AtOnce => {
                let position = Position { region_index: None, attempt: 0 };
                let read = |answer: &str| answers::thoughts(answer, count);
                Ok(asking.text(&self.thinker, think(None, &[]), position, read).await?.0)
            }
            Thinking::InTurn => {
                for region_index in 0..count {
                    let position = Position { region_index: Some(region_index), attempt: 0 };
                    let task = think(Some(region_index), &thoughts);
                    let (thought, _) = asking.text(&self.thinker, task, position, answers::thought).await?;
                    thoughts.push(thought);
                }
                Ok(thoughts)
            }
        }
    }

    /// τ_k from T, τ_<k and V_<k; then V_k from τ_≤k and V_<k.
    async fn think_and_paint(
        &self,
        asking: &mut Asking<'_>,
        draft: &mut Draft<'_>,
        region_index: usize,
    ) -> Result<(), Unanswered> {
        let task = Task::Think(ThinkTask {
            prompt: draft.prompt.text.clone(),
            schedule: self.schedule.clone(),
            region_index: Some(region_index),
            earlier_thoughts: draft.thoughts.clone(),
            canvas: draft.seen.clone(),
        });
        let position = Position { region_index: Some(region_index), attempt: 0 };
        let (thought, _) = asking.text(&self.thinker, task, position, answers::thought).await?;
        draft.thoughts.push(thought);
        self.paint_region(asking, draft, region_index, 0).await
    }

    /// Critique; while the region is not accepted and rounds are left, paint it again after the revised
    /// thought. Every attempt is critiqued and kept; the last one stays in the picture.
    async fn reflect_and_redo(
        &self,
        asking: &mut Asking<'_>,
        draft: &mut Draft<'_>,
        region_index: usize,
    ) -> Result<Step, Unanswered> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for attempt in 0..=self.settings.redo_rounds {
            if let Some(failed) = attempts.last() {
                draft.thoughts[region_index].clone_from(&failed.critique.revised_thought);
                if draft.repaints {
                    self.paint_region(asking, draft, region_index, attempt).await?;
                }
            }
            let canvas =
                canvas::encoded(&draft.picture, self.schedule, region_index + 1, self.placeholder).await?;
            let seen = self.view.of(&canvas, &draft.picture, self.schedule, region_index + 1).await?;
            draft.seen = Some(seen.clone());
            let task = Task::Critique(CritiqueTask {
                prompt: draft.prompt.text.clone(),
                schedule: self.schedule.clone(),
                region_index,
                thoughts: draft.thoughts[..=region_index].to_vec(),
                canvas: seen,
            });
            let position = Position { region_index: Some(region_index), attempt };
            let (critique, _) = asking.text(&self.critic, task, position, answers::critique).await?;
            let accepted = critique.score().get() >= self.settings.accept_score;
            let thought = draft.thoughts[region_index].clone();
            attempts.push(Attempt { thought, critique, accepted, canvas });
            if accepted {
                break;
            }
        }
        Ok(Step { region_index, attempts })
    }

    /// Paints one region into the picture; every pixel outside it stays, whatever the painter sends.
    async fn paint_region(
        &self,
        asking: &mut Asking<'_>,
        draft: &mut Draft<'_>,
        region_index: usize,
        attempt: u32,
    ) -> Result<(), Unanswered> {
        let base = self.base(draft, region_index).await?;
        let thoughts = match self.settings.mode {
            Mode::WholeImage => &draft.thoughts[..],
            Mode::RegionByRegion => &draft.thoughts[..=region_index],
        };
        let task = self.paint_task(draft.prompt, thoughts, Some(region_index), Some(base), attempt);
        let position = Position { region_index: Some(region_index), attempt };
        let (painted, reply) = asking.picture(self.painter()?, task, position, self.schedule).await?;
        let (picture, changed) = canvas::pasted(&draft.picture, painted, self.schedule, region_index).await?;
        draft.picture = picture;
        asking.note_changed_outside(changed);
        draft.painter = reply.model;
        Ok(())
    }

    /// What a region is painted into: V_<k, or all of the picture where there is one already.
    async fn base(&self, draft: &Draft<'_>, region_index: usize) -> Result<Picture, Unanswered> {
        let num_done = match self.settings.mode {
            Mode::WholeImage => self.schedule.num_regions(),
            Mode::RegionByRegion => region_index,
        };
        canvas::encoded(&draft.picture, self.schedule, num_done, self.placeholder).await
    }

    fn painter(&self) -> Result<&Arc<dyn Teacher>, Unanswered> {
        let nobody = || RunError::Accounting("a picture was wanted and nobody paints".to_owned());
        self.painter.as_ref().ok_or_else(|| nobody().into())
    }

    fn paint_task(
        &self,
        prompt: &Prompt,
        thoughts: &[String],
        region_index: Option<usize>,
        base: Option<Picture>,
        attempt: u32,
    ) -> Task {
        Task::Paint(PaintTask {
            prompt: prompt.text.clone(),
            schedule: self.schedule.clone(),
            region_index,
            thoughts: thoughts.to_vec(),
            base,
            attempt,
        })
    }

    fn finished(&self, draft: Draft<'_>, sample_index: u32, seed: u64) -> Trajectory {
        // The canvas after the last region is the picture, and K is at least 1.
        let last = draft.steps.last().map(|step| step.last_attempt().canvas.clone());
        Trajectory {
            prompt: draft.prompt.clone(),
            sample_index,
            mode: self.settings.mode,
            painter: draft.painter,
            seed: (seed >> 1) as i64,
            schedule: self.schedule.clone(),
            final_image: last.unwrap_or_else(|| Picture::new(Vec::new())),
            steps: draft.steps,
        }
    }
}
