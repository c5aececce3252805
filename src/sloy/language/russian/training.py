"""Russian sentences of `training`: histories."""

SENTENCES: dict[str, str] = {}
