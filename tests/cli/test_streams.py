"""Output that is closed, full or not UTF-8: what is to be done is done, and exit codes are right."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import command, environment, exit_code
from sloy.files.streams import Stream
from sloy.training.progress import Bar

TABLE = "площадь,вид\n" + "".join(f"{n},{('мал', 'велик')[n // 20]}\n" for n in range(40))
TRAIN = (
    "--target",
    "вид",
    "--network",
    "mlp",
    "--epochs",
    "1",
    "--engine",
    "reference",
    "--test",
    "0",
)


class Full(io.RawIOBase):
    """A device without space, or a reader that went away."""

    def __init__(self, error: type[OSError]) -> None:
        self._error = error

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise self._error(28, "No space left on device")


def stream(encoding: str, raw: io.RawIOBase | None = None) -> io.TextIOWrapper:
    buffer = io.BytesIO() if raw is None else io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, encoding=encoding, write_through=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    (folder / "t.csv").write_text(TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
        for name, out, err, code in (
            ("ascii", stream("ascii"), stream("latin-1"), 0),
            ("full", stream("utf-8", Full(OSError)), stream("utf-8", Full(OSError)), 1),
            ("left", stream("utf-8", Full(BrokenPipeError)), stream("ascii"), 0),
            ("closed", None, None, 0),
        ):
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            done = exit_code("train", str(folder / "t.csv"), *TRAIN, "--out", str(folder / name))
            assert done == code, name
            assert (sys.stdout, sys.stderr) == (out, err)
    return folder


def test_training_goes_on(run: Path) -> None:
    models = {
        name: (run / name / "model.sloy").read_bytes()
        for name in ("ascii", "full", "left", "closed")
    }
    assert len(set(models.values())) == 1
    assert not list(run.rglob(".*"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_characters_that_are_missing(
    run: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    model, table = str(run / "ascii"), str(run / "t.csv")
    said = {}
    for words in (
        ["info", model],
        ["test", model, table, "--json"],
        ["predict", model, table],
        ["engines"],
    ):
        out = stream(encoding)
        monkeypatch.setattr(sys, "stdout", out)
        assert exit_code(*words) == 0, words
        said[words[0]] = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    shown = "вид" if encoding == "utf-8" else r"\u0432\u0438\u0434"
    assert shown in said["info"]
    assert json.loads(said["test"])["classes"] == ["велик", "мал"]
    assert len(said["predict"].splitlines()) == 41


def test_what_needs_its_output_stops(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, said in (
        (OSError, "sloy info: standard output: No space left on device\n"),
        (BrokenPipeError, ""),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream("utf-8", Full(error)))
            assert exit_code("info", str(run / "ascii")) == 1
        assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [(">&-", 0, ""), ("2>&-", 0, "auto"), (">&- 2>&-", 0, ""), ("<&-", 0, "auto"), ("| head -c 1", 0, "s"),
     (">/dev/full", 1, "sloy engines: standard output: No space left on device\n")],
)  # fmt: skip
def test_the_shell(tmp_path: Path, redirected: str, code: int, said: str) -> None:
    line = f"{' '.join(command('engines'))} {redirected}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert not os.listdir(tmp_path)


def test_the_library_needs_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"epoch": 1, "loss": 0.5, "seconds": 1.0, "samples_per_second": 2.0, "gradient_norm": 1.0}
    for err in (None, stream("ascii", Full(OSError)), stream("ascii")):
        monkeypatch.setattr(sys, "stderr", err)
        bar = Bar()
        bar.count("pictures", 1, 1)
        bar.open(1, 10)
        bar.begin(1)
        bar.end(row)
        bar.close()


def test_a_stream_keeps_its_first_failure() -> None:
    out = Stream(stream("utf-8", Full(OSError)), lasting=True)
    out.write("a")
    out.flush()
    first = out.failure
    out.write("b")
    out.flush()
    assert first is not None
    assert out.failure is first
