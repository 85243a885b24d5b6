//! A contact sheet: trajectories of a release, each as a row of tiles in which the picture grows region by
//! region, with what was thought and what the critic said.

mod card;
mod choose;
mod paint;
mod tile;

use std::path::Path;

use twig_imaging::RgbImage;
use twig_model::{Picture, Trajectory};
use twig_shards::{Manifest, ReleaseTrajectory, TableReader};

use self::{
    choose::{Place, by_id, some_of_every_category},
    paint::{BACKGROUND, blit},
    tile::Tile,
};
use crate::InspectError;

/// Trajectories that one sheet shows at most: more make a picture that no program opens.
const MAX_TRAJECTORIES: usize = 100;

/// Space round the sheet and between its rows, in pixels.
const SPACE: u32 = 16;

/// Draws trajectories of a release: those with `ids`, in that order, or where no id is given `rows` of them,
/// some of every category and rather those with one redo.
///
/// # Memory
/// The sheet itself, about 3 MB a trajectory, and the pictures of the trajectories shown. Rows of a shard are
/// read up to the last one wanted.
pub fn sheet(release: &Path, ids: &[String], rows: usize) -> Result<RgbImage, InspectError> {
    let manifest = Manifest::load(release)?;
    let asked = if ids.is_empty() { rows } else { ids.len() };
    if asked > MAX_TRAJECTORIES {
        return Err(InspectError::TooMany { asked, limit: MAX_TRAJECTORIES });
    }
    let places = if ids.is_empty() {
        some_of_every_category(release, &manifest, rows)?
    } else {
        by_id(release, &manifest, ids)?
    };
    let trajectories = read(&places)?;
    let tiles = trajectories.iter().map(tiles_of).collect::<Result<Vec<_>, _>>()?;
    let columns = tiles.iter().map(Vec::len).max().unwrap_or(1);
    let cards = trajectories.iter().zip(&tiles).map(|(release, tiles)| card::draw(release, tiles, columns));
    Ok(stack(&cards.collect::<Vec<_>>()))
}

/// The rows at these places, in their order.
fn read(places: &[Place]) -> Result<Vec<ReleaseTrajectory>, InspectError> {
    let mut found: Vec<Option<ReleaseTrajectory>> = places.iter().map(|_| None).collect();
    let mut shards: Vec<&Path> = places.iter().map(|place| place.shard.as_path()).collect();
    shards.sort_unstable();
    shards.dedup();
    for shard in shards {
        let here = || places.iter().enumerate().filter(|(_, place)| place.shard == shard);
        let last = here().map(|(_, place)| place.row).max().unwrap_or(0);
        for (row, trajectory) in TableReader::open(shard)?.take(last + 1).enumerate() {
            let trajectory: ReleaseTrajectory = trajectory?;
            for (index, _) in here().filter(|(_, place)| place.row == row) {
                found[index] = Some(trajectory.clone());
            }
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// A tile for each attempt, and one for the finished picture.
fn tiles_of(release: &ReleaseTrajectory) -> Result<Vec<Tile>, InspectError> {
    let trajectory = &release.trajectory;
    let mut tiles = Vec::with_capacity(trajectory.num_attempts() + 1);
    for (step, attempt_index, attempt) in trajectory.attempts() {
        let canvas = decode(trajectory, &attempt.canvas)?;
        let is_last = attempt_index + 1 == step.attempts.len();
        let place = tile::Place { schedule: &trajectory.schedule, step, attempt_index, is_last };
        tiles.push(Tile::of_attempt(&canvas, attempt, &place));
    }
    tiles.push(Tile::of_result(&decode(trajectory, &trajectory.final_image)?, release));
    Ok(tiles)
}

fn decode(trajectory: &Trajectory, picture: &Picture) -> Result<RgbImage, InspectError> {
    twig_imaging::decode(picture.bytes(), &twig_imaging::DecodeLimits::default())
        .map_err(|source| InspectError::Picture { id: trajectory.id().to_string(), source })
}

/// Cards of equal width, one below the other.
fn stack(cards: &[RgbImage]) -> RgbImage {
    let width = cards.iter().map(RgbImage::width).max().unwrap_or(0) + 2 * SPACE;
    let height = cards.iter().map(|card| card.height() + SPACE).sum::<u32>() + SPACE;
    let mut sheet = RgbImage::from_pixel(width, height, BACKGROUND);
    let mut y = SPACE;
    for card in cards {
        blit(&mut sheet, card, SPACE, y);
        y += card.height() + SPACE;
    }
    sheet
}

#[cfg(test)]
mod tests;
