use super::*;
use crate::fixtures::{trajectory, write_release};

fn ids(places: &[Place]) -> Vec<String> {
    read(places).unwrap().iter().map(|release| release.trajectory.id().to_string()).collect()
}

#[test]
fn categories_take_turns_and_redos_come_first() {
    let folder = tempfile::tempdir().unwrap();
    write_release(folder.path(), 8);
    let manifest = Manifest::load(folder.path()).unwrap();
    let chosen = |count| ids(&some_of_every_category(folder.path(), &manifest, count).unwrap());
    // Even numbers are of one category and odd ones of the other; multiples of three have a redo.
    let expected = [0, 3, 6, 1].map(|number| trajectory(number).trajectory.id().to_string());
    assert_eq!(chosen(4), expected);
    assert_eq!(chosen(99).len(), 8, "there are no more");
}

#[test]
fn trajectories_come_in_the_order_in_which_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let all = write_release(folder.path(), 5);
    let wanted: Vec<String> = [4, 0, 2].map(|index: usize| all[index].trajectory.id().to_string()).into();
    let manifest = Manifest::load(folder.path()).unwrap();
    assert_eq!(ids(&by_id(folder.path(), &manifest, &wanted).unwrap()), wanted);
    let error = by_id(folder.path(), &manifest, &["no such".to_owned()]).unwrap_err().to_string();
    assert!(error.ends_with("holds no trajectory no such"), "{error}");
}

#[test]
fn a_sheet_shows_the_pictures_with_regions_outlined() {
    let folder = tempfile::tempdir().unwrap();
    let all = write_release(folder.path(), 3);
    let without_redo = all[1].trajectory.id().to_string();
    let sheet = sheet(folder.path(), &[without_redo], 0).unwrap();
    let greens = sheet.pixels().filter(|pixel| **pixel == paint::GOOD).count();
    let framed = 3 * (2 * tile::SIDE as usize * 3);
    assert!(greens > framed, "three regions are framed and three badges filled: {greens}");
    assert!(sheet.pixels().any(|pixel| *pixel == paint::RESULT));
    assert!(sheet.pixels().all(|pixel| *pixel != paint::BAD), "nothing was redone");
}

#[test]
fn impossible_wishes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_release(folder.path(), 0);
    assert!(matches!(sheet(folder.path(), &[], 1), Err(InspectError::Empty { .. })));
    assert!(matches!(sheet(folder.path(), &[], 101), Err(InspectError::TooMany { asked: 101, limit: 100 })));
}
