//! The measures stage: what can be said about a trajectory without asking anybody, of its texts and of how its
//! picture looks. Selections compare these small numbers, so that trying another selection reads no picture
//! and no text.

mod texts;
mod truth;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use twig_imaging::{DecodeLimits, Likeness, decode};
use twig_model::Trajectory;
use twig_shards::{MeasureRow, TableReader};

use self::truth::Painter;
use crate::{
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    near::Sketch,
    part::{Committed, OpenPart, PartRows},
    partition::Partition,
    run::Run,
};

/// Raised whenever something is measured in another way.
const VERSION: u32 = 2;
/// Trajectories that are measured together: enough for every core, few enough to hold.
const BATCH: usize = 32;

/// What shapes the rows of a partition, besides its trajectories.
pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint::of(Stage::Measures).with("version", &VERSION)
}

/// Measures a partition and commits the numbers.
pub(crate) fn partition(
    run: &Run,
    partition: Partition,
    input: &PartRows,
    fingerprint: String,
) -> Result<Committed, RunError> {
    input.check(&run.job.folder, Stage::Trajectories, partition)?;
    let mut trajectories =
        TableReader::<Trajectory>::open(&run.job.folder.part(Stage::Trajectories, partition))?;
    let mut part = OpenPart::create(run, Stage::Measures, partition)?;
    let painter = truth::painter(&run.settings.file);
    loop {
        if run.stop.is_requested() {
            return Err(RunError::Interrupted);
        }
        let batch = trajectories.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        if batch.is_empty() {
            return part.commit(&run.job.folder, fingerprint);
        }
        let num_rows = batch.len() as u64;
        let measured: Vec<MeasureRow> =
            batch.into_par_iter().map(|trajectory| measured(&trajectory, painter.as_ref())).collect();
        measured.into_iter().try_for_each(|row| part.push([row]))?;
        run.events.progress(num_rows);
    }
}

fn measured(trajectory: &Trajectory, painter: Option<&Painter>) -> MeasureRow {
    let attempts = || trajectory.attempts().map(|(_, _, attempt)| attempt);
    let thoughts: Vec<&str> = attempts().map(|attempt| attempt.thought.as_str()).collect();
    let critiques: Vec<&str> = attempts().map(|attempt| attempt.critique.comment.as_str()).collect();
    let revised = attempts().map(|attempt| attempt.critique.revised_thought.as_str());
    let all: Vec<&str> = thoughts.iter().chain(&critiques).copied().chain(revised).collect();
    let last: Vec<&str> = trajectory.steps.iter().map(|step| step.last_attempt().thought.as_str()).collect();
    let (prompt, joined) = (&trajectory.prompt.text, last.join("\n"));
    let words = |texts: &[&str]| texts.iter().map(|text| texts::num_words(text)).collect::<Vec<_>>();
    let (thought_words, critique_words) = (words(&thoughts), words(&critiques));
    let picture = decode(trajectory.final_image.bytes(), &DecodeLimits::default());
    MeasureRow {
        id: trajectory.id().to_string(),
        prompt_words: texts::num_words(prompt),
        thought_words_min: thought_words.iter().min().copied().unwrap_or(0),
        thought_words_max: thought_words.iter().max().copied().unwrap_or(0),
        critique_words_min: critique_words.iter().min().copied().unwrap_or(0),
        language: texts::language(&joined),
        banned: all.iter().map(|text| texts::num_banned(text)).sum(),
        repetition: texts::repetition(&last),
        leakage: texts::leakage(&last, prompt),
        coverage: texts::coverage(prompt, &joined),
        step_scores: attempts().map(|attempt| attempt.critique.score().get() as u32).collect(),
        thought_sketch: Sketch::of(&joined).map(Sketch::to_hex).unwrap_or_default(),
        likeness: picture.ok().map(|picture| Likeness::of(&picture).to_hex()),
        faulty_regions: painter.and_then(|painter| truth::faulty_regions(painter, trajectory)),
    }
}
