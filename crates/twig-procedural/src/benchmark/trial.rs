//! One trajectory with everything that is known of it.

use twig_imaging::{DecodeLimits, Rgb, RgbImage, decode, encode_png, partial_canvas};
use twig_model::{
    Answer, ChatForm, CritiqueTask, PaintTask, Picture, Rendered, Request, Schedule, Task, ThinkTask,
};

use super::Disturbance;
use crate::{Mistake, MistakeKind, ProceduralTeacher, dice::Dice};

/// The colour of what has not been painted, about what image code 0 of Janus decodes to.
const UNPAINTED: Rgb<u8> = Rgb([202, 190, 172]);

/// One prompt thought about, painted once as a whole and critiqued region by region, beside what was really done.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The prompt.
    pub prompt: String,
    /// The regions.
    pub schedule: Schedule,
    /// The thoughts, one a region.
    pub thoughts: Vec<String>,
    /// The picture as it reached the critic.
    pub picture: RgbImage,
    /// The mistakes that were really made.
    pub mistakes: Vec<Mistake>,
    /// What the critic said, one a region.
    pub verdicts: Vec<Verdict>,
}

/// What a critic said of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// 0 to 100.
    pub score: i64,
    /// What it saw.
    pub comment: String,
    /// The thought as it would have it.
    pub revised_thought: String,
}

/// What a region really is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// No mistake changes a pixel of it.
    Clean,
    /// A mistake changes some of it, less than makes a mistake in this region.
    Touched,
    /// It shows a mistake.
    Faulty,
}

impl Trial {
    /// Runs a trial; `None` if the prompt is not understood.
    pub fn run(
        teacher: &ProceduralTeacher,
        prompt: &str,
        seed: u64,
        schedule: &Schedule,
        disturbance: Disturbance,
    ) -> Option<Self> {
        let thoughts = think(teacher, prompt, seed, schedule)?;
        let paint = PaintTask {
            prompt: prompt.to_owned(),
            schedule: schedule.clone(),
            region_index: None,
            thoughts: thoughts.clone(),
            base: None,
            attempt: 0,
        };
        let mut trial = Self {
            prompt: prompt.to_owned(),
            schedule: schedule.clone(),
            thoughts,
            picture: RgbImage::new(0, 0),
            mistakes: Vec::new(),
            verdicts: Vec::new(),
        };
        let request = request(Task::Paint(paint), seed, seed);
        let painted = picture(teacher.answer(&request))?;
        trial.mistakes = teacher.mistakes(&request);
        trial.picture = disturbance.apply(painted, seed);
        for region in 0..schedule.num_regions() {
            trial.verdicts.push(trial.critique(teacher, region)?);
        }
        Some(trial)
    }

    /// Region by region, each that scores below `accept_score` is painted once more after its revised thought and
    /// critiqued again. Returns the scores after that.
    pub fn redo(&mut self, teacher: &ProceduralTeacher, seed: u64, accept_score: i64) -> Option<Vec<i64>> {
        for region in 0..self.schedule.num_regions() {
            let verdict = self.critique(teacher, region)?;
            if verdict.score < accept_score {
                self.thoughts[region] = verdict.revised_thought;
                let paint = PaintTask {
                    prompt: self.prompt.clone(),
                    schedule: self.schedule.clone(),
                    region_index: Some(region),
                    thoughts: self.thoughts.clone(),
                    base: Some(Picture::new(encode_png(&self.picture))),
                    attempt: 1,
                };
                let own_seed = Dice::new(seed, &format!("redo {region}")).next();
                self.picture = picture(teacher.answer(&request(Task::Paint(paint), own_seed, seed)))?;
            }
            self.verdicts[region] = self.critique(teacher, region)?;
        }
        Some(self.verdicts.iter().map(|verdict| verdict.score).collect())
    }

    /// What a region really is.
    pub fn truth(&self, region: usize) -> Truth {
        if self.mistakes.iter().any(|mistake| mistake.regions.contains(&region)) {
            Truth::Faulty
        } else if self.mistakes.iter().any(|mistake| mistake.touched.contains(&region)) {
            Truth::Touched
        } else {
            Truth::Clean
        }
    }

    /// Whether a region shows a mistake of that kind.
    pub fn shows(&self, region: usize, kind: MistakeKind) -> bool {
        self.mistakes.iter().any(|mistake| mistake.kind == kind && mistake.regions.contains(&region))
    }

    fn critique(&self, teacher: &ProceduralTeacher, region: usize) -> Option<Verdict> {
        let canvas = partial_canvas(&self.picture, &self.schedule, region + 1, UNPAINTED);
        let task = CritiqueTask {
            prompt: self.prompt.clone(),
            schedule: self.schedule.clone(),
            region_index: region,
            thoughts: self.thoughts[..=region].to_vec(),
            canvas: Picture::new(encode_png(&canvas)),
        };
        let answer = json(teacher.answer(&request(Task::Critique(task), 0, 0)))?;
        Some(Verdict {
            score: answer["scores"].as_object()?.values().filter_map(serde_json::Value::as_i64).sum(),
            comment: answer["comment"].as_str()?.to_owned(),
            revised_thought: answer["revised_thought"].as_str()?.to_owned(),
        })
    }
}

fn think(teacher: &ProceduralTeacher, prompt: &str, seed: u64, schedule: &Schedule) -> Option<Vec<String>> {
    let task = ThinkTask {
        prompt: prompt.to_owned(),
        schedule: schedule.clone(),
        region_index: None,
        earlier_thoughts: Vec::new(),
        canvas: None,
    };
    let mut answer = json(teacher.answer(&request(Task::Think(task), seed, seed)))?;
    serde_json::from_value(answer["thoughts"].take()).ok()
}

/// A request of the embedded teacher, which reads the task and leaves the rendered form to models.
fn request(task: Task, seed: u64, trajectory_seed: u64) -> Request {
    let rendered = Rendered::Chat(ChatForm { messages: Vec::new(), answer_schema: None });
    Request { task, rendered, seed, trajectory_seed, ask: 0 }
}

fn json(answer: Answer) -> Option<serde_json::Value> {
    match answer {
        Answer::Text(text) => serde_json::from_str(&text).ok(),
        Answer::Picture(_) | Answer::Declined(_) => None,
    }
}

fn picture(answer: Answer) -> Option<RgbImage> {
    match answer {
        Answer::Picture(picture) => decode(picture.bytes(), &DecodeLimits::default()).ok(),
        Answer::Text(_) | Answer::Declined(_) => None,
    }
}
