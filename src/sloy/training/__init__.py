"""Training: the step graphs, the one loop, history, callbacks, checkpoints."""
