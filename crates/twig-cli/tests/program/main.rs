//! The program as a whole, as people and scripts use it: through its arguments, its output, its exit codes and
//! the files it leaves. One binary, because each one links everything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod damage;
mod full_disk;
mod http;
mod http_answers;
mod http_failures;
mod interruption;
mod limits;
mod looking;
mod mirror;
mod pilot;
mod pipelines;
mod project;
mod quickstart;
mod regions;
mod same_bytes;
mod samples;
mod schemas;
mod selection;
#[path = "../../../twig-teacher/examples/stub_server/server.rs"]
#[allow(dead_code, reason = "tests use parts of it")]
mod server;
mod shares;
mod status;
mod survival;
mod tokens;
mod untrusted;
