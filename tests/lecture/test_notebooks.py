"""The lecture's notebooks are what the tool makes, run in a real kernel, and show what they should."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from functools import cache

import nbformat
import pytest
from lecture_notebooks import FOLDER, notebook, path
from program_cells import cells

import sloy
from kernel import Kernel, Output, drawn, kernel, kinds, said
from lecture_said import assert_said
from sloy.lecture import ROWS, Row, program

Run = Callable[[int, str], list[list[Output]]]

LANGUAGES = ("en", "ru")
ROOMS = (sloy, sloy.layers, sloy.losses, sloy.theory, sloy.inspection, sloy.zoo, sloy.initializers)
OWN = {  # names of a row
    3: {"html"},  # L3.html
    11: {"patience"},  # an option
    12: {"relu"},  # an activation by name
    24: {"output"},  # a layer
    25: set(re.findall(r"\w+", " ".join(sloy.data.imagenet_classes()[281:285]))),
}
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
in_both = pytest.mark.parametrize("language", LANGUAGES)

# Differs from run to run; a Russian с before a word is "with".
TIMED = re.compile(r"\d[\d.,  ]*\s?(?:(?:s|ms|мс|a second|в секунду)\b|с(?= ?[(,.;\n]|$))")
SECONDS = {8}  # rows with such numbers in a table
PYTHON = re.compile(
    r"\b[A-Z]\w*\([^()]*\)|\w+=['\"]?\w+|\$[^$]*\$"
)  # Conv2D(8, 3), weight=None; TeX
EXERCISE = re.compile(r"(?m)^(?: {4}|(?:В )?Python:|Shell:|В командной строке:).*$")
NAMES = {  # that Russian writes as English does
    "sloy", "MNIST", "ImageNet", "LeNet", "Xavier", "Leaky", "NAND", "XNOR", "array", "dtype", "native", "reference",
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(tmp_path_factory.mktemp("kernel")) as found:
        yield found


@pytest.fixture(scope="module")
def run(running: Kernel) -> Run:
    """Outputs of a notebook's code cells; each notebook runs once."""

    @cache
    def outputs(number: int, language: str) -> list[list[Output]]:
        return running.run_file(path(ROWS[number - 1], language))

    return outputs


def code_cells(row: Row, language: str) -> list[str]:
    found = nbformat.read(path(row, language), as_version=4).cells
    return [cell.source for cell in found if cell.cell_type == "code"]


@in_both
@every_row
def test_the_notebook_is_up_to_date(row: Row, language: str) -> None:
    text = path(row, language).read_text(encoding="utf-8")
    assert text == notebook(row, language), "run `python tools/lecture_notebooks.py`"
    assert len(text) < 20_000
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert not any(cell.get("outputs") for cell in json.loads(text)["cells"])


@in_both
@every_row
def test_links_lead_to_files(row: Row, language: str) -> None:
    found = nbformat.read(path(row, language), as_version=4).cells
    prose = "\n".join(cell.source for cell in found if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#]+)", prose)
    assert len(targets) >= 3
    for target in targets:
        assert "://" in target or (path(row, language).parent / target).is_file(), target


def test_no_notebook_is_left_over() -> None:
    expected = {path(row, language) for row in ROWS for language in LANGUAGES}
    assert {found for found in FOLDER.rglob("*") if found.is_file()} == expected


@in_both
@every_row
def test_the_cells_are_the_program(row: Row, language: str) -> None:
    """Nothing but prints and pictures that a notebook shows differs."""
    shown = ast.parse("\n".join(cells(program(row, language)))).body
    whole = ast.parse(program(row, language)).body
    assert len(shown) == len(whole)
    for one, other in zip(shown, whole, strict=True):
        if ast.dump(one) != ast.dump(other):
            assert isinstance(one, ast.Expr)
            assert ast.dump(one.value) in ast.dump(other)
    comments = [
        re.findall(r"(?m)#.*$", text) for text in (program(row), "\n".join(cells(program(row))))
    ]
    assert comments[0] == comments[1]


@in_both
@every_row
def test_the_notebook_runs(row: Row, language: str, run: Run) -> None:
    """Every cell; those that end with a figure or a result show a picture or a table, and nothing warns."""
    outputs = run(row.number, language)
    for source, shown in zip(code_cells(row, language), outputs, strict=True):
        assert not [output for output in shown if output.get("name") == "stderr"]
        last = ast.parse(source).body[-1]
        if isinstance(last, ast.Expr) and not re.match(
            r"print\(|sloy\.language\.", ast.unparse(last)
        ):
            assert kinds(shown) & {"image/png", "text/html"}, source
    pictures = sum("image/png" in output.get("data", {}) for shown in outputs for output in shown)
    assert pictures == program(row).count("savefig(")
    if language == "en":
        assert_said(row.number, "\n".join(map(said, outputs)))


@every_row
def test_the_russian_notebook_says_the_same_numbers(row: Row, run: Run) -> None:
    if row.number in SECONDS:
        return
    english, russian = (numbers("\n".join(map(said, run(row.number, lang)))) for lang in LANGUAGES)
    assert english == russian


@every_row
def test_the_russian_notebook_is_in_russian(row: Row, run: Run) -> None:
    """No English words in what it prints and draws, nor in the program's comments."""
    outputs = run(row.number, "ru")
    shown = [*map(drawn, outputs), *re.findall(r"(?m)# (?!fmt:).*$", program(row, "ru"))]
    allowed = NAMES | public_names() | identifiers(program(row, "ru"))
    allowed |= OWN.get(row.number, set())
    for source, output in zip(code_cells(row, "ru"), outputs, strict=True):
        text = said(output)
        if "exercise(" in source:  # what an answer looks like, and how to check it
            allowed |= set(re.findall(r"\w+", " ".join(EXERCISE.findall(text))))
        shown.append(text)
    found = foreign("\n".join(shown), allowed)
    assert not found, ", ".join(found)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", TIMED.sub("", text)))


def foreign(text: str, allowed: set[str]) -> list[str]:
    """Latin words of four letters and more that are no names."""
    words = set(re.findall(r"[A-Za-z_][\w/.]*", PYTHON.sub("", text)))
    return sorted(
        word for word in words if re.search("[A-Za-z]{4}", word) and not named(word, allowed)
    )


def named(word: str, allowed: set[str]) -> bool:
    """Whether a word is a name: of Python, with a number (conv2d_1), of a parameter (conv2d_1/weight)."""
    layer, *_ = word.rstrip("./").split("/")
    return all(
        part in allowed or re.fullmatch(r"[A-Za-z_]\w*\d", part) for part in layer.split(".")
    )


@cache
def public_names() -> set[str]:
    names = {name for room in ROOMS for name in dir(room) if not name.startswith("_")}
    return names | {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names}


def identifiers(code: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        for field in ("id", "attr", "arg", "name", "value"):
            value = getattr(node, field, None)
            if isinstance(value, str) and (field != "value" or "_" in value):  # "val_loss"
                found |= set(value.split("."))
    return found


CELLS = [  # a program, and its cells after that of the imports
    ("x = 1\n\n# why\ny = 2  # two\n", ["x = 1", "# why\ny = 2  # two"]),
    ('f = 1\nf.savefig("L1.png", dpi=80)  # σ\n# then\ny = 2\n', ["f = 1\nf  # σ", "# then\ny = 2"]),
    ('f(\n    a,\n    "é",\n).savefig(\n    "L1.png"\n)\n', ['f(\n    a,\n    "é",\n)']),
    ('m.save("L10.sloy")\nm.savefig(name)\nprint(3)\n', ['m.save("L10.sloy")\nm.savefig(name)\nprint(3)']),
    ("def f():\n    x = 1\n\n    return x\n\ny = f()\n", ["def f():\n    x = 1\n\n    return x", "y = f()"]),
    ("n = sloy.Network((2,), [])\nprint(\n    n.summary(\n        dtype=1\n    )\n)  # σ\nprint(n.shape, n)\n",
     ["n = sloy.Network((2,), [])\nn.summary(\n    dtype=1\n)  # σ", "print(n.shape, n)"]),
    ("a, n = 1, sloy.Network((2,), [])\nprint(n.summary())\nprint(a)\n",
     ["a, n = 1, sloy.Network((2,), [])\nn.summary()", "print(a)"]),
    ('a = f()\na.save("L3.html")\na.save("L10.html")\n', ["a = f()\na", "a"]),
    ("_, h = sloy.fit(1, 2)\nprint(h)\nprint(_)\n", ["_, h = sloy.fit(1, 2)\nh", "print(_)"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), CELLS)
def test_cells_of_a_program(code: str, expected: list[str]) -> None:
    imports = "import json\n\nimport sloy"
    assert cells(f"{imports}\n{code}") == [imports, *expected]


def test_foreign_words_are_found() -> None:
    allowed = (
        NAMES | public_names() | identifiers('print(history["val_loss"], "error")  # learning')
    )
    named = "слой dense_1/weight, Conv2D(3), sloy.theory, half_squared_error, val_loss, history"
    assert foreign(named, allowed) == []
    assert foreign("error слоя, learning.", allowed) == ["error", "learning."]


def test_numbers_are_those_of_a_text() -> None:
    assert numbers("3 steps in 0.04 s (47,817 a second), 1e-5") == {"3", "1e-5"}
    assert numbers("3 шага за 0.04 с (47 817 в секунду), 32 с 3 каналами") == {"3", "32"}


def test_the_kernel_writes_into_its_folder_only(running: Kernel) -> None:
    paths = "import IPython.paths, jupyter_core.paths as paths\n"
    paths += "print(IPython.paths.get_ipython_dir(), paths.jupyter_runtime_dir(), paths.jupyter_data_dir(), sep='\\n')"
    folder = running.client.resources["metadata"]["path"]
    lines = said(running.run_cells(paths)[0]).split()
    assert len(lines) == 3
    assert all(line.startswith(folder) for line in lines)
