"""`sloy export`: what is written, what is said, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import sloy as library
from command_line import exit_code, stripes


def show(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    """Output and errors of a command in this process."""
    assert exit_code(*map(str, arguments)) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


@pytest.mark.parametrize("channels_first", [False, True])
def test_onnx(
    channels_first: bool, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    out = tmp_path / "stripes.onnx"
    options = ["--channels-first", "--opset", "19"] if channels_first else []
    said, _ = show(capsys, "export", trained, out, *options)
    assert re.search(rf"written +{re.escape(str(out))}, \d+ kB", said)
    assert f"opset {19 if channels_first else 18}, checked" in said
    assert ("N × 1 × 9 × 8" if channels_first else "N × 9 × 8 × 1") in said
    assert "outputs" in said
    x, _ = stripes(5, 3)
    x = x.astype(np.uint8)[..., None]
    given = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if channels_first else x
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"input": given})
    model = library.load(trained / "model.sloy")
    assert np.abs(found - model.predict_proba(x)).max() < 1e-5
    assert model.predict(x).tolist() == library.Model.from_onnx(out).predict(given).tolist()


@pytest.mark.parametrize(
    ("name", "options", "function"),
    [
        ("stripes.c", (), "stripes"),
        ("stripes.h", (), "stripes"),
        ("a-b.c", ("--name", "net"), "net"),
    ],
)
def test_c(
    name: str, options: tuple[str, ...], function: str, trained: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    said, _ = show(capsys, "export", trained / "model.sloy", tmp_path / name, *options)
    declaration = f"void {function}_predict(const float *x, float *y)"
    assert declaration in said
    assert declaration in (tmp_path / name).read_text()
    assert ("#define STRIPES_IMPLEMENTATION" in said) == name.endswith(".h")
    assert "3, probabilities" in said


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("model.txt", (), "must end in .onnx, .c, .h or .js"),
        ("model", (), "must end in"),
        ("model.c", ("--opset", "18"), "are for ONNX"),
        ("model.h", ("--channels-first",), "are for ONNX"),
        ("model.onnx", ("--name", "net"), "--name is for C"),
        ("model.onnx", ("--opset", "0"), "is not an integer of at least 1"),
        ("model.onnx", ("--opset", "7"), "--opset (=7) must be from 18"),
        ("model.c", ("--name", "my net"), "--name (='my net') must be a name in C"),
    ],
)
def test_wrong_usage(
    out: str, options: tuple[str, ...], message: str, trained: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _, error = show(capsys, "export", trained, tmp_path / out, *options, code=2)
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("no/model.onnx", (), "a folder that is missing"),
        ("no/model.c", (), "a folder that is missing"),
    ],
)
def test_refused(
    out: str, options: tuple[str, ...], message: str, trained: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _, error = show(capsys, "export", trained, tmp_path / out, *options, code=1)
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, error = show(capsys, "export", tmp_path / "no.sloy", tmp_path / "model.onnx", code=1)
    assert "no.sloy" in error
