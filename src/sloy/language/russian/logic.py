"""Russian sentences of `theory.logic`."""

SENTENCES: dict[str, str] = {
    "weight 1": "вес 1",
    "weight -1": "вес −1",
    "weight above 0": "вес больше 0",
    "weight below 0": "вес меньше 0",
    "weight above 0; 1 where no number stands": "вес больше 0; без числа — 1",
    "weight below 0; -1 where no number stands": "вес меньше 0; без числа — −1",
    "the thicker, the larger; this one is {largest}": "чем толще, тем больше вес; такой толщины — {largest}",
    "> t: what the sum must exceed": "> t: порог, который должна превысить сумма",
    "activation and bias": "функция активации и свободный член",
}
