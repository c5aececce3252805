"""The words of the rows' programs in Russian: what stands there in English, and what takes its place."""

PROGRAMS: dict[int, tuple[tuple[str, str], ...]] = {
    2: (('"AND"', '"И  "'), ('"OR "', '"ИЛИ"'), ('"NOT"', '"НЕ "')),
    7: (
        ("full batch", "все объекты сразу"),
        ("mini-batches of 8", "пакеты по 8"),
        ("object by object", "объект за объектом"),
        ("  # objects of a step", "  # объектов в шаге"),
        ("steps, mean loss {", "шагов, среднее значение функции потерь {"),
        ("A straight line, fitted in three ways", "Прямая, подобранная тремя способами"),
    ),
    10: (
        ("  # σ and L are saved inside, as graphs", "  # σ и L сохраняются внутри, как графы"),
        ("largest error:", "наибольшее отклонение:"),
    ),
    13: (
        (
            "# Two classes: z is what comes before the sigmoid, a = 1 / (1 + exp(-z)) the probability of yes.",
            "# Два класса: z — то, что стоит перед сигмоидой, a = 1 / (1 + exp(-z)) — вероятность «да».",
        ),
        (
            "# K classes: z_k are what comes before the softmax, P(k) = exp(z_k) / Σ exp(z).",
            "# K классов: z_k — то, что стоит перед softmax, P(k) = exp(z_k) / Σ exp(z).",
        ),
        (
            "# Two classes that overlap, 95 % of the objects in one and 5 % in the other.",
            "# Два перекрывающихся класса: 95 % объектов одного и 5 % другого.",
        ),
        (
            "  # the formula as it stands; for the third it would take ln 0",
            "  # формула как есть; для третьего понадобился бы ln 0",
        ),
        (": finds {", ": найдено {"),
        ("% of the rare class", "% редкого класса"),
    ),
    14: (
        ('"dense"', '"полносвязная"'),
        ('"convolution"', '"свёрточная"'),
        ('"tanh behind it"', '"tanh за дропаутом"'),
        ("  # over all masks", "  # по всем маскам"),
        ("  # standard error of the mean", "  # стандартная ошибка среднего"),
        (": in use {", ": при применении {"),
        ("mean over all masks {", "среднее по всем маскам {"),
        ("mean of 1000 drawn {", "среднее по 1000 случайных {"),
    ),
    15: (
        (
            "  # it has weights, so it is checked as a network",
            "  # у него есть веса, поэтому он проверяется как сеть",
        ),
        (
            "Maxout: backprop and differences differ by {",
            "Maxout: обратное распространение и разности отличаются на {",
        ),
    ),
}
