//! Croissant: the metadata that dataset search engines read, <https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html>.
//!
//! Each table is a set of files and a set of records. Of the columns, those that Croissant's readers take out of
//! Parquet as they are: single values, pictures, lists of numbers. Nested ones are described by the card alone.

use serde_json::{Map, Value as Json, json};

use super::{
    CardFacts,
    tables::{TableText, table_text},
};
use crate::{Column, Manifest};

/// The file's name.
pub(crate) const FILE_NAME: &str = "croissant.json";

/// The text of `croissant.json`.
pub(crate) fn render(manifest: &Manifest, facts: &CardFacts) -> String {
    let tables: Vec<TableText> = manifest
        .configs
        .iter()
        .filter(|config| !config.splits.is_empty())
        .filter_map(|config| table_text(&config.name, manifest.schema_version))
        .collect();
    let description =
        "Pictures with the thoughts, critiques and image tokens they were drawn with, region by region.";
    let metadata = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name(&facts.name),
        "description": format!("{} {description}", facts.name),
        "license": license(&facts.license),
        "inLanguage": facts.languages,
        "citeAs": "https://arxiv.org/abs/2511.16671",
        "version": format!("{}.0.0", manifest.schema_version),
        "distribution": tables.iter().map(file_set).collect::<Vec<_>>(),
        "recordSet": tables.iter().map(record_set).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&metadata).expect("texts and lists are always JSON") + "\n"
}

/// Names have letters, digits, `-` and `_`.
fn name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "dataset".to_owned() } else { parts.join("-") }
}

/// The Hub's identifiers of Creative Commons licences as addresses; others as they are.
fn license(id: &str) -> String {
    let creative_commons = id.strip_prefix("cc-").and_then(|rest| rest.rsplit_once('-'));
    match creative_commons {
        Some((terms, version)) => format!("https://creativecommons.org/licenses/{terms}/{version}/"),
        None => id.to_owned(),
    }
}

fn file_set(table: &TableText) -> Json {
    json!({
        "@type": "cr:FileSet",
        "@id": files_id(table),
        "name": files_id(table),
        "description": format!("Parquet files of the table {}.", table.name),
        "encodingFormat": "application/x-parquet",
        "includes": format!("{}/*.parquet", table.name),
    })
}

fn files_id(table: &TableText) -> String {
    format!("{}-files", table.name)
}

fn record_set(table: &TableText) -> Json {
    json!({
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.about,
        "field": table.columns.iter().filter_map(|column| field(table, column)).collect::<Vec<_>>(),
    })
}

fn field(table: &TableText, column: &Column) -> Option<Json> {
    let Column { name, doc, feature, .. } = column;
    let (feature, is_list) = feature.get(0).map_or((feature, false), |element| (element, true));
    let data_type = match (feature["_type"].as_str()?, feature["dtype"].as_str()) {
        ("Image", _) if !is_list => "sc:ImageObject",
        (_, Some("string")) => "sc:Text",
        (_, Some("bool")) => "sc:Boolean",
        (_, Some("int32")) => "cr:Int32",
        (_, Some("int64")) => "cr:Int64",
        _ => return None,
    };
    let mut source = json!({ "fileSet": { "@id": files_id(table) }, "extract": { "column": name } });
    if data_type == "sc:ImageObject" {
        source["transform"] = json!({ "jsonPath": "bytes" });
    }
    let mut field = json!({
        "@type": "cr:Field",
        "@id": format!("{}/{name}", table.name),
        "name": name,
        "description": doc.trim(),
        "dataType": data_type,
        "source": source,
    });
    if is_list {
        field["isArray"] = json!(true);
        field["arrayShape"] = json!("-1");
    }
    Some(field)
}

/// The specification's own prefixes and words.
fn context() -> Json {
    let words = [
        "arrayShape",
        "citeAs",
        "column",
        "equivalentProperty",
        "extract",
        "field",
        "fileObject",
        "fileProperty",
        "fileSet",
        "format",
        "includes",
        "isArray",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
        "transform",
    ];
    let mut context = Map::from_iter([
        ("@language".to_owned(), json!("en")),
        ("@vocab".to_owned(), json!("https://schema.org/")),
        ("conformsTo".to_owned(), json!("dct:conformsTo")),
        ("cr".to_owned(), json!("http://mlcommons.org/croissant/")),
        ("data".to_owned(), json!({ "@id": "cr:data", "@type": "@json" })),
        ("dataType".to_owned(), json!({ "@id": "cr:dataType", "@type": "@vocab" })),
        ("dct".to_owned(), json!("http://purl.org/dc/terms/")),
        ("examples".to_owned(), json!({ "@id": "cr:examples", "@type": "@json" })),
        ("rai".to_owned(), json!("http://mlcommons.org/croissant/RAI/")),
        ("sc".to_owned(), json!("https://schema.org/")),
    ]);
    context.extend(words.map(|word| (word.to_owned(), json!(format!("cr:{word}")))));
    Json::Object(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_licences_take_the_form_that_is_asked_for() {
        assert_eq!(name("Birds, drawn: a small \"release\""), "birds-drawn-a-small-release");
        assert_eq!(name("…"), "dataset");
        assert_eq!(license("cc-by-4.0"), "https://creativecommons.org/licenses/by/4.0/");
        assert_eq!(license("cc-by-nc-sa-4.0"), "https://creativecommons.org/licenses/by-nc-sa/4.0/");
        assert_eq!(license("apache-2.0"), "apache-2.0");
    }
}
