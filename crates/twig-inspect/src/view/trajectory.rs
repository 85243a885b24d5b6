use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use minijinja::{context, value::Serde};
use twig_imaging::encode_png;
use twig_model::Picture;
use twig_tokens::ImageTokenizer;

use super::{
    App,
    filter::Filter,
    respond::{self, Failure, blocking, side},
    state::{Loaded, Side},
};
use crate::{
    Details, InspectError,
    marks::Mark,
    pages::{Links, Story},
    thumbnails::thumbnail,
};

/// Side of the viewer's thumbnails in pixels, and their quality.
const SIDE: u32 = 256;
const QUALITY: u8 = 82;

/// The page of a trajectory.
pub(super) async fn page(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let loaded = side.loaded();
        let position = find(&loaded, &id)?;
        let details = Details::load(&loaded.dataset, &loaded.catalogue, position)?;
        let base = format!("{}/{name}", app.root);
        let decodable = side.tokenizer().is_some() && details.record.image_tokens.is_some();
        let links = |index: Option<u32>| -> Result<Links, InspectError> {
            let which = index.map_or_else(|| "final".to_owned(), |index| index.to_string());
            let thumb = index.map_or_else(String::new, |index| format!("/{index}"));
            let decoded = decodable.then(|| format!("{base}/decoded/{id}/{which}"));
            Ok(Links {
                picture: format!("{base}/picture/{id}/{which}"),
                thumb: format!("{base}/thumb/{id}{thumb}"),
                decoded,
            })
        };
        let story = Story::new(&details, decodable, links)?;
        let positions = side.select(&loaded, &filter)?;
        let here = positions.iter().position(|found| *found == position);
        let id_at = |at: usize| positions.get(at).map(|at| loaded.catalogue.entries()[*at].id.to_string());
        let address = |id: String| format!("{base}/t/{id}{}", filter.query());
        let previous = here.and_then(|here| id_at(here.checked_sub(1)?)).map(address);
        let next = here.and_then(|here| id_at(here + 1)).map(address);
        let subtitle = here.map_or_else(String::new, |here| format!("{} of {}", here + 1, positions.len()));
        let none = Mark { id: id.clone(), mark: None, note: String::new() };
        let mark = side.marks().get(&id).cloned().unwrap_or(none);
        respond::page(
            "trajectory.html",
            context! {
                title => &details.record.prompt, name => loaded.dataset.name(), subtitle, base => &base,
                root => &*app.root, side => name, other => app.sides[1].is_some(), query => filter.query(),
                t => Serde(story), mark => Serde(mark), previous_page => previous, next_page => next,
            },
        )
    })
    .await
}

/// A small copy of the finished picture.
pub(super) async fn thumb(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let make = || {
            let loaded = side.loaded();
            let position = loaded.catalogue.find(&id).ok_or(InspectError::Gone { id: id.clone() })?;
            thumbnail(&id, &loaded.catalogue.final_image(position)?, SIDE, QUALITY)
        };
        Ok(picture_response("image/jpeg", side.thumbnail(&id, make)?.to_vec()))
    })
    .await
}

/// A small copy of the canvas after an attempt.
pub(super) async fn thumb_of_attempt(
    State(app): State<App>,
    Path((name, id, index)): Path<(String, String, u32)>,
) -> Result<Response, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let make = || thumbnail(&id, &stored(&side, &id, Some(index))?, SIDE, QUALITY);
        Ok(picture_response("image/jpeg", side.thumbnail(&format!("{id}/{index}"), make)?.to_vec()))
    })
    .await
}

/// A picture as it is stored. What is none is not sent, whatever a browser would make of it.
pub(super) async fn picture(
    State(app): State<App>,
    Path((name, id, which)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let picture = stored(&side, &id, index_of(&which)?)?;
        let kind = match picture.bytes() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, ..] => "image/jpeg",
            [b'R', b'I', b'F', b'F', ..] => "image/webp",
            _ => return Err(Failure::Missing("picture")),
        };
        Ok(picture_response(kind, picture.bytes().to_vec()))
    })
    .await
}

/// What the tokens of a canvas decode to: of regions that are not painted yet, the placeholder.
pub(super) async fn decoded(
    State(app): State<App>,
    Path((name, id, which)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        let tokenizer = side.tokenizer().ok_or(Failure::Missing("tokenizer"))?;
        let loaded = side.loaded();
        let position = find(&loaded, &id)?;
        let details = Details::load(&loaded.dataset, &loaded.catalogue, position)?;
        let ids = match index_of(&which)? {
            None => details.record.image_tokens.clone(),
            Some(index) => canvas_ids(&details, index),
        };
        let ids = ids.ok_or(Failure::Missing("list of tokens"))?;
        let picture = tokenizer.decode(&ids).map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(picture_response("image/png", encode_png(&picture)))
    })
    .await
}

/// The ids of a canvas: of each region the attempt that stands on it, 0 (not generated yet) elsewhere.
fn canvas_ids(details: &Details, index: u32) -> Option<Vec<u32>> {
    let of_attempts = details.record.step_tokens.as_ref()?;
    let mut canvas = vec![0; details.schedule.geometry().grid.num_tokens() as usize];
    for (attempt, ids) in details.record.steps.iter().zip(of_attempts).take(index as usize + 1) {
        for (cell, id) in details.region(attempt)?.cells().zip(ids) {
            *canvas.get_mut(cell as usize)? = *id;
        }
    }
    Some(canvas)
}

/// Saves a mark. Only JSON is taken, which no form of another page can send.
pub(super) async fn mark(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(mark): Json<Mark>,
) -> Result<StatusCode, Failure> {
    let side = side(&app, &name)?;
    blocking(move || {
        if !side.loaded().catalogue.entries().iter().any(|entry| *entry.id == *mark.id) {
            return Err(Failure::Refused(format!("there is no trajectory {}", mark.id)));
        }
        side.marks().set(mark)?;
        side.forget_selection();
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

fn find(loaded: &Loaded, id: &str) -> Result<usize, Failure> {
    let found = loaded.catalogue.entries().iter().position(|entry| *entry.id == *id);
    found.ok_or(Failure::Missing(if loaded.complete {
        "trajectory"
    } else {
        "trajectory in the list yet; try again in a moment"
    }))
}

fn stored(side: &Side, id: &str, index: Option<u32>) -> Result<Picture, InspectError> {
    let gone = || InspectError::Gone { id: id.to_owned() };
    let catalogue = side.loaded().catalogue;
    let position = catalogue.find(id).ok_or_else(gone)?;
    match index {
        None => catalogue.final_image(position),
        Some(index) => catalogue.trajectory(position)?.images.get(index as usize).cloned().ok_or_else(gone),
    }
}

fn index_of(which: &str) -> Result<Option<u32>, Failure> {
    match which {
        "final" => Ok(None),
        index => index.parse().map(Some).map_err(|_| Failure::Missing("picture")),
    }
}

fn picture_response(kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=600")];
    (headers, bytes).into_response()
}
