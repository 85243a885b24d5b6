use super::*;
use crate::fixtures::write_release;

fn session(folder: &std::path::Path) -> SqlSession {
    write_release(folder, 8);
    SqlSession::open(&Dataset::open(folder).unwrap()).unwrap()
}

fn csv(answer: &Answer) -> String {
    let mut bytes = Vec::new();
    answer.write_csv(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_split_is_asked_and_groups_may_be_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(folder.path());
    let answer = session
        .query("select category, avg(reward) as mean, count(*) as n from steps group by 1 order by 1;")
        .unwrap();
    assert_eq!(csv(&answer), "category,mean,n\ncolor,39.0,14\nnumeracy,51.0,13\n");
    let answer =
        session.query("select split, count(*) n from trajectories group by split order by n").unwrap();
    assert_eq!(csv(&answer), "split,n\nvalidation,1\ntrain,7\n");
    assert!(session.tables()["trajectories"].iter().any(|column| column.name == "split"));
}

#[test]
fn answers_are_tables_csv_json_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(folder.path());
    let answer =
        session.query("select id, images, reward / 3.0 as third, steps from trajectories limit 1").unwrap();
    let table = answer.table(10, 80);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let mut json = Vec::new();
    answer.write_json(&mut json).unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(rows[0]["third"], 0.0);
    assert!(rows[0]["images"][0]["bytes"].as_str().unwrap().starts_with("iVBOR"), "a PNG in base64");
    assert_eq!(rows[0]["steps"][0]["region"], "upper background");
    assert!(csv(&answer).contains("upper background"));
    let path = folder.path().join("answer.parquet");
    answer.write_parquet(&path).unwrap();
    assert_eq!(twig_shards::num_rows(&path).unwrap(), 1);
}

#[test]
fn mistakes_are_pointed_at_and_the_nearest_name_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(folder.path());
    let queries = [
        "select avg(rewrd) from steps",
        "select id\nfrom trajectorys",
        "select from where",
        "select avgg(reward) from steps",
        "select reward frm steps",
        "select zzzzzz from steps",
    ];
    let shown: Vec<String> =
        queries.iter().map(|query| session.query(query).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn a_mistake_does_not_spoil_the_next_query() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(folder.path());
    assert!(session.query("select nothing from nowhere").is_err());
    assert_eq!(session.query("select count(*) from trajectories").unwrap().num_rows(), 1);
}
