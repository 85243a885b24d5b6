//! The trajectories stage: prompts → thoughts, pictures, critiques. The expensive stage; all that is paid
//! for is paid for here (and, cheaper, by judges).

mod canvas;
mod make;

use std::sync::Arc;

use twig_model::{Prompt, Role, Trajectory};
use twig_shards::{CallRow, RejectedRow};
use twig_teacher::PartitionAnswers;

use make::{Maker, Outcome};

use crate::{
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    part::{Committed, OpenPart},
    partition::Partition,
    recipe::Recipe,
    run::Run,
    seeds,
};

/// What of the settings shapes the rows of a partition, besides its prompts.
pub(crate) fn fingerprint(recipe: &Recipe) -> Fingerprint {
    let file = &recipe.settings.file;
    Fingerprint::of(Stage::Trajectories)
        .with("settings", &file.trajectories)
        .with("seed", &file.seed)
        .with("teachers", &recipe.teachers.identities())
        .with("templates", &recipe.templates.hashes())
        .with("placeholder", &recipe.placeholder_source())
}

/// Makes all trajectories of a partition and commits them.
///
/// Up to `window` of them are under way at once. They are written in the order of prompts and samples,
/// whatever order they finish in, so at most `window` finished ones wait for an earlier one.
pub(crate) async fn partition(
    run: &Run<'_>,
    partition: Partition,
    prompts: &[Prompt],
    fingerprint: String,
    window: usize,
) -> Result<Committed, RunError> {
    let answers = Arc::new(run.answers.partition(partition.index)?);
    let samples = run.settings.file.trajectories.samples_per_prompt;
    let mut part = OpenPart::create(&run.job.folder, Stage::Trajectories, partition)?;
    let units =
        prompts.iter().flat_map(|prompt| (0..samples).map(move |sample_index| (prompt, sample_index)));
    run.in_order(
        units.map(|(prompt, sample_index)| make(run, &answers, prompt, sample_index)),
        window,
        |(outcome, calls)| {
            part.called(calls);
            match outcome {
                Outcome::Made(trajectory) => part.push([*trajectory]),
                Outcome::Rejected(row) => {
                    part.reject(row);
                    Ok(())
                }
            }
        },
    )
    .await?;
    let folder = run.job.folder.clone();
    run.blocking(move || part.commit(&folder, fingerprint)).await
}

async fn make(
    run: &Run<'_>,
    answers: &Arc<PartitionAnswers>,
    prompt: &Prompt,
    sample_index: u32,
) -> Result<(Outcome, Vec<CallRow>), RunError> {
    let open = |role| run.teachers.open(run.teachers.name_of(role), answers, &run.stop);
    let maker = Maker {
        settings: &run.settings.file.trajectories,
        schedule: &run.settings.schedule,
        placeholder: run.placeholder()?,
        thinker: open(Role::Thinker),
        painter: open(Role::Painter),
        critic: open(Role::Critic),
    };
    let seed = seeds::trajectory_seed(run.settings.file.seed, &prompt.id, sample_index);
    maker.make(&run.templates, prompt, sample_index, seed).await
}

impl Outcome {
    fn made(trajectory: Trajectory) -> Self {
        Self::Made(Box::new(trajectory))
    }

    fn rejected(prompt: &Prompt, id: String, rejection: twig_model::Rejection) -> Self {
        let (text, category) = (prompt.text.clone(), prompt.category.clone());
        Self::Rejected(RejectedRow::new(id, text, category, Stage::Trajectories.as_str(), rejection))
    }
}
