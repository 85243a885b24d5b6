//! One tiny question to every teacher behind a network: does it answer, how fast, and what does it support?

use std::collections::BTreeMap;

use serde::Serialize;
use twig_teacher::{Notices, Ping, Shared, Stop};

use crate::{
    error::RunError,
    settings::{Settings, TeacherSettings},
    teachers,
};

/// Asks every teacher behind a network; by its name what came of it.
pub async fn ping(settings: &Settings) -> Result<BTreeMap<String, PingReport>, RunError> {
    let shared = Shared {
        purse: None,
        notices: Notices::default(),
        stop: Stop::default(),
        batches: std::path::PathBuf::new(),
    };
    let mut reports = BTreeMap::new();
    for (name, teacher) in &settings.file.teachers {
        let TeacherSettings::OpenAi(teacher) = teacher else { continue };
        let paints = settings.file.roles.painter == *name;
        let report = match teachers::remote(name, teacher, &shared) {
            Err(error) => PingReport::Failed { detail: error.to_string() },
            Ok(remote) => match remote.ping(paints).await {
                Ok(ping) => PingReport::Answered(ping),
                Err(detail) => PingReport::Failed { detail },
            },
        };
        reports.insert(name.clone(), report);
    }
    Ok(reports)
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PingReport {
    /// The teacher answered.
    Answered(Ping),
    /// It did not.
    Failed {
        /// Why, and what to do.
        detail: String,
    },
}
