use std::sync::Arc;

use twig_model::Teacher;

use crate::{PartitionAnswers, Recorded, Stop};

/// What a role asks while a partition is open. From the outside in:
///
/// 1. answer store: what was answered once is never asked again, and nothing unsaved is used;
/// 2. of a teacher on this machine, a [`crate::Limited`]: at most so many questions under way;
///    of one behind a network, a [`crate::Remote`], for each attempt: money put aside, a turn by the server's
///    limits, the call, and what its failure means. Trying again stands outside the turn, so that a question
///    that waits for its next attempt keeps nobody else from going;
/// 3. the client.
///
/// `shared` is the part below the store, made once a teacher because its limits hold over all partitions; the
/// store is that of one partition.
pub fn stack(shared: &Arc<dyn Teacher>, answers: &Arc<PartitionAnswers>, stop: &Stop) -> Arc<dyn Teacher> {
    Arc::new(Recorded::new(Arc::clone(shared), Arc::clone(answers), stop.clone()))
}
