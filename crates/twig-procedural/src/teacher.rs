use serde_json::json;
use twig_imaging::{DecodeLimits, RgbImage, decode, encode_png, paste_region};
use twig_model::{
    Answer, CritiqueTask, JudgeTask, PaintTask, Picture, RejectReason, Rejection, Request, Schedule, Task,
    ThinkTask,
};

use crate::{
    areas, critic,
    dice::Dice,
    grammar, inquiry,
    layout::{self, Layout},
    mistake::{self, Mistake, MistakeKind, Slip},
    painter,
    scene::Scene,
    settings::{Faults, ProceduralSettings},
    thinker,
};

/// The embedded teacher in all its roles: no network, no key, no clock. Every answer is a function of settings
/// and request, so it can be asked from many threads at once.
#[derive(Debug, Clone)]
pub struct ProceduralTeacher {
    settings: ProceduralSettings,
}

impl ProceduralTeacher {
    /// A teacher with these settings, which must have no [problems](ProceduralSettings::problems).
    pub fn new(settings: ProceduralSettings) -> Self {
        Self { settings }
    }

    /// Name, version and every setting that shapes its replies.
    pub fn identity(&self) -> String {
        let settings = serde_json::to_string(&self.settings).expect("the settings are plain numbers");
        format!("{} {settings}", self.model())
    }

    /// The model's name in provenance.
    pub fn model(&self) -> &'static str {
        "procedural-1"
    }

    /// Answers a request. A prompt that is not understood is declined, naming the words.
    pub fn answer(&self, request: &Request) -> Answer {
        match &request.task {
            Task::Think(task) => Self::think(task, request.trajectory_seed),
            Task::Paint(task) => self.paint(task, request),
            Task::Critique(task) => Self::critique(task),
            Task::Judge(task) => Self::judge(task),
            Task::Schedule(_)
            | Task::Describe(_)
            | Task::Questions(_)
            | Task::Inspect(_)
            | Task::Probability(_)
            | Task::Compare(_) => inquiry::answer(&request.task, request.trajectory_seed),
        }
    }

    /// The mistakes in the answer to a paint request; none for other requests.
    ///
    /// For measuring critics. A mistake shows in the regions of which it changes 0.4 % of the picture or more.
    pub fn mistakes(&self, request: &Request) -> Vec<Mistake> {
        let Task::Paint(task) = &request.task else { return Vec::new() };
        let Ok(scene) = grammar::read(&task.prompt) else { return Vec::new() };
        let layout = layout::arrange(&scene, &task.schedule, request.trajectory_seed);
        let slips = self.slips(&scene, &layout, task, request.seed);
        if slips.is_empty() {
            return Vec::new();
        }
        let clean = painter::paint(&layout, task.schedule.geometry().image_size);
        let mistake = |slip: &Slip| -> Mistake {
            let faulty = paint_with(&layout, &task.schedule, std::slice::from_ref(slip));
            let mut mistake = Mistake {
                kind: slip.kind,
                regions: Vec::new(),
                touched: Vec::new(),
                words: slip.words.clone(),
            };
            for region in painted_regions(task) {
                let share = changed_share(&clean, &faulty, &task.schedule, region);
                if share >= MistakeKind::SHOWS {
                    mistake.regions.push(region);
                } else if share > 0.0 {
                    mistake.touched.push(region);
                }
            }
            mistake
        };
        slips.iter().map(mistake).collect()
    }

    fn think(task: &ThinkTask, trajectory_seed: u64) -> Answer {
        let scene = match grammar::read(&task.prompt) {
            Ok(scene) => scene,
            Err(unreadable) => return declined(&unreadable),
        };
        let layout = layout::arrange(&scene, &task.schedule, trajectory_seed);
        let mut thoughts = thinker::thoughts(&scene, &layout, &task.schedule, trajectory_seed);
        areas::rewrite_thoughts(&mut thoughts, &scene, &layout, &task.schedule);
        let answer = match task.region_index {
            None => json!({ "thoughts": thoughts }),
            Some(region) => json!({ "thought": thoughts[region] }),
        };
        Answer::Text(answer.to_string())
    }

    fn paint(&self, task: &PaintTask, request: &Request) -> Answer {
        let scene = match grammar::read(&task.prompt) {
            Ok(scene) => scene,
            Err(unreadable) => return declined(&unreadable),
        };
        let layout = layout::arrange(&scene, &task.schedule, request.trajectory_seed);
        let slips = self.slips(&scene, &layout, task, request.seed);
        let painted = paint_with(&layout, &task.schedule, &slips);
        let picture = match (task.region_index, &task.base) {
            (Some(region), Some(base)) => match onto_base(task, region, base, &painted) {
                Ok(picture) => picture,
                Err(rejection) => return Answer::Declined(rejection),
            },
            (Some(_) | None, _) => painted,
        };
        Answer::Picture(Picture::new(encode_png(&picture)))
    }

    /// The mistakes to make, rarer on a redo.
    fn slips(&self, scene: &Scene, layout: &Layout, task: &PaintTask, seed: u64) -> Vec<Slip> {
        let share = if task.attempt == 0 { 1.0 } else { self.settings.redo_fault_share };
        let faults = scaled(&self.settings.faults, share);
        mistake::slips(scene, layout, &painted_regions(task), &faults, &mut Dice::new(seed, "mistakes"))
    }

    fn critique(task: &CritiqueTask) -> Answer {
        match decode(task.canvas.bytes(), &DecodeLimits::default()) {
            Err(error) => Answer::Declined(Rejection::new(RejectReason::BadPicture, error.to_string())),
            Ok(canvas) => {
                let area = {
                    let k = task.region_index;
                    areas::critique(&canvas, &task.thoughts, &task.schedule, k, k + 1)
                };
                let opinion = area.unwrap_or_else(|| {
                    let CritiqueTask { prompt, schedule, region_index, thoughts, .. } = task;
                    critic::critique(&canvas, prompt, thoughts, schedule, *region_index)
                });
                let answer = json!({
                    "scores": opinion.scores,
                    "comment": opinion.comment,
                    "revised_thought": opinion.revised_thought,
                });
                Answer::Text(answer.to_string())
            }
        }
    }

    fn judge(task: &JudgeTask) -> Answer {
        match decode(task.picture.bytes(), &DecodeLimits::default()) {
            Err(error) => Answer::Declined(Rejection::new(RejectReason::BadPicture, error.to_string())),
            Ok(picture) => {
                let (scores, comment) = inquiry::judged(&picture, task);
                Answer::Text(json!({ "scores": scores, "comment": comment }).to_string())
            }
        }
    }
}

fn declined(unreadable: &grammar::Unreadable) -> Answer {
    Answer::Declined(Rejection::new(RejectReason::UnsupportedPrompt, unreadable.to_string()))
}

fn painted_regions(task: &PaintTask) -> Vec<usize> {
    task.region_index.map_or_else(|| (0..task.schedule.num_regions()).collect(), |region| vec![region])
}

fn paint_with(layout: &Layout, schedule: &Schedule, slips: &[Slip]) -> RgbImage {
    let mut picture = painter::paint(&mistake::with_slips(layout, slips), schedule.geometry().image_size);
    for region in slips.iter().filter_map(Slip::faded_region) {
        painter::wash_out(&mut picture, schedule, region);
    }
    picture
}

fn onto_base(
    task: &PaintTask,
    region: usize,
    base: &Picture,
    painted: &RgbImage,
) -> Result<RgbImage, Rejection> {
    let bad = |detail: String| Rejection::new(RejectReason::BadPicture, detail);
    let mut canvas =
        decode(base.bytes(), &DecodeLimits::default()).map_err(|error| bad(error.to_string()))?;
    if canvas.dimensions() != painted.dimensions() {
        let ((width, height), size) = (canvas.dimensions(), painted.width());
        return Err(bad(format!("the picture to paint into is {width} × {height}, not {size} × {size}")));
    }
    paste_region(&mut canvas, painted, &task.schedule.regions()[region], task.schedule.geometry());
    Ok(canvas)
}

fn scaled(faults: &Faults, share: f64) -> Faults {
    Faults {
        wrong_color: faults.wrong_color * share,
        missing_object: faults.missing_object * share,
        extra_object: faults.extra_object * share,
        wrong_count: faults.wrong_count * share,
        wrong_side: faults.wrong_side * share,
        wrong_shape: faults.wrong_shape * share,
        wrong_texture: faults.wrong_texture * share,
        cut_off: faults.cut_off * share,
        washed_out: faults.washed_out * share,
    }
}

/// The share of the picture's pixels that differ visibly and lie in a region.
fn changed_share(one: &RgbImage, other: &RgbImage, schedule: &Schedule, region: usize) -> f32 {
    let mut changed = 0;
    for (x, y, width, height) in twig_imaging::region_pixels(&schedule.regions()[region], schedule.geometry())
    {
        for row in y..y + height {
            for column in x..x + width {
                let (a, b) = (one.get_pixel(column, row).0, other.get_pixel(column, row).0);
                changed += u32::from(a.iter().zip(b).any(|(p, q)| p.abs_diff(q) > 12));
            }
        }
    }
    changed as f32 / (one.width() * one.height()) as f32
}
