//! What manifest and card of a derived release say.

use std::{collections::BTreeMap, path::Path};

use sha2::{Digest, Sha256};
use twig_model::{RejectReason, TaskKind};

use super::{Derivation, Source, choice::Choice};
use crate::{
    Config, Judge, Manifest, PlainRow, ShardError, StageAccount, TableReader, atomic, card::CardFacts,
    record::record,
};

record! {
    /// What a training sample is for.
    pub(crate) struct SampleTask {
        /// `think`, `reflect` or `generate`.
        task: TaskKind,
        /// The region that is asked about or painted, from 0.
        region_index: u32,
    }
}

impl PlainRow for SampleTask {
    const TABLE: &'static str = "janus";
}

pub(super) fn derived_manifest(
    derivation: &Derivation,
    sources: &[Source],
    choice: &Choice,
    configs: Vec<Config>,
) -> Manifest {
    let first = &sources[0].manifest;
    Manifest {
        program: concat!("twig ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings_hash: settings_hash(derivation, sources),
        templates: templates(sources),
        judges: judges(sources),
        accounting: accounting(derivation, sources, choice),
        configs,
        ..first.clone()
    }
}

/// Another derivation, or other sources, have another hash.
fn settings_hash(derivation: &Derivation, sources: &[Source]) -> String {
    let mut hasher = Sha256::new_with_prefix(derivation.action).chain_update(&derivation.description);
    for source in sources {
        hasher.update(source.manifest.to_json());
    }
    atomic::hex(&hasher.finalize())
}

/// The templates of all sources; one that differs from an earlier one of its name is told apart by a number.
fn templates(sources: &[Source]) -> BTreeMap<String, String> {
    let mut templates: BTreeMap<String, String> = BTreeMap::new();
    for (number, source) in sources.iter().enumerate() {
        for (name, hash) in &source.manifest.templates {
            match templates.get(name) {
                Some(known) if known == hash => {}
                Some(_) => {
                    templates.insert(format!("{name} ({})", number + 1), hash.clone());
                }
                None => {
                    templates.insert(name.clone(), hash.clone());
                }
            }
        }
    }
    templates
}

fn judges(sources: &[Source]) -> Vec<Judge> {
    let mut judges: Vec<Judge> = Vec::new();
    for judge in sources.iter().flat_map(|source| &source.manifest.judges) {
        if !judges.contains(judge) {
            judges.push(judge.clone());
        }
    }
    judges
}

/// The stages of the sources added up, and then this one.
fn accounting(derivation: &Derivation, sources: &[Source], choice: &Choice) -> Vec<StageAccount> {
    let mut accounts: Vec<StageAccount> = Vec::new();
    for account in sources.iter().flat_map(|source| &source.manifest.accounting) {
        match accounts.iter_mut().find(|known| known.stage == account.stage) {
            Some(known) => {
                known.rows_in += account.rows_in;
                known.rows_out += account.rows_out;
                for (reason, count) in &account.rejected {
                    *known.rejected.entry(*reason).or_insert(0) += count;
                }
            }
            None => accounts.push(account.clone()),
        }
    }
    let removed = choice.rows_in - choice.rows_out() - choice.duplicates;
    let rejected = [(RejectReason::DuplicatePrompt, choice.duplicates), (RejectReason::Filtered, removed)];
    accounts.push(StageAccount {
        stage: derivation.action.to_owned(),
        rows_in: choice.rows_in,
        rows_out: choice.rows_out(),
        rejected: rejected.into_iter().filter(|(_, count)| *count > 0).collect(),
    });
    accounts
}

pub(super) fn derived_facts(
    derivation: &Derivation,
    sources: &[Source],
    choice: &Choice,
    manifest: &Manifest,
    release: &Path,
) -> Result<CardFacts, ShardError> {
    let facts = || sources.iter().map(|source| &source.facts);
    let names: Vec<String> = unique(facts().map(|facts| facts.name.clone()));
    let licenses: Vec<String> = unique(facts().map(|facts| facts.license.clone()));
    let costs: Vec<String> = facts().filter_map(|facts| facts.cost.clone()).collect();
    let mut settings = vec![("made by".to_owned(), derivation.description.clone())];
    settings.extend(shared_settings(sources));
    Ok(CardFacts {
        name: derivation.name.clone().unwrap_or_else(|| names.join(" + ")),
        // Identifiers of the Hub; where sources differ each source's terms hold for its rows.
        license: if licenses.len() == 1 { licenses[0].clone() } else { "other".to_owned() },
        languages: unique(facts().flat_map(|facts| facts.languages.clone())),
        teachers: unique(facts().flat_map(|facts| facts.teachers.clone())),
        settings,
        categories: choice.categories.clone(),
        tasks: tasks(manifest, release)?,
        rewards: choice.rewards,
        cost: (costs.len() == sources.len()).then(|| costs.join("; ")),
        attributions: unique(facts().flat_map(|facts| facts.attributions.clone())),
        limits: unique(facts().flat_map(|facts| facts.limits.clone())),
    })
}

/// Settings by name: the value where all sources agree, else each source's.
fn shared_settings(sources: &[Source]) -> Vec<(String, String)> {
    let names =
        unique(sources.iter().flat_map(|source| &source.facts.settings).map(|(name, _)| name.clone()));
    let values = |name: &str| -> Vec<String> {
        let settings = sources.iter().flat_map(|source| &source.facts.settings);
        unique(settings.filter(|(other, _)| other == name).map(|(_, value)| value.clone()))
    };
    names.into_iter().map(|name| (name.clone(), values(&name).join(" / "))).collect()
}

/// Samples by task and region, counted from 1: `think 1`.
fn tasks(manifest: &Manifest, release: &Path) -> Result<BTreeMap<String, u64>, ShardError> {
    let mut tasks = BTreeMap::new();
    for split in manifest.config("janus").into_iter().flat_map(|config| &config.splits) {
        for shard in &split.shards {
            for row in TableReader::<SampleTask>::open(&release.join(&shard.path))? {
                let SampleTask { task, region_index } = row?;
                *tasks.entry(format!("{} {}", task.as_str(), region_index + 1)).or_insert(0) += 1;
            }
        }
    }
    Ok(tasks)
}

/// The values in the order in which they first occur.
fn unique<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
