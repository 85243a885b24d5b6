//! How much of the real prompts the embedded teacher draws, counted in what a job has made of them.
#![cfg(unix)]

use std::{collections::BTreeMap, env, path::Path};

use crate::{
    http::{server, sound},
    project::{Project, REPOSITORY},
};

/// The categories of T2I-CompBench, and the share of their training prompts that reaches trajectories at least.
const CATEGORIES: [(&str, f64); 8] = [
    ("numeracy", 0.95),
    ("spatial", 0.95),
    ("3d_spatial", 0.95),
    ("color", 0.85),
    ("texture", 0.70),
    ("shape", 0.70),
    ("complex", 0.40),
    ("non_spatial", 0.40),
];

/// What the embedded teacher reads is decided before anything is criticised: critiques, which take it longest, and
/// judgements are left to a stub behind HTTP, and one region does for a picture.
fn job(stub: &str) -> String {
    format!(
        "version: 1\nname: shares\noutput: out\nprompts: {{ files: ['${{T2I_COMPBENCH}}/*_train.txt'] }}\n\
         teachers:\n  studio: {{ kind: procedural }}\n  stub: {{ kind: openai, base_url: '{stub}', model: stub }}\n\
         roles: {{ thinker: studio, painter: studio, critic: stub }}\n\
         trajectories: {{ regions: 1 }}\njudgements: {{ judges: {{ stub: {{ teacher: stub }} }} }}\n\
         select: {{ gates: 'true' }}\n"
    )
}

/// Skipped where the benchmark is not at hand.
#[test]
fn most_training_prompts_reach_trajectories() {
    let usual = format!("{REPOSITORY}/../shared/data/t2i-compbench");
    let folder = env::var("T2I_COMPBENCH").unwrap_or(usual);
    if !CATEGORIES.iter().all(|(name, _)| Path::new(&folder).join(format!("{name}_train.txt")).exists()) {
        eprintln!("skipped: {folder} is not there; set T2I_COMPBENCH to the folder of its prompts");
        return;
    }
    let project = Project::empty();
    let server = server(sound());
    project.write("job.yaml", job(&server.base_url()));
    let ran = project.command(&["run", "job.yaml"]).env("T2I_COMPBENCH", &folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let count = |table: &str| -> BTreeMap<String, f64> {
        let query = format!("select category, count(*) as n from {table} group by category");
        let csv = project.succeeds(&["sql", "out", &query, "--format", "csv"]).stdout;
        let row = |line: &str| line.split_once(',').map(|(name, n)| (name.to_owned(), n.parse().unwrap()));
        csv.lines().skip(1).filter_map(row).collect()
    };
    let (prompts, trajectories) = (count("prompts"), count("trajectories"));
    let shares = CATEGORIES.map(|(name, least)| (name, trajectories[name] / prompts[name], least));
    assert!(
        shares.iter().all(|(_, share, least)| share >= least),
        "category, share of its prompts that reached trajectories, share wanted: {shares:.3?}"
    );
}
