"""`sloy lecture`: the list, the programs, and running them."""

from __future__ import annotations

from pathlib import Path

import pytest

import sloy
from command_line import Sloy, exit_code
from sloy.errors import NotAvailable
from sloy.lecture import ROWS, find, program


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
