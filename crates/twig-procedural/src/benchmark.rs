//! How good the critic is: its verdicts against the mistakes that were really made.

use std::fmt;

use twig_imaging::{DecodeLimits, RgbImage, decode, encode_png, partial_canvas};
use twig_model::{
    Answer, ChatForm, CritiqueTask, PaintTask, Picture, Rendered, Request, Schedule, Task, ThinkTask,
};

use crate::{MistakeKind, ProceduralSettings, ProceduralTeacher, dice::Dice};

/// How pictures are spoilt on their way to the critic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Not at all.
    None,
    /// JPEG at quality 75, a shift of 2 pixels to the right and down, and 2 % noise.
    JpegShiftNoise,
}

/// Verdicts on regions, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfusionTable {
    /// Regions with a mistake, found faulty.
    pub true_positives: u32,
    /// Regions without a mistake, found faulty.
    pub false_positives: u32,
    /// Regions with a mistake, passed.
    pub false_negatives: u32,
    /// Regions without a mistake, passed.
    pub true_negatives: u32,
    /// For each kind of mistake, in the order of [`MistakeKind::ALL`]: regions that show it, and how many of
    /// those were found faulty.
    pub by_kind: [(u32, u32); MistakeKind::ALL.len()],
}

impl ConfusionTable {
    /// The share of regions found faulty that are.
    pub fn precision(&self) -> f64 {
        f64::from(self.true_positives) / f64::from((self.true_positives + self.false_positives).max(1))
    }

    /// The share of faulty regions that were found.
    pub fn recall(&self) -> f64 {
        f64::from(self.true_positives) / f64::from((self.true_positives + self.false_negatives).max(1))
    }

    /// The share of regions that are faulty.
    pub fn faulty_share(&self) -> f64 {
        let faulty = self.true_positives + self.false_negatives;
        f64::from(faulty) / f64::from((faulty + self.false_positives + self.true_negatives).max(1))
    }

    /// The counts of both tables together.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
        for (own, theirs) in self.by_kind.iter_mut().zip(other.by_kind) {
            own.0 += theirs.0;
            own.1 += theirs.1;
        }
        self
    }

    fn count(&mut self, kinds: &[MistakeKind], found_faulty: bool) {
        match (!kinds.is_empty(), found_faulty) {
            (true, true) => self.true_positives += 1,
            (true, false) => self.false_negatives += 1,
            (false, true) => self.false_positives += 1,
            (false, false) => self.true_negatives += 1,
        }
        for (kind, (shown, found)) in MistakeKind::ALL.iter().zip(&mut self.by_kind) {
            if kinds.contains(kind) {
                *shown += 1;
                *found += u32::from(found_faulty);
            }
        }
    }
}

impl fmt::Display for ConfusionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| region is | found faulty | passed |")?;
        writeln!(f, "|---|---|---|")?;
        writeln!(f, "| faulty | {} | {} |", self.true_positives, self.false_negatives)?;
        writeln!(f, "| clean | {} | {} |", self.false_positives, self.true_negatives)?;
        writeln!(f, "\nprecision {:.3}, recall {:.3}", self.precision(), self.recall())?;
        writeln!(f, "\n| mistake | regions that show it | found | recall |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (kind, (shown, found)) in MistakeKind::ALL.iter().zip(self.by_kind) {
            let recall = f64::from(found) / f64::from(shown.max(1));
            writeln!(f, "| {} | {shown} | {found} | {recall:.3} |", kind.as_str())?;
        }
        Ok(())
    }
}

/// Paints each prompt once with the mistakes of the settings, has every region critiqued, and compares the
/// verdicts (a score below `accept_score`) with the mistakes. Prompts that are not understood are left out.
///
/// The second table is that of a critic that finds regions faulty at random, as often as they are.
pub fn benchmark_critic(
    settings: &ProceduralSettings,
    prompts: &[String],
    seed: u64,
    schedule: &Schedule,
    disturbance: Disturbance,
    accept_score: i64,
) -> (ConfusionTable, ConfusionTable) {
    let mut verdicts = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        let own_seed = Dice::new(seed.wrapping_add(index as u64), "benchmark").next();
        verdicts.extend(trajectory_verdicts(settings, prompt, own_seed, schedule, disturbance, accept_score));
    }
    let (mut critic, mut random) = (ConfusionTable::default(), ConfusionTable::default());
    for (kinds, found_faulty) in &verdicts {
        critic.count(kinds, *found_faulty);
    }
    let mut dice = Dice::new(seed, "random critic");
    let share = critic.faulty_share();
    for (kinds, _) in &verdicts {
        random.count(kinds, dice.happens(share));
    }
    (critic, random)
}

/// For each region of one trajectory: the mistakes that it shows, and whether the critic found it faulty.
pub fn trajectory_verdicts(
    settings: &ProceduralSettings,
    prompt: &str,
    seed: u64,
    schedule: &Schedule,
    disturbance: Disturbance,
    accept_score: i64,
) -> Vec<(Vec<MistakeKind>, bool)> {
    let teacher = ProceduralTeacher::new(settings.clone());
    let Some((request, picture, thoughts)) = trajectory(&teacher, prompt, seed, schedule) else {
        return Vec::new();
    };
    let picture = disturbed(&picture, disturbance, seed);
    let mistakes = teacher.mistakes(&request);
    let region_verdict = |k: usize| {
        let kinds: Vec<MistakeKind> = mistakes
            .iter()
            .filter(|mistake| mistake.regions.contains(&k))
            .map(|mistake| mistake.kind)
            .collect();
        let score = critic_score(&teacher, prompt, &thoughts, &picture, schedule, k);
        (kinds, score < accept_score)
    };
    (0..schedule.num_regions()).map(region_verdict).collect()
}

/// A prompt thought about and painted once: the paint request, the picture and the thoughts.
fn trajectory(
    teacher: &ProceduralTeacher,
    prompt: &str,
    seed: u64,
    schedule: &Schedule,
) -> Option<(Request, RgbImage, Vec<String>)> {
    let think = ThinkTask {
        prompt: prompt.to_owned(),
        schedule: schedule.clone(),
        region_index: None,
        earlier_thoughts: Vec::new(),
        canvas: None,
    };
    let Answer::Text(text) = teacher.answer(&request(Task::Think(think), seed)) else { return None };
    let thoughts: Vec<String> =
        serde_json::from_value(serde_json::from_str::<serde_json::Value>(&text).ok()?["thoughts"].take())
            .ok()?;
    let paint = request(
        Task::Paint(PaintTask {
            prompt: prompt.to_owned(),
            schedule: schedule.clone(),
            region_index: None,
            thoughts: thoughts.clone(),
            base: None,
            attempt: 0,
        }),
        seed,
    );
    let Answer::Picture(picture) = teacher.answer(&paint) else { return None };
    Some((paint, decode(picture.bytes(), &DecodeLimits::default()).ok()?, thoughts))
}

fn critic_score(
    teacher: &ProceduralTeacher,
    prompt: &str,
    thoughts: &[String],
    picture: &RgbImage,
    schedule: &Schedule,
    k: usize,
) -> i64 {
    let canvas = partial_canvas(picture, schedule, k + 1, twig_imaging::Rgb([202, 190, 172]));
    let critique = Task::Critique(CritiqueTask {
        prompt: prompt.to_owned(),
        schedule: schedule.clone(),
        region_index: k,
        thoughts: thoughts[..=k].to_vec(),
        canvas: Picture::new(encode_png(&canvas)),
    });
    let Answer::Text(text) = teacher.answer(&request(critique, 0)) else { return 0 };
    let scores = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
    scores["scores"]
        .as_object()
        .map_or(0, |points| points.values().filter_map(serde_json::Value::as_i64).sum())
}

fn request(task: Task, seed: u64) -> Request {
    let rendered = Rendered::Chat(ChatForm { messages: Vec::new(), answer_schema: None });
    Request { task, rendered, seed, trajectory_seed: seed, ask: 0 }
}

/// The picture as it arrives.
fn disturbed(picture: &RgbImage, disturbance: Disturbance, seed: u64) -> RgbImage {
    match disturbance {
        Disturbance::None => picture.clone(),
        Disturbance::JpegShiftNoise => {
            let (width, height) = picture.dimensions();
            let shifted = RgbImage::from_fn(width, height, |x, y| {
                *picture.get_pixel(x.saturating_sub(2), y.saturating_sub(2))
            });
            let mut bytes = Vec::new();
            let mut spoilt = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 75)
                .encode_image(&shifted)
                .ok()
                .and_then(|()| decode(&bytes, &DecodeLimits::default()).ok())
                .unwrap_or(shifted);
            let mut dice = Dice::new(seed, "noise");
            for value in spoilt.as_flat_samples_mut().samples {
                // The sum of three uniform numbers, scaled to a deviation of 2 % of 255.
                let noise = (dice.unit() + dice.unit() + dice.unit() - 1.5) * 2.0 * 5.1;
                *value = (f32::from(*value) + noise).round().clamp(0.0, 255.0) as u8;
            }
            spoilt
        }
    }
}
