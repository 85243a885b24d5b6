use std::fs;

use super::*;

fn settings(files: &[&str]) -> PromptSettings {
    let json = serde_json::json!({ "files": files });
    serde_json::from_value(json).unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn load(folder: &tempfile::TempDir, files: &[&str]) -> Result<PromptTable, PromptError> {
    PromptTable::load(&settings(files), &DecontaminationSettings::default(), folder.path())
}

fn error(folder: &tempfile::TempDir, files: &[&str]) -> String {
    let path = format!("{}/", folder.path().display());
    load(folder, files).unwrap_err().to_string().replace(&path, "")
}

#[test]
fn line_ends_marks_blanks_and_duplicates_do_not_matter() {
    let folder = folder(&[("color_train.txt", b"\xef\xbb\xbfa red  car\r\n\r\na blue dog \n\na red car")]);
    let table = load(&folder, &["*_train.txt"]).unwrap();
    let mut texts: Vec<_> = table.prompts.iter().map(|p| format!("{} {}", p.category, p.text)).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["color a blue dog", "color a red car"]);
    assert_eq!((table.rows_in(), table.blank_lines), (3, 2));
    let (prompt, rejection) = &table.rejected[0];
    assert_eq!(prompt.source, "color_train.txt:5");
    assert_eq!(rejection.detail, "color_train.txt:5: the same prompt as color_train.txt:1");
}

#[test]
fn an_id_depends_on_the_text_alone() {
    let one = folder(&[("a.txt", b"a cat\na dog\n")]);
    let other = folder(&[("b.csv", b"prompt,category\na dog,x\n\"a  cat\",y\n")]);
    let ids = |table: PromptTable| table.prompts.iter().map(|p| (p.id, p.text)).collect::<Vec<_>>();
    assert_eq!(ids(load(&one, &["a.txt"]).unwrap()), ids(load(&other, &["b.csv"]).unwrap()));
}

#[test]
fn formats_carry_their_category() {
    let folder = folder(&[
        ("a.jsonl", b"{\"prompt\": \"a cat\", \"category\": \"animals\"}\n\n{\"prompt\": \"a car\"}\n"),
        ("b.csv", b"category,prompt\nthings,\"a cup, blue\"\n,a desk\n"),
    ]);
    let table = load(&folder, &["a.jsonl", "b.csv"]).unwrap();
    let mut found: Vec<_> =
        table.prompts.iter().map(|p| format!("{} {} {}", p.source, p.category, p.text)).collect();
    found.sort();
    assert_eq!(
        found,
        ["a.jsonl:1 animals a cat", "a.jsonl:3 a a car", "b.csv:2 things a cup, blue", "b.csv:3 b a desk"]
    );
}

#[test]
fn what_cannot_be_read_is_named_with_file_and_line() {
    let folder = folder(&[
        ("latin.txt", b"a cat\na caf\xe9\n"),
        ("latin.csv", b"prompt\na cat\na caf\xe9\n"),
        ("empty.txt", b"\n \r\n"),
        ("bad.jsonl", b"{\"prompt\": \"a cat\"}\n{oops\n"),
        ("field.jsonl", b"{\"text\": \"a cat\"}\n"),
        ("field.csv", b"text\na cat\n"),
        ("x.docx", b"a cat"),
    ]);
    insta::assert_snapshot!([
        error(&folder, &["latin.txt"]),
        error(&folder, &["latin.csv"]),
        error(&folder, &["empty.txt"]),
        error(&folder, &["bad.jsonl"]),
        error(&folder, &["field.jsonl"]),
        error(&folder, &["field.csv"]),
        error(&folder, &["x.docx"]),
    ].join("\n"), @r#"
    latin.txt, line 2: not UTF-8; convert the file (for example with iconv) and try again
    latin.csv, line 3: not UTF-8; convert the file (for example with iconv) and try again
    empty.txt holds no prompt
    bad.jsonl, line 2: not a JSON object: key must be a string at line 1 column 2
    field.jsonl, line 1: no text in field `prompt`; name another with prompts.text_field
    field.csv, line 1: no column `prompt`; name another with prompts.text_field
    x.docx: prompts are read from .txt, .jsonl, .csv and .parquet files
    "#);
    assert!(error(&folder, &["none_*.txt"]).starts_with("no prompt file fits `none_*.txt`"));
}

#[test]
fn a_line_of_a_megabyte_is_a_rejection_and_the_others_stay() {
    let mut text = b"a cat\n".to_vec();
    text.extend(vec![b'x'; 1 << 20]);
    let folder = folder(&[("long.txt", &text)]);
    let table = load(&folder, &["long.txt"]).unwrap();
    assert_eq!(table.prompts.len(), 1);
    assert_eq!(table.rejected[0].1.detail, "1048576 characters; 2000 are the most");
    assert_eq!(table.rejected[0].0.text.len(), MAX_REJECTED_CHARS);
}

#[test]
fn a_larger_pilot_contains_a_smaller_one() {
    let text: String = (0..100).map(|i| format!("prompt {i}\n")).collect();
    let folder = folder(&[("many.txt", text.as_bytes())]);
    let table = load(&folder, &["many.txt"]).unwrap();
    let pilot = |limit, seed| {
        let sample = table.sample(Some(limit), seed);
        table.prompts.iter().filter(|prompt| sample.has(prompt)).collect::<Vec<_>>()
    };
    let (small, large) = (pilot(10, 1), pilot(30, 1));
    assert_eq!((small.len(), large.len()), (10, 30));
    assert!(small.iter().all(|prompt| large.contains(prompt)));
    assert_ne!(small, pilot(10, 2), "another seed draws another sample");
    assert_eq!(pilot(1_000, 1).len(), 100);
}

#[test]
fn near_prompts_and_leaks_are_rejected_with_what_they_repeat() {
    let folder = folder(&[
        ("a.txt", b"a red car near the old wooden house by the lake in the quiet evening light\na blue car\nA red car near the old wooden house by the lake in the quiet evening.\na green boat, and the pink cup\n"),
        ("val.jsonl", b"{\"prompt\": \"A pink cup and a green boat\"}\n"),
    ]);
    let settings = PromptSettings { near_duplicates: Some(0.8), ..settings(&["a.txt"]) };
    let against = vec!["val.jsonl".to_owned()];
    let decontaminate = DecontaminationSettings { against, ..DecontaminationSettings::default() };
    let table = PromptTable::load(&settings, &decontaminate, folder.path()).unwrap();
    assert_eq!((table.prompts.len(), table.rows_in()), (2, 4));
    let rejected: Vec<String> = table
        .rejected
        .iter()
        .map(|(_, rejection)| format!("{} {}", rejection.reason, rejection.detail))
        .collect();
    insta::assert_snapshot!(rejected.join("\n"), @r"
    contaminated a.txt:4: the same phrases as val.jsonl:1: A pink cup and a green boat
    near_duplicate a.txt:3: 91 % of the word pairs of c5046480f2960cac, a.txt:1: a red car near the old wooden house by the lake in the quiet evening light
    ");
    let missing = DecontaminationSettings { against: vec!["none.txt".to_owned()], ..decontaminate };
    assert!(
        PromptTable::load(&settings, &missing, folder.path()).is_err(),
        "a set that is not there protects nothing"
    );
}
