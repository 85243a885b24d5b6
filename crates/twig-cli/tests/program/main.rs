//! The program as a whole, as people and scripts use it: through its arguments, its output, its exit codes and
//! the files it leaves. One binary, because each one links everything.

mod bad_input;
mod damage;
mod interruption;
mod pilot;
mod pipelines;
mod project;
mod quickstart;
mod same_bytes;
mod schemas;
mod status;
