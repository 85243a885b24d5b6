//! What the understanding passes are told and what they answer, in the project's own words.
//!
//! One wording for everybody: the chat messages and the Janus sequences are made from the same texts.

use twig_model::{Schedule, Trajectory};

use crate::pass::Pass;

/// The question of a think pass; its answer is the thought alone.
pub(crate) fn think(pass: &Pass<'_>) -> String {
    let (opening, region) = (opening(pass.trajectory), region(pass));
    let (seen, advice) = if pass.canvas_before.is_some() {
        let descriptions = descriptions(pass, &pass.earlier_thoughts);
        let seen =
            format!("The picture shows what is drawn so far; the rest is still blank.\n{descriptions}");
        (seen, " Where the picture and the descriptions disagree, go by the picture.")
    } else {
        (String::new(), "")
    };
    format!(
        "{opening}{seen}Describe {region}, which is drawn next.\n\
         Write one or two plain, literal sentences about this region alone. Keep to what the prompt says or \
         implies and do not repeat what is already described. Use no labels such as \"part\", \"top\" or \
         \"layer\".{advice}"
    )
}

/// The question of a reflect pass; its answer is [`reflection`].
pub(crate) fn reflect(pass: &Pass<'_>) -> String {
    let (opening, region) = (opening(pass.trajectory), region(pass));
    let descriptions = descriptions(pass, &pass.thoughts());
    format!(
        "{opening}The picture shows what is drawn so far; anything after that is still blank.\n\
         {descriptions}Judge {region} by its own description only, with up to 20 points each for color \
         accuracy, object completeness, detail richness, spatial relationships and visual coherence. Then \
         rewrite its description so that it mends the faults you see and fits the regions before it; where \
         there is nothing to mend, repeat it.\n\
         Answer in this form:\n\
         SCORE: <sum of the points, 0 to 100>\n\
         IMPROVED_DESCRIPTION: <the description>"
    )
}

/// The question for all thoughts of a picture at once; its answer is [`plan`].
pub(crate) fn plan_question(trajectory: &Trajectory) -> String {
    let regions = trajectory.schedule.regions().iter();
    let names: Vec<String> =
        regions.map(|region| format!("region {} ({})", region.index + 1, region.name)).collect();
    format!(
        "{}Describe each region in the order in which it is drawn: {}.\n\
         Write one line for each, with one or two plain, literal sentences about that region alone. Keep to what \
         the prompt says or implies and do not repeat what is already described.",
        opening(trajectory),
        names.join(", "),
    )
}

/// The thoughts that stay in the picture, one a line.
pub(crate) fn plan(trajectory: &Trajectory) -> String {
    let thoughts = trajectory.steps.iter().map(|step| step.last_attempt().thought.as_str());
    thoughts.collect::<Vec<_>>().join("\n")
}

/// The answer of a reflect pass, in the form that the released TwiG code reads.
pub(crate) fn reflection(pass: &Pass<'_>) -> String {
    let critique = &pass.attempt.critique;
    format!("SCORE: {}\nIMPROVED_DESCRIPTION: {}", critique.score().get(), critique.revised_thought)
}

fn opening(trajectory: &Trajectory) -> String {
    let regions = match trajectory.schedule.num_regions() {
        1 => "in one region".to_owned(),
        count => format!("in {count} regions, one after another"),
    };
    format!("A picture of this prompt is drawn {regions}.\nPrompt: {}\n", trajectory.prompt.text)
}

/// The thoughts of the first regions, one a line.
fn descriptions(pass: &Pass<'_>, thoughts: &[&str]) -> String {
    let regions = pass.trajectory.schedule.regions();
    let lines = thoughts
        .iter()
        .zip(regions)
        .map(|(thought, region)| format!("Region {} ({}): {thought}\n", region.index + 1, region.name));
    lines.collect()
}

/// The region by number, name and place: `region 2 of 3 (central content, from 33% to 67% of the height)`.
fn region(pass: &Pass<'_>) -> String {
    let schedule: &Schedule = &pass.trajectory.schedule;
    format!(
        "region {} of {} ({}, {})",
        pass.region.index + 1,
        schedule.num_regions(),
        pass.region.name,
        pass.region.place(schedule.geometry().grid),
    )
}
