"""Training: the one loop, history, callbacks, checkpoints."""
