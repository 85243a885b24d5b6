//! The picture work of a trajectory, off the threads that wait for teachers.

use std::{sync::Arc, time::Duration};

use twig_imaging::{
    DecodeLimits, Rgb, RgbImage, decode, encode_png, fit_square, mean_absolute_difference, partial_canvas,
    paste_region, region_pixels, spotlight,
};
use twig_model::{Picture, Region, RejectReason, Rejection, Schedule};
use twig_tokens::ImageTokenizer;

use crate::{asking::Unanswered, cpu, error::RunError};

/// Longest that decoding may take.
const DECODE_TIME: Duration = Duration::from_mins(1);

/// Checks a teacher's picture and fits it to the grid's size.
pub(crate) async fn fitted(picture: Picture, schedule: &Schedule) -> Result<Arc<RgbImage>, Unanswered> {
    let size = schedule.geometry().image_size;
    // Bounded in pixels, a picture is done in a second or two; what is made to take longer is not waited for.
    let decoded = cpu::compute_within(DECODE_TIME, move || {
        decode(picture.bytes(), &DecodeLimits::default()).map(|picture| fit_square(&picture, size))
    });
    let bad = |detail| Err(Rejection::new(RejectReason::BadPicture, detail).into());
    match decoded.await? {
        Some(Ok(picture)) => Ok(Arc::new(picture)),
        Some(Err(error)) => bad(described(&error)),
        None => bad(format!("decoding took longer than {} s", DECODE_TIME.as_secs())),
    }
}

/// The error with its causes, for the table of rejections.
fn described(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// How teachers see a canvas.
#[derive(Clone)]
pub(super) enum View {
    /// As it is.
    Flat,
    /// As the tokenizer decodes it.
    Decoded(Arc<dyn ImageTokenizer>),
}

impl View {
    /// What is seen of `picture` after its first `num_done` regions, where `flat` is the canvas as it is.
    pub(super) async fn of(
        &self,
        flat: &Picture,
        picture: &Arc<RgbImage>,
        schedule: &Schedule,
        num_done: usize,
    ) -> Result<Picture, Unanswered> {
        let Self::Decoded(tokenizer) = self else { return Ok(flat.clone()) };
        let (tokenizer, picture, schedule) = (Arc::clone(tokenizer), Arc::clone(picture), schedule.clone());
        let decoded = cpu::compute(move || {
            let ids = tokenizer.encode(&picture)?;
            let mut so_far = vec![0; ids.len()];
            for cell in schedule.regions()[..num_done].iter().flat_map(Region::cells) {
                so_far[cell as usize] = ids[cell as usize];
            }
            tokenizer.decode(&so_far).map(|canvas| Picture::new(encode_png(&canvas)))
        });
        Ok(decoded.await?.map_err(RunError::from)?)
    }
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

/// `picture` with one region taken from `painted`, and how much `painted` differs from the picture elsewhere:
/// the mean absolute difference, 0 to 255.
pub(super) async fn pasted(
    picture: &Arc<RgbImage>,
    painted: Arc<RgbImage>,
    schedule: &Schedule,
    region_index: usize,
) -> Result<(Arc<RgbImage>, f64), Unanswered> {
    let (picture, schedule) = (Arc::clone(picture), schedule.clone());
    let pasted = cpu::compute(move || {
        let (region, geometry) = (&schedule.regions()[region_index], schedule.geometry());
        let mut canvas = Arc::unwrap_or_clone(picture);
        paste_region(&mut canvas, &painted, region, geometry);
        // Inside the region both are the same now, so all of the difference lies outside.
        let pixels = f64::from(geometry.image_size) * f64::from(geometry.image_size);
        let inside: f64 = region_pixels(region, geometry)
            .into_iter()
            .map(|(_, _, width, height)| f64::from(width) * f64::from(height))
            .sum();
        let difference = if inside < pixels {
            mean_absolute_difference(&canvas, &painted) * pixels / (pixels - inside)
        } else {
            0.0
        };
        (canvas, difference)
    });
    let (canvas, difference) = pasted.await?;
    Ok((Arc::new(canvas), difference))
}

/// A canvas on which nothing is painted yet.
pub(super) fn blank(schedule: &Schedule, placeholder: Rgb<u8>) -> Arc<RgbImage> {
    let size = schedule.geometry().image_size;
    Arc::new(RgbImage::from_pixel(size, size, placeholder))
}

/// The whole picture, and the picture with everything but one region faded out.
pub(super) async fn with_spotlight(
    picture: &Arc<RgbImage>,
    schedule: &Schedule,
    region_index: usize,
) -> Result<(Picture, Picture), Unanswered> {
    let (picture, schedule) = (Arc::clone(picture), schedule.clone());
    let encoded = cpu::compute(move || {
        let lit = spotlight(&picture, &schedule.regions()[region_index], schedule.geometry());
        (Picture::new(encode_png(&picture)), Picture::new(encode_png(&lit)))
    });
    Ok(encoded.await?)
}
