"""The words of the rows' programs in Russian: what stands there in English, and what takes its place."""

PROGRAMS: dict[int, tuple[tuple[str, str], ...]] = {
    2: (('"AND"', '"И  "'), ('"OR "', '"ИЛИ"'), ('"NOT"', '"НЕ "')),
    17: (
        ("# bright above, dark below", "# светлое сверху, тёмное снизу"),
        ('"Horizontal edges"', '"Горизонтальные границы"'),
    ),
    18: (('"A curve detector"', '"Детектор кривой"'),),
    20: (
        (
            "# A layer learns the lecture's filter from pictures and what the filter makes of them.",
            "# Слой находит фильтр из лекции по картинкам и по тому, что фильтр из них делает.",
        ),
        ('"Learned"', '"Найденный фильтр"'),
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
}
