"""Russian sentences of `theory.pictures`."""

SENTENCES: dict[str, str] = {
    "picture": "картинка",
    "what we see": "что видим мы",
    "what computers see": "что видит компьютер",
    "red": "красный",
    "green": "зелёный",
    "blue": "синий",
    "channel {number}": "канал {number}",
    "{count} px": "{count} пикс.",
    "response as it is": "отклик как есть",
    "moved back with the picture": "отклик, возвращённый назад",
    "Change of the response to shifted and turned pictures ({pictures}; 1: as much as to another picture)": "Как меняется отклик на сдвинутые и повёрнутые картинки ({pictures}; 1 — как на другую картинку)",
    "Change of the response: 0 none, 1 as much as to another picture": "Изменение отклика: 0 — никакого, 1 — как на другую картинку",
    "right answers, %": "верных ответов, %",
    "as it is": "как есть",
}
