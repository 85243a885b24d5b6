//! Prints the critic's confusion table on prompts read from files: `confusion SEED NUM PLAIN|SPOILT FILE…`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use rayon::prelude::*;
use twig_model::{Geometry, Schedule};
use twig_procedural::{
    ProceduralSettings,
    benchmark::{Disturbance, benchmark_critic},
};

fn main() {
    let mut args = std::env::args().skip(1);
    let seed: u64 = args.next().unwrap().parse().unwrap();
    let num: usize = args.next().unwrap().parse().unwrap();
    let disturbance =
        if args.next().unwrap() == "PLAIN" { Disturbance::None } else { Disturbance::JpegShiftNoise };
    for file in args {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let prompts: Vec<String> =
            (0..num).map(|index| lines[(index * 7919 + seed as usize) % lines.len()].clone()).collect();
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let start = std::time::Instant::now();
        let (critic, random) = prompts
            .par_chunks(50)
            .enumerate()
            .map(|(chunk, prompts)| {
                let seed = seed * 1_000_003 + chunk as u64 * 1_000;
                benchmark_critic(&ProceduralSettings::default(), prompts, seed, &schedule, disturbance, 90)
            })
            .reduce(Default::default, |(a, b), (c, d)| (a.merged(&c), b.merged(&d)));
        println!(
            "\n## {file} ({:.1} s)\n{critic}\nrandom: precision {:.3}, recall {:.3}",
            start.elapsed().as_secs_f32(),
            random.precision(),
            random.recall()
        );
    }
}
