//! The report: one HTML file that holds all it shows, to be sent to somebody.
//!
//! Its size is bounded by what is chosen to be shown and not by the dataset: at most 26 trajectories and 12
//! clusters with small pictures.

mod charts;
mod choose;
mod clusters;
mod figures;

use minijinja::{context, value::Serde};
use serde::Serialize;

use crate::{
    Catalogue, Dataset, Details, InspectError, SqlSession,
    pages::{self, Links, Story},
    thumbnails::data_url,
};

use self::figures::Figures;

/// Side in pixels and quality of the pictures of a trajectory.
const STORY: (u32, u8) = (176, 74);
/// Side in pixels and quality of the members of a cluster.
const MEMBER: (u32, u8) = (112, 70);

#[derive(Serialize)]
struct Stories {
    title: &'static str,
    about: &'static str,
    told: Vec<Story>,
}

#[derive(Serialize)]
struct Cluster {
    title: String,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    id: String,
    prompt: String,
    thumb: String,
}

/// The report of a dataset as the text of an HTML file.
///
/// # Memory
/// The small columns of all trajectories, their image tokens while near-duplicates are looked for (about 1.2 kB a
/// trajectory, of 100,000 at most), and what Polars holds while it counts.
pub fn report(dataset: &Dataset) -> Result<String, InspectError> {
    let catalogue = Catalogue::load(dataset)?;
    let mut session = SqlSession::open(dataset)?;
    let figures = Figures::gather(dataset, &catalogue, &mut session)?;
    let found = clusters::find(dataset, &catalogue)?;
    let stories = stories(dataset, &catalogue)?;
    let clusters =
        found.shown.iter().map(|members| cluster(&catalogue, members)).collect::<Result<Vec<_>, _>>()?;
    let facts = dataset.job_facts();
    let settings = facts.as_ref().and_then(|facts| serde_json::to_string_pretty(&facts.settings).ok());
    let html = pages::render(
        "report.html",
        context! {
            name => dataset.name(), style => minijinja::Value::from_safe_string(pages::STYLE.to_owned()),
            subtitle => figures.subtitle, figures => Serde(figures.tiles), warnings => figures.warnings,
            funnel => Serde(figures.funnel), charts => Serde(figures.charts), stories => Serde(stories), clusters => Serde(clusters),
            clusters_about => found.about, tables => Serde(figures.tables), settings, program => figures.program,
        },
    )?;
    Ok(html)
}

fn stories(dataset: &Dataset, catalogue: &Catalogue) -> Result<Vec<Stories>, InspectError> {
    let chosen = choose::choose(catalogue);
    let groups = [
        ("Best", "Highest rewards, of every category in turn.", chosen.best),
        ("Worst", "Lowest rewards, of every category in turn.", chosen.worst),
        ("Redone", "Regions that were painted again after the critique.", chosen.redone),
        ("At random", "Drawn without looking at scores.", chosen.random),
    ];
    let mut stories = Vec::new();
    for (title, about, positions) in groups {
        if !positions.is_empty() {
            let told = positions.iter().map(|position| story(dataset, catalogue, *position));
            stories.push(Stories { title, about, told: told.collect::<Result<_, _>>()? });
        }
    }
    Ok(stories)
}

fn story(dataset: &Dataset, catalogue: &Catalogue, position: usize) -> Result<Story, InspectError> {
    let details = Details::load(dataset, catalogue, position)?;
    let (side, quality) = STORY;
    Story::new(&details, false, |index| {
        let picture = match index {
            None => details.final_image(),
            Some(index) => details.record.images.get(index as usize),
        };
        let id = &details.record.id;
        let picture = picture.ok_or_else(|| InspectError::Gone { id: id.clone() })?;
        Ok(Links { thumb: data_url(id, picture, side, quality)?, ..Links::default() })
    })
}

fn cluster(catalogue: &Catalogue, members: &clusters::Members) -> Result<Cluster, InspectError> {
    let member = |position: &usize| -> Result<Member, InspectError> {
        let entry = &catalogue.entries()[*position];
        let (side, quality) = MEMBER;
        let thumb = data_url(&entry.id, &catalogue.final_image(*position)?, side, quality)?;
        Ok(Member { id: entry.id.to_string(), prompt: entry.prompt.to_string(), thumb })
    };
    let shown = members.positions.iter().take(clusters::MAX_MEMBERS).map(member);
    Ok(Cluster { title: members.title(), members: shown.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{HOSTILE, write_hostile_release, write_release};

    #[test]
    fn a_report_holds_everything_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        // More than the best, the worst and the redone take.
        write_release(folder.path(), 24);
        let html = report(&Dataset::open(folder.path()).unwrap()).unwrap();
        for expected in
            ["Best", "Worst", "At random", "green apples", "data:image/jpeg;base64,", "<svg", "numeracy"]
        {
            // Slashes are escaped in attributes; browsers read them as they are meant.
            assert!(html.replace("&#x2f;", "/").contains(expected), "{expected}");
        }
        for outside in ["http://", "https://", "src=\"/", "url(", "@import", "<script"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn a_report_of_hostile_texts_runs_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        write_hostile_release(folder.path());
        let html = report(&Dataset::open(folder.path()).unwrap()).unwrap();
        assert!(!html.contains(HOSTILE) && !html.contains("<script") && !html.contains("<img src=x"));
        assert!(html.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_report_of_nothing_is_one_too() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 0);
        assert!(
            report(&Dataset::open(folder.path()).unwrap()).unwrap().contains("there are no trajectories")
        );
    }
}
