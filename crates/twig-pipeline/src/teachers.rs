//! From the teachers of the pipeline file to somebody who can be asked.

use std::{collections::BTreeMap, sync::Arc};

use twig_model::{Role, Teacher};
use twig_procedural::ProceduralTeacher;
use twig_teacher::{
    Gauge, Limited, OnCpu, OpenAiSettings, PartitionAnswers, Reading, Remote, Replay, Shared, Stop, stack,
};

use crate::{
    error::RunError,
    settings::{self, PipelineFile, TeacherSettings},
};

/// The teachers of a job: who they are, and after [`Teachers::connect`] somebody who can be asked.
pub(crate) struct Teachers {
    known: BTreeMap<String, Known>,
    /// One a name, with the limits that hold over all partitions.
    connected: BTreeMap<String, Arc<dyn Teacher>>,
    gauges: BTreeMap<String, Arc<Gauge>>,
    roles: [(Role, String); 3],
}

/// What is known of a teacher without asking it.
struct Known {
    identity: String,
    model: String,
}

impl Teachers {
    /// Who the teachers are; nobody can be asked yet.
    pub(crate) fn new(file: &PipelineFile) -> Self {
        let known =
            file.teachers.iter().map(|(name, settings)| (name.clone(), Known::of(settings))).collect();
        let roles = file.roles.clone();
        let roles =
            [(Role::Thinker, roles.thinker), (Role::Painter, roles.painter), (Role::Critic, roles.critic)];
        Self { known, connected: BTreeMap::new(), gauges: BTreeMap::new(), roles }
    }

    /// Makes clients, reads keys; connects to nobody before the first question. With `replay`, nobody can be
    /// asked anything that the answer store does not hold.
    pub(crate) fn connect(
        &mut self,
        file: &PipelineFile,
        shared: &Shared,
        replay: bool,
    ) -> Result<(), RunError> {
        for (name, settings) in &file.teachers {
            let identity = self.identity(name);
            let teacher: Arc<dyn Teacher> = match settings {
                _ if replay => Arc::new(Replay::new(name, identity)),
                TeacherSettings::Procedural { settings, concurrency } => {
                    let teacher = ProceduralTeacher::new(settings.clone());
                    let model = teacher.model().to_owned();
                    let client = OnCpu::new(name, identity, &model, move |request| teacher.answer(request));
                    Arc::new(Limited::new(Arc::new(client), *concurrency))
                }
                TeacherSettings::OpenAi(settings) => {
                    let remote = remote(name, settings, shared)?;
                    self.gauges.insert(name.clone(), remote.gauge());
                    match settings.batch {
                        Some(_) => Arc::new(twig_teacher::Batched::new(remote)),
                        None => Arc::new(remote),
                    }
                }
            };
            self.connected.insert(name.clone(), teacher);
        }
        Ok(())
    }

    /// Who takes the roles of the trajectories stage; part of its fingerprint.
    pub(crate) fn identities(&self) -> [String; 3] {
        [Role::Thinker, Role::Painter, Role::Critic].map(|role| self.identity(self.name_of(role)))
    }

    /// Who a teacher is and how it is set.
    pub(crate) fn identity(&self, name: &str) -> String {
        self.known.get(name).map_or_else(String::new, |known| known.identity.clone())
    }

    /// The model behind a teacher, as the card names it.
    pub(crate) fn model(&self, name: &str) -> &str {
        self.known.get(name).map_or("", |known| known.model.as_str())
    }

    /// The teacher of that name, with the answers of an open partition in front of it.
    ///
    /// # Panics
    /// For a name that is not in the pipeline file, which the check of the file has ruled out, and before
    /// [`Teachers::connect`].
    pub(crate) fn open(&self, name: &str, answers: &Arc<PartitionAnswers>, stop: &Stop) -> Arc<dyn Teacher> {
        stack(&self.connected[name], answers, stop)
    }

    /// The name of the teacher of a role; judges have names of their own.
    pub(crate) fn name_of(&self, role: Role) -> &str {
        let of = |role| self.roles.iter().find(|(of, _)| *of == role).map_or("", |(_, name)| name);
        match role {
            Role::Thinker | Role::Painter | Role::Critic => of(role),
            Role::Judge => of(Role::Critic),
        }
    }

    /// What the teachers behind a network are doing.
    pub(crate) fn readings(&self) -> BTreeMap<String, Reading> {
        self.gauges.iter().map(|(name, gauge)| (name.clone(), gauge.read())).collect()
    }
}

impl Known {
    fn of(settings: &TeacherSettings) -> Self {
        match settings {
            TeacherSettings::Procedural { settings, .. } => {
                let teacher = ProceduralTeacher::new(settings.clone());
                Self { identity: teacher.identity(), model: teacher.model().to_owned() }
            }
            TeacherSettings::OpenAi(settings) => {
                Self { identity: settings.identity(), model: settings.model.clone() }
            }
        }
    }
}

/// A teacher behind a network. Variables in headers are replaced only here: their values may be secrets, and
/// the settings are written to the job's folder.
pub(crate) fn remote(name: &str, settings: &OpenAiSettings, shared: &Shared) -> Result<Remote, RunError> {
    let wrong = |why: String| RunError::TeacherSettings { name: name.to_owned(), why };
    let mut settings = settings.clone();
    for (header, value) in &mut settings.headers {
        *value = settings::replaced(value).map_err(|why| wrong(format!("header `{header}`: {why}")))?;
    }
    Remote::new(name, &settings, shared).map_err(|error| wrong(error.to_string()))
}
