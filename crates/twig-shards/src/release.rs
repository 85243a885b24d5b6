use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    CardFacts, Manifest, ShardError, atomic,
    card::{assets, croissant, render_card},
};

/// The dataset card's file name.
pub(crate) const CARD_NAME: &str = "README.md";
/// The checksums' file name, in the form of the program `sha256sum`.
pub(crate) const CHECKSUMS_NAME: &str = "SHA256SUMS";

/// Completes a release whose shards are there: writes `manifest.json`, `croissant.json`, the card with its plots and
/// pictures, and at last the checksums of every file in the folder, whatever else the caller has put there.
pub fn publish(release: &Path, manifest: &Manifest, facts: &CardFacts) -> Result<(), ShardError> {
    atomic::write(&release.join(Manifest::FILE_NAME), manifest.to_json().as_bytes())?;
    atomic::write(&release.join(croissant::FILE_NAME), croissant::render(manifest, facts).as_bytes())?;
    let shown = assets::write(release, manifest, facts)?;
    atomic::write(&release.join(CARD_NAME), render_card(manifest, facts, &shown).as_bytes())?;
    // Shards were hashed when they were written.
    let shards: BTreeMap<&str, &str> =
        manifest.shards().map(|shard| (shard.path.as_str(), shard.sha256.as_str())).collect();
    let mut checksums = String::new();
    for name in files_below(release)?.iter().filter(|name| *name != CHECKSUMS_NAME) {
        let sha256 = match shards.get(name.as_str()) {
            Some(sha256) => (*sha256).to_owned(),
            None => atomic::digest(&release.join(name))?.sha256,
        };
        checksums.push_str(&checksum_line(&sha256, name));
    }
    atomic::write(&release.join(CHECKSUMS_NAME), checksums.as_bytes())?;
    Ok(())
}

/// A line of the checksums: two spaces mean that the file is read as it is.
pub(crate) fn checksum_line(sha256: &str, name: &str) -> String {
    format!("{sha256}  {name}\n")
}

/// The files of a folder and of those below it, as sorted paths with `/`. Hidden ones (`.git`, unfinished files)
/// are no part of a release; links to files are, since caches are made of them.
pub fn files_below(folder: &Path) -> Result<Vec<String>, ShardError> {
    let mut names = Vec::new();
    collect_files(folder, "", &mut names)?;
    names.sort_unstable();
    Ok(names)
}

fn collect_files(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), ShardError> {
    for entry in fs::read_dir(folder).map_err(ShardError::io("list", folder))? {
        let entry = entry.map_err(ShardError::io("list", folder))?;
        let path = entry.path();
        // A link to a folder is not followed, so that there is no way round in a circle.
        let is_folder = entry.file_type().map_err(ShardError::io("read", &path))?.is_dir();
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if is_folder {
            collect_files(&path, &format!("{name}/"), names)?;
        } else if path.is_file() {
            names.push(name);
        }
    }
    Ok(())
}
