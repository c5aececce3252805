"""Russian sentences of `problem`: the summary of a network."""

SENTENCES: dict[str, str] = {}
