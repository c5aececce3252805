"""Russian sentences of `theory.gradients`, `theory.dropout` and `theory.activations`."""

SENTENCES: dict[str, str] = {}
