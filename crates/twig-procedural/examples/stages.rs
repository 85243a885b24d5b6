//! How fast the teacher is on one core, stage by stage, as Markdown: `stages SEED SCENES SIZE FILE…`.
//!
//! A trajectory is K thoughts, one picture and K critiques, as the pipeline asks for them, with every picture encoded
//! as PNG on its way out and decoded on its way in. The first scenes warm the caches of drawings and are not timed.
#![allow(clippy::print_stdout)]

use std::{
    hint::black_box,
    sync::OnceLock,
    time::{Duration, Instant},
};

use twig_imaging::{DecodeLimits, Rgb, decode, encode_png, partial_canvas};
use twig_model::{
    Answer, ChatForm, CritiqueTask, Geometry, Grid, PaintTask, Picture, Rendered, Request, Schedule, Task,
    ThinkTask,
};
use twig_procedural::{ProceduralSettings, ProceduralTeacher};

const STAGES: [&str; 5] = [
    "think",
    "paint, without encoding",
    "encode the picture",
    "encode the canvases",
    "critique, with decoding",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [seed, scenes, size, files @ ..] = args.as_slice() else {
        return Err("usage: stages SEED SCENES SIZE FILE…".into());
    };
    let (seed, scenes, image_size): (u64, usize, u32) = (seed.parse()?, scenes.parse()?, size.parse()?);
    let mut prompts = Vec::new();
    for file in files {
        prompts.extend(std::fs::read_to_string(file)?.lines().map(str::to_owned));
    }
    let schedule = Schedule::bands(Geometry { grid: Grid { rows: 16, cols: 16 }, image_size }, 3)?;
    let teacher = ProceduralTeacher::new(ProceduralSettings::default());
    let run = |scene: usize| {
        let prompt = &prompts[(scene * 7919 + seed as usize) % prompts.len()];
        trajectory(&teacher, prompt, seed + scene as u64, &schedule)
    };
    let warm_up = scenes / 4;
    for scene in 0..warm_up {
        black_box(run(scene));
    }
    let (mut times, mut done) = ([Duration::ZERO; STAGES.len()], 0);
    for taken in (warm_up..).take(8 * scenes).filter_map(run).take(scenes) {
        for (sum, time) in times.iter_mut().zip(taken) {
            *sum += time;
        }
        done += 1;
    }
    report(&times, done);
    Ok(())
}

fn report(times: &[Duration; STAGES.len()], trajectories: u32) {
    let all: Duration = times.iter().sum();
    println!("| stage | ms a trajectory | share |\n|---|---:|---:|");
    for (name, time) in STAGES.iter().zip(times) {
        let share = 100.0 * time.as_secs_f64() / all.as_secs_f64();
        println!("| {name} | {:.2} | {share:.0} % |", 1e3 * time.as_secs_f64() / f64::from(trajectories));
    }
    let rate = f64::from(trajectories) / all.as_secs_f64();
    let dearest = STAGES.iter().zip(times).max_by_key(|(_, time)| **time).map_or("", |(name, _)| name);
    println!("\n{rate:.0} trajectories a second on one core; the most expensive step is: {dearest}.");
}

/// Measures the time that this thread has computed, where the system says (Linux), else the time that has passed:
/// other work on the machine then counts too.
struct Stopwatch(Duration);

impl Stopwatch {
    fn start() -> Self {
        Self(Self::now())
    }

    fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> Duration {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let computed = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = computed.and_then(|text| text.split(' ').next()?.parse().ok());
        nanoseconds.map_or_else(|| FIRST.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
    }
}

/// What each stage takes for one prompt; `None` if it is not understood.
fn trajectory(
    teacher: &ProceduralTeacher,
    prompt: &str,
    seed: u64,
    schedule: &Schedule,
) -> Option<[Duration; STAGES.len()]> {
    let start = Stopwatch::start();
    let Answer::Text(text) = ask(teacher, seed, Task::Think(think_task(prompt, schedule))) else {
        return None;
    };
    let thinking = start.elapsed();
    let answer: serde_json::Value = serde_json::from_str(&text).ok()?;
    let thoughts: Vec<String> = serde_json::from_value(answer["thoughts"].clone()).ok()?;

    let start = Stopwatch::start();
    let paint = Task::Paint(paint_task(prompt, schedule, &thoughts));
    let Answer::Picture(picture) = ask(teacher, seed, paint) else { return None };
    let painting_and_encoding = start.elapsed();
    let picture = decode(picture.bytes(), &DecodeLimits::default()).ok()?;
    let start = Stopwatch::start();
    black_box(encode_png(&picture));
    let encoding = start.elapsed();

    let (mut canvases, mut critiquing) = (Duration::ZERO, Duration::ZERO);
    for region_index in 0..schedule.num_regions() {
        let start = Stopwatch::start();
        let canvas = partial_canvas(&picture, schedule, region_index + 1, Rgb([202, 190, 172]));
        let canvas = Picture::new(encode_png(&canvas));
        canvases += start.elapsed();
        let task = CritiqueTask {
            prompt: prompt.to_owned(),
            schedule: schedule.clone(),
            region_index,
            thoughts: thoughts[..=region_index].to_vec(),
            canvas,
        };
        let start = Stopwatch::start();
        black_box(ask(teacher, 0, Task::Critique(task)));
        critiquing += start.elapsed();
    }
    Some([thinking, painting_and_encoding.saturating_sub(encoding), encoding, canvases, critiquing])
}

fn think_task(prompt: &str, schedule: &Schedule) -> ThinkTask {
    ThinkTask {
        prompt: prompt.to_owned(),
        schedule: schedule.clone(),
        region_index: None,
        earlier_thoughts: Vec::new(),
        canvas: None,
    }
}

fn paint_task(prompt: &str, schedule: &Schedule, thoughts: &[String]) -> PaintTask {
    PaintTask {
        prompt: prompt.to_owned(),
        schedule: schedule.clone(),
        region_index: None,
        thoughts: thoughts.to_vec(),
        base: None,
        attempt: 0,
    }
}

fn ask(teacher: &ProceduralTeacher, seed: u64, task: Task) -> Answer {
    let rendered = Rendered::Chat(ChatForm { messages: Vec::new(), answer_schema: None });
    teacher.answer(&Request { task, rendered, seed, trajectory_seed: seed, ask: 0 })
}
