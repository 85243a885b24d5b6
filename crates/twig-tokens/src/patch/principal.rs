//! The directions in which patches differ most, by orthogonal iteration on their covariance.

use super::{PATCH_LEN, Patch, codebook::BASIS_SCALE, random::Random};

/// Rounds of orthogonal iteration. The subspace has settled long before; single directions inside it need
/// not, because only the subspace matters for what is lost.
const ROUNDS: usize = 40;

/// Patches that the covariance is taken of, evenly picked; more of them do not move the subspace.
const MAX_PATCHES: usize = 20_000;

/// The mean patch, rounded.
pub(super) fn mean_patch(patches: &[Patch]) -> Box<Patch> {
    let mut sums = [0u64; PATCH_LEN];
    for patch in patches {
        for (sum, &value) in sums.iter_mut().zip(patch) {
            *sum += u64::from(value);
        }
    }
    let count = patches.len() as u64;
    Box::new(sums.map(|sum| ((sum + count / 2) / count) as u8))
}

/// The `num_features` principal directions around `mean`, orthonormal, as rows times [`BASIS_SCALE`].
pub(super) fn principal_directions(
    patches: &[Patch],
    mean: &Patch,
    num_features: usize,
    random: &mut Random,
) -> Vec<i16> {
    let covariance = covariance(patches, mean);
    let mut rows: Vec<Vec<f64>> =
        (0..num_features).map(|_| (0..PATCH_LEN).map(|_| random.unit() - 0.5).collect()).collect();
    orthonormalise(&mut rows, random);
    for _ in 0..ROUNDS {
        for row in &mut rows {
            *row = covariance.chunks_exact(PATCH_LEN).map(|line| inner(line, row)).collect();
        }
        orthonormalise(&mut rows, random);
    }
    rows.iter().flatten().map(|&entry| (entry * f64::from(BASIS_SCALE)).round() as i16).collect()
}

/// The sums of products of deviations, `PATCH_LEN × PATCH_LEN`. Only the directions matter, not the scale.
fn covariance(patches: &[Patch], mean: &Patch) -> Vec<f64> {
    let mut sums = vec![0.0; PATCH_LEN * PATCH_LEN];
    for patch in patches.iter().step_by(patches.len().div_ceil(MAX_PATCHES)) {
        let deviations: [f64; PATCH_LEN] = std::array::from_fn(|i| f64::from(patch[i]) - f64::from(mean[i]));
        for (line, &deviation) in sums.chunks_exact_mut(PATCH_LEN).zip(&deviations) {
            if deviation != 0.0 {
                for (sum, other) in line.iter_mut().zip(&deviations) {
                    *sum += deviation * other;
                }
            }
        }
    }
    sums
}

/// Gram–Schmidt, twice for each row because one pass leaves rounding errors. A row that lies in the span of
/// those before it is drawn anew: patches that vary in fewer directions than there are features.
fn orthonormalise(rows: &mut [Vec<f64>], random: &mut Random) {
    for position in 0..rows.len() {
        let (done, rest) = rows.split_at_mut(position);
        let row = &mut rest[0];
        loop {
            let before = inner(row, row).sqrt();
            for earlier in done.iter().chain(done.iter()) {
                let share = inner(row, earlier);
                row.iter_mut().zip(earlier).for_each(|(entry, other)| *entry -= share * other);
            }
            let length = inner(row, row).sqrt();
            if length > before * 1e-9 {
                for entry in row.iter_mut() {
                    *entry /= length;
                }
                break;
            }
            row.fill_with(|| random.unit() - 0.5);
        }
    }
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
