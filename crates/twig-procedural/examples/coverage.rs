//! Prints the share of prompts that are understood, and what stands in the way of the others: `coverage FILE…`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;

use twig_procedural::readability;

fn main() {
    for file in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let (mut read, mut all) = (0, 0);
        for prompt in text.lines() {
            all += 1;
            match readability(prompt) {
                Ok(()) => read += 1,
                Err(reason) => {
                    if std::env::var("VERBOSE").is_ok() {
                        println!("{prompt} -> {reason}");
                    }
                    *reasons.entry(reason.replace("words not understood: ", "")).or_default() += 1;
                }
            }
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        println!("{file}: {:.1} %", 100.0 * f64::from(read) / f64::from(all));
        let shown: Vec<String> =
            reasons.iter().take(130).map(|(reason, count)| format!("{reason}:{count}")).collect();
        println!("   {}", shown.join(" | "));
    }
}
