"""Russian sentences of `theory.pictures`."""

SENTENCES: dict[str, str] = {
    "picture": "картинка",
    "picture (0 is white)": "картинка (0 — белое)",
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
    "filter": "фильтр",
    "response": "отклик",
    "picture F": "картинка F",
    "picture F, zeros around it": "картинка F, вокруг нули",
    "filter G": "фильтр G",
    "result f": "результат f",
    "largest response, {value},\nat row {row}, column {column}": (
        "наибольший отклик, {value},\nстрока {row}, столбец {column}"
    ),
    "{rows} × {columns} = {count} numbers": "чисел: {rows} × {columns} = {count}",
    "{count} numbers": "чисел: {count}",
    "where the gradient goes": "куда идёт градиент",
}
