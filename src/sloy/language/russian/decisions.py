"""Russian sentences of `inspection.decision_figure` and of animations."""

SENTENCES: dict[str, str] = {
    "border": "граница",
    "lines of the hidden neurons ({count})": "прямые скрытых нейронов ({count})",
    "answer": "ответ",
    "probability of {name}": "вероятность: {name}",
    "class {name}": "класс {name}",
}
