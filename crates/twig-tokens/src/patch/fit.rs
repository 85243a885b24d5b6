use std::collections::HashSet;

use twig_imaging::{Rgb, RgbImage};

use super::{
    Patch, PatchCodebook,
    codebook::{MAX_CODES, MAX_FEATURES},
    kmeans, patches, principal,
};

/// How a codebook is fitted. The result is a function of these and of the pictures in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitSettings {
    /// Codes, code 0 included; 2 to 16,384.
    pub num_codes: u32,
    /// Features a patch is reduced to; an even number from 2 to 64.
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
/// Codes come out in order of their features, dark to light or the other way. Codes that would decode to the
/// same patch are merged, so there may be a few fewer than were asked for.
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

    let mut points = vec![0; sample.len() * num_features];
    for (point, patch) in points.chunks_exact_mut(num_features).zip(&sample) {
        codebook.project(patch, point);
    }
    let distinct = points.chunks_exact(num_features).collect::<HashSet<_>>().len();
    if distinct < num_codes {
        return Err(FitError::TooFewPatches { found: distinct, wanted: num_codes });
    }
    let centres = kmeans::centres(&points, num_features, num_codes, settings.rounds, &mut random);
    let mut codes: Vec<&[i16]> = centres.chunks_exact(num_features).collect();
    codes.sort_unstable();
    codebook.codes = codes.concat();
    drop_ambiguous(&mut codebook);
    Ok(codebook)
}

/// Number of codes without code 0, and number of features.
fn check(settings: &FitSettings) -> Result<(usize, usize), FitError> {
    let &FitSettings { num_codes, num_features, max_patches: _, rounds: _, placeholder: _, seed: _ } =
        settings;
    let num_codes = num_codes as usize;
    if !(2..=MAX_CODES + 1).contains(&num_codes) {
        return Err(FitError::Setting { setting: "num_codes", found: num_codes, accepted: "2 to 16384" });
    }
    if num_features % 2 != 0 || !(2..=MAX_FEATURES).contains(&num_features) {
        let accepted = "an even number from 2 to 64";
        return Err(FitError::Setting { setting: "num_features", found: num_features, accepted });
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

fn drop_ambiguous(codebook: &mut PatchCodebook) {
    let ambiguous: HashSet<u32> = codebook.decoded().ambiguous.into_iter().collect();
    let kept = codebook.codes().filter(|(id, _)| !ambiguous.contains(id)).flat_map(|(_, code)| code).copied();
    codebook.codes = kept.collect();
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, seeded, and the same on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 (included) to 1 (excluded).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
