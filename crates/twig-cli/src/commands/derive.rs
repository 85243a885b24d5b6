//! `twig merge`, `twig filter` and `twig sample`: new releases from existing ones.

use std::{path::Path, process::ExitCode};

use twig_shards::{Derivation, Derived, Filter, Keep, ReleaseSummary, Row as _};

use crate::{
    arguments::{FilterArguments, MergeArguments, NewReleaseArguments, SampleArguments},
    exit::WrongUsage,
    render,
};

pub(crate) fn merge(arguments: &MergeArguments) -> anyhow::Result<ExitCode> {
    let sources =
        arguments.folders.iter().map(|folder| super::release_in(folder)).collect::<Result<Vec<_>, _>>()?;
    let description = format!("twig merge of {} releases", sources.len());
    derive("merge", description, &sources, Keep::All, &arguments.new)
}

pub(crate) fn filter(arguments: &FilterArguments) -> anyhow::Result<ExitCode> {
    let filter = Filter::parse(&arguments.condition, &ReleaseSummary::schema())
        .map_err(|error| WrongUsage(format!("--where `{}`: {error}", arguments.condition)))?;
    let sources = [super::release_in(&arguments.folder)?];
    let description = format!("twig filter --where \"{}\"", arguments.condition);
    derive("filter", description, &sources, Keep::Where(&filter), &arguments.new)
}

pub(crate) fn sample(arguments: &SampleArguments) -> anyhow::Result<ExitCode> {
    let SampleArguments { folder, share, seed, new } = arguments;
    if !(*share > 0.0 && *share <= 1.0) {
        return Err(WrongUsage(format!("--share {share}: a number above 0 and up to 1 is wanted")).into());
    }
    let sources = [super::release_in(folder)?];
    let description = format!("twig sample --share {share} --seed {seed}");
    derive("sample", description, &sources, Keep::Share { share: *share, seed: *seed }, new)
}

fn derive(
    action: &str,
    description: String,
    sources: &[std::path::PathBuf],
    keep: Keep,
    new: &NewReleaseArguments,
) -> anyhow::Result<ExitCode> {
    let NewReleaseArguments { output, name, shard_mb } = new;
    let shard_bytes = u64::from(*shard_mb) * 1_000_000;
    let derivation = Derivation { action, description, name: name.clone(), sources, keep, shard_bytes };
    let derived = twig_shards::derive(&derivation, output).map_err(|error| match error.is_wrong_usage() {
        true => WrongUsage(error.to_string()).into(),
        false => anyhow::Error::from(error),
    })?;
    show(output, &derived);
    Ok(ExitCode::SUCCESS)
}

fn show(output: &Path, derived: &Derived) {
    let Derived { rows_in, rows_out, duplicates, copied_groups, rewritten_groups } = derived;
    render::line(&format!("{}: {rows_out} of {rows_in} trajectories", output.display()));
    if *duplicates > 0 {
        render::note(&format!("{duplicates} trajectories are in several releases; the first one's are kept"));
    }
    render::note(&format!("{copied_groups} row groups copied as they are, {rewritten_groups} written again"));
}
