"""Russian sentences of `theory.pictures`."""

SENTENCES: dict[str, str] = {
    "picture": "картинка",
    "what we see": "что видим мы",
    "what computers see": "что видит компьютер",
    "red": "красный",
    "green": "зелёный",
    "blue": "синий",
    "channel {number}": "канал {number}",
}
