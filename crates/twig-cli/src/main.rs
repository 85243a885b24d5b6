//! The program `twig`: reads the arguments, calls the crates that know how, and shows what they say.
//!
//! Human text and progress go to standard error, data to standard output.

mod arguments;
mod commands;
mod exit;
mod memory;
mod render;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic is a fault of this program or of a library, and has been told by then: it ends like one.
    let Ok(outcome) = std::panic::catch_unwind(|| commands::dispatch(arguments.command)) else {
        return ExitCode::from(exit::UNEXPECTED);
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let code = exit::code_of(&error);
            render::error(&error);
            code
        }
    }
}
