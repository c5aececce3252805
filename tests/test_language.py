"""Sentences for readers: each has its Russian one, with the same fields."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

import sloy
from sloy.diagnosis import RULES
from sloy.errors import FileFormatError, UnknownName
from sloy.experiments.run_folder import FILES as FILES_OF_RUNS
from sloy.language import Sentence, counted, of_locale, say, sentence, speak, spoken
from sloy.language.russian import NOUNS, SENTENCES
from sloy.lecture import ROWS, Row, program
from sloy.lecture.russian import PROGRAMS

PACKAGE = Path(sloy.__file__).parent
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "russian" not in str(path.relative_to(PACKAGE))
]
SAME = {"VGG", "Max pooling"}  # names that Russian takes as they are


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def calls(name: str) -> Iterator[tuple[str, Path]]:
    """Literal first arguments of the calls of a function of `sloy.language`, and where."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value, path


def fields(sentence: str) -> list[str]:
    return sorted({name for _, name, _, _ in string.Formatter().parse(sentence) if name})


def own_words() -> Iterator[str]:
    """Causes and remedies that a finding has in place of its rule's."""
    rules = [tree for path, tree in trees().items() if path.parent.name == "rules"]
    found = 0
    for node in (node for tree in rules for node in ast.walk(tree)):
        given = isinstance(node, ast.keyword) and node.arg in ("causes", "remedies")
        names = (
            [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
            if isinstance(node, ast.Assign)
            else []
        )
        if given or {"causes", "remedies"} & set(names):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found += 1
                    yield part.value
    assert found > 60


def test_every_sentence_has_its_russian_one() -> None:
    said = [(text, path.name) for name in ("say", "sentence") for text, path in calls(name)]
    said += [(words, name) for name, words in FILES_OF_RUNS.items()]
    said += [(words, rule.id) for rule in RULES for words in (*rule.causes, *rule.remedies)]
    said += [(words, "rules") for words in own_words()]
    assert len(said) >= 3
    assert not [pair for pair in said if pair[0] not in SENTENCES]
    assert not [pair for pair in calls("counted") if pair[0] not in NOUNS]


def test_no_russian_sentence_is_left_over() -> None:
    constants = {
        node.value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not set(SENTENCES) - constants


@pytest.mark.parametrize("english", sorted(SENTENCES))
def test_a_russian_sentence_says_the_same(english: str) -> None:
    russian = SENTENCES[english]
    assert fields(russian) == fields(english)
    assert (
        english in SAME
        or re.search("[а-яё]", russian.lower())
        or not re.search("[A-Za-z]{4}", english)
    )
    assert (english[:1] == " ", english[-1:] == " ") == (russian[:1] == " ", russian[-1:] == " ")


def test_the_forms_of_nouns() -> None:
    with speak("ru"):
        assert [counted(n, "step") for n in (1, 2, 5, 11, 12, 21, 22, 111, 1004)] == [
            "1 шаг", "2 шага", "5 шагов", "11 шагов", "12 шагов", "21 шаг", "22 шага", "111 шагов", "1 004 шага",
        ]  # fmt: skip
    assert [counted(n, "pass") for n in (1, 2)] == ["1 pass", "2 passes"]


def test_a_language_is_spoken_within_its_block() -> None:
    with speak("ru"):
        assert (spoken(), say("picture")) == ("ru", "картинка")
    assert (spoken(), say("picture")) == ("en", "picture")
    with pytest.raises(UnknownName, match="`language` \\(='de'\\) must be one of en, ru"):
        speak("de")


def test_a_thread_speaks_its_own_language() -> None:
    with ThreadPoolExecutor(1) as other:
        with speak("ru"):
            assert other.submit(spoken).result() == "ru"
        own = other.submit(speak, "ru").result()
        assert (other.submit(spoken).result(), spoken()) == ("ru", "en")
        other.submit(own.__exit__, None, None, None).result()
        assert other.submit(spoken).result() == "en"


def test_a_sentence_is_said_when_it_is_read() -> None:
    inner = sentence("from now")
    told = sentence("since step {since}", since=float("inf"))
    found = Sentence("{a}; {b}", {"a": inner, "b": told})
    read = Sentence.of_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert str(read) == "from now; since step inf"
    with speak("ru"):
        assert str(read) == "с этого места; с шага inf"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ru", "LANG": "de_DE"}, "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_of_the_locale(
    names: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert of_locale() == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_programs_in_russian(row: Row) -> None:
    """Every replacement is of something; the program keeps its lines and its calls."""
    code = program(row)
    for english, _ in PROGRAMS.get(row.number, ()):
        assert english in code, f"{english!r} is not in the program"
        code = code.replace(english, "")
    english, russian = (ast.parse(program(row, language)) for language in ("en", "ru"))
    kinds = [[type(node) for node in ast.walk(tree)] for tree in (english, russian)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize(
    "text", ["{a.__class__}", "{a!r}", "{a:>9999999999}", "{a:{a}}", "{b}", "{", "{0}", "{a:d}"]
)
def test_sentences_of_files_must_fit_their_values(text: str) -> None:
    with pytest.raises(FileFormatError, match="does not fit its values"):
        Sentence.of_json({"text": text, "values": {"a": "x"}})


@pytest.mark.parametrize("value", [None, {"number": "x"}, {"number": None}, {"x": 1}, [None], {}])
def test_values_of_sentences_in_files_are_of_their_kinds(value: object) -> None:
    """What is read can be written again."""
    for inside in (value, {"text": "{a}", "values": {"a": value}}):
        with pytest.raises(FileFormatError, match=r"'\{a\}' does not fit its values") as refused:
            Sentence.of_json({"text": "{a}", "values": {"a": inside}})
        assert len(str(refused.value)) < 200


def test_sentences_come_back_from_json() -> None:
    said = sentence("loss {loss:.3g}, {start}", loss=float("nan"), start=sentence("from now"))
    again = Sentence.of_json(json.loads(json.dumps(said.to_json())))
    assert str(again) == "loss nan, from now"
