//! The folder against manifest, card and checksums.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{Problems, chain};
use crate::{
    Manifest, atomic,
    card::FrontMatter,
    release::{CARD_NAME, CHECKSUMS_NAME, checksum_line, files_below},
};

/// What a manifest must fulfil by itself: no row lost on the way, and as many trajectories as were released.
pub(super) fn check_manifest(manifest: &Manifest) -> Problems {
    let mut problems = Problems::default();
    for account in &manifest.accounting {
        if !account.balances() {
            let what = format!(
                "stage `{}` was given {} rows, but rows out and rejected are not as many",
                account.stage, account.rows_in
            );
            problems.add(Manifest::FILE_NAME, None, what);
        }
    }
    if let (Some(released), Some(config)) = (manifest.released(), manifest.config("trajectories"))
        && released != config.rows()
    {
        let what = format!("{released} trajectories were released, {} are listed", config.rows());
        problems.add(Manifest::FILE_NAME, None, what);
    }
    problems
}

/// The card's row counts, which `datasets` believes.
pub(super) fn check_card(release: &Path, manifest: &Manifest) -> Problems {
    let mut problems = Problems::default();
    let card = match fs::read_to_string(release.join(CARD_NAME)) {
        Ok(card) => card,
        Err(error) => {
            problems.add(CARD_NAME, None, error.to_string());
            return problems;
        }
    };
    match FrontMatter::parse(&card) {
        Ok(front_matter) if card_rows(&front_matter) != manifest_rows(manifest) => {
            problems.add(CARD_NAME, None, "`num_examples` differs from the rows of the manifest");
        }
        Ok(_) => {}
        Err(what) => problems.add(CARD_NAME, None, what),
    }
    problems
}

fn card_rows(front_matter: &FrontMatter) -> BTreeSet<(&str, &str, u64)> {
    let infos = front_matter.dataset_info.iter();
    infos
        .flat_map(|info| info.splits.iter().map(|split| (info.config_name.as_str(), split)))
        .map(|(config, split)| (config, split.name.as_str(), split.num_examples))
        .collect()
}

fn manifest_rows(manifest: &Manifest) -> BTreeSet<(&str, &str, u64)> {
    let configs = manifest.configs.iter();
    configs
        .flat_map(|config| config.splits.iter().map(|split| (config.name.as_str(), split)))
        .map(|(config, split)| (config, split.name.as_str(), split.rows()))
        .collect()
}

/// Every file against `SHA256SUMS`, and the shards in the folder against the manifest. `digests` holds the
/// hashes of the shards, which have been read already.
pub(super) fn check_checksums(
    release: &Path,
    manifest: &Manifest,
    digests: &BTreeMap<&str, &str>,
    num_files: &mut u64,
) -> Problems {
    let mut problems = Problems::default();
    let listed = match read_checksums(release) {
        Ok(listed) => listed,
        Err(what) => {
            problems.add(CHECKSUMS_NAME, None, what);
            BTreeMap::new()
        }
    };
    for (name, expected) in &listed {
        *num_files += 1;
        match digests.get(name.as_str()) {
            Some(found) if found == expected => {}
            Some(_) => problems.add(name, None, "its SHA-256 is not the one in `SHA256SUMS`"),
            None => problems.merge(check_file(release, name, expected)),
        }
    }
    problems.merge(check_names(release, manifest, &listed));
    problems
}

fn check_file(release: &Path, name: &str, expected: &str) -> Problems {
    let mut problems = Problems::default();
    match atomic::digest(&release.join(name)) {
        Ok(found) if found.sha256 == expected => {}
        Ok(_) => problems.add(name, None, "its SHA-256 is not the one in `SHA256SUMS`"),
        Err(error) => problems.add(name, None, chain(&error)),
    }
    problems
}

/// Names without hashes, Parquet files that no manifest knows, and files that nobody vouches for.
fn check_names(release: &Path, manifest: &Manifest, listed: &BTreeMap<String, String>) -> Problems {
    let mut problems = Problems::default();
    let known: BTreeSet<&str> = manifest.shards().map(|shard| shard.path.as_str()).collect();
    for &name in known.iter().chain(&[Manifest::FILE_NAME, CARD_NAME]) {
        if !listed.contains_key(name) {
            problems.add(name, None, "`SHA256SUMS` does not list it");
        }
    }
    match files_below(release) {
        Ok(names) => {
            for name in names.iter().filter(|name| *name != CHECKSUMS_NAME) {
                if name.ends_with(".parquet") && !known.contains(name.as_str()) {
                    problems.add(name, None, "the manifest does not know this file");
                } else if !listed.contains_key(name) && !known.contains(name.as_str()) {
                    problems.add(name, None, "`SHA256SUMS` does not list it");
                }
            }
        }
        Err(error) => problems.add(".", None, chain(&error)),
    }
    problems
}

/// The lines of `SHA256SUMS`, which must be exactly as they were written.
fn read_checksums(release: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = fs::read_to_string(release.join(CHECKSUMS_NAME)).map_err(|error| error.to_string())?;
    let mut listed = BTreeMap::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let parts = line.trim_end_matches('\n').split_once("  ");
        match parts.filter(|(sha256, name)| checksum_line(sha256, name) == line && is_inside(name)) {
            Some((sha256, name)) => listed.insert(name.to_owned(), sha256.to_owned()),
            None => {
                return Err(format!("line {} is not a checksum and a path inside the release", index + 1));
            }
        };
    }
    Ok(listed)
}

/// The text is untrusted: it must not make us read elsewhere.
fn is_inside(name: &str) -> bool {
    !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
