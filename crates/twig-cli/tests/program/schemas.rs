//! `schemas/` is what the code says, and the program's files are what the schemas say.

use std::{collections::BTreeSet, fs};

use crate::project::{Project, REPOSITORY};

#[test]
fn the_files_in_schemas_are_up_to_date() {
    let project = Project::empty();
    let names = project.succeeds(&["schema"]).stdout;
    let files: BTreeSet<String> = fs::read_dir(format!("{REPOSITORY}/schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted: BTreeSet<String> = names.lines().map(|name| format!("{name}.schema.json")).collect();
    assert_eq!(files, wanted, "write them with `cargo xtask schemas`");
    for name in names.lines() {
        let file = fs::read_to_string(format!("{REPOSITORY}/schemas/{name}.schema.json")).unwrap();
        let printed = project.succeeds(&["schema", name]).stdout;
        assert!(
            file == printed,
            "schemas/{name}.schema.json is out of date; write it with `cargo xtask schemas`"
        );
    }
}

#[test]
fn a_schema_that_is_not_there_is_wrong_usage() {
    let ran = Project::empty().twig(&["schema", "nothing"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("pipeline"), "{}", ran.stderr);
}
