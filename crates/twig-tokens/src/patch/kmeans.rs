//! Lloyd's k-means on features, in whole numbers.

use std::{cmp::Reverse, collections::HashSet};

use super::{nearest::NearestCode, random::Random};

/// `num_codes` centres of the points (rows of `num_features` numbers), after `rounds` of moving each to the
/// mean of the points that are nearest to it.
///
/// A centre that loses all its points is moved to the point that is worst off, so that no code is wasted
/// where many points are alike, as those of flat backgrounds are. Wants at least `num_codes` distinct points.
pub(super) fn centres(
    points: &[i16],
    num_features: usize,
    num_codes: usize,
    rounds: usize,
    random: &mut Random,
) -> Vec<i16> {
    let mut centres = distinct_points(points, num_features, num_codes, random);
    for _ in 0..rounds {
        centres = moved(&centres, points, num_features);
    }
    centres
}

/// The first `num_codes` distinct points in random order.
fn distinct_points(points: &[i16], num_features: usize, num_codes: usize, random: &mut Random) -> Vec<i16> {
    let mut order: Vec<usize> = (0..points.len() / num_features).collect();
    random.shuffle(&mut order);
    let mut seen = HashSet::new();
    order
        .into_iter()
        .map(|point| &points[point * num_features..][..num_features])
        .filter(|&point| seen.insert(point))
        .take(num_codes)
        .flatten()
        .copied()
        .collect()
}

fn moved(centres: &[i16], points: &[i16], num_features: usize) -> Vec<i16> {
    let nearest = NearestCode::new(centres, num_features);
    let num_codes = centres.len() / num_features;
    let (mut sums, mut counts) = (vec![0i64; centres.len()], vec![0i64; num_codes]);
    let mut distances = Vec::with_capacity(points.len() / num_features);
    for (index, point) in points.chunks_exact(num_features).enumerate() {
        let (code, distance) = nearest.find_with_distance(point);
        counts[code] += 1;
        let sum = &mut sums[code * num_features..][..num_features];
        sum.iter_mut().zip(point).for_each(|(sum, &value)| *sum += i64::from(value));
        distances.push((Reverse(distance), index));
    }
    distances.sort_unstable();
    let mut worst_off = distances.iter().map(|&(_, index)| &points[index * num_features..][..num_features]);
    let mut centres = Vec::with_capacity(centres.len());
    for (sum, &count) in sums.chunks_exact(num_features).zip(&counts) {
        if count > 0 {
            centres.extend(sum.iter().map(|&sum| rounded_quotient(sum, count)));
        } else if let Some(point) = worst_off.next() {
            centres.extend_from_slice(point);
        }
    }
    centres
}

fn rounded_quotient(sum: i64, count: i64) -> i16 {
    (2 * sum + count).div_euclid(2 * count) as i16
}
