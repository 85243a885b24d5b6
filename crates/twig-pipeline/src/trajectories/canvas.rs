//! The picture work of a trajectory, off the threads that wait for teachers.

use std::sync::Arc;

use twig_imaging::{
    DecodeLimits, Rgb, RgbImage, decode, encode_png, fit_square, partial_canvas, paste_region,
};
use twig_model::{Picture, RejectReason, Rejection, Schedule};

use crate::{asking::Unanswered, cpu};

/// Checks a teacher's picture and fits it to the grid's size.
pub(super) async fn fitted(picture: Picture, schedule: &Schedule) -> Result<Arc<RgbImage>, Unanswered> {
    let size = schedule.geometry().image_size;
    let decoded = cpu::compute(move || {
        decode(picture.bytes(), &DecodeLimits::default()).map(|picture| fit_square(&picture, size))
    });
    match decoded.await? {
        Ok(picture) => Ok(Arc::new(picture)),
        Err(error) => Err(Rejection::new(RejectReason::BadPicture, described(&error)).into()),
    }
}

/// The error with its causes, for the table of rejections.
fn described(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The canvas after the first `num_done` regions, as PNG.
pub(super) async fn encoded(
    picture: &Arc<RgbImage>,
    schedule: &Schedule,
    num_done: usize,
    placeholder: Rgb<u8>,
) -> Result<Picture, Unanswered> {
    let (picture, schedule) = (Arc::clone(picture), schedule.clone());
    let png = cpu::compute(move || encode_png(&partial_canvas(&picture, &schedule, num_done, placeholder)));
    Ok(Picture::new(png.await?))
}

/// `picture` with one region taken from `painted`.
pub(super) async fn pasted(
    picture: &Arc<RgbImage>,
    painted: Arc<RgbImage>,
    schedule: &Schedule,
    region_index: usize,
) -> Result<Arc<RgbImage>, Unanswered> {
    let (picture, schedule) = (Arc::clone(picture), schedule.clone());
    let pasted = cpu::compute(move || {
        let mut canvas = Arc::unwrap_or_clone(picture);
        paste_region(&mut canvas, &painted, &schedule.regions()[region_index], schedule.geometry());
        canvas
    });
    Ok(Arc::new(pasted.await?))
}

/// A canvas on which nothing is painted yet.
pub(super) fn blank(schedule: &Schedule, placeholder: Rgb<u8>) -> Arc<RgbImage> {
    let size = schedule.geometry().image_size;
    Arc::new(RgbImage::from_pixel(size, size, placeholder))
}
