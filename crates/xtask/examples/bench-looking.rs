//! Writes the release that `cargo xtask bench --looking` looks at.
//!
//!   bench-looking FOLDER ROWS SIDE
//!
//! Texts, scores and tokens are drawn by lot; every third trajectory has a redo, one of twenty has the picture and
//! the words of another. Pictures have SIDE × SIDE pixels, of 64 kinds: what is measured reads few of them.

use std::{collections::BTreeMap, error::Error, path::Path};

use twig_imaging::{Rgb, RgbImage, encode_png};
use twig_model::{
    Attempt, CriterionScores, Critique, Geometry, Mode, Picture, Prompt, PromptId, Schedule, Score, Step,
    Trajectory, TrajectoryTokens,
};
use twig_shards::{
    Config, Manifest, ReleaseTrajectory, Row, SCHEMA_VERSION, ShardWriter, Split, StageAccount, StepRow,
    atomic,
};
use xxhash_rust::xxh3::xxh3_64;

const SHARD_BYTES: u64 = 400 << 20;
const KINDS: u64 = 64;
const NEAR_EVERY: u64 = 20;
const NOUNS: [&str; 12] =
    ["cup", "kite", "fox", "boat", "chair", "pear", "clock", "bench", "lamp", "horse", "drum", "vase"];
const COLORS: [&str; 8] = ["red", "green", "blue", "yellow", "purple", "white", "brown", "orange"];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rows, side] = arguments.as_slice() else {
        return Err("usage: bench-looking FOLDER ROWS SIDE".into());
    };
    write(Path::new(folder), rows.parse()?, side.parse()?)
}

fn write(folder: &Path, rows: u64, side: u32) -> Outcome<()> {
    let pictures: Vec<Picture> = (0..KINDS).map(|kind| picture(kind, side)).collect();
    let schedule = Schedule::bands(Geometry::JANUS, 3)?;
    let (mut trajectories, mut steps) =
        (Writers::<ReleaseTrajectory>::new(folder), Writers::<StepRow>::new(folder));
    for number in 0..rows {
        let release = trajectory(number, &schedule, &pictures, side > 64)?;
        let is_train = number % 50 != 0;
        for step in StepRow::all_of(&release) {
            steps.push(is_train, step)?;
        }
        trajectories.push(is_train, release)?;
    }
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        program: concat!("twig ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings_hash: String::new(),
        seed: 7,
        prefix_style: "twig".to_owned(),
        tokenizers: Vec::new(),
        text_tokenizer: None,
        templates: BTreeMap::new(),
        judges: Vec::new(),
        accounting: vec![StageAccount {
            stage: "release".to_owned(),
            rows_in: rows,
            rows_out: rows,
            rejected: BTreeMap::new(),
        }],
        configs: vec![trajectories.finish()?, steps.finish()?],
    };
    atomic::write(&folder.join(Manifest::FILE_NAME), manifest.to_json().as_bytes())?;
    Ok(())
}

/// The shards of both splits of a table.
struct Writers<T: Row> {
    train: ShardWriter<T>,
    validation: ShardWriter<T>,
}

impl<T: Row> Writers<T> {
    fn new(folder: &Path) -> Self {
        let writer = |split| ShardWriter::new(folder, split, SHARD_BYTES);
        Self { train: writer("train"), validation: writer("validation") }
    }

    fn push(&mut self, is_train: bool, row: T) -> Outcome<()> {
        let writer = if is_train { &mut self.train } else { &mut self.validation };
        Ok(writer.push(row)?)
    }

    fn finish(self) -> Outcome<Config> {
        let splits = vec![
            Split { name: "train".to_owned(), shards: self.train.finish()? },
            Split { name: "validation".to_owned(), shards: self.validation.finish()? },
        ];
        Ok(Config { name: T::TABLE.to_owned(), splits })
    }
}

fn lot(number: u64, of: u64) -> u64 {
    xxh3_64(&[number, of].map(u64::to_le_bytes).concat())
}

fn chosen<'a>(words: &[&'a str], number: u64, of: u64) -> &'a str {
    words[(lot(number, of) % words.len() as u64) as usize]
}

/// Coloured discs on a ground of two parts.
fn picture(kind: u64, side: u32) -> Picture {
    let color = |of| Rgb([0, 8, 16].map(|shift| (lot(kind, of) >> shift) as u8));
    let [sky, ground] = [color(0), color(1)];
    let discs: Vec<([i64; 3], Rgb<u8>)> = (2..7)
        .map(|of| {
            let place = lot(kind, of + 10);
            let size = i64::from(side);
            let disc = [place % 1000, place / 1000 % 1000, 40 + place / 1_000_000 % 120];
            (disc.map(|part| part as i64 * size / 1000), color(of))
        })
        .collect();
    let pixel = |x: u32, y: u32| {
        let (x, y) = (i64::from(x), i64::from(y));
        let hit = discs.iter().find(|([a, b, radius], _)| (x - a).pow(2) + (y - b).pow(2) < radius.pow(2));
        hit.map_or(if y * 2 < i64::from(side) { sky } else { ground }, |(_, color)| *color)
    };
    Picture::new(encode_png(&RgbImage::from_fn(side, side, pixel)))
}

fn trajectory(
    number: u64,
    schedule: &Schedule,
    pictures: &[Picture],
    tokens: bool,
) -> Outcome<ReleaseTrajectory> {
    // What a near duplicate shares with the one before it.
    let alike = if number % NEAR_EVERY == NEAR_EVERY - 1 { number - 1 } else { number };
    let (color, noun, other) =
        (chosen(&COLORS, alike, 1), chosen(&NOUNS, alike, 2), chosen(&NOUNS, alike, 3));
    let attempt = |region: u64, accepted: bool| -> Outcome<Attempt> {
        let points = [0; 5].map(|_| 10 + (lot(number, region + 20) % 11) as i64);
        let thought = format!(
            "A {color} {noun} number {alike} stands in region {region}, beside a {other}, softly lit."
        );
        let critique = Critique {
            scores: CriterionScores::new(points)?,
            comment: format!("The {noun} is {}.", if accepted { "as asked" } else { "of another colour" }),
            revised_thought: thought.clone(),
        };
        let canvas = pictures[(lot(alike, region) % KINDS) as usize].clone();
        Ok(Attempt { thought, critique, accepted, canvas })
    };
    let steps = (0..3).map(|region| {
        let failed = (region == 1 && number.is_multiple_of(3)).then(|| attempt(region, false));
        let attempts = failed.into_iter().chain([attempt(region, true)]).collect::<Outcome<_>>()?;
        Ok(Step { region_index: region as usize, attempts })
    });
    let steps: Vec<Step> = steps.collect::<Outcome<_>>()?;
    let ids: Vec<u32> = (0..576).map(|place| (lot(alike, 1_000 + place) % 16_384) as u32).collect();
    let attempt_ids = steps.iter().flat_map(|step| {
        let own = &ids[step.region_index * 192..][..192];
        step.attempts.iter().map(|_| own.to_vec())
    });
    let tokens = tokens.then(|| TrajectoryTokens {
        tokenizer: "bench".to_owned(),
        attempt_ids: attempt_ids.collect(),
        final_ids: ids.clone(),
    });
    let trajectory = Trajectory {
        prompt: Prompt {
            id: PromptId::from_hash(lot(number, 0)),
            text: format!("a {color} {noun} and the {other} of number {alike}"),
            category: format!("category {}", number % 8),
            source: format!("prompts.txt:{number}"),
        },
        sample_index: 0,
        mode: Mode::RegionByRegion,
        painter: "bench".to_owned(),
        seed: 1,
        schedule: schedule.clone(),
        final_image: pictures[(lot(alike, 2) % KINDS) as usize].clone(),
        steps,
    };
    Ok(ReleaseTrajectory { trajectory, tokens, reward: Score::new((40 + lot(number, 9) % 61) as i64)? })
}
