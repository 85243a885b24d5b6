//! Wrong input is named, all of it at once, and costs nothing that was there.

use std::fs;

use crate::project::{Project, files};

/// Runs the job, which must be refused with exit code 2 and leave no output folder behind.
#[track_caller]
fn refused(project: &Project, arguments: &[&str]) -> String {
    let ran = project.twig(&[&["run", "job.yaml"], arguments].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(!project.path("out/release").exists(), "nothing is published");
    project.redacted(&ran.stderr)
}

#[test]
fn a_wrong_pipeline_file_names_every_problem_with_its_line() {
    let project = Project::new();
    let job = fs::read_to_string(project.path("job.yaml")).unwrap();
    let wrong = job
        .replace("seed: 7", "sed: 7")
        .replace("critic: studio }", "critic: nobody }")
        .replace("mode: region_by_region", "mode: region_by_regions\n  regions: 25")
        .replace("validation_share: 0.3", "validation_share: 3");
    project.write("job.yaml", wrong);
    insta::assert_snapshot!(refused(&project, &[]));
}

#[test]
fn more_regions_than_rows_of_the_grid_are_refused() {
    let project = Project::new();
    insta::assert_snapshot!(refused(&project, &["--set", "trajectories.regions=25"]));
}

#[test]
fn a_pipeline_file_that_is_not_there_or_no_yaml() {
    let project = Project::empty();
    let missing = project.twig(&["run", "job.yaml"]);
    assert_eq!(missing.code, Some(2));
    project.write("job.yaml", "version: [1\nname");
    let broken = refused(&project, &[]);
    insta::assert_snapshot!(format!("{}\n{broken}", project.redacted(&missing.stderr)));
}

#[test]
fn prompt_files_that_cannot_be_used_are_named() {
    let project = Project::new();
    project.write("empty.txt", "\n\n");
    project.write("latin-1.txt", b"a red apple\na caf\xe9 table\n");
    project.write("broken.jsonl", "{\"prompt\": \"a red apple\"}\n{\"text\": \"a cup\"}\n");
    project.write("other.csv", "sentence\na red apple\n");
    let names = ["missing.txt", "empty.txt", "latin-1.txt", "broken.jsonl", "other.csv"];
    let errors = names.map(|name| refused(&project, &["--prompts", name]));
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn line_ends_marks_blanks_and_duplicates_are_taken_care_of() {
    let project = Project::new();
    let long = "a red apple and ".repeat(65_536);
    let text = format!("\u{feff}a red apple\r\n\r\n  a   blue cup \r\na red apple\r\n{long}\r\n");
    project.write("odd_train.txt", text);
    let ran = project.succeeds(&["run", "job.yaml", "--prompts", "odd_train.txt"]);
    assert!(ran.stderr.contains("1 duplicate_prompt, 1 too_long of 4 rows"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 blank lines were passed over"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  2 trajectories"), "{}", ran.stderr);
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let project = Project::new();
    fs::create_dir(project.path("out")).unwrap();
    project.write("out/thesis.tex", "years of work");
    insta::assert_snapshot!(refused(&project, &[]));
    assert_eq!(files(&project.path("out"))["thesis.tex"], b"years of work");
}

#[test]
fn the_folder_of_another_job_is_left_alone() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let before = files(&project.path("out"));
    let ran = project.twig(&["run", "job.yaml", "--set", "name=another"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(project.redacted(&ran.stderr));
    let mut after = files(&project.path("out"));
    // The lock names the process that tried.
    after.insert(".lock".to_owned(), before[".lock"].clone());
    assert!(before == after, "the folder was changed");
}

#[test]
fn the_folder_of_another_version_is_left_alone() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let job = fs::read_to_string(project.path("out/job.json")).unwrap();
    project.write("out/job.json", job.replace("\"format_version\": 1", "\"format_version\": 99"));
    let ran = project.twig(&["run", "job.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("it has format version 99, and this twig reads version 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("choose another with --output, or move it away"), "{}", ran.stderr);
}

#[test]
#[cfg(unix)]
fn a_folder_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let project = Project::new();
    let folder = project.path("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere, so permissions show nothing");
        return;
    }
    let ran = project.twig(&["run", "job.yaml", "--output", "closed/out"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("closed/out"), "{}", ran.stderr);
    assert!(ran.stderr.to_lowercase().contains("permission denied"), "{}", ran.stderr);
}
