"""One Russian word for one thing, on the lecture's pages and in its notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("lecture.ru.md", "teaching.ru.md")
# What is not written → what is. ε alone is an error (L9, with its exercise), the loss is not.
TERMS = {
    r"ошибк": "функция потерь, потери; отклонение; расхождение; промах",
    r"(?<!функции )(?<!функция )(?<!функцию )(?<!функций )(?<!функцией )активаци[яюией]": "функция активации",
    r"\bлосс": "функция потерь",
    r"\bб[аэ]тч": "пакет",
    r"\bбиас|смещени": "свободный член",
    r"п[аэ]ддинг|дополнени[ея] нулями": "поля",
    r"страйд": "шаг окна",
    r"(скорост|темп)\w* обучения|градиентн\w+ шаг": "величина шага",
    r"изображени": "картинка",
    r"валидац|проверочн": "контрольная выборка",
    r"субдискретизац|подвыборк": "пулинг",
    r"оверфит|сверхподгонк|переподгонк": "переобучение",
    r"точност\w+ (на|модели|сети|классификации)": "доля верных ответов",
    r"карт\w+ особенностей|признаковы\w+ карт": "карта признаков",
    r"юнит": "нейрон",
}
RIGHT = r"распространени\w+ ошибки|стандартн\w+ ошибк\w+"  # the method's name, and statistics'
ANCHOR = r"\]\(#[^)]+\)"
EPSILON = r"(?sm)^## l9\..*?(?=^## )"  # its section


@pytest.mark.parametrize("wrong", TERMS, ids=range(len(TERMS)))
@pytest.mark.parametrize("name", PAGES)
def test_one_word_for_one_thing(name: str, wrong: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8").lower()
    for allowed in (ANCHOR, RIGHT, EPSILON):
        text = re.sub(allowed, "", text)
    text = " ".join(text.split())  # a term may be on two lines
    found = [text[max(m.start() - 30, 0) : m.end() + 30] for m in re.finditer(wrong, text)]
    assert found == [], f"write {TERMS[wrong]}"


def test_every_pattern_finds_something() -> None:
    """Each is of what people do write."""
    written = (
        "наибольшая ошибка; своя активация; лосс; батч; биас; паддинг; страйд; скорость обучения; изображение;"
        " валидация; субдискретизация; оверфиттинг; точность на тесте; карты особенностей; юниты"
    )
    silent = [wrong for wrong in TERMS if not re.search(wrong, written)]
    assert silent == []
    assert not re.search(
        "ошибк", re.sub(RIGHT, "", "обратное распространение ошибки; стандартная ошибка")
    )
