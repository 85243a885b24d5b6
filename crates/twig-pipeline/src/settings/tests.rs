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
fn tokenizers_are_told_apart_by_name_and_slow_ones_encode_what_is_selected() {
    let tokens = |text: &str| format!("{SOUND}tokens: {text}\n");
    let parse = |text: &str| Settings::parse(&tokens(text), PathBuf::new(), &[]).unwrap();
    assert_eq!(parse("{tokenizers: [{kind: patch}]}").file.tokens.scope(), TokenScope::All);
    let janus = parse("{tokenizers: [{kind: patch}, {kind: janus_vq, checkpoint: a}]}");
    assert_eq!(janus.file.tokens.scope(), TokenScope::Selected);
    let elsewhere = parse(
        "{tokenizers: [{kind: patch}, {kind: janus_vq, checkpoint: \"${TWIG_NO_SUCH:-b}\", threads: 2, batch: 3}]}",
    );
    assert_eq!(janus.hash(), elsewhere.hash());
    assert_snapshot!(
        problems(
            &tokens("{scope: some, tokenizers: [{kind: janus_vq, checkpoint: a}, {kind: janus_vq, checkpoint: \"${TWIG_NO_SUCH}\"}, {kind: vq}]}"),
            &[]
        ),
        @r#"
    line 12: `tokens.scope`: one of `selected`, `all` is wanted, found the text "some"
    line 12: `tokens.tokenizers.2.kind`: one of `patch`, `janus_vq` is wanted, found the text "vq"
    line 12: `tokens.tokenizers.1.checkpoint`: the environment variable TWIG_NO_SUCH is not set; set it and try again
    line 12: `tokens.tokenizers.1`: two tokenizers are called `janus`
    "#
    );
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
    assert_snapshot!(problems(text, &[]), @r#"
    line 1: `version`: a whole number from 1 to 1 is wanted, found the number 2
    line 2: `name`: it must not be empty
    line 4: `promts`: unknown field; did you mean `prompts`?
    line 6: `prompts.files`: a list is wanted, found the text "a.txt"
    line 7: `prompts.max_chars`: a whole number from 1 to 100000 is wanted, found the number 0
    line 9: `teachers.studio.kind`: one of `procedural`, `openai` is wanted, found the text "procedual"
    line 10: `teachers.other`: `kind` is missing: one of `procedural`, `openai`
    line 11: `roles.critic`: this field is missing
    line 12: `trajectories.mode`: one of `whole_image`, `region_by_region` is wanted, found the text "whole"
    line 12: `trajectories.regions`: a whole number of at least 1 is wanted, found the number 3.5
    line 12: `trajectories.accept_score`: a whole number from 0 to 100 is wanted, found the number 101
    line 12: `trajectories.rounds`: unknown field; known here are `mode`, `thinking`, `regions`, `schedule`, `canvas`, `accept_score`, `redo_rounds`, `samples_per_prompt`, `invalid_answer_retries`
    line 13: `judgements.judges`: a group of fields is wanted, found a list
    "#);
}

#[test]
fn names_that_point_nowhere_and_too_many_regions_are_named_together() {
    let overrides = [
        "trajectories.regions=25",
        "roles.critic=nobody",
        "select.where=rewards > 3",
        "output=${TWIG_UNSET}",
    ];
    assert_snapshot!(problems(SOUND, &overrides), @r#"
    --set output=${TWIG_UNSET}: `output`: the environment variable TWIG_UNSET is not set; set it and try again
    --set roles.critic=nobody: `roles.critic`: no teacher is called `nobody`; the teachers are `studio`
    --set select.where=rewards > 3: `select.where`: character 1: no column is called `rewards`, did you mean `reward`? There are `id`, `reward`, `min_step_score`, `attempts`, `num_regions`, `num_reflections`, `sample_index`, `category`, `mode`, `painter`, `prompt`, `prompt_words`, `thought_words_min`, `thought_words_max`, `critique_words_min`, `language`, `banned`, `repetition`, `leakage`, `coverage`
    --set trajectories.regions=25: `trajectories.regions`: 25 regions do not fit: a grid of 24 rows takes 1 to 24 bands
    "#);
}

#[test]
fn a_file_that_is_not_yaml_is_refused_with_its_line() {
    assert_snapshot!(problems("version: 1\nname: [a\noutput: x", &[]), @r#"
    line 3: this is not YAML: line 3 column 7: illegal placement of ':' indicator
    "#);
}

#[test]
fn an_override_needs_a_path_and_a_value() {
    assert_snapshot!(problems(SOUND, &["seed"]), @r#"
    --set seed: `key.path=value` is wanted
    "#);
}

#[test]
fn an_override_wins_over_the_file() {
    let overrides = ["trajectories.mode=region_by_region".to_owned(), "seed=9".to_owned()];
    let settings = Settings::parse(SOUND, PathBuf::new(), &overrides).unwrap();
    assert_eq!(settings.file.trajectories.mode, twig_model::Mode::RegionByRegion);
    assert_eq!(settings.file.seed, 9);
}

#[test]
fn regions_that_cannot_be_are_named_with_the_way_out() {
    let heights = "trajectories.schedule={kind: heights, rows: [8, 8]}";
    assert_snapshot!(problems(SOUND, &[heights]), @"
    --set trajectories.schedule={kind: heights, rows: [8, 8]}: `trajectories.schedule.rows`: the heights of the bands add up to 16 rows; the grid has 24, and no band may have 0
    ");
    let content = ["trajectories.schedule={kind: content}", "trajectories.mode=region_by_region"];
    let found = problems(SOUND, &content);
    assert!(found.contains("region by region there is none"), "{found}");
    let redone = ["trajectories.schedule={kind: content, shape: bands}", "trajectories.redo_rounds=1"];
    assert!(problems(SOUND, &redone).contains("not painted again"));
}

#[test]
fn nobody_needs_to_paint_pictures_that_are_there() {
    let no_painter = SOUND.replace(", painter: studio", "");
    assert!(problems(&no_painter, &[]).contains("`roles.painter`: this field is missing"));
    let overrides = ["prompts.source=pictures".to_owned(), "trajectories.redo_rounds=1".to_owned()];
    let settings = Settings::parse(&no_painter, PathBuf::new(), &overrides).unwrap();
    assert_eq!(settings.file.prompts.source, PromptSource::Pictures);
}

#[test]
fn a_judge_that_compares_needs_something_to_compare() {
    let pairwise = "judgements.judges.studio.kind=pairwise";
    assert!(problems(SOUND, &[pairwise]).contains("set `trajectories.samples_per_prompt` to 2 or more"));
    let overrides = [pairwise.to_owned(), "trajectories.samples_per_prompt=2".to_owned()];
    assert!(Settings::parse(SOUND, PathBuf::new(), &overrides).is_ok());
}

/// The YAML of a page, block by block.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_page_about_teachers_shows_teachers_as_they_are_written() {
    const HEAD: &str = "version: 1\nname: t\noutput: o\nprompts: { files: [p.txt] }\n";
    const TEACHER: &str =
        "teachers:\n  t:\n    kind: openai\n    base_url: http://127.0.0.1:1/v1\n    model: m\n";
    let roles = |name: &str| {
        format!(
            "\nroles: {{ thinker: {name}, painter: {name}, critic: {name} }}\n\
             judgements: {{ judges: {{ j: {{ teacher: {name} }} }} }}\n"
        )
    };
    let page = include_str!("../../../../docs/teachers.md");
    let [whole, by_server, batch] = blocks(page)[..] else { panic!("three blocks of YAML are known here") };
    let files = [
        format!("{HEAD}{whole}"),
        format!("{HEAD}{by_server}{}", roles("openai")),
        format!("{HEAD}{TEACHER}{batch}{}", roles("t")),
    ];
    for file in files {
        if let Err(problems) = Settings::parse(&file, PathBuf::new(), &[]) {
            panic!("{problems:?}\n{file}");
        }
    }
}
