"""Russian sentences of `inspection.decision_figure` and of animations."""

SENTENCES: dict[str, str] = {
    "border": "граница",
    "lines of the hidden neurons ({count})": "прямые скрытых нейронов ({count})",
    "answer": "ответ",
    "probability of {name}": "вероятность: {name}",
    "class {name}": "класс {name}",
    "▶ Play": "▶ Пуск",
    "❚❚ Pause": "❚❚ Пауза",
    "frame": "кадр",
    "A network learns": "Сеть обучается",
    "before training": "до обучения",
    "epoch {epoch}, loss {loss:.3g}": "эпоха {epoch}, функция потерь {loss:.3g}",
    "epoch": "эпоха",
    "loss": "потери",
    "{objects} objects seen": "показано объектов: {objects}",
    "Descent on the loss surface": "Спуск по поверхности функции потерь",
}
