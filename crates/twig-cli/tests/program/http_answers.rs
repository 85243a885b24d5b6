//! What teachers behind HTTP may answer, through whole jobs: pictures that are none or too many of them at once,
//! proposals, judges of every kind, another model half-way.
#![cfg(unix)]

use std::io::Cursor;

use serde_json::Value;
use twig_model::Judgement;

use crate::{
    http::{WHOLE, calls, project, server, sound},
    project::Project,
    regions::rows,
    server::Behaviour,
};

/// A PNG of so many pixels of one colour.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(width, height, image::Rgb([9, 90, 200]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// A PNG whose head promises ten gigapixels.
fn bomb() -> Vec<u8> {
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
            })
        })
    }
    let mut bytes = png(8, 8);
    // The head's data begins behind signature, length and name.
    bytes[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
    let sum = crc(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&sum);
    bytes
}

fn status(project: &Project) -> Value {
    serde_json::from_str(&project.succeeds(&["status", "out", "--json"]).stdout).unwrap()
}

#[test]
fn what_is_no_usable_picture_rejects_its_row_with_the_reason() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><rect/></svg>".to_vec();
    let mut torn = png(64, 64);
    torn.truncate(torn.len() / 2);
    let cases = [
        ("svg", svg, r#"not a PNG, JPEG or WebP picture (it begins with "<svg xmlns=\"")"#),
        ("text", b"I cannot draw that.".to_vec(), "it begins with \"I cannot dra\""),
        ("bomb", bomb(), "100000 × 100000 pixels are more than allowed"),
        ("torn", torn, "the picture is damaged"),
    ];
    for (name, picture, why) in cases {
        let server = server(Behaviour { picture: Some(picture), ..sound() });
        let project = project(&server, "", WHOLE);
        let ran = project.twig(&["run", "job.yaml"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("no trajectory is left to publish"), "{}", ran.stderr);
        assert_eq!(status(&project)["stages"][1]["rejected"]["bad_picture"], 6, "{name}");
        // A thought and a picture each; what follows a picture is not asked.
        assert_eq!(calls(&server), 6 * 2, "{name}: a bad picture is paid for once");
        let query = "select reason, detail from rejected";
        let rejected = project.succeeds(&["sql", "out", query, "--format", "json"]).stdout;
        let details: Vec<Value> = serde_json::from_str(&rejected).unwrap();
        assert_eq!(details.len(), 6, "{rejected}");
        for row in details {
            assert!(row["detail"].as_str().unwrap().contains(why), "{name}: {row}");
        }
    }
}

#[test]
fn a_picture_of_thirty_megapixels_is_fitted() {
    let server = server(Behaviour { picture: Some(png(6_000, 5_000)), ..sound() });
    let project = project(&server, "", WHOLE);
    project.succeeds(&["run", "job.yaml"]);
    assert_eq!(status(&project)["stages"][1]["rows_out"], 6);
    project.succeeds(&["verify", "out"]);
}

#[test]
fn regions_are_proposed_and_judges_of_every_kind_asked() {
    let server = server(sound());
    let project = project(&server, "", "  schedule: { kind: proposed }\n  samples_per_prompt: 2\n");
    let judges = "judgements.judges={points: {teacher: model}, likely: {teacher: model, kind: probability}, \
                  asks: {teacher: model, kind: questions}, better: {teacher: model, kind: pairwise}}";
    project.succeeds(&["run", "job.yaml", "--set", judges]);
    project.succeeds(&["verify", "out"]);
    let judgements = rows::<Judgement>(&project, "out", "judgements");
    let of = |judge: &str| -> Vec<i32> {
        let is_overall = |row: &&Judgement| {
            row.judge == judge && row.criterion.as_str() == "overall" && row.region_index.is_none()
        };
        judgements.iter().filter(is_overall).map(|row| row.score).collect()
    };
    assert_eq!(of("points"), [95; 12]);
    // 0.6 + 0.1 for yes against 0.2 for no.
    assert_eq!(of("likely"), [78; 12]);
    assert_eq!(of("asks"), [50; 12]);
    // The first of two is always the better one, and each is the first once.
    assert_eq!(of("better"), [50; 12]);
    // Twelve trajectories with a proposal, thoughts, a picture, three critiques, four kinds of judges; questions are
    // asked for once a prompt.
    assert_eq!(calls(&server), 12 * (1 + 1 + 1 + 3 + 1 + 1 + 1 + 1) + 6);
}

#[test]
fn another_model_half_way_is_counted_in_the_card() {
    let server = server(Behaviour { calls_per_state: Some(10), ..sound() });
    let project = project(&server, "    concurrency: 1\n", WHOLE);
    let ran = project.succeeds(&["run", "job.yaml", "--set", "run.in_flight=1"]);
    assert!(ran.stderr.contains("another model answers now: stub-1 (fp_stub1)"), "{}", ran.stderr);
    let changes = project.events("out").iter().filter(|event| event["event"] == "model_changed").count();
    let card = std::fs::read_to_string(project.path("out/release/README.md")).unwrap();
    let line = card.lines().find(|line| line.contains("changes of model or system fingerprint")).unwrap();
    assert!(changes >= 2 && line.contains(&changes.to_string()), "{changes}: {line}");
}

#[test]
fn a_plan_says_how_long_batches_may_take() {
    let server = server(sound());
    let project = project(&server, "    batch: {}\n", "  mode: region_by_region\n  redo_rounds: 1\n");
    let plan = project.succeeds(&["plan", "job.yaml"]).stdout;
    assert!(
        plan.contains(
            "batches       10 to 16 in a row for 6 trajectories at a time, 1 times: up to 240 to 384 hours"
        ),
        "{plan}"
    );
    assert!(plan.contains("10 to 16 batches have to wait for one another"), "{plan}");
}
