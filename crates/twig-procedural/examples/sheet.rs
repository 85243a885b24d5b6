//! A contact sheet of what the embedded teacher makes of prompts: `sheet OUT.png clean|faulty|wrong SEED COUNT FILE`.
//!
//! Each picture has under it its prompt, the mistakes that were made, and for each region the score, what the critic
//! saw and the thought. `wrong` shows only trials in which the critic's verdict on a region is wrong.
#![allow(clippy::print_stdout)]

use rayon::prelude::*;
use twig_imaging::encode_png;
use twig_model::{Geometry, Schedule};
use twig_procedural::{
    Exhibit, Faults, ProceduralSettings, ProceduralTeacher,
    benchmark::{ConfusionTable, Disturbance, Trial},
    contact_sheet,
};

const ACCEPT_SCORE: i64 = 90;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, which, seed, count, file] = args.as_slice() else {
        return Err("usage: sheet OUT.png clean|faulty|wrong SEED COUNT FILE".into());
    };
    let (seed, count): (u64, usize) = (seed.parse()?, count.parse()?);
    let faults = if which == "clean" { Faults::NONE } else { Faults::default() };
    let teacher = ProceduralTeacher::new(ProceduralSettings { faults, ..ProceduralSettings::default() });
    let schedule = Schedule::bands(Geometry::JANUS, 3)?;
    let text = std::fs::read_to_string(file)?;
    let prompts: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let wanted = |trial: &Trial| match which.as_str() {
        "faulty" => !trial.mistakes.is_empty(),
        "wrong" => {
            let table = ConfusionTable::of(trial, ACCEPT_SCORE);
            table.false_positives + table.false_negatives > 0
        }
        _ => true,
    };
    let trials: Vec<Trial> = (0..prompts.len() as u64)
        .into_par_iter()
        .filter_map(|scene| {
            let prompt = prompts[((scene * 7919 + seed) % prompts.len() as u64) as usize];
            let own_seed = seed.wrapping_mul(1_000_003).wrapping_add(scene);
            Trial::run(&teacher, prompt, own_seed, &schedule, Disturbance::None)
        })
        .filter(wanted)
        .collect();
    println!("{} of {} prompts", trials.len(), prompts.len());
    let exhibits: Vec<Exhibit> = trials.into_iter().take(count).map(exhibit).collect();
    std::fs::write(out, encode_png(&contact_sheet(&exhibits, 5, ACCEPT_SCORE as i32)))?;
    Ok(())
}

fn exhibit(trial: Trial) -> Exhibit {
    let made: Vec<String> =
        trial.mistakes.iter().map(|mistake| format!("{} {:?}", mistake.words, mistake.regions)).collect();
    let title = [trial.prompt.as_str(), &made.join("; ")].join(" * ");
    let note = |(verdict, thought): (&twig_procedural::benchmark::Verdict, &String)| {
        (Some(verdict.score as i32), format!("{} | {thought}", verdict.comment))
    };
    let notes = trial.verdicts.iter().zip(&trial.thoughts).map(note).collect();
    Exhibit { picture: trial.picture, schedule: trial.schedule, title, notes }
}
