//! Trajectories to training samples: the rows of the nine TwiG tasks
