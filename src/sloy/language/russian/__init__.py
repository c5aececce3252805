"""Russian: the sentences of each room, by their English ones.

Each module here holds those of a room. Fields keep their names; their order and format may differ.
"""

import importlib
import pkgutil


def _joined() -> dict[str, str]:
    """The sentences of all modules; each is said in one way."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(__path__):
        part = importlib.import_module(f"{__name__}.{module.name}").SENTENCES
        differ = [text for text in part.keys() & found.keys() if part[text] != found[text]]
        assert not differ, f"{differ} have another translation in {module.name}"
        found |= part
    return found


SENTENCES = _joined()

# English noun → after 1, after 2 to 4, after 5 and more.
NOUNS: dict[str, tuple[str, str, str]] = {
    "neuron": ("нейрон", "нейрона", "нейронов"),
    "unit": ("нейрон", "нейрона", "нейронов"),
    "start": ("запуск", "запуска", "запусков"),
    "draw": ("выборка", "выборки", "выборок"),
    "picture": ("картинка", "картинки", "картинок"),
    "step": ("шаг", "шага", "шагов"),
    "order": ("порядок", "порядка", "порядков"),
    "epoch": ("эпоха", "эпохи", "эпох"),
    "parameter": ("параметр", "параметра", "параметров"),
    "object": ("объект", "объекта", "объектов"),
    "pass": ("проход", "прохода", "проходов"),
    "running statistic": ("скользящая статистика", "скользящие статистики", "скользящих статистик"),
    "more neuron": ("нейрон", "нейрона", "нейронов"),
    "more value": ("значение", "значения", "значений"),
    "more weight": ("вес", "веса", "весов"),
    "more row": ("строка", "строки", "строк"),
    "update": ("поправка", "поправки", "поправок"),
    "point": ("точка", "точки", "точек"),
    "training sample": ("обучающий объект", "обучающих объекта", "обучающих объектов"),
    "rule": ("правило", "правила", "правил"),
    "reading": ("замер", "замера", "замеров"),
    "row": ("строка", "строки", "строк"),
    "time": ("раз", "раза", "раз"),
    "sample": ("объект", "объекта", "объектов"),
    "class": ("класс", "класса", "классов"),
    "value": ("значение", "значения", "значений"),
    "number": ("число", "числа", "чисел"),
}


def form(number: int) -> int:
    """0 for 1, 21, 31, …; 1 for 2 to 4, 22 to 24, …; 2 for the rest."""
    last, teens = abs(number) % 10, abs(number) % 100 in range(11, 15)
    if last == 1 and not teens:
        return 0
    return 1 if last in (2, 3, 4) and not teens else 2
