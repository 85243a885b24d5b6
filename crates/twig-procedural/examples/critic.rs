//! How good the critic is, as Markdown: `critic SEED SCENES FILE…`.
//!
//! Draws SCENES prompts from each file, has each painted with the mistakes of the default settings, and compares
//! the critic's verdicts with the mistakes: on the pictures as they are, after JPEG, shift and noise, and after one
//! redo. Beside it stands a critic that finds regions faulty at random, as often as they are.
#![allow(clippy::print_stdout)]

use std::path::Path;

use rayon::prelude::*;
use twig_model::{Geometry, Schedule};
use twig_procedural::{
    ProceduralSettings, ProceduralTeacher,
    benchmark::{ConfusionTable, Disturbance, Trial},
};

const ACCEPT_SCORE: i64 = 90;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [seed, scenes, files @ ..] = args.as_slice() else {
        return Err("usage: critic SEED SCENES FILE…".into());
    };
    let (seed, scenes): (u64, u64) = (seed.parse()?, scenes.parse()?);
    let mut all: [Results; 2] = Default::default();
    println!("| file | scenes | regions | plain: precision | recall | disturbed: precision | recall |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for file in files {
        let text = std::fs::read_to_string(file)?;
        let prompts: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let [plain, disturbed] = [Disturbance::None, Disturbance::JpegShiftNoise]
            .map(|disturbance| Results::of(&prompts, seed, scenes, disturbance));
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        println!("| {name} {} {} |", plain.row(), disturbed.precision_and_recall());
        all[0].add(&plain);
        all[1].add(&disturbed);
    }
    let [plain, disturbed] = &all;
    println!("| all {} {} |", plain.row(), disturbed.precision_and_recall());
    for (name, results) in
        [("As painted", plain), ("After JPEG 75, a shift of 2 pixels and 2 % noise", disturbed)]
    {
        println!("\n### {name}\n\n{}", results.critic);
        println!("| critic | precision | recall |\n|---|---:|---:|");
        for (who, table) in [("embedded", &results.critic), ("random", &results.random)] {
            println!("| {who} | {:.3} | {:.3} |", table.precision(), table.recall());
        }
    }
    println!(
        "\n### After one redo\n\n{} of {} regions pass ({:.1} %), {} of them painted again, of which {} pass ({:.1} %).",
        plain.passed,
        plain.regions,
        percent(plain.passed, plain.regions),
        plain.redone,
        plain.redone_passed,
        percent(plain.redone_passed, plain.redone),
    );
    Ok(())
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

/// What came out of the trials with one kind of disturbance.
#[derive(Default)]
struct Results {
    scenes: u32,
    regions: u32,
    critic: ConfusionTable,
    random: ConfusionTable,
    /// Regions that pass after at most one redo, regions painted again, and those of them that pass.
    passed: u32,
    redone: u32,
    redone_passed: u32,
}

impl Results {
    fn of(prompts: &[&str], seed: u64, scenes: u64, disturbance: Disturbance) -> Self {
        let teacher = ProceduralTeacher::new(ProceduralSettings::default());
        let schedule = Schedule::bands(Geometry::JANUS, 3).expect("three bands fit the grid");
        let trial = |scene: u64| {
            // A prime step visits the prompts in an order that does not follow the file's.
            let prompt = prompts[((scene * 7919 + seed) % prompts.len() as u64) as usize];
            let own_seed = seed.wrapping_mul(1_000_003).wrapping_add(scene);
            Self::of_one(&teacher, prompt, own_seed, &schedule, disturbance)
        };
        // Prompts that are not understood are left out, and others drawn in their place.
        let mut results = Self::default();
        let mut next = 0;
        while u64::from(results.scenes) < scenes && next < 20 * scenes {
            let wanted = scenes - u64::from(results.scenes);
            let some: Vec<Option<Self>> = (next..next + wanted).into_par_iter().map(trial).collect();
            for one in some.iter().flatten() {
                results.add(one);
            }
            next += wanted;
        }
        results
    }

    fn of_one(
        teacher: &ProceduralTeacher,
        prompt: &str,
        seed: u64,
        schedule: &Schedule,
        disturbance: Disturbance,
    ) -> Option<Self> {
        let mut trial = Trial::run(teacher, prompt, seed, schedule, disturbance)?;
        let critic = ConfusionTable::of(&trial, ACCEPT_SCORE);
        let random = ConfusionTable::of_random(&trial, RANDOM_SHARE, seed);
        let before: Vec<bool> = trial.verdicts.iter().map(|verdict| verdict.score < ACCEPT_SCORE).collect();
        let after = trial.redo(teacher, seed, ACCEPT_SCORE)?;
        let passes = |score: &i64| *score >= ACCEPT_SCORE;
        let redone_passed =
            before.iter().zip(&after).filter(|(failed, score)| **failed && passes(score)).count();
        Some(Self {
            scenes: 1,
            regions: after.len() as u32,
            critic,
            random,
            passed: after.iter().filter(|score| passes(score)).count() as u32,
            redone: before.iter().filter(|failed| **failed).count() as u32,
            redone_passed: redone_passed as u32,
        })
    }

    fn add(&mut self, other: &Self) {
        self.scenes += other.scenes;
        self.regions += other.regions;
        self.critic += &other.critic;
        self.random += &other.random;
        self.passed += other.passed;
        self.redone += other.redone;
        self.redone_passed += other.redone_passed;
    }

    fn row(&self) -> String {
        format!("| {} | {} {}", self.scenes, self.regions, self.precision_and_recall())
    }

    fn precision_and_recall(&self) -> String {
        format!("| {:.3} | {:.3}", self.critic.precision(), self.critic.recall())
    }
}

/// About the share of regions that are faulty with the default settings.
const RANDOM_SHARE: f64 = 0.23;
