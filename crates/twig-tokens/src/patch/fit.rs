use std::collections::HashSet;

use twig_imaging::{Rgb, RgbImage};

use super::{
    Patch, PatchCodebook,
    codebook::{MAX_CODES, MAX_FEATURES},
    kmeans,
    nearest::CHUNK,
    patches, principal,
    random::Random,
};

/// How a codebook is fitted. The result is a function of these and of the pictures in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitSettings {
    /// Codes, code 0 included; 2 to 16,384.
    pub num_codes: u32,
    /// Features a patch is reduced to; a multiple of 8 from 8 to 64.
    pub num_features: usize,
    /// Patches kept of all that are seen, drawn evenly; 768 bytes each.
    pub max_patches: usize,
    /// Rounds of k-means.
    pub rounds: usize,
    /// Colour of code 0. Should be one that pictures do not have as a flat area.
    pub placeholder: Rgb<u8>,
    /// Decides which patches are kept and where codes start from.
    pub seed: u64,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self {
            num_codes: 4096,
            num_features: 32,
            max_patches: 150_000,
            rounds: 20,
            placeholder: Rgb([200, 184, 158]),
            seed: 0,
        }
    }
}

/// Why no codebook can be fitted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FitError {
    /// A setting is out of range.
    #[error("{setting} is {found}, which is not {accepted}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it is.
        found: usize,
        /// What it may be.
        accepted: &'static str,
    },
    /// The pictures do not have enough different patches.
    #[error("the pictures have {found} patches that can be told apart, {wanted} are needed")]
    TooFewPatches {
        /// Distinct patches after projection.
        found: usize,
        /// Codes that were asked for.
        wanted: usize,
    },
}

/// Fits a codebook to pictures: principal directions of their patches, then k-means on the features.
///
/// Codes come out sorted by their features. Codes that would decode to the same patch are merged, so there may
/// be a few fewer than were asked for.
pub fn fit_patch_codebook(
    pictures: impl Iterator<Item = RgbImage>,
    settings: &FitSettings,
) -> Result<PatchCodebook, FitError> {
    let (num_codes, num_features) = check(settings)?;
    let mut random = Random::new(settings.seed);
    let sample = sample_patches(pictures, settings, &mut random);
    if sample.is_empty() {
        return Err(FitError::TooFewPatches { found: 0, wanted: num_codes });
    }
    let mean = principal::mean_patch(&sample);
    let basis = principal::principal_directions(&sample, &mean, num_features, &mut random);
    let mut codebook = PatchCodebook { placeholder: settings.placeholder, mean, basis, codes: Vec::new() };

    let points = features(&codebook, &sample);
    let num_distinct = points.chunks_exact(num_features).collect::<HashSet<_>>().len();
    if num_distinct < num_codes {
        return Err(FitError::TooFewPatches { found: num_distinct, wanted: num_codes });
    }
    let centres = kmeans::centres(&points, num_features, num_codes, settings.rounds, &mut random);
    let mut codes: Vec<&[i16]> = centres.chunks_exact(num_features).collect();
    codes.sort_unstable();
    codebook.codes = codes.concat();
    codebook.codes = unambiguous_codes(&codebook);
    Ok(codebook)
}

/// Number of codes without code 0, and number of features.
fn check(settings: &FitSettings) -> Result<(usize, usize), FitError> {
    let (num_codes, num_features) = (settings.num_codes as usize, settings.num_features);
    let setting = |setting, found, accepted| Err(FitError::Setting { setting, found, accepted });
    if !(2..=MAX_CODES + 1).contains(&num_codes) {
        return setting("num_codes", num_codes, "2 to 16384");
    }
    if num_features % CHUNK != 0 || !(CHUNK..=MAX_FEATURES).contains(&num_features) {
        return setting("num_features", num_features, "a multiple of 8 from 8 to 64");
    }
    Ok((num_codes - 1, num_features))
}

/// An even draw of all patches but placeholders, by reservoir sampling.
fn sample_patches(
    pictures: impl Iterator<Item = RgbImage>,
    settings: &FitSettings,
    random: &mut Random,
) -> Vec<Patch> {
    let mut sample: Vec<Patch> = Vec::new();
    let mut num_seen = 0;
    for picture in pictures {
        for patch in patches(&picture) {
            if patch.chunks_exact(3).all(|pixel| pixel == settings.placeholder.0) {
                continue;
            }
            num_seen += 1;
            if sample.len() < settings.max_patches {
                sample.push(patch);
                continue;
            }
            let place = random.below(num_seen);
            if place < sample.len() {
                sample[place] = patch;
            }
        }
    }
    sample
}

fn features(codebook: &PatchCodebook, sample: &[Patch]) -> Vec<i16> {
    let num_features = codebook.num_features();
    let mut features = vec![0; sample.len() * num_features];
    for (row, patch) in features.chunks_exact_mut(num_features).zip(sample) {
        codebook.project(patch, row);
    }
    features
}

fn unambiguous_codes(codebook: &PatchCodebook) -> Vec<i16> {
    let ambiguous: HashSet<u32> = codebook.decoded().ambiguous.into_iter().collect();
    codebook.codes().filter(|(id, _)| !ambiguous.contains(id)).flat_map(|(_, code)| code).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageTokenizer, PatchTokenizer, patch::test_pictures::picture};

    const SMALL: FitSettings = FitSettings {
        num_codes: 200,
        num_features: 8,
        max_patches: 1_000,
        rounds: 3,
        placeholder: Rgb([200, 184, 158]),
        seed: 1,
    };

    #[test]
    fn the_same_pictures_and_settings_give_the_same_bytes() {
        let fit =
            |settings: &FitSettings| fit_patch_codebook((0..8).map(picture), settings).unwrap().to_bytes();
        assert_eq!(fit(&SMALL), fit(&SMALL));
        assert_ne!(fit(&SMALL), fit(&FitSettings { seed: 2, ..SMALL }));
    }

    #[test]
    fn what_is_fitted_can_be_written_read_and_used() {
        let codebook = fit_patch_codebook((0..8).map(picture), &SMALL).unwrap();
        assert_eq!(codebook.num_codes(), 200);
        assert_eq!(PatchCodebook::from_bytes(&codebook.to_bytes()), Ok(codebook.clone()));
        let tokenizer = PatchTokenizer::new(codebook).unwrap();
        assert!(tokenizer.round_trip_psnr(&picture(0)).unwrap() > 18.0);
    }

    #[test]
    fn more_codes_and_rounds_lose_less() {
        let loss = |settings: &FitSettings| {
            let codebook = fit_patch_codebook((0..8).map(picture), settings).unwrap();
            PatchTokenizer::new(codebook).unwrap().round_trip_psnr(&picture(3)).unwrap()
        };
        let few = FitSettings { num_codes: 20, ..SMALL };
        assert!(loss(&few) + 2.0 < loss(&SMALL));
        assert!(loss(&FitSettings { rounds: 0, ..few.clone() }) < loss(&FitSettings { rounds: 10, ..few }));
    }

    #[test]
    fn pictures_without_variety_are_an_error() {
        let flat = |_| RgbImage::from_pixel(384, 384, Rgb([7, 7, 7]));
        let fitted = fit_patch_codebook((0..3).map(flat), &SMALL);
        assert_eq!(fitted, Err(FitError::TooFewPatches { found: 1, wanted: 199 }));
        let nothing_painted = RgbImage::from_pixel(384, 384, SMALL.placeholder);
        let fitted = fit_patch_codebook(std::iter::once(nothing_painted), &SMALL);
        assert_eq!(fitted, Err(FitError::TooFewPatches { found: 0, wanted: 199 }));
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refused = |settings: FitSettings| {
            fit_patch_codebook(std::iter::empty(), &settings).unwrap_err().to_string()
        };
        assert_eq!(refused(FitSettings { num_codes: 1, ..SMALL }), "num_codes is 1, which is not 2 to 16384");
        assert_eq!(
            refused(FitSettings { num_features: 12, ..SMALL }),
            "num_features is 12, which is not a multiple of 8 from 8 to 64"
        );
    }
}
