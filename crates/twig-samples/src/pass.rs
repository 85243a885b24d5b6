use twig_model::{Attempt, Picture, Region, Trajectory, TrajectoryTokens};

/// One attempt at a region with everything that its three passes see.
pub(crate) struct Pass<'a> {
    pub(crate) trajectory: &'a Trajectory,
    pub(crate) region: &'a Region,
    pub(crate) attempt_index: usize,
    pub(crate) attempt: &'a Attempt,
    /// τ_<k: for a region that was redone the thought of its last attempt, τ̂ in τ's place.
    pub(crate) earlier_thoughts: Vec<&'a str>,
    /// The canvas before this region, after any redo of the one before it; `None` for the first region.
    pub(crate) canvas_before: Option<&'a Picture>,
    /// Ids of [`canvas_before`](Self::canvas_before), 0 where nothing is painted yet.
    pub(crate) ids_before: Vec<u32>,
    /// Ids of this region at this attempt, in raster order.
    pub(crate) ids: &'a [u32],
}

impl Pass<'_> {
    /// τ_≤k, with the thought that led to this attempt.
    pub(crate) fn thoughts(&self) -> Vec<&str> {
        let mut thoughts = self.earlier_thoughts.clone();
        thoughts.push(&self.attempt.thought);
        thoughts
    }

    /// Ids of the regions before this one, where those are the beginning of the grid.
    pub(crate) fn visual_prefix(&self) -> &[u32] {
        let num_painted = match self.trajectory.schedule.is_raster() {
            true => self.region.cells().next().unwrap_or(0) as usize,
            false => 0,
        };
        &self.ids_before[..num_painted]
    }

    /// Ids of the canvas after this attempt, 0 where nothing is painted yet.
    pub(crate) fn ids_after(&self) -> Vec<u32> {
        let mut ids = self.ids_before.clone();
        place(&mut ids, self.region, self.ids);
        ids
    }
}

/// The attempts of a trajectory in the order in which they were made. `tokens` must fit the trajectory.
pub(crate) fn passes<'a>(trajectory: &'a Trajectory, tokens: &'a TrajectoryTokens) -> Vec<Pass<'a>> {
    let mut passes = Vec::with_capacity(trajectory.num_attempts());
    let mut attempt_ids = tokens.attempt_ids.iter();
    let mut earlier_thoughts = Vec::new();
    let mut canvas_before = None;
    let mut ids_before = vec![0; trajectory.schedule.geometry().grid.num_tokens() as usize];
    for (step, region) in trajectory.steps.iter().zip(trajectory.schedule.regions()) {
        let mut ids_after = ids_before.clone();
        for ((attempt_index, attempt), ids) in step.attempts.iter().enumerate().zip(&mut attempt_ids) {
            let pass = Pass {
                trajectory,
                region,
                attempt_index,
                attempt,
                earlier_thoughts: earlier_thoughts.clone(),
                canvas_before,
                ids_before: ids_before.clone(),
                ids,
            };
            ids_after = pass.ids_after();
            passes.push(pass);
        }
        earlier_thoughts.push(step.last_attempt().thought.as_str());
        canvas_before = Some(&step.last_attempt().canvas);
        ids_before = ids_after;
    }
    passes
}

/// Puts a region's ids where its cells are.
fn place(canvas: &mut [u32], region: &Region, ids: &[u32]) {
    for (cell, &id) in region.cells().zip(ids) {
        canvas[cell as usize] = id;
    }
}
