//! Poses from which fitting begins.

use super::Pose;
use crate::{
    percept::{Blob, SIDE, View},
    template::Template,
};

/// Poses to begin with: the box of the blob matched by height or by width, for a figure that goes on below the
/// painted rows at the sizes at which what shows of it is as wide as the blob.
pub(super) fn single_starts(view: &View, blob: &Blob, template: &Template) -> Vec<Pose> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let by_width = w / template.aspect;
    let mut poses = Vec::new();
    for height in [h, by_width] {
        let width = height * template.aspect;
        for x in [left, right - width, (left + right - width) / 2.0] {
            for y in [top, bottom - height] {
                poses.push(Pose { x, y, h: height });
            }
        }
    }
    if blob.bottom >= view.rows {
        let mut height = h;
        while height < 14.0 * h && height < SIDE as f32 {
            if let Some((from, to)) = template.extent_above(h / height) {
                let width = height * template.aspect;
                if ((to - from) * width / w - 1.0).abs() < 0.12 {
                    poses.push(Pose { x: left - from * width, y: top, h: height });
                }
            }
            height *= 1.06;
        }
    }
    poses
}

/// Poses of two figures to begin with: the one behind hangs from the upper edge of the blob, the one in front
/// stands at a lower corner, or comes up from below the painted rows at one side.
pub(super) fn pair_starts(view: &View, blob: &Blob, front: &Template, back: &Template) -> Vec<Vec<Pose>> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let cut = blob.bottom >= view.rows;
    let mut behind: Vec<Pose> = Vec::new();
    for width_share in [0.5, 0.6, 0.72, 0.85, 1.0] {
        let height = width_share * w / back.aspect;
        if cut || height < 1.05 * h {
            behind.extend([left, right - height * back.aspect].map(|x| Pose { x, y: top, h: height }));
        }
    }
    let mut before: Vec<Pose> = Vec::new();
    for width_share in [0.2, 0.3, 0.42, 0.55, 0.7, 0.85] {
        let height = width_share * w / front.aspect;
        let room = (w - height * front.aspect).max(0.0);
        for x in [0.0, 0.2, 0.8, 1.0].map(|share| left + share * room) {
            if cut {
                before.extend([0.25, 0.6, 0.95].map(|shown| Pose {
                    x,
                    y: bottom - shown * height,
                    h: height,
                }));
            } else {
                before.push(Pose { x, y: bottom - height, h: height });
            }
        }
    }
    behind.iter().flat_map(|back| before.iter().map(move |front| vec![*front, *back])).collect()
}

/// Poses of a figure on another to begin with: one above the other, their middles in line. Of what goes on below the
/// painted rows the height is unknown.
pub(super) fn stacked_starts(view: &View, blob: &Blob, upper: &Template, lower: &Template) -> Vec<Vec<Pose>> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let middle = f32::midpoint(left, right);
    let pose = |template: &Template, y: f32, h: f32| Pose { x: middle - h * template.aspect / 2.0, y, h };
    let mut poses = Vec::new();
    for share in [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
        let above = share * h;
        let rest = h - above;
        let mut heights = vec![rest, w / lower.aspect];
        if blob.bottom >= view.rows {
            heights.extend([0.7, 1.0, 1.4].map(|factor| factor * above));
        }
        let heights = heights.into_iter().filter(|height| *height >= 0.9 * rest);
        poses.extend(heights.map(|height| vec![pose(upper, top, above), pose(lower, top + above, height)]));
    }
    poses
}
