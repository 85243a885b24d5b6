//! Shard writing against bare arrow-rs: the same columns and properties, into the same kind of file, but with
//! arrays made beforehand, no hashing and no atomic commit. Isolates what this crate adds: taking rows apart,
//! row-group limits, SHA-256 and the durable rename.
//!
//! Pictures are noise of the size of a usual 384 × 384 PNG, so that no encoder can save on them.
//!
//! `cargo bench --profile release -p twig-shards` prints MB of values a second for both, best of five.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{fs::File, path::Path, time::Instant};

use arrow::array::RecordBatch;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};
use twig_model::{
    Attempt, CriterionScores, Critique, Geometry, Mode, Picture, Prompt, PromptId, Schedule, Score, Step,
    Trajectory, TrajectoryTokens,
};
use twig_shards::{Purpose, ReleaseTrajectory, Row, ShardWriter, writer_properties};

const NUM_ROWS: u64 = 400;
const PICTURE_BYTES: usize = 140_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<ReleaseTrajectory> = (0..NUM_ROWS).map(trajectory).collect();
    let batches: Vec<RecordBatch> =
        rows.chunks(20).map(|chunk| ReleaseTrajectory::to_batch(chunk.to_vec())).collect();
    let values: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    let megabytes = values as f64 / 1e6;
    println!("{NUM_ROWS} trajectories, {megabytes:.0} MB of values");
    let ours = best(|| write_shards(folder.path(), rows.clone()));
    println!("this crate    {:7.0} MB/s", megabytes / ours);
    let properties = writer_properties("trajectories", &ReleaseTrajectory::schema(), Purpose::Release);
    let bare = best(|| write_bare(folder.path(), &batches, &properties));
    println!("bare arrow-rs {:7.0} MB/s", megabytes / bare);
    println!("ratio {:.2}", bare / ours);
}

/// Seconds of the fastest of five runs.
fn best(run: impl Fn()) -> f64 {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

fn write_shards(folder: &Path, rows: Vec<ReleaseTrajectory>) {
    let mut writer = ShardWriter::new(folder, "train", 1 << 30);
    for row in rows {
        writer.push(row).unwrap();
    }
    writer.finish().unwrap();
}

fn write_bare(folder: &Path, batches: &[RecordBatch], properties: &WriterProperties) {
    let file = File::create(folder.join("bare.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties.clone())).unwrap();
    for (index, batch) in batches.iter().enumerate() {
        writer.write(batch).unwrap();
        // Row groups of 100 rows, as ours.
        if index % 5 == 4 {
            writer.flush().unwrap();
        }
    }
    writer.into_inner().unwrap().sync_all().unwrap();
}

fn trajectory(number: u64) -> ReleaseTrajectory {
    let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
    let final_ids: Vec<u32> =
        (0..576).map(|cell| (cell * 2_654_435_761 + number * 97) as u32 % 16_384).collect();
    let steps: Vec<Step> = schedule
        .regions()
        .iter()
        .map(|region| Step {
            region_index: region.index,
            attempts: vec![Attempt {
                thought: format!(
                    "Picture {number}: the {} shows a quiet lake under a pale sky.",
                    region.name
                ),
                critique: Critique {
                    scores: CriterionScores::new([20, 19, 18, 17, 16]).unwrap(),
                    comment: "The lake is there and its colour fits.".to_owned(),
                    revised_thought: format!("Picture {number}: the same lake, a little brighter."),
                },
                accepted: true,
                canvas: picture(number * 10 + region.index as u64),
            }],
        })
        .collect();
    let attempt_ids = schedule.regions().iter().map(|region| final_ids[region.spans()[0].range()].to_vec());
    let tokens =
        TrajectoryTokens { tokenizer: "patches".to_owned(), attempt_ids: attempt_ids.collect(), final_ids };
    let final_image = steps[2].attempts[0].canvas.clone();
    let prompt = Prompt {
        id: PromptId::from_hash(number),
        text: format!("a lake with {number} boats"),
        category: "numeracy".to_owned(),
        source: "bench".to_owned(),
    };
    let trajectory = Trajectory {
        prompt,
        sample_index: 0,
        mode: Mode::WholeImage,
        painter: "painter".to_owned(),
        seed: number as i64,
        schedule,
        steps,
        final_image,
    };
    ReleaseTrajectory { trajectory, tokens: Some(tokens), reward: Score::MAX }
}

fn picture(seed: u64) -> Picture {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let noise = (0..PICTURE_BYTES).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    Picture::new(noise.collect::<Vec<u8>>())
}
