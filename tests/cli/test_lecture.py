"""`sloy lecture`: the list, the programs, and running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Sloy, exit_code
from sloy.lecture import ROWS, ROWS_WITH_PAGES, find, page, program


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


def test_wrong_rows(capsys: pytest.CaptureFixture[str]) -> None:
    _, errors = show(capsys, "L26", code=2)
    assert "no row is called 'L26'; there are L1 to L25" in errors
    assert errors.count("\n") == 1
