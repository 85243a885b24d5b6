//! The program `twig`: reads the arguments, calls the crates that know how, and shows what they say.
//!
//! Human text and progress go to standard error, data to standard output.

mod arguments;
mod commands;
mod exit;
mod render;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

/// Gives memory back that the system's allocator keeps in pieces over a long job, and takes less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
