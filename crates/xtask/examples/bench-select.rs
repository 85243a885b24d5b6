//! `cargo xtask bench --select`: a selection among 50,000 trajectories, as the release stage and `twig plan
//! --select` make it, apart from writing shards.
//!
//! The job is not run: its committed parts are written as a run leaves them, with flat pictures, because
//! selections read no picture. Scores, sketches and likenesses are drawn by lot; one trajectory of ten has the
//! picture and the thoughts of another.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{collections::BTreeMap, error::Error, fs, path::Path, path::PathBuf, time::Instant};

use twig_imaging::{Rgb, RgbImage, encode_png};
use twig_model::{
    AnswerKey, Attempt, CriterionScores, Critique, Geometry, JudgeCriterion, Judgement, Mode, Picture,
    Prompt, PromptId, Schedule, Step, Trajectory,
};
use twig_pipeline::{
    FORMAT_VERSION, FileRecord, JobFolder, JobRecord, PartRecord, Partition, Settings, Stage, funnel,
};
use twig_shards::{MeasureRow, PartWriter, Row};
use xxhash_rust::xxh3::xxh3_64;

const NUM_ROWS: u64 = 50_000;
const PARTITIONS: u32 = 250;
const NEAR_EVERY: u64 = 10;

const SELECT: &str = "select={where: reward >= 40 and min_step_score >= 20 and attempts <= 6, near_thoughts: 0.8, \
                      near_pictures: 0.95, per_prompt: 1, per_category: 5000}";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let output = std::env::temp_dir().join(format!("twig-bench-select-{}", std::process::id()));
    let outcome = bench(&output);
    fs::remove_dir_all(&output)?;
    outcome
}

fn bench(output: &Path) -> Outcome<()> {
    let text = include_str!("../../../pipelines/quickstart.yaml");
    let overrides = [format!("output={}", output.display()), SELECT.to_owned()];
    let settings =
        Settings::parse(text, PathBuf::new(), &overrides).map_err(|problems| format!("{problems:?}"))?;
    write_job(&settings)?;
    println!("| what | seconds | rows left |\n|---|---:|---:|");
    for (name, overrides) in
        [("gates alone", &overrides[..1]), ("with near thoughts and pictures, quotas", &overrides[..])]
    {
        let settings =
            Settings::parse(text, PathBuf::new(), overrides).map_err(|problems| format!("{problems:?}"))?;
        let start = Instant::now();
        let funnel = funnel(&settings)?;
        println!("| {name} | {:.2} | {} of {} |", start.elapsed().as_secs_f64(), funnel.left, funnel.rows);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    println!("\nPeak memory of the whole program: {}.", peak.trim());
    Ok(())
}

/// The folder of a job whose stages are done.
fn write_job(settings: &Settings) -> Outcome<()> {
    let folder = JobFolder::new(&settings.file.output);
    let record = JobRecord {
        format_version: FORMAT_VERSION,
        name: settings.file.name.clone(),
        partitions: PARTITIONS,
        prompts: NUM_ROWS,
        limit: None,
        settings: settings.file.clone(),
    };
    for stage in Stage::ALL {
        fs::create_dir_all(folder.path().join("stages").join(stage.as_str()))?;
    }
    folder.save(&record)?;
    let picture = Picture::new(encode_png(&RgbImage::from_pixel(64, 64, Rgb([90, 120, 150]))));
    let schedule = Schedule::bands(Geometry::JANUS, 3)?;
    for partition in Partition::all(PARTITIONS) {
        let size = NUM_ROWS / u64::from(PARTITIONS);
        let numbers = || (0..size).map(|row| u64::from(partition.index) * size + row);
        let trajectories = numbers().map(|number| trajectory(number, &schedule, &picture));
        let trajectories: Vec<Trajectory> = trajectories.collect::<Result<_, _>>()?;
        let ids: Vec<String> = trajectories.iter().map(|trajectory| trajectory.id().to_string()).collect();
        commit(
            &folder,
            Stage::Judgements,
            partition,
            numbers().zip(&ids).map(|(n, id)| judgement(n, id)).collect(),
        )?;
        commit(
            &folder,
            Stage::Measures,
            partition,
            numbers().zip(&ids).map(|(n, id)| measure(n, id)).collect(),
        )?;
        commit(&folder, Stage::Trajectories, partition, trajectories)?;
    }
    Ok(())
}

fn commit<T: Row>(folder: &JobFolder, stage: Stage, partition: Partition, rows: Vec<T>) -> Outcome<()> {
    let num_rows = rows.len() as u64;
    let mut part = PartWriter::create(&folder.part(stage, partition))?;
    rows.into_iter().try_for_each(|row| part.push(row))?;
    let record = PartRecord {
        fingerprint: String::new(),
        rows_in: num_rows,
        rows_out: num_rows,
        rejected: BTreeMap::new(),
        questions: BTreeMap::new(),
        bills: twig_pipeline::Bills::default(),
        rows_file: FileRecord::from(part.commit()?.digest),
        rejected_file: None,
        calls_file: None,
    };
    Ok(record.save(folder, stage, partition)?)
}

fn lot(number: u64, of: u64) -> u64 {
    xxh3_64(&[number, of].map(u64::to_le_bytes).concat())
}

fn trajectory(number: u64, schedule: &Schedule, picture: &Picture) -> Outcome<Trajectory> {
    let attempt = |region: u64| -> Outcome<Attempt> {
        let points = [0; 5].map(|_| 10 + (lot(number, region) % 10) as i64);
        let thought =
            format!("The region {region} of the picture {number} shows a meadow under a clear sky.");
        let critique = Critique {
            scores: CriterionScores::new(points)?,
            comment: "Everything is in its place.".to_owned(),
            revised_thought: thought.clone(),
        };
        Ok(Attempt { thought, critique, accepted: false, canvas: picture.clone() })
    };
    let steps =
        (0..3).map(|region| Ok(Step { region_index: region as usize, attempts: vec![attempt(region)?] }));
    Ok(Trajectory {
        prompt: Prompt {
            id: PromptId::from_hash((u128::from(number) << 64).div_euclid(u128::from(NUM_ROWS)) as u64),
            text: format!("a picture of the meadow number {number}"),
            category: format!("category {}", number % 8),
            source: format!("prompts.txt:{number}"),
        },
        sample_index: 0,
        mode: Mode::WholeImage,
        painter: "bench".to_owned(),
        seed: 1,
        schedule: schedule.clone(),
        steps: steps.collect::<Outcome<_>>()?,
        final_image: picture.clone(),
    })
}

fn judgement(number: u64, id: &str) -> Judgement {
    Judgement {
        trajectory_id: id.to_owned(),
        region_index: None,
        judge: "studio".to_owned(),
        model: "bench".to_owned(),
        prompt_hash: String::new(),
        criterion: JudgeCriterion::Overall,
        about: None,
        score: (lot(number, 7) % 101) as i32,
        answer_key: AnswerKey(String::new()),
    }
}

fn measure(number: u64, id: &str) -> MeasureRow {
    let of = if number % NEAR_EVERY == NEAR_EVERY - 1 { number - 1 } else { number };
    let digits = |count: u64, salt: u64| -> String {
        (0..count).map(|place| format!("{:02x}", lot(of, salt + place) as u8)).collect()
    };
    MeasureRow {
        id: id.to_owned(),
        prompt_words: 8,
        thought_words_min: 9,
        thought_words_max: 20,
        critique_words_min: 5,
        language: "eng".to_owned(),
        banned: 0,
        repetition: 3,
        leakage: 10,
        coverage: 80,
        step_scores: vec![50, 60, 70],
        thought_sketch: digits(64, 1_000),
        likeness: Some(digits(116, 2_000)),
    }
}
