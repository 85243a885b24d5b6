//! How far judges agree with each other, and with what is known to be wrong: counted while scores are read, so that
//! any number of pictures takes the same room.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Scores from 0 to 100.
const SCORES: usize = 101;

/// How often each score was given.
type Counts = [u64; SCORES];

/// How often the one of two raters gave one score and the other another.
type Joint = BTreeMap<(u8, u8), u64>;

/// Scores of pictures without and with a known mistake.
type Known = [BTreeMap<u8, u64>; 2];

/// What several raters said of the same pictures, counted.
#[derive(Debug, Clone, Default)]
pub struct Ratings {
    /// Pictures that two judges or more have scored.
    pictures: u64,
    /// Those scores: how many, their sum, and the sum of their squares.
    scores: u64,
    sum: u64,
    squares: u64,
    /// Squared differences within a picture, in all ordered pairs, over one less than its judges.
    within: f64,
    /// By pair of raters.
    joint: BTreeMap<(String, String), Joint>,
    /// By rater.
    known: BTreeMap<String, Known>,
}

impl Ratings {
    /// Adds a picture: what judges gave it, what others did (a critic's weakest region, say), and whether it is known
    /// to be faulty.
    pub fn add(&mut self, judges: &[(&str, u8)], others: &[(&str, u8)], faulty: Option<bool>) {
        if judges.len() > 1 {
            let count = judges.len() as u64;
            let sum: u64 = judges.iter().map(|(_, score)| u64::from(*score)).sum();
            let squares: u64 = judges.iter().map(|(_, score)| u64::from(*score).pow(2)).sum();
            self.pictures += 1;
            self.scores += count;
            self.sum += sum;
            self.squares += squares;
            self.within += 2.0 * (count * squares - sum * sum) as f64 / (count - 1) as f64;
        }
        let raters: Vec<(&str, u8)> = judges.iter().chain(others).copied().collect();
        for (at, (one, score)) in raters.iter().enumerate() {
            for (other, other_score) in &raters[at + 1..] {
                let joint = self.joint.entry(((*one).to_owned(), (*other).to_owned())).or_default();
                *joint.entry((*score, *other_score)).or_insert(0) += 1;
            }
            if let Some(faulty) = faulty {
                let known = self.known.entry((*one).to_owned()).or_default();
                *known[usize::from(faulty)].entry(*score).or_insert(0) += 1;
            }
        }
    }

    /// Takes in what was counted elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.scores += other.scores;
        self.sum += other.sum;
        self.squares += other.squares;
        self.within += other.within;
        for (pair, counts) in other.joint {
            add(self.joint.entry(pair).or_default(), counts);
        }
        for (rater, known) in other.known {
            for (own, counts) in self.known.entry(rater).or_default().iter_mut().zip(known) {
                add(own, counts);
            }
        }
    }

    /// What it comes to.
    pub fn agreement(&self) -> Agreement {
        let pair = |((one, other), joint): (&(String, String), &Joint)| PairAgreement {
            one: one.clone(),
            other: other.clone(),
            pictures: joint.values().sum(),
            tau: kendall_tau(joint),
        };
        let calibration = |(rater, [clean, faulty]): (&String, &Known)| Calibration {
            rater: rater.clone(),
            clean: clean.values().sum(),
            faulty: faulty.values().sum(),
            mean_clean: mean(clean),
            mean_faulty: mean(faulty),
            told_apart: told_apart(clean, faulty),
        };
        Agreement {
            pictures: self.pictures,
            alpha: self.alpha(),
            pairs: self.joint.iter().map(pair).collect(),
            calibration: self.known.iter().map(calibration).collect(),
        }
    }

    /// Krippendorff's alpha for scores on an interval scale: 1 where judges always agree, 0 where they agree as often
    /// as if scores were dealt out by lot. `None` for fewer than two judges, or where all scores are one.
    fn alpha(&self) -> Option<f64> {
        let count = self.scores as f64;
        let spread = 2.0 * (self.scores * self.squares - self.sum * self.sum) as f64;
        let expected = spread / (count * (count - 1.0));
        (self.pictures > 0 && expected > 0.0).then(|| 1.0 - self.within / count / expected)
    }
}

/// How far raters agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Pictures that two judges or more have scored.
    pub pictures: u64,
    /// Krippendorff's alpha of the judges' scores of those (interval scale).
    pub alpha: Option<f64>,
    /// Every two raters, the critic among them.
    pub pairs: Vec<PairAgreement>,
    /// Raters against mistakes that are known, where the painter is the embedded teacher.
    pub calibration: Vec<Calibration>,
}

/// Two raters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairAgreement {
    /// The one.
    pub one: String,
    /// The other.
    pub other: String,
    /// Pictures that both have scored.
    pub pictures: u64,
    /// Kendall's tau-b of their scores, −1 to 1; `None` where one of them gives one score alone.
    pub tau: Option<f64>,
}

/// A rater against the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Who.
    pub rater: String,
    /// Pictures without a mistake.
    pub clean: u64,
    /// Pictures with one.
    pub faulty: u64,
    /// Their mean scores; 0 where there is none.
    pub mean_clean: f64,
    /// The same of faulty ones.
    pub mean_faulty: f64,
    /// Of all pairs of a clean and a faulty picture, the share in which the clean one has the higher score, equal
    /// scores counting half: 0.5 is chance. `None` where there are no such pairs.
    pub told_apart: Option<f64>,
}

impl Agreement {
    /// All of it in words: what is said, and what it is about.
    pub fn told(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        if let Some(alpha) = self.alpha {
            let pictures = self.pictures;
            told.push((
                "judges".to_owned(),
                format!("Krippendorff's alpha {alpha:.2} over {pictures} pictures"),
            ));
        }
        told.extend(self.pairs.iter().map(|PairAgreement { one, other, pictures, tau }| {
            let tau = match tau {
                Some(tau) => format!("Kendall's tau {tau:.2} over {pictures} pictures"),
                None => format!("one of both gives one score alone, over {pictures} pictures"),
            };
            (format!("{one} and {other}"), tau)
        }));
        told.extend(self.calibration.iter().map(|calibration| {
            let Calibration { rater, clean, faulty, mean_clean, mean_faulty, told_apart } = calibration;
            let apart = told_apart.map_or_else(String::new, |share| {
                format!("; the clean one scores higher in {:.0} % of pairs", 100.0 * share)
            });
            let words = format!(
                "mean {mean_clean:.1} for {clean} clean pictures, {mean_faulty:.1} for {faulty} with a mistake{apart}"
            );
            (format!("{rater}, against the painter's mistakes"), words)
        }));
        told
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u64>, counts: BTreeMap<K, u64>) {
    for (key, count) in counts {
        *sums.entry(key).or_insert(0) += count;
    }
}

fn mean(counts: &BTreeMap<u8, u64>) -> f64 {
    let (sum, all) = counts
        .iter()
        .fold((0, 0), |(sum, all), (score, count)| (sum + u64::from(*score) * count, all + count));
    sum as f64 / all.max(1) as f64
}

/// Kendall's tau-b from counts of pairs of scores.
fn kendall_tau(joint: &Joint) -> Option<f64> {
    let pairs = |count: u64| count as f64 * (count as f64 - 1.0) / 2.0;
    let (mut ones, mut others): (Counts, Counts) = ([0; SCORES], [0; SCORES]);
    // Scores of the other rater, over all pictures to which the one gave less.
    let mut below: Counts = [0; SCORES];
    let (mut balance, mut all) = (0.0, 0);
    let rows: Vec<_> =
        joint.iter().map(|((one, other), count)| (clamped(*one), clamped(*other), *count)).collect();
    for row in rows.chunk_by(|a, b| a.0 == b.0) {
        for (_, other, count) in row {
            let smaller: u64 = below[..*other].iter().sum();
            let larger: u64 = below[*other + 1..].iter().sum();
            balance += *count as f64 * (smaller as f64 - larger as f64);
        }
        for (one, other, count) in row {
            below[*other] += count;
            ones[*one] += count;
            others[*other] += count;
            all += count;
        }
    }
    let ties = |counts: &Counts| counts.iter().map(|count| pairs(*count)).sum::<f64>();
    let untied = ((pairs(all) - ties(&ones)) * (pairs(all) - ties(&others))).sqrt();
    (untied > 0.0).then(|| balance / untied)
}

fn clamped(score: u8) -> usize {
    usize::from(score).min(SCORES - 1)
}

fn told_apart(clean: &BTreeMap<u8, u64>, faulty: &BTreeMap<u8, u64>) -> Option<f64> {
    let all = clean.values().sum::<u64>() * faulty.values().sum::<u64>();
    let twice: u64 = clean
        .iter()
        .flat_map(|(score, count)| {
            faulty.iter().map(move |(other, of_other)| {
                let worth = 1 + u64::from(score > other) - u64::from(score < other);
                worth * count * of_other
            })
        })
        .sum();
    (all > 0).then(|| twice as f64 / 2.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratings(pictures: &[&[u8]]) -> Ratings {
        let names = ["a", "b", "c", "d"];
        let mut ratings = Ratings::default();
        for scores in pictures {
            let judges: Vec<(&str, u8)> = names.into_iter().zip(scores.iter().copied()).collect();
            ratings.add(&judges, &[], None);
        }
        ratings
    }

    /// The example of Krippendorff's own article ("Computing Krippendorff's alpha-reliability", 2011): four observers,
    /// twelve units, some values missing; interval alpha 0.849.
    #[test]
    fn alpha_is_that_of_the_textbook() {
        let units: [&[u8]; 11] = [
            &[1, 1, 1],
            &[2, 2, 3, 2],
            &[3, 3, 3, 3],
            &[3, 3, 3, 3],
            &[2, 2, 2, 2],
            &[1, 2, 3, 4],
            &[4, 4, 4, 4],
            &[1, 1, 2, 1],
            &[2, 2, 2, 2],
            &[5, 5, 5],
            &[1, 1],
        ];
        let alpha = ratings(&units).agreement().alpha.unwrap();
        assert!((alpha - 0.849).abs() < 0.0006, "{alpha}");
        assert_eq!(ratings(&[&[5], &[7]]).agreement().alpha, None);
    }

    #[test]
    fn tau_counts_pairs_in_order_less_pairs_out_of_order() {
        let tau = |pictures: &[&[u8]]| ratings(pictures).agreement().pairs[0].tau;
        assert_eq!(tau(&[&[1, 10], &[2, 20], &[3, 30]]), Some(1.0));
        assert_eq!(tau(&[&[1, 30], &[2, 20], &[3, 10]]), Some(-1.0));
        assert_eq!(tau(&[&[1, 30], &[2, 30]]), None);
        // Five pairs in order, one out of order, none tied: (5 − 1) / 6.
        assert!((tau(&[&[1, 1], &[2, 3], &[3, 2], &[4, 4]]).unwrap() - 4.0 / 6.0).abs() < 1e-12);
        // One tie of the one: two of three pairs are in order, over the root of 2 · 3.
        assert!((tau(&[&[1, 1], &[1, 2], &[2, 3]]).unwrap() - 2.0 / 6.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_rater_is_held_against_what_is_known() {
        let mut halves = [Ratings::default(), Ratings::default()];
        for (at, (score, faulty)) in
            [(95, false), (90, false), (90, true), (40, true)].into_iter().enumerate()
        {
            halves[at % 2].add(&[("judge", score)], &[("critic", 80)], Some(faulty));
        }
        let [mut all, other] = halves;
        all.merge(other);
        let agreement = all.agreement();
        let judge = agreement.calibration.iter().find(|calibration| calibration.rater == "judge").unwrap();
        assert_eq!((judge.clean, judge.faulty, judge.mean_clean, judge.mean_faulty), (2, 2, 92.5, 65.0));
        assert_eq!(judge.told_apart, Some(3.5 / 4.0));
        assert_eq!(agreement.calibration[0].told_apart, Some(0.5));
        assert_eq!(agreement.told().len(), 3);
    }
}
