use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use axum::{
    extract::{Query, State},
    response::Html,
};
use minijinja::{context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{
    App,
    respond::{self, Failure, blocking, side},
};
use crate::{Catalogue, Entry, pages::grouped};

/// Pairs of a page.
const PAGE: usize = 40;

const SORT_CHOICES: [(&str, &str); 5] = [
    ("changed", "most changed"),
    ("better", "better in B"),
    ("worse", "worse in B"),
    ("only", "only in one"),
    ("prompt", "prompt"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    sort: String,
    page: usize,
}

#[derive(Serialize)]
struct Pair {
    id: String,
    prompt: String,
    halves: [Option<Half>; 2],
    rewards: String,
    change: String,
    class: &'static str,
}

#[derive(Serialize)]
struct Half {
    side: &'static str,
    prompt: String,
}

/// The trajectories of two releases, each with its counterpart.
pub(super) async fn page(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Failure> {
    let sides = [side(&app, "a")?, side(&app, "b")?];
    blocking(move || {
        let [a, b] = sides.map(|side| side.loaded());
        let mut pairs = by_id(&a.catalogue, &b.catalogue);
        let sort = if wanted.sort.is_empty() { "changed" } else { wanted.sort.as_str() };
        sort_pairs(&mut pairs, sort);
        let in_both = pairs.iter().filter(|(_, [a, b])| a.is_some() && b.is_some()).count();
        let count = format!("{} trajectories, {} in both", grouped(pairs.len() as u64), grouped(in_both as u64));
        let shown = pairs.iter().skip(wanted.page.saturating_mul(PAGE)).take(PAGE).map(|(id, halves)| pair(id, *halves));
        let link = |page: usize| format!("?sort={}&page={page}", super::filter::encoded(sort));
        let next = (pairs.len() / PAGE > wanted.page && pairs.len() > (wanted.page + 1) * PAGE).then(|| link(wanted.page + 1));
        let previous = wanted.page.checked_sub(1).map(link);
        respond::page(
            "compare.html",
            context! {
                title => "Side by side", name => a.dataset.name(), subtitle => "", root => &*app.root,
                base => format!("{}/a", app.root), side => "", other => true, query => "",
                a_name => a.dataset.folder().display().to_string(), b_name => b.dataset.folder().display().to_string(),
                count, sort, sort_choices => SORT_CHOICES.to_vec(), pairs => Serde(shown.collect::<Vec<_>>()), next, previous,
            },
        )
    })
    .await
}

type Halves<'a> = [Option<&'a Entry>; 2];

fn by_id<'a>(a: &'a Catalogue, b: &'a Catalogue) -> Vec<(&'a str, Halves<'a>)> {
    let index = |catalogue: &'a Catalogue| -> BTreeMap<&'a str, &'a Entry> {
        catalogue.entries().iter().map(|entry| (&*entry.id, entry)).collect()
    };
    let [a, b] = [index(a), index(b)];
    let ids: BTreeSet<&str> = a.keys().chain(b.keys()).copied().collect();
    ids.into_iter().map(|id| (id, [a.get(id).copied(), b.get(id).copied()])).collect()
}

/// Reward in `b` minus that in `a`, where both have one.
fn change([a, b]: Halves) -> Option<i32> {
    Some(i32::from(b?.reward?) - i32::from(a?.reward?))
}

fn sort_pairs(pairs: &mut [(&str, Halves)], sort: &str) {
    match sort {
        "better" => pairs.sort_by_key(|(_, halves)| Reverse(change(*halves))),
        "worse" => pairs.sort_by_key(|(_, halves)| change(*halves).unwrap_or(i32::MAX)),
        "only" => pairs.sort_by_key(|(_, [a, b])| a.is_some() && b.is_some()),
        "prompt" => pairs.sort_by_key(|(_, [a, b])| a.or(*b).map(|entry| entry.prompt.clone())),
        _ => pairs.sort_by_key(|(_, halves)| Reverse(change(*halves).map(i32::abs))),
    }
}

fn pair(id: &str, halves: Halves) -> Pair {
    let reward = |entry: Option<&Entry>| {
        entry.and_then(|entry| entry.reward).map_or_else(|| "–".to_owned(), |reward| reward.to_string())
    };
    let change = change(halves).unwrap_or(0);
    let [a, b] = halves;
    Pair {
        id: id.to_owned(),
        prompt: a.or(b).map(|entry| entry.prompt.to_string()).unwrap_or_default(),
        rewards: format!("reward {} → {}", reward(a), reward(b)),
        change: if change == 0 { String::new() } else { format!("{change:+}") },
        class: if change > 0 { "good" } else { "bad" },
        halves: [("a", a), ("b", b)]
            .map(|(side, entry)| entry.map(|entry| Half { side, prompt: entry.prompt.to_string() })),
    }
}
