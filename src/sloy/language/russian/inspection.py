"""Russian sentences of `inspection`."""

SENTENCES: dict[str, str] = {}
