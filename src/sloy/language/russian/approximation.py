"""Russian sentences of `theory.approximation`."""

SENTENCES: dict[str, str] = {}
