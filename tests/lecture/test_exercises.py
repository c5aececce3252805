"""Exercises: right answers pass, wrong ones are told what is wrong with them, and nothing that is handed in raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exercise_answers
import more_exercise_answers
import sloy
from sloy.errors import InvalidArgument, UnknownName
from sloy.language import say, speak
from sloy.language.russian import SENTENCES
from sloy.lecture import EXERCISES, ROWS, Exercise, exercise
from sloy.lecture.exercises import convnets
from sloy.lecture.exercises.functions import FunctionOf
from sloy.lecture.exercises.learning import EVIDENCE, STATES
from sloy.lecture.exercises.values import Numbers

RIGHT = exercise_answers.RIGHT | more_exercise_answers.RIGHT
WRONG = exercise_answers.WRONG | more_exercise_answers.WRONG
CODE = r"\b\w+Error: .*|\b\w+ = |answer\([^)]*\)|`[^`]*`|'[^']*'"  # what comes from learners and their Python
ENGLISH = {word for text in SENTENCES for word in re.findall(r"[a-z]{3,}", text)} - {
    word for text in SENTENCES.values() for word in re.findall(r"[a-z]{3,}", text)
}
each = pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.name)


def answer_of(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    return names["answer"]


def test_every_row_has_an_exercise() -> None:
    assert [row.name for row in ROWS] == list(dict.fromkeys(one.row for one in EXERCISES))
    assert len({one.name for one in EXERCISES}) == len(EXERCISES)
    assert set(RIGHT) == set(WRONG) == {one.name for one in EXERCISES}


@each
def test_right_answers_pass(one: Exercise) -> None:
    assert len(RIGHT[one.name]) >= 2 or one.name == "L4"
    for answer in [*RIGHT[one.name], answer_of(one.solution)]:
        verdict = one.check(answer)
        assert verdict.right, verdict.message


@each
def test_ten_wrong_answers_are_told_what_is_wrong(one: Exercise) -> None:
    assert len(WRONG[one.name]) >= 10
    told = set()
    for answer, pattern in WRONG[one.name]:
        verdict = one.check(answer)
        assert not verdict.right
        assert re.search(f"(?s){pattern}", verdict.message), f"{pattern!r}: {verdict.message}"
        told.add(pattern)
    assert len(told) >= 8, "one message for everything tells nothing"


@each
def test_verdicts_are_for_the_row_and_no_other(one: Exercise) -> None:
    """The solution of one exercise is refused by all others."""
    answer = answer_of(one.solution)
    for other in EXERCISES:
        assert other.check(answer).right == (other is one)


class Evil:
    """Fails at whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("no array")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = object.__hash__


class NotCallable:
    def __call__(self) -> None:
        raise RuntimeError("called")

    @property
    def __signature__(self) -> None:
        raise RuntimeError("no signature")


def endless(*arguments: Any) -> Any:
    return endless(*arguments)


def leaves(*arguments: Any) -> Any:
    raise SystemExit(0)


def generator() -> Iterator[int]:
    yield 1


THINGS: tuple[Any, ...] = (
    None, True, "", "text", "абв", b"bytes", 0, -1, 10**400, float("nan"), float("inf"), 1j, 1e308,
    [], (), {}, set(), [[]], [None], ["a", 1], [[1, 2], [3]], [[[1]]], {"answer": 1}, range(3), generator(),
    object(), Evil(), NotCallable(), int, print, ast, type, len, slice(1),
    np.zeros(0), np.zeros((2, 3, 4)), np.array(["x"]), np.array([None]), np.array(5), np.full((3, 3), np.nan),
    np.full(3, 1e300), np.datetime64("2019-01-01"), np.zeros(3, dtype="datetime64[s]"),
    3 * [Evil()], 6 * [None], 2 * [None], 3 * [(None,)],
    "~" * 3000, "(" * 200, "a &", "a\0b", "a & " * 2000 + "a",
)  # fmt: skip


@each
def test_nothing_handed_in_raises_or_passes(one: Exercise) -> None:
    random = np.random.default_rng(1)
    noise = [random.normal(size=random.integers(0, 5, random.integers(0, 4))) for _ in range(30)]
    for thing in (*THINGS, *noise):
        gives = (thing, lambda *a, t=thing: t, (lambda z, t=thing: t, lambda z, t=thing: t))
        for answer in (*gives, lambda *a, t=thing: [t, a], lambda *a, t=thing: a[0]):
            verdict = one.check(answer)
            assert not verdict.right
            assert len(str(verdict)) > 10
    for function in (raises, endless, leaves, exercise_answers.raises):
        assert not one.check(function).right
        assert not one.check((function, function)).right


def raises(*arguments: Any) -> Any:
    raise ZeroDivisionError("by\nnothing")  # the learner's line


def test_a_failure_names_the_learners_own_line() -> None:
    line = raises.__code__.co_firstlineno + 1
    told = exercise("L9").check(raises).message
    assert f"ZeroDivisionError: by nothing, in line {line}: raise ZeroDiv" in told
    assert told.startswith("For eps = [")

    def through_a_library(eps: Any, slope: Any, w: Any) -> Any:
        return np.linalg.inv(eps)

    told = exercise("L9").check(through_a_library).message
    assert f"in line {through_a_library.__code__.co_firstlineno + 1}: return np.linalg.inv" in told
    assert "your function stops with RecursionError" in exercise("L15").check(endless).message
    assert "your function stops with SystemExit" in exercise("L15").check(leaves).message


def test_a_function_that_writes_into_its_arguments_harms_nobody() -> None:
    def careless(eps: Any, slope: Any, w: Any) -> Any:
        eps *= slope
        eps *= w
        return eps.sum()

    assert exercise("L9").check(careless).right


@each
def test_mistakes_are_told_apart(one: Exercise) -> None:
    """Each mistaken formula and number is met with its own sentence."""
    judge = one.judge
    if isinstance(judge, FunctionOf):
        names = ", ".join(judge.names)
        for mistake in judge.mistakes:
            answer = eval(f"lambda {names}: formula({names})", {"formula": mistake.formula})
            assert mistake.told in one.check(answer).message
    elif isinstance(judge, Numbers):
        for place, part in enumerate(judge.parts):
            for value, told in part.mistakes:
                given = [p.right for p in judge.parts]
                given[place] = value
                assert told in one.check(given).message


def sentences(one: Exercise) -> Iterator[str]:
    """All that an exercise may say of its own."""
    yield from (one.title, one.task, *one.tips)
    if isinstance(one.judge, FunctionOf):
        yield from (mistake.told for mistake in one.judge.mistakes)
        yield from filter(None, [one.judge.limits])
    elif isinstance(one.judge, Numbers):
        for part in one.judge.parts:
            yield part.name
            yield from (told for _, told in part.mistakes)


@each
def test_all_of_it_is_in_russian(one: Exercise) -> None:
    missing = [sentence for sentence in sentences(one) if sentence not in SENTENCES]
    assert not missing
    with speak("ru"):
        told = [one.check(answer).message for answer, _ in WRONG[one.name]]
        parts = [say(one.title), say(one.task), *told, one.check(RIGHT[one.name][0]).message]
    for text in parts:
        assert re.search("[а-яё]", text), text
        assert not ENGLISH & set(re.findall(r"[A-Za-z]{3,}", re.sub(CODE, " ", text))), text


def test_the_search_for_english_finds_it() -> None:
    assert {"the", "you", "give", "must"} < ENGLISH
    assert not {"max", "log", "eps"} & ENGLISH


def test_what_is_said_of_runs_is_in_russian() -> None:
    assert set(STATES) | set(EVIDENCE.values()) <= set(SENTENCES)


def test_an_exercise_prints_what_is_asked_and_how_to_answer() -> None:
    text = str(exercise("L9"))
    assert text.startswith("L9  The error of a hidden neuron\n\nWrite the error")
    assert "    ε^h = Σₘ ε^m σ′ₘ w_hm" in text
    assert "    def answer(eps, slope, w):" in text
    assert "--check answer.py | --hint 1" in text
    assert "--answer" in str(exercise("L6"))
    with speak("ru"):
        text = str(exercise("L6"))
    for way in (
        "В Python: ",
        'speak("ru")',
        "В командной строке: sloy lecture L6 --lang ru --check",
    ):
        assert way in text
    assert max(len(line) for one in EXERCISES for line in str(one).splitlines()) <= 100
    assert "<pre" in exercise("L9")._repr_html_()
    assert "0 &gt; 0 does not" in exercise("L2").check((1, -1, -1))._repr_html_()


@each
def test_hints_lead_to_the_solution(one: Exercise) -> None:
    assert len(one.hints) >= 1
    assert one.hint() == one.hint(1)
    for wrong in (0, len(one.hints) + 1, "1"):
        with pytest.raises(InvalidArgument, match="hint: `number`"):
            one.hint(wrong)  # type: ignore[arg-type]


def test_names() -> None:
    assert exercise("l9b") is exercise("9b") is exercise("L9b")
    assert exercise("L9b").row == "L9"
    with pytest.raises(UnknownName, match=r"`name` \(='L26'\) must be one of L1, L2, .*L9b"):
        exercise("L26")
    assert sloy.lecture.exercise is exercise


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"

    def told(source: str) -> str:
        path.write_text(source, encoding="utf-8")
        return str(exercise("L9").check_file(path))

    assert told(exercise("L9").solution) == "Right."
    assert "σ′ₘ is missing" in told("def answer(eps, slope, w):\n    return eps @ w\n")
    assert "defines no name `answer`; it defines: result" in told("result = 3\n").replace("\n", " ")
    assert "NameError" in told("\n\nanswer = nothing\n")
    assert "in line 3: answer = nothing" in told("\n\nanswer = nothing\n").replace("\n", " ")
    assert "SyntaxError" in told("def answer(:\n")
    assert "in line 1: def answer(:" in told("def answer(:\n").replace("\n", " ")
    assert "SystemExit" in told("exit()\n")
    assert "in line 3: return a / 0" in told(
        "def answer(eps, slope, w):\n    a = 1\n    return a / 0\n"
    ).replace("\n", " ")
    with pytest.raises(OSError, match="nowhere"):
        exercise("L9").check_file(tmp_path / "nowhere.py")


def test_right_numbers_are_those_of_the_library() -> None:
    """The exercises compute them by themselves; networks say the same."""
    from sloy.layers import Conv2D, Dense, Sigmoid

    network = sloy.Network((4,), [Dense(10), Sigmoid(), Dense(3)])
    assert exercise("L6").check(network.parameter_count).right
    vgg = sloy.zoo.vgg(11, (224, 224, 3), 1000)
    assert exercise("L25").check(vgg.parameter_count).right
    layer = sloy.Network((32, 32, 3), [Conv2D(16, 5, stride=2, padding=2)])
    assert exercise("L20").check((layer.output_shape[0], layer.parameter_count)).right
    values = sloy.theory.convolve(sloy.theory.EXAMPLE_MATRIX, sloy.theory.EDGE_FILTER, edges="valid")  # fmt: skip
    assert exercise("L19").check((values[0, 1], values[2, 2])).right
    convolve = sloy.theory.convolve
    assert exercise("L17").check(lambda F, G: convolve(F, G, edges="valid")).right


def test_shapes_are_those_of_the_network() -> None:
    layers = [eval(f"L.{layer}", {"L": sloy.layers}) for layer in convnets.LAYERS]
    shapes = [sloy.Network((28, 28, 1), layers[:n]).output_shape for n in range(1, 7)]
    assert tuple(shapes) == convnets.SHAPES


def test_exercises_share_no_code_with_what_they_teach() -> None:
    folder = Path(sloy.__file__).parent / "lecture/exercises"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sloy"):
                name = str(node.module)
                allowed = ("sloy.lecture.exercises", "sloy.errors", "sloy.language", "sloy.text")
                assert name == "sloy" or name.startswith((*allowed, "sloy.arguments")), name


@pytest.mark.parametrize(
    ("page", "language", "word", "option"),
    [("lecture.md", "en", "Exercise", ""), ("lecture.ru.md", "ru", "Задание", " --lang ru")],
)
def test_the_pages_name_every_exercise(page: str, language: str, word: str, option: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text(encoding="utf-8")
    lines = re.findall(rf"(?m)^- \*{word}:\* (.+)$", text)
    with speak(language):
        told = [
            f"{say(one.title)} (`sloy lecture {one.name} --exercise{option}`)" for one in EXERCISES
        ]
    assert [part for line in lines for part in line.split("; ")] == told
    assert len(lines) == len(ROWS)
