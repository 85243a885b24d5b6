//! The tokens stage: pictures → image token ids. Asks nobody.
//!
//! What was encoded once is taken from [`KnownIds`]; the rest goes to the tokenizer a few pictures at a time, and is
//! noted as soon as it is there, so that a stop costs no more than these.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use twig_imaging::{DecodeLimits, RgbImage, decode, psnr};
use twig_model::{Picture, RejectReason, Rejection, Trajectory, TrajectoryTokens};
use twig_shards::{ImageTokensRow, RejectedRow, TableReader};
use twig_tokens::ImageTokenizer;

use crate::{
    error::RunError,
    fingerprint::Fingerprint,
    ids::{KnownIds, PictureHash, hash_of},
    job::Stage,
    part::{Committed, OpenPart, PartRows},
    partition::Partition,
    recipe::Recipe,
    run::Run,
};

/// Trajectories that are worked on together: enough for every core, few enough to hold.
const BATCH: usize = 32;

/// Pictures that are encoded between two looks at whether to stop; with a slow tokenizer some seconds.
const PICTURES: usize = 8;

/// Trajectories of a partition whose pictures are decoded again, to tell what a tokenizer loses. Ids of trajectories
/// are hashes, so the first ones are a fair sample.
const MEASURED: u64 = 4;

/// What of the settings shapes the rows of a partition, besides its trajectories.
pub(crate) fn fingerprint(recipe: &Recipe) -> Fingerprint {
    let tokenizers: Vec<(&str, &str)> =
        recipe.tokenizers.iter().map(|tokenizer| (tokenizer.name(), tokenizer.fingerprint())).collect();
    Fingerprint::of(Stage::Tokens).with("tokenizers", &tokenizers).with("measured", &MEASURED)
}

/// The trajectories that are to be encoded, by partition; without it all of them.
pub(crate) type Chosen = BTreeMap<u32, BTreeSet<String>>;

/// The fingerprint of a partition of which only some trajectories are to be encoded. Begins with that of the whole
/// partition, which is all that a plan can know.
pub(crate) fn with_chosen(fingerprint: &str, chosen: &BTreeSet<String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for id in chosen {
        hasher.update(id.as_bytes()).update(b"\n");
    }
    format!("{fingerprint}-{}", &hasher.finalize().to_hex()[..16])
}

/// Encodes the pictures of a partition, or of those trajectories that are wanted, and commits the ids.
pub(crate) fn partition(
    run: &Run,
    partition: Partition,
    input: &PartRows,
    wanted: Option<&BTreeSet<String>>,
    fingerprint: String,
) -> Result<Committed, RunError> {
    input.check(&run.job.folder, Stage::Trajectories, partition)?;
    let mut trajectories = TableReader::<Trajectory>::open(
        &run.job.folder.part(Stage::Trajectories, partition),
    )?
    .filter(|row| {
        let is_wanted = |trajectory: &Trajectory| {
            wanted.is_none_or(|wanted| wanted.contains(&trajectory.id().to_string()))
        };
        row.as_ref().map_or(true, is_wanted)
    });
    let mut encoders = (run.tokenizers.iter())
        .map(|tokenizer| Encoder::open(run, Arc::clone(tokenizer), partition))
        .collect::<Result<Vec<_>, _>>()?;
    let mut part = OpenPart::create(run, Stage::Tokens, partition)?;
    let mut position = 0;
    loop {
        let batch = trajectories.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        if batch.is_empty() {
            return part.commit(&run.job.folder, fingerprint);
        }
        for encoder in &mut encoders {
            encoder.prepare(run, &batch)?;
        }
        for trajectory in &batch {
            match rows(&encoders, trajectory, position < MEASURED) {
                Ok(rows) => part.push(rows)?,
                Err(rejection) => part.reject(rejected(trajectory, rejection))?,
            }
            position += 1;
        }
        run.events.progress(batch.len() as u64);
    }
}

/// The ids of a trajectory by every tokenizer of the job.
fn rows(
    encoders: &[Encoder<'_>],
    trajectory: &Trajectory,
    is_measured: bool,
) -> Result<Vec<ImageTokensRow>, Rejection> {
    let row = |encoder: &Encoder<'_>| {
        let tokens = encoder.tokens(trajectory)?;
        let psnr_millibels =
            if is_measured { Some(encoder.psnr_millibels(trajectory, &tokens)?) } else { None };
        let (id, prompt_id) = (trajectory.id().to_string(), trajectory.prompt.id.clone());
        Ok(ImageTokensRow::new(id, prompt_id, tokens, psnr_millibels))
    };
    encoders.iter().map(row).collect()
}

fn rejected(trajectory: &Trajectory, rejection: Rejection) -> RejectedRow {
    let (id, prompt) = (trajectory.id().to_string(), trajectory.prompt.clone());
    RejectedRow::new(id, prompt.text, prompt.category, Stage::Tokens.as_str(), rejection)
}

/// A tokenizer with what it has encoded of a partition.
struct Encoder<'a> {
    tokenizer: Arc<dyn ImageTokenizer + 'a>,
    known: KnownIds,
    /// Pictures of the batch that it cannot take.
    refused: HashMap<PictureHash, Rejection>,
}

impl<'a> Encoder<'a> {
    fn open(
        run: &Run,
        tokenizer: Arc<dyn ImageTokenizer + 'a>,
        partition: Partition,
    ) -> Result<Self, RunError> {
        let known = KnownIds::open(&run.job.folder, tokenizer.as_ref(), partition)?;
        Ok(Self { tokenizer, known, refused: HashMap::new() })
    }

    /// Encodes what is not known yet of the pictures that [`tokens`](Self::tokens) will ask for.
    fn prepare(&mut self, run: &Run, batch: &[Trajectory]) -> Result<(), RunError> {
        self.refused.clear();
        let mut seen = BTreeSet::new();
        let pictures = batch.iter().flat_map(encoded_pictures).map(|picture| (hash_of(picture), picture));
        let missing: Vec<(PictureHash, &Picture)> =
            pictures.filter(|(hash, _)| self.known.get(hash).is_none() && seen.insert(*hash)).collect();
        for some in missing.chunks(PICTURES) {
            if run.stop.is_requested() {
                return Err(RunError::Interrupted);
            }
            self.encode(some)?;
        }
        Ok(())
    }

    fn encode(&mut self, pictures: &[(PictureHash, &Picture)]) -> Result<(), RunError> {
        let decoded: Vec<_> = pictures.par_iter().map(|(hash, picture)| (*hash, decoded(picture))).collect();
        let (mut hashes, mut pictures) = (Vec::new(), Vec::new());
        for (hash, picture) in decoded {
            match picture {
                Ok(picture) => {
                    hashes.push(hash);
                    pictures.push(picture);
                }
                Err(rejection) => {
                    self.refused.insert(hash, rejection);
                }
            }
        }
        let mut found = Vec::new();
        for (hash, ids) in hashes.into_iter().zip(self.tokenizer.encode_all(&pictures)) {
            match ids {
                Ok(ids) => found.push((hash, ids)),
                Err(error) => {
                    self.refused.insert(hash, bad_picture(&error));
                }
            }
        }
        self.known.insert_all(found)
    }

    fn ids(&self, picture: &Picture) -> Result<&Vec<u32>, Rejection> {
        let hash = hash_of(picture);
        match (self.known.get(&hash), self.refused.get(&hash)) {
            (Some(ids), _) => Ok(ids),
            (None, Some(rejection)) => Err(rejection.clone()),
            (None, None) => Err(Rejection::new(RejectReason::BadPicture, "it was not encoded".to_owned())),
        }
    }

    /// Ids of the finished picture; those of a last attempt are cut from them, those of a failed attempt come from
    /// the canvas at that attempt.
    fn tokens(&self, trajectory: &Trajectory) -> Result<TrajectoryTokens, Rejection> {
        let final_ids = self.ids(&trajectory.final_image)?;
        let mut attempt_ids = Vec::with_capacity(trajectory.num_attempts());
        for (step, attempt_index, attempt) in trajectory.attempts() {
            let is_last = attempt_index + 1 == step.attempts.len();
            let canvas_ids = if is_last { final_ids } else { self.ids(&attempt.canvas)? };
            let region = &trajectory.schedule.regions()[step.region_index];
            attempt_ids.push(region.cells().map(|cell| canvas_ids[cell as usize]).collect());
        }
        Ok(TrajectoryTokens {
            tokenizer: self.tokenizer.name().to_owned(),
            final_ids: final_ids.clone(),
            attempt_ids,
        })
    }

    /// What is left of the finished picture after decoding its ids.
    fn psnr_millibels(&self, trajectory: &Trajectory, tokens: &TrajectoryTokens) -> Result<i32, Rejection> {
        let picture = decoded(&trajectory.final_image)?;
        let again = self.tokenizer.decode(&tokens.final_ids).map_err(|error| bad_picture(&error))?;
        Ok(millibels(psnr(&picture, &again)))
    }
}

/// Hundredths of a decibel; a picture that comes back as it was counts as 100 dB.
fn millibels(decibels: f64) -> i32 {
    (decibels.min(100.0) * 100.0).round() as i32
}

/// The pictures whose ids a trajectory needs: the finished one, and the canvas of every attempt that failed.
fn encoded_pictures(trajectory: &Trajectory) -> impl Iterator<Item = &Picture> {
    let failed = trajectory
        .attempts()
        .filter(|(step, attempt_index, _)| attempt_index + 1 != step.attempts.len())
        .map(|(_, _, attempt)| &attempt.canvas);
    std::iter::once(&trajectory.final_image).chain(failed)
}

fn decoded(picture: &Picture) -> Result<RgbImage, Rejection> {
    decode(picture.bytes(), &DecodeLimits::default()).map_err(|error| bad_picture(&error))
}

fn bad_picture(error: &dyn std::error::Error) -> Rejection {
    Rejection::new(RejectReason::BadPicture, error.to_string())
}
