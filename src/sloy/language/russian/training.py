"""Russian sentences of `training`: histories."""

SENTENCES: dict[str, str] = {
    "loss by epoch": "потери по эпохам",
}
