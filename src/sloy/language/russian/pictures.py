"""Russian sentences of `theory.pictures`."""

SENTENCES: dict[str, str] = {
    "picture": "картинка",
}
