"""Steps: the graphs of training, evaluation and inference, what they are fed, and running them over samples."""
