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
            "A network that finds its own way: open L3.html in a browser, and press Play.",
            "Сеть, которая находит решение сама: откройте L3.html в браузере и нажмите «Пуск».",
        ),
        ('title="XOR"', 'title="Исключающее ИЛИ"'),
        ('"learned:"', '"выучено:"'),
    ),
    4: (('"parity of three:"', '"чётность трёх:"'),),
}
