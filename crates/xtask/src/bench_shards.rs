//! `cargo xtask bench --shards`: what is done with whole shards, beside what others take for the same, in one run.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    bench::machine,
    chore::{build_example, build_twig, built, root},
    memory::{Measured, measured},
    python,
};

/// Size of the release, unless `TWIG_BENCH_GB` says otherwise. Twice as much is needed on the disk.
const GIGABYTES: &str = "10";

/// Times our side and that of other libraries, and prints the figures as Markdown.
pub(crate) fn bench() -> Result<()> {
    let python = python::interpreter("light")?;
    let folder = built()?.join("bench-shards");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let gigabytes = std::env::var("TWIG_BENCH_GB").unwrap_or_else(|_| GIGABYTES.to_owned());
    let program = build_example("bench-shards")?;
    let own = answer(Command::new(program).arg(&folder).arg(gigabytes))?;
    let release = own["release"].as_str().context("the benchmark names no release")?;
    let mut others = Command::new(python);
    others.arg("-B").arg(root().join("tests/python/shards_speed.py"));
    let others = answer(others.arg(release).arg(own["compared_rows"].to_string()))?;
    let handed_on = handed_on(Path::new(release), &folder.join("handed-on"))?;
    fs::remove_dir_all(Path::new(&folder)).with_context(|| format!("cannot remove {}", folder.display()))?;
    println!("{}\n\n{handed_on}", report(&own, &others));
    Ok(())
}

/// What handing the release on takes: exports, and an upload to a store that is a folder.
fn handed_on(release: &Path, to: &Path) -> Result<String> {
    let twig = build_twig()?;
    let url = format!("file://{}", to.display());
    let commands =
        ["jsonl", "webdataset"].map(|format| (format!("export --format {format}"), vec!["--format", format]));
    let exports = commands.into_iter().map(|(what, options)| {
        let mut command = Command::new(&twig);
        command.arg("export").arg(release).arg("--output").arg(to).args(options);
        (what, command)
    });
    let mut push = Command::new(&twig);
    push.arg("push").arg(release).arg(&url);
    let mut lines = vec!["| command | seconds | peak memory, MB |\n|---|---:|---:|".to_owned()];
    for (what, mut command) in exports.chain([("push file://…".to_owned(), push)]) {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let Measured { status, wall, peak_bytes } = measured(&mut command)?;
        ensure!(status.success(), "`twig {what}` failed ({status})");
        fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
        let peak = peak_bytes.map_or_else(|| "unknown".to_owned(), |bytes| (bytes / 1_000_000).to_string());
        lines.push(format!("| `twig {what}` | {:.0} | {peak} |", wall.as_secs_f64()));
    }
    Ok(lines.join("\n"))
}

/// The JSON object that a program prints.
fn answer(command: &mut Command) -> Result<Value> {
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the benchmark")?;
    ensure!(output.status.success(), "the benchmark failed ({})", output.status);
    serde_json::from_slice(&output.stdout).context("the benchmark gave no JSON")
}

fn report(own: &Value, others: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let megabytes = |name: &str| number(&own[name]) / 1e6;
    let line = |what: &str, ours: f64, unit: &str, beside: &str, theirs: f64| {
        format!("| {what} | {ours:.0} {unit} | {beside} | {theirs:.0} {unit} | {:.2} |", ours / theirs)
    };
    let ours = number(&own["ours_rows"]);
    let beside_a_copy = |what: &str, speed: &str, ratio: &str| {
        let (ours, copying, ratio) = (megabytes(speed), megabytes("copying"), number(&own[ratio]));
        format!("| {what} | {ours:.0} MB/s | copying the files | {copying:.0} MB/s | {ratio:.2} |")
    };
    let streamed = |whose: &str, kind: &str| number(&others[format!("stream_{whose}_{kind}").as_str()]);
    let mut lines = vec![
        format!("Machine: {}.", machine()),
        format!(
            "Release: {} trajectories of four pictures of {:.0} kB, {:.1} GB.",
            own["rows"],
            number(&own["picture_bytes"]) / 1e3,
            number(&own["release_bytes"]) / 1e9
        ),
        String::new(),
        "| what | twig | beside | that one | ratio |\n|---|---:|---|---:|---:|".to_owned(),
        line("writing a shard, in memory", ours, "rows/s", "bare arrow-rs", number(&own["bare_rows"])),
        line(
            "the same",
            ours,
            "rows/s",
            "the same without chunking by content",
            number(&own["unchunked_rows"]),
        ),
        line("the same", ours, "rows/s", "pyarrow", number(&others["pyarrow_rows"])),
        beside_a_copy("`twig merge`", "merging", "merge_ratio"),
        beside_a_copy("`twig filter` to a half", "filtering", "filter_ratio"),
    ];
    lines.extend([("decoded", "pictures decoded"), ("bytes", "pictures as bytes")].map(|(kind, words)| {
        let what = format!("`datasets` streaming, {words}");
        line(&what, streamed("ours", kind), "rows/s", "rows written by `datasets`", streamed("own", kind))
    }));
    let share = |name: &str| 100.0 * number(&others[name]);
    lines.push(format!(
        "\nOne text column (`prompt`) of all rows: pyarrow reads {:.3} % of the release's bytes, DuckDB {:.3} %. \
         Writing the releases to the disk with their steps, cards and checksums: {:.0} MB/s.",
        share("column_pyarrow"),
        share("column_duckdb"),
        megabytes("writing")
    ));
    lines.join("\n")
}
