//! The stub server as a process of its own, for benchmarks: `stub_server [--delay-ms N] [--picture-bytes N]
//! [--shared-picture-bytes N] [--calls-per-sec N] [--stray-429 SHARE]`. Prints its base URL, and ends when its standard input is closed.

#![allow(clippy::print_stdout, reason = "whoever starts it reads its address")]

mod fast;
#[allow(dead_code, reason = "tests use other parts of it")]
mod server;

use std::{io::Read, time::Duration};

use server::Behaviour;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut behaviour = Behaviour { points: 19, ..Behaviour::default() };
    let mut arguments = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--delay-ms" => behaviour.delay = Duration::from_millis(value.parse()?),
            "--picture-bytes" => behaviour.picture_bytes = value.parse()?,
            "--shared-picture-bytes" => {
                behaviour.picture_bytes = value.parse()?;
                behaviour.shared_picture = true;
            }
            "--calls-per-sec" => behaviour.calls_per_sec = Some(value.parse()?),
            "--stray-429" => behaviour.stray_429 = value.parse()?,
            "--broken" => behaviour.broken = value.parse()?,
            _ => return Err(format!("there is no `{name}`").into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    println!("{}", runtime.block_on(fast::start(behaviour))?);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
