"""What goes wrong in training and what helps, as small experiments with numbers (L11, L12)."""
