"""The words of the rows' programs in Russian: what stands there in English, and what takes its place."""

PROGRAMS: dict[int, tuple[tuple[str, str], ...]] = {
    1: (('"right:"', '"верно:"'),),
    2: (('"AND"', '"И  "'), ('"OR "', '"ИЛИ"'), ('"NOT"', '"НЕ "')),
    3: (
        ("no single neuron can: the proof", "один нейрон не может: доказательство"),
        ("one neuron that sees x1·x2:", "один нейрон, который видит x1·x2:"),
        ("One neuron that sees x1·x2", "Один нейрон, который видит x1·x2"),
        ("two layers, OR minus AND:  ", "два слоя, ИЛИ минус И:           "),
        (
            "A network that finds its own way, step by step; in a browser: L3.learning.html, press Play.",
            "Сеть, которая находит решение сама, шаг за шагом; в браузере: L3.learning.html, «Пуск».",
        ),
        ('title="XOR"', 'title="Исключающее ИЛИ"'),
        ('"learned:"', '"выучено:"'),
    ),
    4: (('"parity of three:"', '"чётность трёх:"'),),
    5: (("# of two variables", "# от двух переменных"),),
    6: (
        ('"parameters; H', '"параметра; H'),
        ('"Two layers"', '"Два слоя"'),
        ('"R² on objects held out:"', '"R² на контрольной выборке:"'),
        ('"Three outputs at once"', '"Три выхода сразу"'),
    ),
    16: (
        ('"A digit of MNIST"', '"Цифра из MNIST"'),
        (
            "# Colours are three grids. A picture of your own:",
            "# Цвет — это три таблицы. Своя картинка:",
        ),
        ('"A sunset"', '"Закат"'),
    ),
    24: (('"The standard architecture"', '"Стандартная архитектура"'),),
    25: (
        ("} parameters", "} параметра"),
        ("a small VGG-11 after 2000 digits", "маленькая VGG-11 после 2000 цифр"),
    ),
    11: (
        (
            "# Overfitting: the training loss falls while that of unseen objects rises.",
            "# Переобучение: потери на обучении падают, а на контрольной выборке растут.",
        ),
        ("# nothing to learn: noise", "# учить нечего: шум"),
        (
            "best after epoch {best + 1}; then val_loss rises to",
            "лучшая эпоха — {best + 1}; дальше val_loss растёт до",
        ),
        (
            "# The diagnosis names each, and proves a remedy by forks of the same run.",
            "# Диагноз называет каждую беду и доказывает средство, разветвляя то же обучение.",
        ),
        ('"slow"', '"медленно"'),
        ('"too few neurons"', '"мало нейронов"'),
        ('"paralysed"', '"паралич"'),
        ('"by heart"', '"наизусть"'),
    ),
    12: (
        (
            "# Which connections matter: without those of half of the neurons, and without 70 % of all weights",
            "# Какие связи значимы: без связей половины нейронов и без 70 % всех весов",
        ),
        ("weights: loss {before", "весов: потери {before"),
        ("{remain} of {pruned", "{remain} из {pruned"),
        ("# The other means, together in one network", "# Остальные средства, все в одной сети"),
        ("# an activation for each neuron", "# у каждого нейрона своя функция активации"),
        ("# the size of the step", "# величина шага"),
        (
            "stopped after {len(history)} epochs, accuracy on the validation objects",
            "остановка, прошло эпох: {len(history)}; доля верных ответов на контрольной выборке",
        ),
        ("# the epoch whose weights are kept", "# эпоха, чьи веса остались"),
        (
            "# The number of neurons and of layers: a small network grows as long as that surely helps",
            "# Число нейронов и слоёв: малая сеть растёт, пока это заведомо помогает",
        ),
        (
            "# The activation of each neuron: a softmax of shares, learned by the same backprop as the weights",
            "# Функция активации каждого нейрона: доли через softmax, которым учат так же, как и весам",
        ),
    ),
    21: (
        (
            "# Deeper neurons see more of a picture, and care more for what it is.",
            "# Чем глубже нейрон, тем большую часть картинки он видит и тем важнее ему, что на ней.",
        ),
        (
            "  of 9 digits that excite a neuron most, {np.mean(kinds):.1f} are the same",
            "  из цифр, сильнее всего возбуждающих нейрон, одинаковых {np.mean(kinds):.1f} из 9",
        ),
        ("What excites neurons, layer by layer", "Что возбуждает нейроны, слой за слоем"),
        ('"Filters of the first layer"', '"Фильтры первого слоя"'),
    ),
    23: (
        (
            "# `sloy train mnist` learns 54 000, and 99 % are right",
            "# `sloy train mnist` учит 54 000, и верны 99 %",
        ),
        (
            "{100 * (predicted == digits.test.y).mean():.1f} % of the 10 000 test digits are right",
            "{100 * (predicted == digits.test.y).mean():.1f} % из 10 000 тестовых цифр распознано верно",
        ),
    ),
    17: (
        ("# more ink above than below", "# сверху больше краски, чем снизу"),
        ('"Horizontal edges"', '"Горизонтальные границы"'),
    ),
    18: (('"A curve detector"', '"Детектор кривой"'),),
    20: (
        (
            "# A layer learns the lecture's filter from pictures and what the filter makes of them.",
            "# Слой находит фильтр из лекции по картинкам и по тому, что фильтр из них делает.",
        ),
        ('"The filter that was learned"', '"Найденный фильтр"'),
    ),
    22: (
        (
            "# of these four numbers, from the layer behind",
            "# этих четырёх чисел, от следующего слоя",
        ),
        ('"parameters:"', '"параметров:"'),
        ('"without pooling,"', '"без пулинга,"'),
        ('"with it"', '"с ним"'),
    ),
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
