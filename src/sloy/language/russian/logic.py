"""Russian sentences of `theory.logic`."""

SENTENCES: dict[str, str] = {}
