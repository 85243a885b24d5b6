//! The stages of a build job, the pipeline file, the run loop, events and resume
