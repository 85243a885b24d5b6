use image::{Rgb, RgbImage};
use twig_model::{Geometry, Region, Schedule};

/// The rectangles of pixels that a region consists of: `(x, y, width, height)`, in raster order, disjoint.
/// One a grid row and run.
pub fn region_pixels(region: &Region, geometry: Geometry) -> Vec<(u32, u32, u32, u32)> {
    let (cell_width, cell_height, cols) = (geometry.cell_width(), geometry.cell_height(), geometry.grid.cols);
    let mut rectangles = Vec::new();
    for span in region.spans() {
        let mut start = span.start;
        while start < span.end {
            let row = start / cols;
            let end = span.end.min((row + 1) * cols);
            rectangles.push((
                start % cols * cell_width,
                row * cell_height,
                (end - start) * cell_width,
                cell_height,
            ));
            start = end;
        }
    }
    rectangles
}

/// The canvas after the first `num_done` regions: their pixels from `picture`, the rest in `placeholder`,
/// the colour that image code 0 decodes to. This is what thinker and critic see.
pub fn partial_canvas(
    picture: &RgbImage,
    schedule: &Schedule,
    num_done: usize,
    placeholder: Rgb<u8>,
) -> RgbImage {
    if num_done == schedule.num_regions() {
        return picture.clone();
    }
    let mut canvas = RgbImage::from_pixel(picture.width(), picture.height(), placeholder);
    for region in &schedule.regions()[..num_done] {
        paste_region(&mut canvas, picture, region, schedule.geometry());
    }
    canvas
}

/// Copies the pixels of `region` from `painted` into `canvas`; every other pixel stays as it is.
pub fn paste_region(canvas: &mut RgbImage, painted: &RgbImage, region: &Region, geometry: Geometry) {
    let size = (geometry.image_size, geometry.image_size);
    assert_eq!(
        (canvas.dimensions(), painted.dimensions()),
        (size, size),
        "both pictures have the grid's size"
    );
    let stride = geometry.image_size as usize * 3;
    for (x, y, width, height) in region_pixels(region, geometry) {
        for row in y..y + height {
            let from = row as usize * stride + x as usize * 3;
            let to = from + width as usize * 3;
            canvas.as_flat_samples_mut().samples[from..to]
                .copy_from_slice(&painted.as_flat_samples().samples[from..to]);
        }
    }
}

/// The picture with everything but `region` faded towards grey, to point at a region of any form.
pub fn spotlight(picture: &RgbImage, region: &Region, geometry: Geometry) -> RgbImage {
    // A quarter of the picture is left, enough to see where the region lies.
    let fade = |value: u8| value / 4 + 96;
    let mut faded = picture.clone();
    faded.as_flat_samples_mut().samples.iter_mut().for_each(|value| *value = fade(*value));
    paste_region(&mut faded, picture, region, geometry);
    faded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACEHOLDER: Rgb<u8> = Rgb([1, 2, 3]);

    #[test]
    fn a_partial_canvas_ends_where_the_next_region_begins() {
        let picture = RgbImage::from_pixel(384, 384, Rgb([200; 3]));
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let canvas = partial_canvas(&picture, &schedule, 1, PLACEHOLDER);
        assert_eq!(canvas.get_pixel(383, 127).0, [200; 3]);
        assert_eq!(*canvas.get_pixel(0, 128), PLACEHOLDER);
        assert_eq!(partial_canvas(&picture, &schedule, 3, PLACEHOLDER), picture);
    }

    proptest! {
        #[test]
        fn pasting_a_region_changes_that_region_and_nothing_else(k in 1usize..=24, pick in 0usize..24) {
            let schedule = Schedule::bands(Geometry::JANUS, k).unwrap();
            let region = &schedule.regions()[pick % k];
            let mut canvas = RgbImage::from_pixel(384, 384, PLACEHOLDER);
            let painted = RgbImage::from_pixel(384, 384, Rgb([9; 3]));
            paste_region(&mut canvas, &painted, region, Geometry::JANUS);
            let rows = region.rows(Geometry::JANUS.grid);
            for (_, y, pixel) in canvas.enumerate_pixels() {
                prop_assert_eq!(pixel.0 == [9; 3], rows.contains(&(y / 16)));
            }
        }
    }
}
