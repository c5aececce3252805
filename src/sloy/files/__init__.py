"""Files of our own: whole or not at all, and the container of models and checkpoints."""
