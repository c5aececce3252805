"""One Russian word for one thing, on the lecture's pages, in its notebooks and exercises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sloy.language.russian import exercises, more_exercises

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
# The same for the pages' prose and what exercises say.
SETTLED = {
    r"лекарств": "средство",
    r"упражнени": "задание",
    r"тетрад": "блокнот",
    r"при использовани": "при применении",
    r"(прям|обратн)\w+ проход(?!ит)": "прямой ход, обратный ход; a проход is an epoch that a program prints",
    r"начальн\w+ числ|\bseed\b": "случайные начальные веса",
    r"вершин": "угол",
    r"положени|место за местом|(кажд|перв)\w+ мест|\bмест (вдоль|есть|:)": "позиция",
    r"с ответами, когда|отвечает числом|его ответ — сумма": "отклик",
    r"отложенн\w+ объект|новых объектах растут": "контрольная выборка",
    r"log-loss(?!\))": "логарифмическая функция потерь",
    r"\b(nand|xnor)\b(?!\))|\b(and|or|not|xor|nor)\b": "И, ИЛИ, НЕ, исключающее ИЛИ; И-НЕ (NAND)",
    r"допуск\w* ε|точностью ε|\b2ε": "допуск",
    r"\d,\d": "0.5",
    r" – ": "—",
    r"фильтр 3 (?!×)": "фильтр 3 × 3",
}
CODE = r"(?s)```.*?```|`[^`\n]*`|\]\([^)]+\)"
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


def prose(name: str) -> str:
    """Of a page, or all sentences of the exercises; without code and links, on one line."""
    if name == "exercises":
        text = " | ".join([*exercises.SENTENCES.values(), *more_exercises.SENTENCES.values()])
    else:
        text = (DOCS / name).read_text(encoding="utf-8")
    return " ".join(re.sub(CODE, "", text).lower().split())


@pytest.mark.parametrize("wrong", SETTLED, ids=range(len(SETTLED)))
@pytest.mark.parametrize("name", [*PAGES, "exercises"])
def test_what_was_settled_stays(name: str, wrong: str) -> None:
    text = prose(name)
    found = [text[max(m.start() - 30, 0) : m.end() + 30] for m in re.finditer(wrong, text)]
    assert found == [], f"write {SETTLED[wrong]}"


def test_every_pattern_finds_something() -> None:
    """Each is of what people do write."""
    written = (
        "наибольшая ошибка; своя активация; лосс; батч; биас; паддинг; страйд; скорость обучения; изображение;"
        " валидация; субдискретизация; оверфиттинг; точность на тесте; карты особенностей; юниты"
    )
    settled = (
        "лекарство; упражнение; тетрадь; при использовании; прямых проходов; начальное число; в остальных вершинах;"
        " девять положений; отвечает числом; отложенных объектах; log-loss для двух классов; нейрон для nand;"
        " точностью ε; 1,4 раза; 80 – это; фильтр 3 теряет"
    )
    silent = [wrong for wrong in TERMS if not re.search(wrong, written)]
    silent += [wrong for wrong in SETTLED if not re.search(wrong, settled)]
    assert silent == []
    assert not re.search(
        "ошибк", re.sub(RIGHT, "", "обратное распространение ошибки; стандартная ошибка")
    )
