use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{
    App,
    filter::{Filter, MARK_CHOICES, REDO_CHOICES, SORT_CHOICES},
    live,
    respond::{self, Failure, blocking, html, side},
    state::{Loaded, Side},
};
use crate::pages::{class_of, grouped, render};

/// Trajectories of a page.
const PAGE: usize = 60;

/// What is asked for: which page of what a filter shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A number; text, because flattened fields of an address are.
    page: String,
    #[serde(flatten)]
    filter: Filter,
}

#[derive(Serialize)]
struct Card {
    id: String,
    prompt: String,
    category: String,
    reward: Option<u8>,
    class: &'static str,
    redos: u16,
    /// Attempts, whose canvases are shown one after the other.
    frames: u16,
    mark: &'static str,
    noted: bool,
}

/// The gallery as a whole.
pub(super) async fn page(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let loaded = side.loaded();
        let base = format!("{}/{name}", app.root);
        let total = loaded.catalogue.entries().len() as u64;
        let subtitle = if loaded.complete {
            format!("{} trajectories", grouped(total))
        } else {
            "reading the list of trajectories …".to_owned()
        };
        let live = live_panel(&loaded, &base)?;
        let common = context! {
            title => loaded.dataset.name(), name => loaded.dataset.name(), subtitle, base => &base, root => &*app.root,
            side => name, other => app.sides[1].is_some(), query => "", filter => Serde(&wanted.filter),
            live => Value::from_safe_string(live), splits => loaded.catalogue.splits().to_vec(),
            categories => sorted(loaded.catalogue.categories()), redo_choices => REDO_CHOICES.to_vec(),
            mark_choices => MARK_CHOICES.to_vec(), sort_choices => SORT_CHOICES.to_vec(),
        };
        let cards = render("cards.html", cards_context(&side, &loaded, &wanted, &base)?)?;
        respond::page("gallery.html", context! { cards => Value::from_safe_string(cards), ..common })
    })
    .await
}

/// One page of cards, for the script.
pub(super) async fn cards(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let base = format!("{}/{name}", app.root);
        html("cards.html", cards_context(&side, &side.loaded(), &wanted, &base)?)
    })
    .await
}

/// The panel of the run; looks whether the run has committed something since.
pub(super) async fn live(State(app): State<App>, Path(name): Path<String>) -> Result<Html<String>, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        side.refresh()?;
        Ok(Html(live_panel(&side.loaded(), &format!("{}/{name}", app.root))?))
    })
    .await
}

fn live_panel(loaded: &Loaded, base: &str) -> Result<String, Failure> {
    let run = live::run(&loaded.dataset)?;
    Ok(render("live.html", context! { run => Serde(run), base })?)
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

fn cards_context(side: &Side, loaded: &Loaded, wanted: &Wanted, base: &str) -> Result<Value, Failure> {
    let positions = side.select(loaded, &wanted.filter)?;
    let catalogue = &loaded.catalogue;
    let marks = side.marks();
    let page = wanted.page.parse::<usize>().unwrap_or(0);
    let shown = positions.iter().skip(page.saturating_mul(PAGE)).take(PAGE);
    let card = |position: &usize| {
        let entry = &catalogue.entries()[*position];
        let mark = marks.get(&entry.id);
        Card {
            id: entry.id.to_string(),
            prompt: entry.prompt.to_string(),
            category: catalogue.category(entry).to_owned(),
            reward: entry.reward,
            class: entry.reward.map_or("", |reward| class_of(reward.into())),
            redos: entry.redos(),
            frames: entry.attempts,
            mark: mark.and_then(|mark| mark.mark).map_or("", crate::marks::Verdict::as_str),
            noted: mark.is_some_and(|mark| !mark.note.is_empty()),
        }
    };
    let cards: Vec<Card> = shown.map(card).collect();
    let query = wanted.filter.query();
    let has_next = positions.len() > page.saturating_add(1).saturating_mul(PAGE);
    let separator = if query.is_empty() { '?' } else { '&' };
    let next = has_next.then(|| format!("{query}{separator}page={}", page + 1));
    let total = catalogue.entries().len();
    let count = match (loaded.complete, positions.len() == total) {
        (false, _) => "reading the list of trajectories; these are the first".to_owned(),
        (true, true) => String::new(),
        (true, false) => format!("{} of {}", grouped(positions.len() as u64), grouped(total as u64)),
    };
    let nothing = if total == 0 {
        "There are no trajectories yet. They appear here as parts of the run are committed."
    } else {
        "No trajectory passes all of these filters. Take one away."
    };
    Ok(context! { base, cards => Serde(cards), query, next, count, nothing, first_page => page == 0 })
}
