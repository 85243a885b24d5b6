//! What a trajectory begins with: its regions, and the picture where that is there before they are.

use std::sync::Arc;

use twig_imaging::{RgbImage, content_schedule, encode_png};
use twig_model::{
    Geometry, PaintTask, Picture, Prompt, RejectReason, Rejection, Schedule, ScheduleTask, Task, Teacher,
    ThinkTask,
};

use super::canvas;
use crate::{
    answers,
    asking::{Asking, Position, Unanswered},
    cpu, inquiries,
    settings::{ScheduleSettings, Settings},
};

/// The painter of a picture that nobody painted, as tables name it.
const NO_PAINTER: &str = "existing picture";

/// A picture that is there before its regions are thought about.
pub(super) struct Given {
    pub(super) picture: Arc<RgbImage>,
    pub(super) painter: String,
    /// Whether there is somebody who can paint a region again.
    pub(super) is_painted: bool,
}

/// Whom to ask.
pub(super) struct Teachers<'a> {
    pub(super) thinker: &'a Arc<dyn Teacher>,
    pub(super) painter: Option<&'a Arc<dyn Teacher>>,
}

/// The regions of this trajectory, and its picture if that comes first: because it exists, or because regions are
/// to follow it.
pub(super) async fn begin(
    settings: &Settings,
    teachers: Teachers<'_>,
    asking: &mut Asking<'_>,
    prompt: &Prompt,
    existing: Option<Picture>,
) -> Result<(Schedule, Option<Given>), Unanswered> {
    let kind = &settings.file.trajectories.schedule;
    let given = match existing {
        Some(picture) => {
            let picture = canvas::fitted(picture, &settings.schedule).await?;
            Some(Given { picture, painter: NO_PAINTER.to_owned(), is_painted: false })
        }
        None if matches!(kind, ScheduleSettings::Content { .. }) => match teachers.painter {
            Some(painter) => Some(painted_whole(teachers.thinker, painter, asking, prompt).await?),
            None => None,
        },
        None => None,
    };
    let num_regions = settings.file.trajectories.regions;
    let schedule = match (kind, &given) {
        (ScheduleSettings::Content { shape }, Some(given)) => {
            let (picture, shape) = (Arc::clone(&given.picture), (*shape).into());
            let geometry = settings.schedule.geometry();
            let cut = cpu::compute(move || content_schedule(&picture, geometry, num_regions, shape));
            cut.await?.map_err(|error| Rejection::new(RejectReason::BadPicture, error.to_string()))?
        }
        (ScheduleSettings::Proposed, _) => {
            proposed(teachers.thinker, asking, prompt, given.as_ref(), &settings.schedule).await?
        }
        _ => settings.schedule.clone(),
    };
    Ok((schedule, given))
}

/// One thought for the whole picture, and the picture.
async fn painted_whole(
    thinker: &Arc<dyn Teacher>,
    painter: &Arc<dyn Teacher>,
    asking: &mut Asking<'_>,
    prompt: &Prompt,
) -> Result<Given, Unanswered> {
    let position = Position { region_index: None, attempt: 0 };
    let invalid =
        |error: twig_model::ScheduleError| Rejection::new(RejectReason::BadPicture, error.to_string());
    let whole = Schedule::bands(Geometry::JANUS, 1).map_err(invalid)?;
    let think = Task::Think(ThinkTask {
        prompt: prompt.text.clone(),
        schedule: whole.clone(),
        region_index: None,
        earlier_thoughts: Vec::new(),
        canvas: None,
    });
    let (thoughts, _) = asking.text(thinker, think, position, |answer| answers::thoughts(answer, 1)).await?;
    let paint = Task::Paint(PaintTask {
        prompt: prompt.text.clone(),
        schedule: whole.clone(),
        region_index: None,
        thoughts,
        base: None,
        attempt: 0,
    });
    let (picture, reply) = asking.picture(painter, paint, position, &whole).await?;
    Ok(Given { picture, painter: reply.model, is_painted: true })
}

/// The thinker's rectangles.
async fn proposed(
    thinker: &Arc<dyn Teacher>,
    asking: &mut Asking<'_>,
    prompt: &Prompt,
    given: Option<&Given>,
    bands: &Schedule,
) -> Result<Schedule, Unanswered> {
    let picture = match given {
        Some(given) => {
            let picture = Arc::clone(&given.picture);
            Some(Picture::new(cpu::compute(move || encode_png(&picture)).await?))
        }
        None => None,
    };
    let (geometry, num_regions) = (bands.geometry(), bands.num_regions());
    let task = Task::Schedule(ScheduleTask { prompt: prompt.text.clone(), geometry, num_regions, picture });
    let position = Position { region_index: None, attempt: 0 };
    let read = |answer: &str| inquiries::schedule(answer, geometry, num_regions);
    Ok(asking.text(thinker, task, position, read).await?.0)
}
