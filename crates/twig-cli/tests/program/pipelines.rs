//! The ready-made pipeline files and samples.

use std::{collections::BTreeSet, fs, path::Path};

use crate::project::{Project, REPOSITORY};

/// Loads every pipeline file of the repository and plans it over a sample.
#[test]
fn every_ready_made_pipeline_can_be_planned() {
    let project = Project::new();
    fs::create_dir_all(project.path("pictures")).unwrap();
    project.write("pictures/a.png", "not looked into before it is needed");
    project.write("pictures/a.txt", "a red car");
    let mut planned = 0;
    for entry in fs::read_dir(format!("{REPOSITORY}/pipelines")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        let prompts = if text.contains("source: pictures") { "pictures" } else { "mixed_train.txt" };
        assert_eq!(
            first,
            "# yaml-language-server: $schema=../schemas/pipeline.schema.json",
            "{}",
            path.display()
        );
        let pipeline = path.to_str().unwrap();
        project.succeeds(&["plan", pipeline, "--prompts", prompts]);
        planned += 1;
    }
    assert!(planned >= 2);
    assert!(!project.path("out").exists(), "planning leaves nothing behind");
}

#[test]
fn the_benchmark_says_which_variable_is_not_set() {
    let project = Project::empty();
    let ran = project.twig(&["plan", &format!("{REPOSITORY}/pipelines/t2i-compbench.yaml")]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("T2I_COMPBENCH"), "{}", ran.stderr);
}

#[test]
fn samples_cover_all_categories_in_three_formats() {
    let project = Project::empty();
    let planned = |prompts: &str| {
        let pipeline = format!("{REPOSITORY}/pipelines/quickstart.yaml");
        let prompts = format!("{REPOSITORY}/samples/{prompts}");
        let ran = project.succeeds(&["plan", &pipeline, "--prompts", &prompts, "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let categories = plan["categories"].as_object().unwrap().len();
        (plan["prompts"].as_u64().unwrap(), categories)
    };
    assert_eq!(planned("prompts/*_train.txt"), (104, 8));
    assert_eq!(planned("few.jsonl"), (5, 5));
    assert_eq!(planned("few.csv"), (5, 5));
}

/// Skipped where the benchmark is not at hand.
#[test]
fn no_sample_is_copied_from_the_benchmark() {
    let usual = format!("{REPOSITORY}/../shared/data/t2i-compbench");
    let folder = std::env::var("T2I_COMPBENCH").unwrap_or(usual);
    let theirs = lines(Path::new(&folder));
    if theirs.is_empty() {
        eprintln!("skipped: T2I_COMPBENCH is not set");
        return;
    }
    let ours = lines(Path::new(&format!("{REPOSITORY}/samples/prompts")));
    assert_eq!(ours.len(), 104);
    let copied: Vec<_> = ours.intersection(&theirs).collect();
    assert!(copied.is_empty(), "{copied:?}");
}

/// The prompts of all `_train.txt` files of a folder, without what differs only to the eye.
fn lines(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let texts = files
        .filter(|path| path.to_string_lossy().ends_with("_train.txt"))
        .map(|path| fs::read_to_string(path).unwrap());
    let plain = |line: &str| {
        let words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").to_lowercase()
    };
    texts
        .flat_map(|text| text.lines().map(plain).collect::<Vec<_>>())
        .filter(|line| !line.is_empty())
        .collect()
}
