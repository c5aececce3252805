"""Russian sentences of `theory.neurons`."""

SENTENCES: dict[str, str] = {}
