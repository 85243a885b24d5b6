//! From the teachers of the pipeline file to somebody who can be asked.

use std::{collections::BTreeMap, sync::Arc};

use twig_model::{Role, Teacher};
use twig_procedural::ProceduralTeacher;
use twig_teacher::{Limited, OnCpu, PartitionAnswers, Stop, stack};

use crate::settings::{PipelineFile, TeacherSettings};

/// The teachers of a job, each with the limits that hold over all partitions.
pub(crate) struct Teachers {
    by_name: BTreeMap<String, Arc<dyn Teacher>>,
    models: BTreeMap<String, String>,
    thinker: String,
    painter: String,
    critic: String,
}

impl Teachers {
    pub(crate) fn new(file: &PipelineFile) -> Self {
        let (mut by_name, mut models) = (BTreeMap::new(), BTreeMap::new());
        for (name, settings) in &file.teachers {
            let (teacher, model) = limited(name, settings);
            by_name.insert(name.clone(), teacher);
            models.insert(name.clone(), model);
        }
        let roles = file.roles.clone();
        Self { by_name, models, thinker: roles.thinker, painter: roles.painter, critic: roles.critic }
    }

    /// Who takes the roles of the trajectories stage; part of its fingerprint.
    pub(crate) fn identities(&self) -> [String; 3] {
        [Role::Thinker, Role::Painter, Role::Critic].map(|role| self.identity(self.name_of(role)))
    }

    /// Who a teacher is and how it is set.
    pub(crate) fn identity(&self, name: &str) -> String {
        self.by_name.get(name).map_or_else(String::new, |teacher| teacher.identity().to_owned())
    }

    /// The model behind a teacher, as the card names it.
    pub(crate) fn model(&self, name: &str) -> &str {
        self.models.get(name).map_or("", String::as_str)
    }

    /// The teacher of that name, with the answers of an open partition in front of it.
    ///
    /// # Panics
    /// For a name that is not in the pipeline file, which the check of the file has ruled out.
    pub(crate) fn open(&self, name: &str, answers: &Arc<PartitionAnswers>, stop: &Stop) -> Arc<dyn Teacher> {
        stack(&self.by_name[name], answers, stop)
    }

    /// The name of the teacher of a role; judges have names of their own.
    pub(crate) fn name_of(&self, role: Role) -> &str {
        match role {
            Role::Thinker => &self.thinker,
            Role::Painter => &self.painter,
            Role::Critic | Role::Judge => &self.critic,
        }
    }
}

/// A teacher with its limit, and the model behind it.
fn limited(name: &str, settings: &TeacherSettings) -> (Arc<dyn Teacher>, String) {
    let (client, model): (Arc<dyn Teacher>, String) = match settings {
        TeacherSettings::Procedural { settings, .. } => {
            let teacher = ProceduralTeacher::new(settings.clone());
            let (identity, model) = (teacher.identity(), teacher.model().to_owned());
            let client = OnCpu::new(name, identity, &model, move |request| teacher.answer(request));
            (Arc::new(client), model)
        }
    };
    (Arc::new(Limited::new(client, settings.concurrency())), model)
}
