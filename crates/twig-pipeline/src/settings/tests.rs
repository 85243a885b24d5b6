use insta::assert_snapshot;

use super::*;

const SOUND: &str = "\
version: 1
name: test
output: out/test
prompts:
  files: [a.txt]
teachers:
  studio: {kind: procedural}
roles: {thinker: studio, painter: studio, critic: studio}
judgements:
  judges:
    studio: {teacher: studio}
";

fn problems(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    match Settings::parse(text, PathBuf::new(), &overrides) {
        Ok(settings) => panic!("{settings:?}"),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let settings = Settings::parse(SOUND, PathBuf::new(), &[]).unwrap();
    assert_eq!(settings.file.trajectories, TrajectorySettings::default());
    assert_eq!(settings.schedule.num_regions(), 3);
}

#[test]
fn every_problem_is_named_at_once_with_its_line() {
    let text = "\
version: 2
name: ''
output: out/test
promts: {files: [a.txt]}
prompts:
  files: a.txt
  max_chars: 0
teachers:
  studio: {kind: procedual}
  other: {concurrency: many}
roles: {thinker: studio, painter: studio}
trajectories: {mode: whole, regions: 3.5, accept_score: 101, rounds: 2}
judgements: {judges: [studio]}
";
    assert_snapshot!(problems(text, &[]), @"");
}

#[test]
fn names_that_point_nowhere_and_too_many_regions_are_named_together() {
    let overrides =
        ["trajectories.regions=25", "roles.critic=nobody", "release.where=reward >", "output=${TWIG_UNSET}"];
    assert_snapshot!(problems(SOUND, &overrides), @"");
}

#[test]
fn a_file_that_is_not_yaml_is_refused_with_its_line() {
    assert_snapshot!(problems("version: 1\nname: [a\noutput: x", &[]), @"");
}

#[test]
fn an_override_needs_a_path_and_a_value() {
    assert_snapshot!(problems(SOUND, &["seed"]), @"");
}

#[test]
fn an_override_wins_over_the_file() {
    let overrides = ["trajectories.mode=region_by_region".to_owned(), "seed=9".to_owned()];
    let settings = Settings::parse(SOUND, PathBuf::new(), &overrides).unwrap();
    assert_eq!(settings.file.trajectories.mode, twig_model::Mode::RegionByRegion);
    assert_eq!(settings.file.seed, 9);
}
