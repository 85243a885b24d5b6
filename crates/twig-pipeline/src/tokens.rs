//! The tokens stage: pictures → image token ids. Asks nobody; every core encodes.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use twig_imaging::{DecodeLimits, decode};
use twig_model::{Picture, RejectReason, Rejection, Trajectory, TrajectoryTokens};
use twig_shards::{ImageTokensRow, RejectedRow, TableReader};
use twig_tokens::ImageTokenizer;

use crate::{
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    part::{Committed, OpenPart, PartRecord},
    partition::Partition,
    recipe::Recipe,
    run::Run,
};

/// Trajectories that are decoded and encoded together: enough for every core, few enough to hold.
const BATCH: usize = 32;

/// What of the settings shapes the rows of a partition, besides its trajectories.
pub(crate) fn fingerprint(recipe: &Recipe) -> Fingerprint {
    let tokenizers: Vec<&str> = recipe.tokenizers.iter().map(|tokenizer| tokenizer.fingerprint()).collect();
    Fingerprint::of(Stage::Tokens)
        .with("settings", &recipe.settings.file.tokens)
        .with("tokenizers", &tokenizers)
}

/// Encodes all pictures of a partition and commits the ids.
pub(crate) fn partition(
    run: &Run,
    partition: Partition,
    input: &PartRecord,
    fingerprint: String,
) -> Result<Committed, RunError> {
    input.check_rows(&run.job.folder, Stage::Trajectories, partition)?;
    let mut trajectories =
        TableReader::<Trajectory>::open(&run.job.folder.part(Stage::Trajectories, partition))?;
    let mut part = OpenPart::create(&run.job.folder, Stage::Tokens, partition)?;
    loop {
        if run.stop.is_requested() {
            return Err(RunError::Interrupted);
        }
        let batch = trajectories.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        if batch.is_empty() {
            return part.commit(&run.job.folder, fingerprint);
        }
        let num_rows = batch.len() as u64;
        let encoded: Vec<_> = batch.into_par_iter().map(|trajectory| all_ids(run, trajectory)).collect();
        for row in encoded {
            match row {
                Ok(rows) => part.push(rows)?,
                Err(row) => part.reject(*row),
            }
        }
        run.events.progress(num_rows);
    }
}

/// The ids of a trajectory by every tokenizer of the job.
fn all_ids(run: &Run, trajectory: Trajectory) -> Result<Vec<ImageTokensRow>, Box<RejectedRow>> {
    let ids = run.tokenizers.iter().map(|tokenizer| {
        let tokens = ids(tokenizer.as_ref(), &trajectory)?;
        Ok(ImageTokensRow::new(trajectory.id().to_string(), trajectory.prompt.id.clone(), tokens))
    });
    ids.collect::<Result<Vec<_>, Rejection>>().map_err(|rejection| {
        let (id, prompt) = (trajectory.id().to_string(), trajectory.prompt.clone());
        Box::new(RejectedRow::new(id, prompt.text, prompt.category, Stage::Tokens.as_str(), rejection))
    })
}

/// Ids of the finished picture; those of a last attempt are cut from them, those of a failed attempt come
/// from the canvas at that attempt.
fn ids(tokenizer: &dyn ImageTokenizer, trajectory: &Trajectory) -> Result<TrajectoryTokens, Rejection> {
    let final_ids = encoded(tokenizer, &trajectory.final_image)?;
    let mut attempt_ids = Vec::with_capacity(trajectory.num_attempts());
    for (step, attempt_index, attempt) in trajectory.attempts() {
        let failed;
        let canvas_ids = if attempt_index + 1 == step.attempts.len() {
            &final_ids
        } else {
            failed = encoded(tokenizer, &attempt.canvas)?;
            &failed
        };
        let region = &trajectory.schedule.regions()[step.region_index];
        attempt_ids.push(region.cells().map(|cell| canvas_ids[cell as usize]).collect());
    }
    Ok(TrajectoryTokens { tokenizer: tokenizer.name().to_owned(), final_ids, attempt_ids })
}

fn encoded(tokenizer: &dyn ImageTokenizer, picture: &Picture) -> Result<Vec<u32>, Rejection> {
    let rejected =
        |error: &dyn std::error::Error| Rejection::new(RejectReason::BadPicture, error.to_string());
    let decoded = decode(picture.bytes(), &DecodeLimits::default()).map_err(|error| rejected(&error))?;
    tokenizer.encode(&decoded).map_err(|error| rejected(&error))
}
