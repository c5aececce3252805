"""`sloy lecture`: the list, the programs, and running them."""

from __future__ import annotations

from pathlib import Path

import pytest

import sloy
from command_line import Sloy, exit_code
from sloy.errors import NotAvailable
from sloy.lecture import EXERCISES, ROWS, ROWS_WITH_PAGES, exercise, find, page, program


@pytest.mark.parametrize(
    ("name", "answer"),
    [("L19", "-9,-2"), ("L19", "-9 -2"), ("L2", "3/2, -1, -1"), ("L25", "132 863 336"), ("L25", "132863336")],
)  # fmt: skip
def test_numbers_as_people_write_them(
    name: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Right." in show(capsys, name, "--answer", answer)[0]


def show(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert exit_code("lecture", *arguments) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = show(capsys)
    lines = output.splitlines()
    for row in ROWS:
        assert any(line.split(maxsplit=1) == [row.name, row.title] for line in lines)
        if row.missing:
            assert f"partly: {row.missing}" in output
    assert output.count("partly: ") == sum(bool(row.missing) for row in ROWS)
    assert max(map(len, lines)) <= 100


def test_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = show(capsys, "--code", "L18", "2")
    assert output == "\n".join(
        f"# {row.name}: {row.title}\n\n{program(row)}" for row in (find("L18"), find("L2"))
    )
    everything, _ = show(capsys, "--code")
    assert everything.count("\nimport") >= 25
    compile(everything, "all rows", "exec")


def test_rows_run_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output, _ = show(capsys, "L18", "l2", "--out", "pictures/here")
    assert "L18  A curve detector\n\n[[6600.]]\n[[0.]]\n" in output
    assert "written: pictures/here/L18.png\n\nL2  AND, OR, NOT\n" in output
    assert (tmp_path / "pictures/here/L18.png").stat().st_size > 1000
    assert Path.cwd() == tmp_path
    again, _ = show(capsys, "L18", "--out", "pictures/here")
    assert "written: pictures/here/L18.png" in again  # written anew


def test_pages_to_move_things_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output, _ = show(capsys, "L3", "--html")
    assert output == "written: lecture/L3.html\n"
    html = (tmp_path / "lecture/L3.html").read_text(encoding="utf-8")
    assert html == page("L3").html
    output, _ = show(capsys, "all", "--html", "--lang", "ru", "--out", "here")
    names = [f"{name}.html" for name in (*ROWS_WITH_PAGES, "index")]
    assert output == f"записано: {', '.join(f'here/{name}' for name in names)}\n"
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted(names)
    assert (tmp_path / "here/L3.html").read_text("utf-8") == page("L3", language="ru").html


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("L3", "L4", "L25"), "no page for L4, L25: there are those of L1, L2, L3"),
        ((), "--html needs a row: there are those of L1"),
        (("L3", "--code"), "--html and --code do not go together"),
    ],
)
def test_pages_that_are_not_there(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, errors = show(capsys, *arguments, "--html", code=2)
    assert said in errors
    assert errors.count("\n") == 1


def test_in_a_process_of_its_own(sloy: Sloy, tmp_path: Path) -> None:
    done = sloy("lecture", "L19")
    assert "= 6" in done.stdout
    assert "written: lecture/L19.png" in done.stdout
    assert (tmp_path / "work/lecture/L19.png").is_file()


def test_a_row_that_needs_what_is_not_installed_is_named_and_the_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs_more(**_: object) -> None:
        raise NotAvailable("tables need polars: `pip install 'sloy[tables]'`.")

    def imports_more(**_: object) -> None:
        raise ImportError("No module named 'polars'")

    monkeypatch.setattr(sloy.theory, "numeric_grid", lambda *_: needs_more())
    monkeypatch.setattr(sloy.theory, "explain_convolution", lambda *_, **__: imports_more())
    output, errors = show(capsys, "L16", "L18", "L19", "--out", str(tmp_path), code=1)
    assert (
        "L16  What computers see\n\nL16: tables need polars: `pip install 'sloy[tables]'`."
        in output
    )
    assert "[[6600.]]" in output
    assert "L19: No module named 'polars'" in output
    assert errors == "sloy lecture: not run, as something is not installed: L16, L19\n"


def test_wrong_rows(capsys: pytest.CaptureFixture[str]) -> None:
    _, errors = show(capsys, "L26", code=2)
    assert "no row is called 'L26'; there are L1 to L25" in errors
    assert errors.count("\n") == 1


def test_exercises_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = show(capsys, "l9", "--exercise")
    assert output == f"{exercise('L9')}\n\n\n{exercise('L9b')}\n"
    assert show(capsys, "L9b", "--exercise")[0] == f"{exercise('L9b')}\n"
    everything, _ = show(capsys, "--exercise")
    assert all(str(one) in everything for one in EXERCISES)
    assert show(capsys, "all", "--exercise")[0] == everything
    russian, _ = show(capsys, "L9", "--exercise", "--lang", "ru")
    assert "Ошибка скрытого нейрона" in russian
    assert show(capsys, "L9", "--hint", "2")[0] == f"{exercise('L9').hint(2)}\n"
    assert show(capsys, "L9", "--solution")[0] == exercise("L9").solution


def test_answers_are_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert show(capsys, "L6", "--answer", "83") == ("Right.\n", "")
    output, errors = show(capsys, "L6", "--answer", "80", code=1)
    assert output.startswith("Parameters: 80 — this is the lecture's H (n + M + 1)")
    assert not errors
    assert show(capsys, "L4", "--answer", "a & b | a & c | b & c")[0] == "Right.\n"
    assert show(capsys, "L2", "--answer", "(1.5, -1, -1)")[0] == "Right.\n"
    assert "Four letters" in show(capsys, "L11", "--answer", "-5", code=1)[0]
    path = tmp_path / "mine.py"
    path.write_text("print('own')\ndef answer(eps, slope, w):\n    return eps @ w\n")
    output, _ = show(capsys, "L9", "--check", str(path), code=1)
    assert output.startswith("own\nFor eps = ")
    assert "σ′ₘ is missing" in output
    path.write_text(exercise("L9").solution)
    assert show(capsys, "L9", "--check", str(path))[0] == "Right.\n"
    path.write_text("import sys\nsys.exit(0)\n")
    said = show(capsys, "L9", "--check", str(path), code=1)[0]
    assert "stops with SystemExit" in " ".join(
        said.split()
    )  # a long path moves it to the next line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("L26", "--exercise"), "must be one of L1, L2"),
        (("--hint", "1"), "name one exercise"),
        (("L1", "L2", "--solution"), "name one exercise"),
        (("L1", "--hint", "9"), "--hint (=9): L1 has hints 1 to 2"),
        (("L1", "--check", "nowhere.py"), "cannot read nowhere.py: No such file"),
        (("L6", "--answer", "83", "--solution"), "not allowed with argument"),
    ],
)
def test_wrong_use_of_exercises(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output, errors = show(capsys, *arguments, code=2)
    assert not output
    assert told in errors
