"""Russian sentences of `theory.pictures`."""

SENTENCES: dict[str, str] = {
    "picture": "картинка",
    "filter": "фильтр",
    "response": "отклик",
    "picture F": "картинка F",
    "picture F, zeros around it": "картинка F, вокруг нули",
    "filter G": "фильтр G",
    "result f": "результат f",
    "strongest response, {value},\nat row {row}, column {column}": (
        "самый сильный отклик, {value},\nстрока {row}, столбец {column}"
    ),
    "{rows} × {columns} = {count} numbers": "чисел: {rows} × {columns} = {count}",
    "{count} numbers": "чисел: {count}",
    "where the gradient goes": "куда идёт градиент",
}
