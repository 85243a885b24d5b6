//! Regions of every kind, pictures that are there already, and judges of every kind, through whole jobs.

use std::fs;

use twig_model::{Judgement, Trajectory};
use twig_shards::{ReleaseTrajectory, Row, TableReader};

use crate::project::Project;

/// All rows of a stage.
pub(crate) fn rows<T: Row>(project: &Project, output: &str, stage: &str) -> Vec<T> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(project.path(output).join("stages").join(stage)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            rows.extend(TableReader::<T>::open(&path).unwrap().map(Result::unwrap));
        }
    }
    rows
}

/// Runs the job with these changes to a sound release, and gives its trajectories.
fn made(project: &Project, output: &str, changes: &[&str]) -> Vec<Trajectory> {
    let set = changes.iter().flat_map(|change| ["--set", change]);
    let arguments: Vec<&str> = ["run", "job.yaml", "--output", output].into_iter().chain(set).collect();
    project.succeeds(&arguments);
    project.succeeds(&["verify", output]);
    let trajectories = rows::<Trajectory>(project, output, "trajectories");
    assert!(!trajectories.is_empty());
    trajectories
}

/// The trajectories that were released.
fn published(project: &Project, output: &str) -> Vec<Trajectory> {
    let folder = project.path(output).join("release/trajectories");
    let shards = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let rows = shards.flat_map(|path| TableReader::<ReleaseTrajectory>::open(&path).unwrap());
    rows.map(|row| row.unwrap().trajectory).collect()
}

fn num_generate(project: &Project, output: &str) -> u64 {
    let release = fs::read_to_string(project.path(output).join("stages/release.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&release).unwrap();
    record["samples"]["generate"].as_u64().unwrap_or(0)
}

#[test]
fn every_schedule_makes_a_sound_release() {
    let project = Project::new();
    let whole = ["trajectories.mode=whole_image", "trajectories.redo_rounds=0"];
    let run = |output: &str, schedule: &str, others: &[&str]| {
        let schedule = format!("trajectories.schedule={schedule}");
        let changes: Vec<&str> = [schedule.as_str()].into_iter().chain(others.iter().copied()).collect();
        (made(&project, output, &changes), num_generate(&project, output))
    };
    let (heights, generate) = run("heights", "{kind: heights, rows: [6, 12, 6]}", &[]);
    let rows = |trajectory: &Trajectory| -> Vec<u32> {
        trajectory.schedule.regions().iter().map(|region| region.num_tokens() / 24).collect()
    };
    assert!(heights.iter().all(|trajectory| rows(trajectory) == [6, 12, 6]) && generate > 0);

    let (grid, generate) = run("grid", "{kind: grid, rows: 2, columns: 2}", &[]);
    assert!(grid.iter().all(|trajectory| trajectory.schedule.num_regions() == 4));
    assert_eq!(generate, 0, "rectangles are no raster spans");

    let boxes = "{kind: boxes, boxes: [{name: the sky, row: 0, column: 0, rows: 8, columns: 24}, \
                 {row: 8, column: 0, rows: 16, columns: 12}, {row: 8, column: 12, rows: 16, columns: 12}]}";
    let (boxes, _) = run("boxes", boxes, &[]);
    assert!(boxes.iter().all(|trajectory| trajectory.schedule.regions()[0].name == "the sky"));

    let (proposed, generate) = run("proposed", "{kind: proposed}", &[]);
    assert!(proposed.iter().all(|trajectory| trajectory.schedule.num_regions() == 3) && generate > 0);

    let (bands, generate) = run("bands", "{kind: content, shape: bands}", &whole);
    assert!(bands.iter().all(|trajectory| trajectory.schedule.is_raster()) && generate > 0);
    assert!(bands.iter().any(|trajectory| !trajectory.schedule.is_uniform_bands()));

    let (cells, generate) = run("cells", "{kind: content}", &whole);
    assert!(cells.iter().all(|trajectory| trajectory.schedule.num_regions() == 3));
    assert!(cells.iter().any(|trajectory| !trajectory.schedule.is_raster()));
    let raster: u64 = published(&project, "cells").iter().map(|it| u64::from(it.schedule.is_raster())).sum();
    assert_eq!(generate, 3 * raster);
}

/// Pictures of an earlier job, once more as pairs of picture and caption, in every form that is read.
#[test]
fn existing_pictures_become_trajectories_without_a_painter() {
    let project = Project::new();
    let painted = made(&project, "painted", &["release.validation_share=0"]);
    let (mut lines, mut tar) = (String::new(), tar::Builder::new(Vec::new()));
    fs::create_dir_all(project.path("folder")).unwrap();
    for (number, trajectory) in painted.iter().enumerate() {
        let (caption, png) = (trajectory.prompt.text.as_str(), trajectory.final_image.bytes());
        let name = format!("folder/{number}.png");
        project.write(&name, png);
        project.write(&format!("folder/{number}.txt"), caption);
        lines += &format!("{}\n", serde_json::json!({ "prompt": caption, "image": name }));
        for (ending, bytes) in [("png", png), ("txt", caption.as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, format!("{number:06}.{ending}"), bytes).unwrap();
        }
    }
    project.write("pairs.jsonl", lines);
    project.write("pairs.tar", tar.into_inner().unwrap());

    let whole = [
        "prompts.source=pictures",
        "roles={thinker: studio, critic: studio}",
        "trajectories.mode=whole_image",
    ];
    let mut ids = Vec::new();
    for (output, others) in [
        (
            "from-parquet",
            &[
                "prompts.files=['painted/release/trajectories/*.parquet']",
                "prompts.picture_field=final_image",
            ][..],
        ),
        ("from-jsonl", &["prompts.files=[pairs.jsonl]"]),
        ("from-folder", &["prompts.files=[folder]"]),
        ("from-tar", &["prompts.files=[pairs.tar]", "trajectories.schedule={kind: content}"]),
    ] {
        let changes: Vec<&str> = whole.iter().chain(others).copied().collect();
        let found = made(&project, output, &changes);
        assert_eq!(found.len(), painted.len(), "{output}");
        for trajectory in &found {
            assert_eq!(trajectory.painter, "existing picture");
            let original = painted.iter().find(|other| other.final_image == trajectory.final_image);
            assert_eq!(original.map(|other| &other.prompt.text), Some(&trajectory.prompt.text));
            assert!(trajectory.steps.iter().all(|step| step.attempts[0].thought.starts_with("Mostly ")));
        }
        let mut found: Vec<_> = found.into_iter().map(|trajectory| trajectory.prompt.id).collect();
        found.sort();
        ids.push(found);
    }
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "an id is that of caption and picture, wherever they lie"
    );

    project.write("outside.jsonl", "{\"prompt\": \"a cat\", \"image\": \"../cat.png\"}\n");
    let outside = [
        "run",
        "job.yaml",
        "--output",
        "none",
        "--set",
        whole[0],
        "--set",
        whole[2],
        "--set",
        "prompts.files=[outside.jsonl]",
    ];
    let ran = project.twig(&outside);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("does not lie in the folder"), "{}", ran.stderr);
}

#[test]
fn judges_of_every_kind_share_in_the_reward() {
    let project = Project::new();
    let judges = "judgements.judges={points: {teacher: studio, weight: 2}, likely: {teacher: studio, kind: probability}, \
                  asks: {teacher: studio, kind: questions}, better: {teacher: studio, kind: pairwise}}";
    let trajectories = made(&project, "out", &[judges, "trajectories.samples_per_prompt=3"]);
    let judgements = rows::<Judgement>(&project, "out", "judgements");
    for trajectory in &trajectories {
        let id = trajectory.id().to_string();
        let of = |judge: &str, criterion: &str| -> Vec<&Judgement> {
            let is_it = |row: &&Judgement| {
                row.trajectory_id == id
                    && row.judge == judge
                    && row.criterion.as_str() == criterion
                    && row.region_index.is_none()
            };
            judgements.iter().filter(is_it).collect()
        };
        for judge in ["points", "likely", "asks", "better"] {
            assert_eq!(of(judge, "overall").len(), 1, "{judge} of {id}");
        }
        let questions = of("asks", "question");
        assert!(
            !questions.is_empty()
                && questions.iter().all(|row| row.about.as_ref().is_some_and(|q| q.ends_with('?')))
        );
        let yes = questions.iter().filter(|row| row.score == 100).count();
        let share = (100.0 * yes as f64 / questions.len() as f64).round() as i32;
        assert_eq!(of("asks", "overall")[0].score, share);
        let comparisons = of("better", "comparison");
        assert_eq!(comparisons.len(), 2, "three samples have two others each");
        let sum: i32 = comparisons.iter().map(|row| row.score).sum();
        assert_eq!(of("better", "overall")[0].score, (sum + 1) / 2);
    }
    assert!(judgements.iter().all(|row| row.answer_key.0.len() == 64 && row.prompt_hash.len() == 16));

    // How far they agree stands in the card, in the report, and beside the release.
    let selection = fs::read(project.path("out/stages/selection.json")).unwrap();
    let agreement = &serde_json::from_slice::<serde_json::Value>(&selection).unwrap()["agreement"];
    assert_eq!(agreement["pictures"], trajectories.len());
    assert!(agreement["alpha"].as_f64().is_some_and(|alpha| alpha <= 1.0), "{agreement}");
    assert_eq!(agreement["pairs"].as_array().unwrap().len(), 10, "four judges and the critic");
    project.succeeds(&["report", "out", "-o", "report.html"]);
    for file in ["out/release/README.md", "report.html"] {
        let text = fs::read_to_string(project.path(file)).unwrap();
        assert!(text.contains("Krippendorff") && text.contains("Kendall"), "{file}");
    }
}
