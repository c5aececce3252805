"""Russian sentences of `theory.gradients`, `theory.dropout` and `theory.activations`."""

SENTENCES: dict[str, str] = {
    # theory.gradients.trace: a step by hand
    "object  x = {x}   y = {y}": "объект  x = {x}   y = {y}",
    "FORWARD": "ПРЯМОЙ ХОД",
    "BACKWARD": "ОБРАТНЫЙ ХОД",
    "STEP": "ШАГ",
    "hidden layer": "скрытый слой",
    "output layer": "выходной слой",
    "convolution": "свёртка",
    "max pooling": "пулинг, максимум",
    "average pooling": "пулинг, среднее",
    "activation": "функция активации",
    "dropout": "дропаут",
    "normalisation": "нормализация",
    "another shape": "другая форма",
    "the same numbers, {shape}": "те же числа, {shape}",
    "{neurons} dropped": "выброшено: {neurons}",
    "dropped": "выброшен",
    "(won)": "(выиграла)",
    "winner: {place}": "победитель: {place}",
    "winner: {place}, the first of {count} equal": "победитель: {place}, первый из равных ({count})",
    "Σ ε of the windows that it wins": "Σ ε окон, где победило это число",
    "Σ ε / n of the windows that see it": "Σ ε / n окон, где есть это число",
    "over the windows that see {place}": "по окнам, где есть {place}",
    "of the pieces p that won": "по выигравшим частям p",
    "where the piece p won, else 0": "там, где выиграла часть p, иначе 0",
    "μ, s of the {count} positions of each map": "μ, s каждой карты, число позиций: {count}",
    "running μ, s": "накопленные μ, s",
    "probabilities: {formula}": "вероятности: {formula}",
    "loss  L = {loss}": "потери  L = {loss}",
    "… {values}": "… ещё {values}",
    "… {weights}": "… ещё {weights}",
    "… {rows}": "… ещё {rows}",
    "layer": "слой",
    "∂L/∂w includes the gradients of the regularisers; L is without them": (
        "∂L/∂w вместе с градиентами регуляризаторов; L без них"
    ),
    "new weights are projected onto their constraints": (
        "новые веса приведены к своим ограничениям"
    ),
    "the slide's Σ_m (a^m − y^m)² has ∂L/∂a^m = 2(a^m − y^m); the ½ makes it ε^m = a^m − y^m, the 2"
    " goes into η": (
        "у Σ_m (a^m − y^m)² со слайда ∂L/∂a^m = 2(a^m − y^m); с множителем ½ это ε^m = a^m − y^m, а двойка"
        " уходит в η"
    ),
    "{losses}  after a step of η = {rate}": "{losses}  после шага η = {rate}",
    "values and weights": "значения и веса",
    "ε = ∂L/∂u, σ′ and ∂L/∂w": "ошибки ε = ∂L/∂u, σ′ и ∂L/∂w",
    "ε = ∂L/∂u and ∂L/∂w": "ошибки ε = ∂L/∂u и ∂L/∂w",
}
