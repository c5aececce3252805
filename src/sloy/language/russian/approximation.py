"""Russian sentences of `theory.approximation`, and of `theory.neurons.separation`."""

SENTENCES: dict[str, str] = {
    # result
    "{units} ({construction}): greatest error {error:.3g} on {points}, tolerance {tolerance:g}": "{units} ({construction}): наибольшее отклонение {error:.3g} (сетка измерения: {points}), допуск {tolerance:g}",
    "steps": "ступеньки",
    "ramps": "ломаная",
    "least squares": "наименьшие квадраты",
    "training": "обучение",
    # figure
    "{units}, σ: {name}; greatest error {error:.2g} (tolerance {tolerance:g})": "{units}, σ: {name}; наибольшее отклонение {error:.2g} (допуск {tolerance:g})",
    "network": "сеть",
    "Function and network": "Функция и сеть",
    "What each unit adds": "Что добавляет каждый нейрон",
    "What units add, {shown} of {all}": "Что добавляют нейроны, {shown} из {all}",
    "f − network, and the tolerance (dashed)": "f − сеть и допуск (пунктир)",
    "Function f": "Функция f",
    "Network": "Сеть",
    "f − network": "f − сеть",
    "Error against units, and the tolerance (dashed)": "Отклонение и число нейронов; пунктир: допуск",
    "hidden units": "скрытые нейроны",
    "greatest error": "наибольшее отклонение",
    # separation
    "Linearly separable: all points are of one class, {line} > 0 does.": "Линейно разделимы: все точки одного класса, подходит {line} > 0.",
    "Linearly separable: {line} > 0 tells the classes apart; the nearest point is {margin:.4g} from the line.": "Линейно разделимы: классы разделяет {line} > 0; до ближайшей точки от прямой {margin:.4g}.",
    "Not linearly separable: {yes} = {common} = {no}; the left is a mixture of points of one class, the right of the other, so no line has them on different sides.": "Линейно неразделимы: {yes} = {common} = {no}; слева смесь точек одного класса, справа — другого, поэтому никакая прямая не оставит их по разные стороны.",
}
