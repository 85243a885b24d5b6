//! Which regions show a mistake that the embedded painter made on purpose: what judges are held against. It is worked
//! out after everything has been judged, from the requests that painted the picture, and no teacher ever sees it.

use twig_model::{ChatForm, Mode, PaintTask, Rendered, Request, Role, Task, Trajectory};
use twig_procedural::ProceduralTeacher;

use crate::{
    seeds,
    settings::{PipelineFile, PromptSource, TeacherSettings},
};

/// Of so many trajectories one is looked at: each mistake is painted once more for it.
const ONE_OF: u64 = 4;

/// The embedded teacher as it has painted.
pub(super) struct Painter {
    teacher: ProceduralTeacher,
    job_seed: u32,
}

/// The embedded teacher, if it has painted.
pub(super) fn painter(file: &PipelineFile) -> Option<Painter> {
    match file.teachers.get(&file.roles.painter)? {
        TeacherSettings::Procedural { settings, .. } if file.prompts.source == PromptSource::Prompts => {
            Some(Painter { teacher: ProceduralTeacher::new(settings.clone()), job_seed: file.seed })
        }
        TeacherSettings::Procedural { .. } | TeacherSettings::OpenAi(_) => None,
    }
}

/// Regions of the finished picture with a mistake in them; `None` for a trajectory that is not looked at.
pub(super) fn faulty_regions(painter: &Painter, trajectory: &Trajectory) -> Option<u32> {
    if !trajectory.prompt.id.hash().is_multiple_of(ONE_OF) {
        return None;
    }
    let faulty = |(region, attempt): (usize, u32)| {
        let is_whole = trajectory.mode == Mode::WholeImage && attempt == 0;
        let request = request(painter.job_seed, trajectory, (!is_whole).then_some(region), attempt);
        painter.teacher.mistakes(&request).iter().any(|mistake| mistake.regions.contains(&region))
    };
    let stay = trajectory.steps.iter().map(|step| (step.region_index, step.attempts.len() as u32 - 1));
    Some(stay.filter(|painted| faulty(*painted)).count() as u32)
}

/// The request by which the pipeline had a picture or region painted, as far as mistakes depend on it.
fn request(job_seed: u32, trajectory: &Trajectory, region_index: Option<usize>, attempt: u32) -> Request {
    let task = PaintTask {
        prompt: trajectory.prompt.text.clone(),
        schedule: trajectory.schedule.clone(),
        region_index,
        thoughts: Vec::new(),
        base: None,
        attempt,
    };
    let own_seed = seeds::trajectory_seed(job_seed, &trajectory.prompt.id, trajectory.sample_index);
    Request {
        task: Task::Paint(task),
        rendered: Rendered::Chat(ChatForm { messages: Vec::new(), answer_schema: None }),
        seed: seeds::request_seed(own_seed, Role::Painter, "", region_index, attempt),
        trajectory_seed: own_seed,
        ask: 0,
    }
}
