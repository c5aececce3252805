"""Names from somebody else's files reach no terminal as they are: not by any command, not in figures, not in JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from command_line import exit_code
from sloy import text
from sloy.cli.main import COMMANDS
from sloy.files.streams import Stream
from sloy.files.tables import guarded
from sloy.inspection import png

BAD = "\x1b[31mred\r\nFAKE: x\u202e[bold]\x9b$"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and pictures, and a run on each."""
    folder, draw = tmp_path_factory.mktemp("hostile"), np.random.default_rng(0)
    with (folder / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([f"id{BAD}", f"area{BAD}", f"town{BAD}", f"kind{BAD}"])
        for number, area in enumerate(draw.integers(0, 100, 60).tolist()):
            town, kind = ("Rome", "=Oslo")[number % 2], ("=low", "high")[area // 50]
            rows.writerow([f"{number}{BAD}", area, town + BAD, kind + BAD])
    for name in (f"apple{BAD}", f"kiwi{BAD}"):
        (folder / "fruit" / name).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 255, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "fruit" / name / f"{number}{BAD}.png")
    return folder


def commands(folder: Path) -> dict[str, list[list[str]]]:
    """Each command, with names that are hostile; in the order in which they need one another."""
    table, fruit = str(folder / "t.csv"), str(folder / "fruit")
    run, pictures = str(folder / f"run{BAD}"), str(folder / "pictures")
    picture = str(folder / "fruit" / f"apple{BAD}" / f"0{BAD}.png")
    few = ["--epochs", "1", "--engine", "reference"]
    target = ["--target", f"kind{BAD}", "--id", f"id{BAD}"]
    return {
        "train": [
            ["train", table, *target, *few, "--network", "mlp", "--out", run],
            ["train", fruit, *few, "--network", "mlp", "--out", pictures],
            ["train", table, *target, "--out", run],
            ["train", f"nothing{BAD}.csv", "--target", "x"],
            ["train", table, f"--{BAD}"],
        ],
        "test": [["test", run, table], ["test", pictures, fruit]],
        "predict": [
            ["predict", pictures, fruit, f"nothing{BAD}.png"],
            ["predict", pictures, picture, "--json"],
            ["predict", run, table, "--json"],
            ["predict", run, f"nothing{BAD}.csv"],
        ],
        "plan": [["plan", table, *target, "--out", str(folder / f"{BAD}.json")], ["plan", fruit, "--json"]],
        "find-rate": [
            ["find-rate", fruit, *few, "--network", "mlp", "--out", str(folder / f"{BAD}.png")],
            ["find-rate", f"nothing{BAD}"],
        ],
        "tune": [
            ["tune", table, *target, *few, "--network", "mlp", "--trials", "1", "--out", str(folder / f"tuned{BAD}")],
            ["tune", "--resume", "--out", f"nothing{BAD}"],
        ],
        "branch": [["branch", f"nothing{BAD}", "--at", BAD, "--out", BAD]],
        "diagnose": [["diagnose", run], ["diagnose", f"nothing{BAD}"]],
        "samples": [["samples", pictures], ["samples", f"nothing{BAD}"]],
        "prune": [["prune", f"nothing{BAD}"], ["prune", run, "--data", f"nothing{BAD}"]],
        "report": [["report", run, str(folder / f"{BAD}.html")], ["report", f"nothing{BAD}", "o.html"]],
        "info": [["info", run], ["info", pictures, "--json"], ["info", f"nothing{BAD}"]],
        "inspect": [
            ["inspect", run, table, "--column", f"area{BAD}", "--out", str(folder / BAD)],
            ["inspect", run, table, "--column", f"other{BAD}", "--out", str(folder / BAD)],
            ["inspect", pictures, "--layer", BAD, "--out", str(folder / BAD)],
        ],
        "export": [
            ["export", run, str(folder / f"{BAD}.c".replace("\r\n", ""))],
            ["export", run, str(folder / f"{BAD}.onnx")],
            ["export", run, str(folder / f"{BAD}.js".replace("\r\n", ""))],
            ["export", run, f"{BAD}.other"],
        ],
        "import": [["import", str(folder / f"{BAD}.onnx"), str(folder / "o.sloy")], ["import", BAD, "o"]],
        "engines": [["engines"]],
        "bench": [["bench", BAD]],
        "lecture": [["lecture", BAD], ["lecture", "L9", "--check", BAD]],
        "app": [["app", f"nothing{BAD}", "--no-browser"]],
    }  # fmt: skip


def test_every_command(
    hostile: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
    monkeypatch.chdir(hostile)
    found = commands(hostile)
    assert set(found) == {command.NAME for command in COMMANDS}
    for several in found.values():
        for words in several:
            exit_code(*words)
            for said in capfd.readouterr():
                assert not CONTROL.search(said), (words, ascii(said))
                assert not re.search("^ *FAKE", said, re.MULTILINE), (words, said)
                assert "internal error" not in said
                if "--json" in words and said.startswith("{"):
                    assert BAD in json.dumps(json.loads(said), ensure_ascii=False).replace(
                        "\\u001b", "\x1b"
                    ).replace("\\r\\n", "\r\n")
    head, *rows = answers(hostile, capfd)
    assert head[:2] == [f"id{BAD}", "prediction"]
    assert rows[0][0] == f"0{BAD}"  # in files cells are what they are
    assert {row[1] for row in rows} <= {f"=low{BAD}", f"high{BAD}"}
    head, *rows = answers(hostile, capfd, "--guard-formulas")
    assert {row[1] for row in rows} <= {f"'=low{BAD}", f"high{BAD}"}
    monkeypatch.setattr(Stream, "isatty", lambda self: True)
    head, *rows = answers(hostile, capfd)
    assert head[0] == text.visible(f"id{BAD}")
    assert rows[0][0] == text.visible(f"0{BAD}")


def answers(folder: Path, capfd: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    assert exit_code("predict", str(folder / f"run{BAD}"), str(folder / "t.csv"), *words) == 0
    return list(csv.reader(io.StringIO(capfd.readouterr().out, newline="")))


def test_visible() -> None:
    assert text.visible("a\x1b\n\u202e\x9b\udcff\u2028b") == r"a\x1b\n\u202e\x9b\udcff\u2028b"
    plain = "ключ\u00a0é 👩\u200d🔬 \\n"
    assert text.visible(plain) == plain
    assert text.visible("a\nb\t\r", keep="\n\t") == "a\nb\t\\r"
    assert text.columns([["a\nb", "c"]]) == "a\\nb   c"
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not CONTROL.search(text.visible(everything))
    assert text.visible(everything).encode()


def test_formulas() -> None:
    for cell in ("=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1"):
        assert guarded(cell) == f"'{cell}"
    for cell in ("-5", "+1.5e3", "a=b", "", "Oslo", ".5"):
        assert guarded(cell) == cell


def test_figures_show_names_as_text() -> None:
    from sloy.inspection.style import new_figure, styled

    @styled
    def draw() -> Figure:
        figure = new_figure(2, 1)
        figure.subplots().set_title(f"{BAD} $\\frac{{$")
        return figure

    figure = draw()
    assert png(figure)[1:4] == b"PNG"
    assert not CONTROL.search(figure.axes[0].get_title().replace("\n", ""))
