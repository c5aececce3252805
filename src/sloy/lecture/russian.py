"""The words of the rows' programs in Russian: what stands there in English, and what takes its place."""

PROGRAMS: dict[int, tuple[tuple[str, str], ...]] = {
    2: (('"AND"', '"И  "'), ('"OR "', '"ИЛИ"'), ('"NOT"', '"НЕ "')),
    6: (
        ('"parameters; H', '"параметра; H'),
        ('"Two layers"', '"Два слоя"'),
        ('"R² on objects held out:"', '"R² на отложенных объектах:"'),
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
}
