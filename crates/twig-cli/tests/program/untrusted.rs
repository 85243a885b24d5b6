//! Input that means harm: refused with words, in good time, without a panic, and never taken for markup.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::project::{Project, Ran};

/// Longest that any of these may take; a hang or a bomb takes for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the program, which must end by itself and with one of the documented codes.
#[track_caller]
fn ends(project: &Project, arguments: &[&str], what: &str) -> Ran {
    let start = Instant::now();
    let ran = project.twig(arguments);
    assert!(start.elapsed() < PATIENCE, "{what}: took {:?}", start.elapsed());
    assert!(matches!(ran.code, Some(0..=4 | 75)), "{what}: ended with {:?}: {}", ran.code, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    ran
}

#[test]
fn bombs_in_pipeline_files_and_prompts_are_refused() {
    let project = Project::new();
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        aliases.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
    }
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let bombs = [
        ("aliases", aliases),
        ("nested lists", deep("[", "]")),
        ("nested maps", deep("{a: ", "}")),
        ("indentation", (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect()),
        ("a long line", "x".repeat(1 << 20)),
        ("more than a mebibyte", "# nothing\n".repeat(200_000)),
    ];
    for (what, text) in bombs {
        project.write("bomb.yaml", text);
        assert_eq!(ends(&project, &["plan", "bomb.yaml"], what).code, Some(2), "{what}");
    }
    let arguments = ["--set", "name=[[[[[[[[[[[[[[[[[[[[", "--set", "a.b.c.d.e=&a [*a]"];
    assert_eq!(ends(&project, &[&["plan", "job.yaml"], &arguments[..]].concat(), "--set").code, Some(2));
    for (what, line) in [("nested", deep("[", "]")), ("unclosed", "{\"prompt\":".repeat(50_000))] {
        project.write("bomb.jsonl", line);
        let ran = ends(&project, &["plan", "job.yaml", "--prompts", "bomb.jsonl"], what);
        assert_eq!(ran.code, Some(2), "{what}: {}", ran.stderr);
    }
}

#[test]
fn hostile_shards_and_manifests_are_an_error_like_any_other() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let sound = crate::project::files(&project.path("out/release"));
    let shard = "steps/train-00000-of-00001.parquet";
    let bytes = &sound[shard];
    let footer = bytes.len() - 8;
    let mut spoilt: Vec<(String, Vec<u8>)> = vec![
        ("empty".to_owned(), Vec::new()),
        ("no Parquet".to_owned(), b"<html>".repeat(100)),
        ("cut off".to_owned(), bytes[..bytes.len() / 2].to_vec()),
        ("magic alone".to_owned(), b"PAR1PAR1".to_vec()),
    ];
    for length in [0_u32, 1, u32::MAX, 1 << 31] {
        let mut file = bytes.clone();
        file[footer..footer + 4].copy_from_slice(&length.to_le_bytes());
        spoilt.push((format!("a footer of {length} bytes"), file));
    }
    // Every so many bytes of the metadata and of the first pages set to what counts and lengths break at.
    let metadata = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap()) as usize;
    let places = (footer - metadata..footer).step_by(metadata / 12).chain((4..400).step_by(50));
    for (turn, at) in places.enumerate() {
        let mut file = bytes.clone();
        file[at..(at + 5).min(footer)].fill([0xff, 0x7f, 0x80, 0x00][turn % 4]);
        spoilt.push((format!("bytes at {at}"), file));
    }
    for (what, file) in spoilt {
        project.write(&format!("out/release/{shard}"), file);
        assert_ne!(
            ends(&project, &["verify", "out/release"], &format!("verify, {what}")).code,
            Some(0),
            "{what}"
        );
        ends(&project, &["inspect", "out/release"], &format!("inspect, {what}"));
        ends(&project, &["sql", "out/release", "select * from steps"], &format!("sql, {what}"));
    }
    project.write(&format!("out/release/{shard}"), bytes);
    let manifest = String::from_utf8(sound["manifest.json"].clone()).unwrap();
    for (what, text) in [
        ("nested", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("a path that leads out", manifest.replace(shard, "../../../job.yaml")),
        ("an absolute path", manifest.replace(shard, "/etc/passwd")),
        ("a name that leads out", manifest.replace("\"steps\"", "\"../steps\"")),
    ] {
        project.write("out/release/manifest.json", text);
        assert_eq!(ends(&project, &["verify", "out/release"], what).code, Some(2), "{what}");
        ends(&project, &["inspect", "out/release"], what);
    }
}

#[test]
#[cfg(unix)]
fn prompts_are_never_markup() {
    use crate::{
        http::{WHOLE, project, server, sound},
        server::Behaviour,
    };

    let server = server(Behaviour { upset_by: Some("onerror"), ..sound() });
    let project = project(&server, "", WHOLE);
    let hostile = [
        "<script>alert(1)</script>",
        "</script><script>alert(2)</script>",
        "<img src=x onerror=alert(3)>",
        "\"><svg/onload=alert(4)>",
        "a cat {{ 7 * 7 }} ${HOME} `rm -rf x`",
    ];
    project.write("mixed_train.txt", hostile.join("\n"));
    project.succeeds(&["run", "job.yaml"]);
    project.succeeds(&["verify", "out"]);
    project.succeeds(&["report", "out", "-o", "report.html"]);
    let report = fs::read_to_string(project.path("report.html")).unwrap();
    assert!(report.contains("alert(1)"), "the prompt is not shown at all");
    for markup in ["<script>alert", "</script><script>alert", "<img src=x onerror", "<svg/onload"] {
        assert!(!report.contains(markup), "{markup} stands in the report as it came");
    }
    let card = fs::read_to_string(project.path("out/release/README.md")).unwrap();
    assert!(!card.contains("<script>alert") && !card.contains("<svg/onload"), "markup in the card");
    let prompts = project.succeeds(&["sql", "out", "select prompt from steps", "--format", "csv"]).stdout;
    assert!(prompts.contains("{{ 7 * 7 }} ${HOME}"), "nothing is replaced in a prompt: {prompts}");
}
