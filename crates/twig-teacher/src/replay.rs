use twig_model::{AskError, BoxFuture, Reply, Request, Teacher};

/// Stands in for a teacher when a job is replayed: behind the answer store, it is asked only what the store
/// does not hold, and that is an error.
pub struct Replay {
    name: String,
    identity: String,
}

impl Replay {
    /// Stands in for the teacher called `name` that has this identity.
    pub fn new(name: &str, identity: String) -> Self {
        Self { name: name.to_owned(), identity }
    }
}

impl Teacher for Replay {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        let (teacher, role) = (self.name.clone(), request.task.role());
        Box::pin(async move { Err(AskError::NotRecorded { teacher, role }) })
    }
}
