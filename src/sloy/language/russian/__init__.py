"""Russian: the sentences of each room, by their English ones.

Fields keep their names; their order and format may differ.
"""

from sloy.language.russian import (
    approximation,
    decisions,
    gradients,
    inspection,
    lecture,
    logic,
    networks,
    neurons,
    pictures,
    training,
)

SENTENCES: dict[str, str] = {
    english: russian
    for part in (
        approximation, decisions, gradients, inspection, lecture, logic, networks, neurons, pictures, training,
    )
    for english, russian in part.SENTENCES.items()
}  # fmt: skip

# English noun → after 1, after 2 to 4, after 5 and more.
NOUNS: dict[str, tuple[str, str, str]] = {
    "neuron": ("нейрон", "нейрона", "нейронов"),
    "unit": ("нейрон", "нейрона", "нейронов"),
    "step": ("шаг", "шага", "шагов"),
    "epoch": ("эпоха", "эпохи", "эпох"),
    "parameter": ("параметр", "параметра", "параметров"),
    "object": ("объект", "объекта", "объектов"),
    "pass": ("проход", "прохода", "проходов"),
    "update": ("поправка", "поправки", "поправок"),
    "point": ("точка", "точки", "точек"),
}
