//! What a schema cannot say: names that must exist, conditions that must parse, variables that must be set.
//! Looks at each field for itself, so that a fault elsewhere in the file hides none of these.

use serde_json::Value;
use twig_procedural::ProceduralSettings;
use twig_samples::MixWeights;
use twig_teacher::OpenAiSettings;

use super::{Problem, TokenizerSettings, check::listed, node::Node, schedule, variables};
use crate::templates::Templates;

/// Every such problem of the document.
pub(super) fn problems(node: &Node) -> Vec<Problem> {
    let document = node.to_json();
    let mut found = Vec::new();
    let mut wrong = |path: &str, message: String| found.push(super::problem_at(node, path, message));
    for (path, text) in texts_with_variables(&document) {
        if let Err(message) = variables::replaced(&text) {
            wrong(&path, message);
        }
    }
    let teachers: Vec<&str> =
        document["teachers"].as_object().into_iter().flat_map(|t| t.keys()).map(String::as_str).collect();
    for (path, teacher) in named_teachers(&document) {
        if !teachers.is_empty() && !teachers.contains(&teacher.as_str()) {
            wrong(&path, format!("no teacher is called `{teacher}`; the teachers are {}", listed(&teachers)));
        }
    }
    if document["judgements"]["judges"].as_object().is_some_and(serde_json::Map::is_empty) {
        wrong("judgements.judges", "at least one judge is wanted: `reward` is their mean".to_owned());
    }
    for (name, message) in remote_teachers(&document) {
        wrong(&name, message);
    }
    for (name, message) in templates(&document) {
        wrong(&name, message);
    }
    for name in teachers.into_iter().filter(|name| document["teachers"][name]["kind"] == "procedural") {
        let settings =
            serde_json::from_value::<ProceduralSettings>(document["teachers"][name]["settings"].clone());
        for message in settings.map(|settings| settings.problems()).unwrap_or_default() {
            wrong(&format!("teachers.{name}.settings"), message);
        }
    }
    for (path, message) in schedule::problems(&document) {
        wrong(path, message);
    }
    for (path, message) in unpaired_judges(&document) {
        wrong(&path, message);
    }
    let paints = document["prompts"]["source"].as_str() != Some("pictures");
    if paints && document["roles"].is_object() && document["roles"]["painter"].is_null() {
        wrong("roles.painter", "this field is missing".to_owned());
    }
    let weights = serde_json::from_value::<MixWeights>(document["release"]["mix"].clone());
    if let Ok(Err(invalid)) = weights.map(|weights| weights.check()) {
        wrong("release.mix", invalid.to_string());
    }
    let has_tokenizer =
        document["tokens"]["tokenizers"].as_array().is_none_or(|tokenizers| !tokenizers.is_empty());
    if document["trajectories"]["canvas"] == "decoded" && !has_tokenizer {
        wrong("trajectories.canvas", "`decoded` wants a tokenizer in `tokens.tokenizers`".to_owned());
    }
    for (index, name) in repeated_tokenizers(&document) {
        wrong(&format!("tokens.tokenizers.{index}"), format!("two tokenizers are called `{name}`"));
    }
    for field in ["gates", "where"] {
        if let Some(Err(error)) = document["select"][field].as_str().map(super::condition) {
            wrong(&format!("select.{field}"), error.to_string());
        }
    }
    found
}

/// Tokenizers with the name of one before them: their ids could not be told apart.
fn repeated_tokenizers(document: &Value) -> Vec<(usize, String)> {
    let tokenizers = document["tokens"]["tokenizers"].as_array().map_or(&[][..], Vec::as_slice);
    let parsed = tokenizers.iter().map(|one| serde_json::from_value::<TokenizerSettings>(one.clone()).ok());
    let names: Vec<Option<String>> = parsed.map(|one| one.map(|one| one.name().to_owned())).collect();
    let repeated = |index: &usize| names[*index].is_some() && names[..*index].contains(&names[*index]);
    (0..names.len()).filter(repeated).filter_map(|index| Some((index, names[index].clone()?))).collect()
}

/// What is wrong with teachers behind a network: addresses, and prices where there is a budget.
fn remote_teachers(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let budget = document["run"]["budget_usd"].is_number();
    for (name, teacher) in document["teachers"].as_object().into_iter().flatten() {
        if teacher["kind"] != "openai" {
            continue;
        }
        let path = format!("teachers.{name}");
        if let Some(Ok(address)) = teacher["base_url"].as_str().map(variables::replaced)
            && let Some(message) = address_problem(&address)
        {
            found.push((format!("{path}.base_url"), message));
        }
        let Some(prices) = teacher["prices"].as_object() else {
            if budget {
                let message = "`run.budget_usd` wants prices for every teacher behind a network; put them under \
                               `prices` (0 for a server of your own)";
                found.push((path, message.to_owned()));
            }
            continue;
        };
        let settings = serde_json::from_value::<OpenAiSettings>(without_kind(teacher));
        if let (true, Ok(settings)) = (budget && document["roles"]["painter"] == **name, settings)
            && !settings.can_bound_pictures()
        {
            let message = format!(
                "`run.budget_usd` wants to know what a picture of size {} can cost: give its price under \
                 `pictures`, or `max_tokens_per_picture_made`",
                settings.picture.size
            );
            found.push((format!("{path}.prices"), message));
        }
        if teacher["batch"].is_object() && !prices.contains_key("batch_share") {
            let message =
                "`batch_share` is missing: what is left of the price on the batch path, as a rule 0.5";
            found.push((format!("{path}.prices"), message.to_owned()));
        }
    }
    found
}

fn without_kind(teacher: &Value) -> Value {
    let mut fields = teacher.as_object().cloned().unwrap_or_default();
    fields.remove("kind");
    fields.into()
}

/// Names and passwords in an address would be written to the job's folder.
fn address_problem(address: &str) -> Option<String> {
    match url::Url::parse(address) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            Some(format!("`{address}` is no address of the form https://host/path"))
        }
        Ok(url) if url.username() != "" || url.password().is_some() => Some(
            "an address must hold no name or password; put a key into an environment variable and name it under \
             `api_key_variable`"
                .to_owned(),
        ),
        Ok(_) => None,
        Err(error) => Some(format!("`{address}` is no address: {error}")),
    }
}

/// Own templates that do not parse, or ask for what they are not given.
fn templates(document: &Value) -> Vec<(String, String)> {
    let own = document["templates"].as_object().into_iter().flatten();
    own.filter_map(|(name, source)| {
        let message = Templates::problem(name, source.as_str()?)?;
        Some((format!("templates.{name}"), message))
    })
    .collect()
}

fn texts_with_variables(document: &Value) -> Vec<(String, String)> {
    let addresses = document["teachers"].as_object().into_iter().flatten();
    let addresses =
        addresses.map(|(name, teacher)| (format!("teachers.{name}.base_url"), &teacher["base_url"]));
    let files = document["prompts"]["files"].as_array().into_iter().flatten().enumerate();
    let files = files.map(|(index, pattern)| (format!("prompts.files.{index}"), pattern));
    let tokenizers = document["tokens"]["tokenizers"].as_array().into_iter().flatten().enumerate();
    let checkpoints =
        tokenizers.map(|(index, one)| (format!("tokens.tokenizers.{index}.checkpoint"), &one["checkpoint"]));
    let against = document["decontaminate"]["against"].as_array().into_iter().flatten().enumerate();
    let against = against.map(|(index, pattern)| (format!("decontaminate.against.{index}"), pattern));
    let tokenizer = &document["release"]["text_tokenizer"];
    [("output".to_owned(), &document["output"]), ("release.text_tokenizer".to_owned(), tokenizer)]
        .into_iter()
        .chain(files)
        .chain(checkpoints)
        .chain(against)
        .chain(addresses)
        .filter_map(|(path, value)| Some((path, value.as_str()?.to_owned())))
        .collect()
}

fn named_teachers(document: &Value) -> Vec<(String, String)> {
    let roles = document["roles"].as_object().into_iter().flatten();
    let roles = roles.map(|(role, teacher)| (format!("roles.{role}"), teacher));
    let judges = document["judgements"]["judges"].as_object().into_iter().flatten();
    let judges = judges.map(|(name, judge)| (format!("judgements.judges.{name}.teacher"), &judge["teacher"]));
    roles.chain(judges).filter_map(|(path, value)| Some((path, value.as_str()?.to_owned()))).collect()
}

/// Judges that compare samples of which there is but one.
fn unpaired_judges(document: &Value) -> Vec<(String, String)> {
    let samples = document["trajectories"]["samples_per_prompt"].as_u64().unwrap_or(1);
    let judges = document["judgements"]["judges"].as_object().into_iter().flatten();
    let pairwise = judges.filter(|(_, judge)| samples < 2 && judge["kind"].as_str() == Some("pairwise"));
    let message =
        "a pairwise judge compares samples of one prompt; set `trajectories.samples_per_prompt` to 2 or more";
    pairwise.map(|(name, _)| (format!("judgements.judges.{name}.kind"), message.to_owned())).collect()
}
