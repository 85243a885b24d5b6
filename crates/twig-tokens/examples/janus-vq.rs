//! Janus-Pro's image tokenizer by itself, for the comparison with other implementations in `tests/python`:
//!
//! ```text
//! janus-vq CHECKPOINT encode PICTURES… > ids.json
//! janus-vq CHECKPOINT decode IDS.json FOLDER
//! janus-vq CHECKPOINT time encode|decode THREADS PICTURES…
//! ```
//!
//! `time` answers every line on its input with the seconds that one pass over the pictures took, so that it can be
//! timed in turns with something else. `TWIG_INSTRUCTIONS=avx2|baseline` chooses other instructions than the best.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{
    error::Error,
    io::{BufRead, Write},
    path::Path,
    time::Instant,
};

use twig_imaging::{DecodeLimits, RgbImage, decode, encode_png};
use twig_tokens::{ImageTokenizer, Instructions, JanusVq, JanusVqSettings, TokenizeError};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [checkpoint, "encode", ref pictures @ ..] => {
            let tokenizer = open(checkpoint, JanusVqSettings::default())?;
            let ids: Vec<_> =
                tokenizer.encode_all(&read_all(pictures)?).into_iter().collect::<Result<_, _>>()?;
            println!("{}", serde_json::to_string(&ids)?);
            Ok(())
        }
        [checkpoint, "decode", ids, folder] => {
            let tokenizer = open(checkpoint, JanusVqSettings::default())?;
            let ids: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(ids)?)?;
            for (index, ids) in ids.iter().enumerate() {
                let png = encode_png(&tokenizer.decode(ids)?);
                std::fs::write(Path::new(folder).join(format!("{index}.png")), png)?;
            }
            Ok(())
        }
        [checkpoint, "time", what, threads, ref pictures @ ..] => {
            let settings = JanusVqSettings { threads: Some(threads.parse()?), ..JanusVqSettings::default() };
            time(&open(checkpoint, settings)?, what == "decode", &read_all(pictures)?)
        }
        _ => Err("usage: janus-vq CHECKPOINT encode PICTURES… | decode IDS.json FOLDER | time …".into()),
    }
}

fn open(checkpoint: &str, settings: JanusVqSettings) -> Result<JanusVq, Box<dyn Error>> {
    let instructions = match std::env::var("TWIG_INSTRUCTIONS").as_deref() {
        Ok("avx2") => Instructions::Avx2,
        Ok("baseline") => Instructions::Baseline,
        _ => Instructions::best(),
    };
    Ok(JanusVq::open("janus", Path::new(checkpoint), JanusVqSettings { instructions, ..settings })?)
}

fn read_all(paths: &[&str]) -> Result<Vec<RgbImage>, Box<dyn Error>> {
    paths.iter().map(|path| Ok(decode(&std::fs::read(path)?, &DecodeLimits::default())?)).collect()
}

/// One line of seconds for every line that comes in.
fn time(tokenizer: &JanusVq, is_decode: bool, pictures: &[RgbImage]) -> Result<(), Box<dyn Error>> {
    let ids = match pictures.first() {
        Some(picture) if is_decode => tokenizer.encode(picture)?,
        _ => Vec::new(),
    };
    let pass = || -> Result<(), TokenizeError> {
        if is_decode {
            pictures.iter().try_for_each(|_| tokenizer.decode(&ids).map(|_| ()))
        } else {
            tokenizer.encode_all(pictures).into_iter().try_for_each(|ids| ids.map(|_| ()))
        }
    };
    pass()?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        pass()?;
        println!("{}", start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}
