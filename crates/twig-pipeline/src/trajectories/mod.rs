//! The trajectories stage: prompts → thoughts, pictures, critiques. The expensive stage; all that is paid
//! for is paid for here (and, cheaper, by judges).

pub(crate) mod canvas;
mod make;
mod start;

use std::sync::Arc;

use futures::stream;
use twig_model::{Prompt, Role, Trajectory, TrajectoryId};
use twig_shards::{CallRow, RejectedRow};
use twig_teacher::PartitionAnswers;

use canvas::View;
use make::{Maker, Outcome};
use start::Teachers;

use crate::{
    asking::{Asking, Unanswered},
    error::RunError,
    fingerprint::Fingerprint,
    job::Stage,
    part::{Committed, OpenPart},
    partition::Partition,
    prompts::Pictures,
    recipe::Recipe,
    run::Run,
    seeds,
    settings::{CanvasView, PromptSource},
    templates::OF_TRAJECTORIES,
};

/// What of the settings shapes the rows of a partition, besides its prompts.
pub(crate) fn fingerprint(recipe: &Recipe) -> Fingerprint {
    let file = &recipe.settings.file;
    Fingerprint::of(Stage::Trajectories)
        .with("settings", &file.trajectories)
        .with("seed", &file.seed)
        .with("teachers", &recipe.teachers.identities())
        .with("templates", &recipe.templates.wording(&OF_TRAJECTORIES))
        .with("placeholder", &recipe.placeholder_source())
}

/// Makes all trajectories of a partition and commits them.
///
/// They are written in the order of prompts and samples, whatever order they finish in.
pub(crate) async fn partition(
    run: &Run<'_>,
    partition: Partition,
    prompts: &[Prompt],
    pictures: &Pictures,
    fingerprint: String,
) -> Result<Committed, RunError> {
    let answers = run.open_answers(partition).await?;
    let samples = run.settings.file.trajectories.samples_per_prompt;
    let mut part = OpenPart::create(run, Stage::Trajectories, partition)?;
    let units =
        prompts.iter().flat_map(|prompt| (0..samples).map(move |sample_index| (prompt, sample_index)));
    let make = |(prompt, sample_index)| make(run, partition, &answers, pictures, prompt, sample_index);
    run.in_order(partition, stream::iter(units.map(make)), |(outcome, calls)| {
        part.called(calls);
        match outcome {
            Outcome::Made(trajectory) => part.push([*trajectory]),
            Outcome::Rejected(row) => part.reject(row),
        }
    })
    .await?;
    let folder = run.job.folder.clone();
    run.blocking(move || part.commit(&folder, fingerprint)).await
}

async fn make(
    run: &Run<'_>,
    partition: Partition,
    answers: &Arc<PartitionAnswers>,
    pictures: &Pictures,
    prompt: &Prompt,
    sample_index: u32,
) -> Result<(Outcome, Vec<CallRow>), RunError> {
    let id = TrajectoryId { prompt: prompt.id.clone(), sample_index }.to_string();
    let file = &run.settings.file;
    let mut asking = Asking {
        stage: Stage::Trajectories,
        templates: &run.templates,
        trajectory_seed: seeds::trajectory_seed(file.seed, &prompt.id, sample_index),
        prompt_id: prompt.id.clone(),
        trajectory_id: id.clone(),
        invalid_answer_retries: file.trajectories.invalid_answer_retries,
        retries: run.retries.asks(Stage::Trajectories, partition, &id),
        asker: String::new(),
        calls: Vec::new(),
    };
    let existing = match pictures.read(&prompt.id).await? {
        Ok(existing) => existing,
        Err(rejection) => return Ok((Outcome::rejected(prompt, id, rejection), asking.calls)),
    };
    let open = |role| run.teachers.open(run.teachers.name_of(role), answers, &run.stop);
    let thinker = open(Role::Thinker);
    let painter = (file.prompts.source == PromptSource::Prompts).then(|| open(Role::Painter));
    let teachers = Teachers { thinker: &thinker, painter: painter.as_ref() };
    let (schedule, given) = match start::begin(run.settings, teachers, &mut asking, prompt, existing).await {
        Ok(begun) => begun,
        Err(Unanswered::Failed(error)) => return Err(error),
        Err(Unanswered::Rejected(rejection)) => {
            return Ok((Outcome::rejected(prompt, id, rejection), asking.calls));
        }
    };
    let maker = Maker {
        settings: &file.trajectories,
        schedule: &schedule,
        placeholder: run.placeholder()?,
        view: view(run),
        thinker,
        painter,
        critic: open(Role::Critic),
    };
    maker.make(asking, prompt, sample_index, given).await
}

/// Settings that want decoded canvases without a tokenizer are refused when they are loaded.
fn view(run: &Run) -> View {
    match (run.settings.file.trajectories.canvas, run.tokenizers.first()) {
        (CanvasView::Decoded, Some(tokenizer)) => View::Decoded(Arc::clone(tokenizer)),
        (CanvasView::Decoded, None) | (CanvasView::Flat, _) => View::Flat,
    }
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
