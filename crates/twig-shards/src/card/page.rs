//! The page below the front matter, section by section.

use std::fmt::{Display, Write};

use super::{
    CardFacts,
    assets::{ShownAttempt, ShownTrajectory, rejections},
    tables::{TableText, table_text},
};
use crate::{Column, Config, Manifest};

/// Appends the page. Writing to a `String` cannot fail, so results of `write!` are dropped.
pub(super) fn write_page(
    card: &mut String,
    manifest: &Manifest,
    facts: &CardFacts,
    shown: &[ShownTrajectory],
) {
    write_introduction(card, manifest, facts);
    write_shown(card, shown);
    write_contents(card, manifest);
    write_loading(card);
    write_making(card, manifest, facts);
    write_counts(card, facts);
    write_rejections(card, manifest);
    write_columns(card, manifest);
    write_limits(card, manifest, facts);
    write_checking(card);
    write_licence(card, facts);
}

fn write_introduction(card: &mut String, manifest: &Manifest, facts: &CardFacts) {
    let pictures = manifest.config("trajectories").map_or(0, Config::rows);
    let _ = write!(
        card,
        "\n# {name}\n\n{pictures} pictures, each with the thoughts, critiques and image tokens it was made with, region \
         by region: data for models that think while they draw, in the manner of [Thinking-while-Generating]\
         (https://arxiv.org/abs/2511.16671). Built with {program}.\n",
        name = line(&facts.name),
        program = line(&manifest.program),
    );
}

/// A few trajectories: what was painted, after which thought, and its score.
fn write_shown(card: &mut String, shown: &[ShownTrajectory]) {
    for ShownTrajectory { prompt, category, reward, attempts } in shown {
        let _ = write!(card, "\n**{}** ({}, reward {reward})\n", line(prompt), line(category));
        let cells = |cell: &dyn Fn(&ShownAttempt) -> String| -> Vec<String> {
            attempts.iter().map(|attempt| line_in_cell(&cell(attempt))).collect()
        };
        let titles = cells(&|attempt| format!("{}: {}", attempt.title, attempt.score));
        table_head(card, &titles.iter().map(String::as_str).collect::<Vec<_>>());
        let pictures = attempts.iter().map(|attempt| {
            let ShownAttempt { title, image, .. } = attempt;
            format!(r#"<img src="{image}" width="192" alt="{}">"#, line_in_cell(title).replace('"', "'"))
        });
        let _ = writeln!(card, "| {} |", pictures.collect::<Vec<_>>().join(" | "));
        let _ = writeln!(card, "| {} |", cells(&|attempt| attempt.thought.clone()).join(" | "));
    }
}

fn write_contents(card: &mut String, manifest: &Manifest) {
    heading(card, "What is in it");
    table_head(card, &["configuration", "split", "rows", "files", "MB", "what"]);
    for config in &manifest.configs {
        let mut about = table_text(&config.name, manifest.schema_version).map_or("", |table| table.about);
        for split in &config.splits {
            let bytes: u64 = split.shards.iter().map(|shard| shard.bytes).sum();
            let megabytes = format!("{:.1}", bytes as f64 / 1e6);
            let files = split.shards.len();
            table_row(card, &[&config.name, &split.name, &split.rows(), &files, &megabytes, &about]);
            about = "the same";
        }
    }
    let _ = write!(
        card,
        "\nThe tables belong together by `id`, the trajectory's id (`trajectory_id` in tables of samples and pairs); `image_index` \
         is a position in a trajectory's `images`. All pictures of one prompt are in the same split.\n"
    );
}

/// Snippets run as they stand once `release` names the folder.
const LOADING: &str = r#"
```python
from datasets import load_dataset

release = "path/to/this/folder"  # or the dataset's name on the Hub
trajectories = load_dataset(release, "trajectories", split="train")
first = trajectories[0]
first["final_image"]  # a PIL image
for step in first["steps"]:
    print(step["region"], step["score"], step["thought"])
```

Looking without pictures, in Polars and in DuckDB:

```python
import polars as pl

release = "path/to/this/folder"
steps = pl.scan_parquet(f"{release}/steps/*.parquet")
steps.group_by("category", "region").agg(pl.len(), pl.mean("score"), pl.mean("accepted")).collect()
```

```python
import duckdb

release = "path/to/this/folder"
duckdb.sql(f"SELECT category, avg(reward) FROM '{release}/trajectories/*.parquet' GROUP BY ALL ORDER BY ALL")
```

To take a part of the trajectories, push the condition into the file. A `filter` with a Python function decodes every
picture first, and without `streaming` the row count of this card is insisted on (`verification_mode="no_checks"`).

```python
from datasets import load_dataset

release = "path/to/this/folder"
good = load_dataset(release, "trajectories", split="train", streaming=True, filters=[("reward", ">=", 80)])
for trajectory in good.take(3):
    print(trajectory["id"], trajectory["reward"], trajectory["final_image"].size)
```
"#;

fn write_loading(card: &mut String) {
    heading(card, "Loading it");
    card.push_str(LOADING);
}

fn write_making(card: &mut String, manifest: &Manifest, facts: &CardFacts) {
    heading(card, "How it was made");
    if !facts.teachers.is_empty() {
        table_head(card, &["role", "teacher", "model"]);
        for teacher in &facts.teachers {
            table_row(card, &[&teacher.role, &teacher.name, &teacher.model]);
        }
    }
    table_head(card, &["setting", "value"]);
    for (name, value) in &facts.settings {
        table_row(card, &[name, value]);
    }
    table_row(card, &[&"seed", &manifest.seed]);
    table_row(card, &[&"prefix of image sequences", &manifest.prefix_style]);
    table_row(card, &[&"hash of all settings", &manifest.settings_hash]);
    for (name, hash) in &manifest.templates {
        table_row(card, &[&format!("hash of the prompt template `{name}`"), hash]);
    }
    for judge in &manifest.judges {
        table_row(card, &[&format!("weight of the judge `{}`", judge.name), &judge.weight]);
    }
    for tokenizer in &manifest.tokenizers {
        let value = format!(
            "{} codes, {} × {} tokens on {} × {} pixels, {}",
            tokenizer.codebook_size,
            tokenizer.grid.rows,
            tokenizer.grid.cols,
            tokenizer.image_size,
            tokenizer.image_size,
            tokenizer.fingerprint
        );
        table_row(card, &[&format!("image tokenizer `{}`", tokenizer.name), &value]);
    }
    if let Some(tokenizer) = &manifest.text_tokenizer {
        table_row(card, &[&"text tokenizer", &format!("`{}`, {}", tokenizer.name, tokenizer.fingerprint)]);
    }
    let cost = facts.cost.as_deref().unwrap_or("unknown, since no prices were given");
    let _ = write!(card, "\nCost of the teachers: {}.\n", line(cost));
}

fn write_counts(card: &mut String, facts: &CardFacts) {
    heading(card, "Counts");
    table_head(card, &["category", "trajectories"]);
    for (category, count) in &facts.categories {
        table_row(card, &[category, count]);
    }
    table_head(card, &["task", "samples"]);
    for (task, count) in &facts.tasks {
        table_row(card, &[task, count]);
    }
    card.push_str(
        "\n![Trajectories by reward](assets/rewards.svg)\n![Attempts by score](assets/scores.svg)\n\
         ![Trajectories by category](assets/categories.svg)\n![Training samples by task](assets/tasks.svg)\n",
    );
}

fn write_rejections(card: &mut String, manifest: &Manifest) {
    heading(card, "What was left out");
    table_head(card, &["stage", "rows in", "rows out", "rejected"]);
    for account in &manifest.accounting {
        let reasons: Vec<String> =
            account.rejected.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let rejected = if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") };
        table_row(card, &[&account.stage, &account.rows_in, &account.rows_out, &rejected]);
    }
    if !rejections(manifest).is_empty() {
        card.push_str("\n![Rows left out by reason](assets/rejections.svg)\n");
    }
}

fn write_columns(card: &mut String, manifest: &Manifest) {
    heading(card, "Columns");
    for TableText { name, columns, .. } in
        manifest.configs.iter().filter_map(|config| table_text(&config.name, manifest.schema_version))
    {
        let _ = write!(card, "\n### {name}\n");
        table_head(card, &["column", "type", "what"]);
        write_column_rows(card, "", &columns);
    }
}

/// A row for each column, those of structs below the column that holds them. The texts are our own.
fn write_column_rows(card: &mut String, prefix: &str, columns: &[Column]) {
    for Column { name, doc, feature, fields, .. } in columns {
        let path = format!("{prefix}{name}");
        let _ = writeln!(card, "| `{path}` | {} | {} |", type_name(feature), doc.trim());
        write_column_rows(card, &format!("{path}."), fields);
    }
}

/// A feature in words, for example `list of int32`.
fn type_name(feature: &serde_json::Value) -> String {
    if let Some(element) = feature.get(0) {
        return format!("list of {}", type_name(element));
    }
    match (feature["_type"].as_str(), feature["dtype"].as_str()) {
        (Some("Image"), _) => "image".to_owned(),
        (Some(_), Some(dtype)) => dtype.to_owned(),
        _ => "struct".to_owned(),
    }
}

fn write_limits(card: &mut String, manifest: &Manifest, facts: &CardFacts) {
    heading(card, "Limits");
    card.push('\n');
    if let Some(tokenizer) = manifest.text_tokenizer.as_ref().filter(|tokenizer| !tokenizer.is_janus) {
        let _ = writeln!(
            card,
            "- **The text ids are not Janus's.** `input_ids` and `labels` of `janus` were made with the tokenizer `{}`: \
             they show the layout and fit no published checkpoint. Build again with the checkpoint's `tokenizer.json`.",
            line(&tokenizer.name)
        );
    }
    for limit in &facts.limits {
        let _ = writeln!(card, "- {}", line(limit));
    }
}

const CHECKING: &str = "
`sha256sum -c SHA256SUMS` compares every file with what was written; `twig verify` also checks schemas, row counts, ids, pictures and regions.
";

fn write_checking(card: &mut String) {
    heading(card, "Checking it");
    card.push_str(CHECKING);
}

fn write_licence(card: &mut String, facts: &CardFacts) {
    heading(card, "Licence");
    let _ = write!(card, "\nThe data is under `{}`.\n", line(&facts.license));
    for attribution in &facts.attributions {
        let _ = write!(card, "\n{}\n", line(attribution));
    }
}

fn heading(card: &mut String, title: &str) {
    let _ = write!(card, "\n## {title}\n");
}

fn table_head(card: &mut String, names: &[&str]) {
    let _ = write!(card, "\n| {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len()));
}

fn table_row(card: &mut String, cells: &[&dyn Display]) {
    card.push('|');
    for cell in cells {
        let _ = write!(card, " {} |", line_in_cell(&cell.to_string()));
    }
    card.push('\n');
}

/// The same in a cell of a table.
fn line_in_cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}

/// Text from settings and data on one line and without markup, so that it cannot break out of its place.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;")
}
