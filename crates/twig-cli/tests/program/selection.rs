//! `select` and `decontaminate`: what is removed, that it is said why, and that nobody is asked for it.

use std::fs;

use serde_json::Value;
use twig_shards::{RejectedRow, TableReader};

use crate::project::Project;

const SELECT: [&str; 2] = ["--set", "select={where: reward >= 60 and attempts <= 6, per_prompt: 2}"];

fn project() -> Project {
    let project = Project::new();
    let job = fs::read_to_string(project.path("job.yaml")).unwrap();
    project.write("job.yaml", job.replace("trajectories:\n", "trajectories:\n  samples_per_prompt: 4\n"));
    project
}

fn funnel(project: &Project, select: &str) -> Value {
    let ran = project.succeeds(&["plan", "job.yaml", "--select", "--json", "--set", select]);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn rejected(project: &Project) -> Vec<RejectedRow> {
    TableReader::read_all(&project.path("out/rejected/release.parquet")).unwrap()
}

#[test]
fn what_the_plan_counts_is_what_the_release_leaves_out() {
    let project = project();
    project.succeeds(&["run", "job.yaml"]);
    let committed = |project: &Project| {
        project.events("out").iter().filter(|event| event["event"] == "part_committed").count()
    };
    let before = committed(&project);
    let funnel = funnel(&project, SELECT[1]);
    let steps = funnel["steps"].as_array().unwrap();
    let mut left = funnel["rows"].as_u64().unwrap();
    assert_eq!(left, 28, "seven prompts that can be drawn, four samples each");
    for step in steps {
        left -= step["in_order"].as_u64().unwrap();
        assert_eq!(step["left"], left, "{step}");
        assert!(step["alone"].as_u64() >= step["in_order"].as_u64(), "{step}");
    }
    assert_eq!(funnel["left"], left);
    assert!(left > 0 && left <= 14, "at most two of each of seven prompts: {left}");
    assert_eq!(steps.last().unwrap()["name"], "per_prompt: 2");
    assert_eq!(steps.last().unwrap()["alone"], 14);
    assert!(!steps.last().unwrap()["examples"].as_array().unwrap().is_empty());

    project.succeeds(&["run", "job.yaml", SELECT[0], SELECT[1]]);
    project.succeeds(&["verify", "out"]);
    assert_eq!(committed(&project), before, "only the release is made anew");
    let rejected = rejected(&project);
    assert_eq!(rejected.len() as u64, 28 - left);
    for step in steps {
        let name = step["name"].as_str().unwrap();
        let detail = name.strip_prefix("where: ").or(name.strip_prefix("gates: ")).unwrap_or(name);
        let removed = rejected.iter().filter(|row| row.detail == detail).count();
        assert_eq!(step["in_order"], removed, "{name}");
    }
    let mut report: Value =
        serde_json::from_slice(&fs::read(project.path("out/stages/selection.json")).unwrap()).unwrap();
    report.as_object_mut().unwrap().remove("seal").unwrap();
    assert_eq!(report, funnel);
}

#[test]
fn pictures_of_an_evaluation_set_and_near_pictures_are_left_out() {
    let project = project();
    project.succeeds(&["run", "job.yaml"]);
    project.succeeds(&["export", "out", "-o", "exported"]);
    let rows = fs::read_to_string(project.path("exported/train-00000-of-00001.jsonl")).unwrap();
    let leaked: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    fs::create_dir(project.path("held_out")).unwrap();
    let picture = project.path("exported").join(leaked["image"].as_str().unwrap());
    let picture = image::open(picture).unwrap();
    // Cropped by 5 % at the left and at the top, smaller, and recompressed.
    let picture = picture.crop_imm(19, 19, 365, 365).thumbnail_exact(256, 256).to_rgb8();
    picture.save(project.path("held_out/benchmark.jpg")).unwrap();

    let against = "decontaminate.against=[held_out/*.jpg]";
    let ran = project.succeeds(&["run", "job.yaml", "--set", against, "--set", "select.near_pictures=0.95"]);
    assert!(!ran.stderr.contains("decontaminate.against is empty"), "{}", ran.stderr);
    let rejected = rejected(&project);
    let contaminated: Vec<_> = rejected.iter().filter(|row| row.reason.as_str() == "contaminated").collect();
    assert!(contaminated.iter().any(|row| row.id == leaked["id"]), "{rejected:?}");
    for row in &contaminated {
        assert_eq!(row.prompt, leaked["prompt"], "another prompt's picture is not taken for it");
        assert!(row.detail.contains("benchmark.jpg"), "{}", row.detail);
    }
    let kept = |row: &RejectedRow| row.detail.split_whitespace().rev().nth(2).unwrap().to_owned();
    for row in rejected.iter().filter(|row| row.reason.as_str() == "near_duplicate") {
        assert!(!rejected.iter().any(|other| format!("{},", other.id) == kept(row)), "{}", row.detail);
    }
}

#[test]
fn while_nothing_is_held_out_runs_say_so() {
    let project = Project::new();
    let ran = project.succeeds(&["run", "job.yaml"]);
    assert!(ran.stderr.contains("warning: decontaminate.against is empty"), "{}", ran.stderr);
}

#[test]
fn a_wrong_condition_is_refused_with_its_place_before_anything_runs() {
    let project = Project::new();
    let ran = project.twig(&["run", "job.yaml", "--set", "select.where=reward >= 80 and atempts <= 2"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains(
            "`select.where`: character 18: no column is called `atempts`, did you mean `attempts`?"
        ),
        "{}",
        ran.stderr
    );
    assert!(!project.path("out").exists());
    let ran = project.twig(&["plan", "job.yaml", "--select"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nothing to select from yet"), "{}", ran.stderr);
}
