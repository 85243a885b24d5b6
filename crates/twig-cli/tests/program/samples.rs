//! The training samples of a release: whose ids they are, and what becomes of those that cannot be made.

use std::fs;

use serde_json::Value;

use crate::project::Project;

fn manifest(project: &Project) -> Value {
    serde_json::from_slice(&fs::read(project.path("out/release/manifest.json")).unwrap()).unwrap()
}

fn rows(manifest: &Value, table: &str) -> u64 {
    let configs = manifest["configs"].as_array().unwrap();
    let splits = configs.iter().filter(|config| config["name"] == table).flat_map(|config| {
        config["splits"].as_array().unwrap().iter().flat_map(|split| split["shards"].as_array().unwrap())
    });
    splits.map(|shard| shard["rows"].as_u64().unwrap()).sum()
}

#[test]
fn samples_that_are_too_long_are_rejected_with_their_length_and_counted() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let all = rows(&manifest(&project), "janus");
    let ran = project.succeeds(&["run", "job.yaml", "--set", "release.max_tokens=1300"]);
    let manifest = manifest(&project);
    let account = manifest["accounting"].as_array().unwrap().last().unwrap();
    let rejected = account["rejected"]["too_long"].as_u64().unwrap();
    assert_eq!((account["stage"].as_str(), account["rows_in"].as_u64()), (Some("samples"), Some(all)));
    assert!(rejected > 0 && rejected < all, "{account}");
    assert_eq!(rows(&manifest, "janus"), all - rejected);
    assert!(ran.stderr.contains(&format!("samples: {rejected} too_long of")), "{}", ran.stderr);
    assert!(project.path("out/rejected/samples.parquet").exists());
    project.succeeds(&["verify", "out"]);
}

#[test]
fn a_checkpoint_without_a_tokenizer_is_refused_before_anything_is_asked() {
    let project = Project::new();
    let ran = project.twig(&["run", "job.yaml", "--set", "release.text_tokenizer=nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nowhere; give the folder of a checkpoint"), "{}", ran.stderr);
    assert!(!project.path("out").exists());
}

#[test]
fn several_samples_of_a_prompt_give_groups_and_pairs() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--set", "trajectories.samples_per_prompt=3"]);
    let manifest = manifest(&project);
    assert_eq!(rows(&manifest, "grpo"), rows(&manifest, "trajectories") / 3);
    assert!(rows(&manifest, "dpo") > 0);
    project.succeeds(&["verify", "out"]);
}
