//! The tokens stage: whose pictures are encoded, and that none is encoded twice.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use twig_imaging::{DecodeLimits, decode};
use twig_model::Role;
use twig_shards::{CallRow, SftRecord, TableReader};
use twig_tokens::{ImageTokenizer, PatchTokenizer};

use crate::project::{Project, assert_same, files, reproducible};

const CONDITION: &str = "select.where=prompt <> 'a red car'";

#[test]
fn only_what_is_selected_is_encoded_and_another_selection_encodes_the_rest() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "all", "--set", CONDITION]);
    let selected = ["run", "job.yaml", "--set", "tokens.scope=selected", "--set", CONDITION];
    project.succeeds(&selected);
    project.succeeds(&["verify", "out"]);

    let encoded = rows_in(&project, "out");
    let published = rows(&project, "out", "trajectories");
    assert!(0 < encoded && encoded < rows_in(&project, "all"), "{encoded} encoded");
    assert_eq!(encoded, published);
    let tables = |output: &str| {
        let mut files = reproducible(&project.path(output).join("release"));
        files.retain(|name, _| name.ends_with(".parquet"));
        files
    };
    // The same rows are published, whatever else was encoded.
    assert_same(&tables("out"), &tables("all"));

    project.succeeds(&selected[..4]);
    project.succeeds(&["verify", "out"]);
    assert_eq!(rows(&project, "out", "trajectories"), rows_in(&project, "all"));
}

#[test]
fn no_picture_is_encoded_twice() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let known = files(&project.path("out/ids"));
    let tokens = files(&project.path("out/stages/tokens"));
    fs::remove_dir_all(project.path("out/stages/tokens")).unwrap();
    project.succeeds(&["run", "job.yaml"]);
    // Nothing was encoded, so nothing was noted.
    assert_same(&files(&project.path("out/ids")), &known);
    assert_same(&files(&project.path("out/stages/tokens")), &tokens);
}

#[test]
fn a_checkpoint_that_is_none_is_refused_before_anything_is_asked() {
    let project = Project::new();
    let tokenizer = "tokens.tokenizers=[{kind: janus_vq, checkpoint: nowhere}]";
    let refused = project.command(&["run", "job.yaml", "--set", tokenizer]).output().unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("checkpoint") && stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn decoded_canvases_are_what_the_tokenizer_makes_of_their_ids() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "flat"]);
    project.succeeds(&["run", "job.yaml", "--set", "trajectories.canvas=decoded"]);
    project.succeeds(&["verify", "out"]);
    let (decoded, shown) = canvases(&project, "out");
    assert!(shown > 0 && decoded == shown, "{decoded} of {shown}");
    let (decoded, shown) = canvases(&project, "flat");
    assert!(decoded < shown, "flat canvases are other ones");
    assert!(
        critic_keys(&project, "out").is_disjoint(&critic_keys(&project, "flat")),
        "the critic saw them too"
    );
}

/// Pictures in the chats of a release: those that are decoded from the ids beside them, and all.
fn canvases(project: &Project, output: &str) -> (usize, usize) {
    let tokenizer = PatchTokenizer::embedded().unwrap();
    let (mut decoded, mut shown) = (0, 0);
    for path in parquet_files(&project.path(output).join("release/sft")) {
        for row in TableReader::<SftRecord>::open(&path).unwrap().map(Result::unwrap) {
            for (picture, ids) in row.images.iter().zip(&row.image_tokens) {
                let picture = decode(picture.bytes(), &DecodeLimits::default()).unwrap();
                decoded += usize::from(picture == tokenizer.decode(ids).unwrap());
                shown += 1;
            }
        }
    }
    (decoded, shown)
}

/// Where the critic's answers stand in the answer store: a hash of what it was asked, canvas included.
fn critic_keys(project: &Project, output: &str) -> BTreeSet<String> {
    let files = parquet_files(&project.path(output).join("calls")).into_iter();
    let rows = files.flat_map(|path| TableReader::<CallRow>::open(&path).unwrap().map(Result::unwrap));
    let keys: BTreeSet<String> = rows
        .filter(|row| row.role == Role::Critic)
        .filter_map(|row| row.answer_key)
        .map(|key| key.0)
        .collect();
    assert!(!keys.is_empty());
    keys
}

fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).collect()
}

/// Trajectories that the last run of a folder took into the tokens stage.
fn rows_in(project: &Project, output: &str) -> u64 {
    let events = project.events(output);
    let is_ours = |event: &&Value| event["event"] == "stage_finished" && event["stage"] == "tokens";
    events.iter().rfind(is_ours).unwrap()["rows_in"].as_u64().unwrap()
}

/// Published rows of a table.
fn rows(project: &Project, output: &str, table: &str) -> u64 {
    let record = fs::read_to_string(project.path(output).join("stages/release.json")).unwrap();
    serde_json::from_str::<Value>(&record).unwrap()["rows"][table].as_u64().unwrap()
}
