"""`sloy train`: what it writes, shows, refuses, and that a run goes on where it was left."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sloy as library
from command_line import QUICK, Sloy, command, environment, exit_code
from sloy import schedules
from sloy.data import load_idx_folder
from sloy.experiments import Experiment
from sloy.experiments.recipes import RATES
from sloy.experiments.run_folder import FILES
from sloy.optimizers import NAMES
from sloy.zoo import PRESETS

# Some seconds: the first checkpoint comes after one.
LONG = ("--network", "mlp", "--epochs", "1600", "--batch-size", "4", "--threads", "1")


def test_a_run_writes_every_file(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()} - {
        "checkpoint.sloy.previous"
    }  # of a slow run
    assert names == {*FILES} - {
        *(
            "answers.png",
            "augmented.png",
            "checkpoint-head.sloy",
            "confusion.csv",
            "diagnosis.json",
            "predictions.csv",
        ),
        *("importance.png", "partial-dependence.png", "reliability.png", "linear.sloy"),
        *(
            "samples.csv",
            "samples.png",
            "labels.csv",
            "branch.json",
            "report.html",
        ),  # of other commands
        *("pruned.sloy", "pruning.json", "pruning.png"),
    }
    for path in trained.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 100


def test_the_summary_is_true(trained: Path, data: Path) -> None:
    summary = json.loads((trained / "summary.json").read_text())
    test = load_idx_folder(data).test
    predicted = library.load(trained / "model.sloy").predict(test.x)
    assert summary["schema"] == 1
    assert summary["test_accuracy"] == pytest.approx(np.mean(predicted == test.y))
    assert summary["test_accuracy"] > 0.8
    assert summary["test_mistakes"] == int(np.sum(predicted != test.y))
    assert summary["plan"]["epochs"] == 8
    assert summary["seed"] == 0
    assert summary["times_seconds"]["to_test"] > summary["times_seconds"]["training"] > 0
    assert summary["versions"]["numpy"] == np.__version__
    with (trained / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in summary["history"]]
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 9)]


def test_memory_is_predicted(sloy: Sloy, tmp_path: Path) -> None:
    sloy("train", "mnist", "--network", "cnn_wide", "--epochs", 1, "--samples", 3000, "--batch-size", 2000,
         "--quiet", "--out", tmp_path / "run")  # fmt: skip
    memory = json.loads((tmp_path / "run" / "summary.json").read_text())["memory_bytes"]
    assert memory["peak"] > 400e6, "unpacking the data takes 240 MB: nothing to predict"
    assert memory["predicted"] == pytest.approx(memory["peak"], rel=0.2)


def test_results_on_stdout_progress_on_stderr(sloy: Sloy, data: Path) -> None:
    done = sloy("train", data, *QUICK, "--out", "run")
    assert done.stdout.startswith("test accuracy")
    assert "model.sloy" in done.stdout
    assert "epoch 2/2" in done.stderr
    assert "dense_1" in done.stderr
    assert "270 to train on, 30 to validate, 90 to test" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr


def test_quiet_shows_results_only(sloy: Sloy, data: Path) -> None:
    done = sloy("train", data, *QUICK, "--quiet", "--out", "run")
    assert done.stderr == ""
    assert done.stdout.startswith("test accuracy")


def test_json_is_one_document(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    done = sloy("train", data, *QUICK, "--json", "--out", tmp_path / "run")
    document = json.loads(done.stdout)
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert document["schema"] == 1
    assert document["folder"] == str(tmp_path / "run")
    assert {k: v for k, v in document.items() if k != "folder"} == {
        k: v for k, v in written.items() if k != "history"
    }


def test_results_come_before_the_pictures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise library.errors.NotAvailable("no ink")

    monkeypatch.setattr("sloy.experiments.running._Running._draw", fail)
    run = tmp_path / "run"
    assert exit_code("train", str(data), *QUICK, "--quiet", "--out", str(run)) == 1
    said = capsys.readouterr()
    assert said.out.startswith("test accuracy")
    assert said.err == "sloy train: no ink\n"
    assert {"model.sloy", "summary.json", "history.csv"} <= {path.name for path in run.iterdir()}


def test_the_default_folder_has_the_name_of_the_data(sloy: Sloy, data: Path) -> None:
    done = sloy("train", data, *QUICK, "--epochs", 1, "--json", "--quiet")
    assert json.loads(done.stdout)["folder"].startswith("runs/stripes-")


def test_every_optimizer_has_a_default_rate() -> None:
    assert set(RATES) == set(NAMES)


@pytest.mark.parametrize("schedule", schedules.NAMES)
@pytest.mark.parametrize("optimizer", RATES)
def test_every_optimizer_learns_with_its_default_rate(
    data: Path, optimizer: str, schedule: str
) -> None:
    words = {"network": "mlp", "epochs": 12, "batch_size": 16}
    experiment = Experiment.of(data, optimizer=optimizer, schedule=schedule, **words)
    both = load_idx_folder(data)
    model, _ = library.fit(
        PRESETS["mlp"].build(both.train.sample_shape, both.train.classes), both.train, recipe=experiment.recipe,
        threads=1, preprocessing="standardize", verbose=False,
    )  # fmt: skip
    assert model.evaluate(both.test)["accuracy"] > 0.8


def test_the_same_seed_gives_the_same_model(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        sloy("train", data, *QUICK, "--seed", seed, "--out", tmp_path / name, "--quiet")
    models = {name: (tmp_path / name / "model.sloy").read_bytes() for name in "abc"}
    assert models["a"] == models["b"] != models["c"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--network", "vgg99"], "'vgg99'"),
        (["--epochs", "-1"], "'-1'"),
        (["--epochs", "2.5"], "'2.5'"),
        (["--batch-size", "0"], "'0'"),
        (["--learning-rate", "0"], "'0'"),
        (["--learning-rate", "nan"], "'nan'"),
        (["--learning-rate", "fast"], "'fast'"),
        (["--validation", "1"], "'1'"),
        (["--validation", "-0.5"], "'-0.5'"),
        (["--threads", "-1"], "'-1'"),
        (["--seed", "-1"], "'-1'"),
        (["--optimizer", "magic"], "'magic'"),
        (["--precision", "int4"], "'int4'"),
        (["--engine", "steam"], "'steam'"),
        (["--epoch", "1"], "--epoch"),
        (["--resume"], "--out"),
        (["--resume", "--overwrite", "--out", "x"], "not allowed with"),
        (["--samples", "301"], "301"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert exit_code("train", str(data), *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert said in shown.err


@pytest.mark.parametrize(
    "arguments", [[], ["train"], ["fly"], ["predict"], ["info"], ["--nonsense"]]
)
def test_missing_or_unknown_commands_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert exit_code(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1


def test_missing_data_leaves_no_folder(sloy: Sloy, tmp_path: Path) -> None:
    done = sloy("train", tmp_path / "nothing", "--out", tmp_path / "run", code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"sloy train: {tmp_path / 'nothing'}: there is no such file or folder; ")
    assert not (tmp_path / "run").exists()


def test_debug_shows_the_traceback(sloy: Sloy, tmp_path: Path) -> None:
    done = sloy("train", tmp_path / "nothing", "--debug", code=1)
    assert "Traceback" in done.stderr
    assert "InvalidArgument" in done.stderr


def test_mixed_precision_is_refused_in_one_sentence(sloy: Sloy, data: Path) -> None:
    native = pytest.importorskip("sloy.engines.native")
    if native.bfloat16_support() != "none":
        pytest.skip("this processor has instructions for bfloat16")
    done = sloy("train", data, "--precision", "mixed", code=1)
    assert done.stderr == (
        "sloy train: this processor has no instructions for bfloat16 (AVX512-BF16 or AMX-BF16), so mixed"
        " precision would be slower than float32 here; take float32.\n"
    )


def test_emulated_mixed_precision_is_said(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    done = sloy("train", data, *QUICK, "--precision", "emulated", "--out", tmp_path / "run")
    assert re.search(r"^engine +(native|reference).*, emulated$", done.stderr, re.MULTILINE)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["engine"]["precision"] == "emulated"


def test_a_run_is_not_overwritten_unasked(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    sloy("train", data, *QUICK, "--out", out)
    (out / "notes.txt").write_text("mine")
    before = (out / "model.sloy").read_bytes()
    done = sloy("train", data, *QUICK, "--seed", 5, "--out", out, code=1)
    assert "holds a run already" in done.stderr
    assert (out / "model.sloy").read_bytes() == before
    sloy("train", data, *QUICK, "--seed", 5, "--out", out, "--overwrite")
    assert (out / "model.sloy").read_bytes() != before
    assert (out / "notes.txt").read_text() == "mine"


def test_a_loss_that_explodes_is_told_and_nothing_is_claimed(sloy: Sloy, data: Path) -> None:
    rate = ("--optimizer", "sgd", "--learning-rate", "1e30")
    done = sloy("train", data, *QUICK, *rate, "--quiet", code=1)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "NaN or infinite" in done.stderr


# --- stopping and going on ------------------------------------------------------------------------


@contextlib.contextmanager
def begun(data: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """A long run, after its first checkpoint. It is quiet: a line for each epoch would fill the pipe
    that nobody reads while the run goes on, and stop it."""
    with subprocess.Popen(
        command("train", data, *LONG, "--out", out, "--quiet"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not (out / "checkpoint.sloy").exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_exits(data: Path, tmp_path: Path, number: int, code: int) -> None:
    out = tmp_path / "run"
    with begun(data, out) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    word = "interrupted" if code == 130 else "terminated"
    assert errors.splitlines()[-1] == (
        f"sloy train: {word}; continue with `sloy train --resume --out {out}`"
    )
    assert not (out / "model.sloy").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_resumed_run_equals_an_uninterrupted_one(
    sloy: Sloy, data: Path, tmp_path: Path, number: int
) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    with begun(data, out) as process:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert not (out / "model.sloy").exists()
    sloy("train", "--resume", "--out", out, "--threads", 1, "--quiet")
    sloy("train", data, *LONG, "--out", whole, "--quiet")
    assert (out / "model.sloy").read_bytes() == (whole / "model.sloy").read_bytes()


def test_resume_takes_the_run_s_own_configuration(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    sloy("train", data, *QUICK, "--seed", 7, "--out", out)
    model = (out / "model.sloy").read_bytes()
    sloy("train", "--resume", "--out", out, "--threads", 1)
    assert (out / "model.sloy").read_bytes() == model
    sloy("train", data, *QUICK, "--seed", 7, "--out", out, "--resume")
    other = sloy("train", data, "--seed", 8, "--out", out, "--resume", code=2)
    assert "--seed is 7 there, not 8" in other.stderr
    fewer = sloy("train", "--out", out, "--resume", "--epochs", 1, code=2)
    assert fewer.stdout == "", "what is refused opens with nothing"
    assert "--epochs (=1): the run in" in fewer.stderr


def test_more_epochs_may_be_asked_for(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    constant = (*QUICK, "--schedule", "constant")
    sloy("train", data, *constant, "--out", out)
    sloy("train", "--resume", "--epochs", 5, "--threads", 1, "--out", out)
    sloy("train", data, *constant, "--epochs", 5, "--out", whole)
    assert (out / "model.sloy").read_bytes() == (whole / "model.sloy").read_bytes()


def test_a_warning_is_a_line(sloy: Sloy, data: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run", "--threads", 1, "--quiet")
    sloy("train", data, *QUICK, *out)
    done = sloy("train", "--resume", "--epochs", 3, *out, PYTHONWARNINGS="default")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sloy train: fit: the learning rate follows the number of epochs")


def test_resume_needs_a_run(sloy: Sloy, tmp_path: Path) -> None:
    done = sloy("train", "--resume", "--out", tmp_path, code=1)
    assert "holds no run" in done.stderr
    (tmp_path / "configuration.json").write_text("{")
    done = sloy("train", "--resume", "--out", tmp_path, code=1)
    assert "is not the configuration of a run" in done.stderr


# --- terminals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "escapes"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False)],
)
def test_a_bar_on_a_terminal_only(
    data: Path, tmp_path: Path, changes: dict[str, str], escapes: bool
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("train", data, *QUICK, "--out", tmp_path / "run"),
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (b"\x1b[" in shown) == escapes
    assert b"epoch 2/2" in shown
    assert b"\x1b" not in output
