"""`Timeline`: any moment of a run again, to the bit, within its budget; `sloy branch`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from command_line import exit_code
from sloy.errors import InvalidArgument
from training_tasks import blobs, fit, mlp

EPOCHS, SIZE = 9, 16
KINDS: dict[str, dict[str, Any]] = {
    "masks, statistics, a cycle": {"schedule": "one-cycle"},
    "a rate that follows the history": {
        "learning_rate": sloy.schedules.ReduceOnPlateau(0.05, factor=0.5, patience=1),
        "validation": 0.2,
    },
}


def watched(**options: Any) -> tuple[sloy.Timeline, dict[tuple[int, int], dict[str, bytes]], int]:
    """A timeline of a run, and the weights after each of its steps; the most that the snapshots took."""
    moments: dict[tuple[int, int], dict[str, bytes]] = {}
    budget = 10_000  # of four or five snapshots
    line, most = sloy.Timeline(budget=budget), [0]

    class Keep(sloy.Callback):
        def on_batch_end(self, run: Any, batch: Any) -> None:
            now = {name: np.asarray(value).tobytes() for name, value in run.weights.items()}
            moments[batch.epoch, batch.step] = now
            most[0] = max(most[0], line.bytes)

    fit(mlp(), blobs(), epochs=EPOCHS, batch_size=SIZE, seed=2, callbacks=[line, Keep()], **options)
    assert most[0] <= budget
    return line, moments, budget


@pytest.mark.parametrize("kind", KINDS)
def test_any_moment_is_the_same_to_the_bit(kind: str) -> None:
    line, moments, _ = watched(**KINDS[kind])
    assert 2 < len(line.epochs) < EPOCHS
    assert line.epochs[0] == 1
    for epoch, step in moments:  # 54 of one kind of run, 45 of the other
        model = line.at(epoch, step)
        for name, value in model.parameters.items():
            assert np.asarray(value).tobytes() == moments[epoch, step][name], (epoch, step, name)
    last = max(moments)
    assert line.steps_to(*last) <= last[1] + len(moments) // EPOCHS


def test_a_branch_begins_where_the_run_was() -> None:
    line, moments, _ = watched(learning_rate=0.02)
    same = line.branch(4, 2, {}, 3)
    slow = line.branch(4, 2, {"learning_rate": 1e-9}, 3)
    assert same.first == slow.first == 3 * (len(moments) // EPOCHS) + 2
    assert same.losses[0] == slow.losses[0]
    assert same.losses[-1] != slow.losses[-1]
    after = line.at(4, 5)
    for name in after.parameters:
        assert np.array_equal(after.parameters[name], same.variables[name])


def test_the_step_that_killed_a_unit() -> None:
    data, seen = blobs(), {}
    x = data.x + 4  # a half-plane holds all of it soon
    network = sloy.Network(
        data.x.shape[1:], [sloy.layers.Dense(12), sloy.layers.ReLU(), sloy.layers.Dense(3)]
    )

    class Dead(sloy.Callback):
        def look(self, run: Any, moment: tuple[int, int]) -> None:
            z = x @ np.asarray(run.weights["dense_1/weight"])
            seen[moment] = (z + run.weights["dense_1/bias"]).max(axis=0) <= 0

        def on_fit_begin(self, run: Any) -> None:
            self.look(run, (1, 0))

        def on_batch_end(self, run: Any, batch: Any) -> None:
            self.look(run, (batch.epoch, batch.step))

    line = sloy.Timeline(budget=10_000)
    fit(
        network, (x, data.y), epochs=6, batch_size=SIZE, learning_rate=0.3, callbacks=[line, Dead()]
    )
    dead = np.array(list(seen.values()))
    stays = [u for u in range(12) if dead[-1, u] and not np.diff(dead[:, u].astype(int)).min() < 0]
    assert len(stays) > 2
    for unit in range(12):
        found = line.killed("relu_1", unit, x)
        if unit in stays:
            assert found == list(seen)[int(dead[:, unit].argmax())]
        else:
            assert (found is None) == (not dead[-1, unit])
    assert line.since(lambda model: True) == (1, 0)
    with pytest.raises(InvalidArgument, match=r"Timeline.killed: `unit` \(=12\) must be"):
        line.killed("relu_1", 12)
    with pytest.raises(InvalidArgument, match=r"`layer` \(='relu'\) must be one of"):
        line.killed("relu", 1)


def test_what_cannot_be_had() -> None:
    with pytest.raises(InvalidArgument, match="fewer than two snapshots"):
        fit(mlp(), blobs(), callbacks=[sloy.Timeline(budget=100)])
    line = sloy.Timeline()
    with pytest.raises(InvalidArgument, match="no run was watched"):
        line.at(1)
    fit(mlp(), blobs(), epochs=2, batch_size=SIZE, callbacks=[line])
    with pytest.raises(InvalidArgument, match="epoch 3, step 1 was not seen: epochs 1 to 2"):
        line.at(3, 1)


def test_a_branch_of_a_run_has_its_own_folder(tmp_path: Path, capsys: Any) -> None:
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in random.normal(size=(90, 2))]
    path, one, two, three = (tmp_path / name for name in ("t.csv", "one", "two", "three"))
    path.write_text("\n".join(["a,b,y", *rows]) + "\n")
    engine = ("--engine", "reference", "--quiet")
    how = ("--network", "mlp", "--epochs", "4", "--batch-size", "32", "--schedule", "constant")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
        assert exit_code("train", str(path), "--target", "y", *how, "--out", str(one), *engine) == 0
        before = {file.name: file.read_bytes() for file in one.iterdir()}
        branch = ("branch", str(one), *engine)
        assert exit_code(*branch, "--at", "3:1", "--learning-rate", "0.1", "--out", str(two)) == 0
        # with the rate of the run itself it is the run
        rate = str(json.loads((one / "configuration.json").read_text())["plan"]["learning_rate"])
        assert exit_code(*branch, "--at", "3", "--learning-rate", rate, "--out", str(three)) == 0
    assert {file.name: file.read_bytes() for file in one.iterdir()} == before
    losses = [
        [row["loss"] for row in csv.DictReader((folder / "history.csv").read_text().splitlines())]
        for folder in (one, two, three)
    ]
    assert losses[0] == losses[2]
    assert losses[0][:2] == losses[1][:2]
    assert losses[0][3] != losses[1][3]
    models = [sloy.load(folder / "model.sloy", engine="reference") for folder in (one, three)]
    for name in models[0].parameters:
        assert np.array_equal(models[0].parameters[name], models[1].parameters[name])
    said = json.loads((two / "branch.json").read_text())
    assert (said["parent"], said["epoch"], said["step"]) == (str(one), 3, 1)
    capsys.readouterr()
    assert (
        exit_code(*branch, "--at", "4:9", "--learning-rate", "0.1", "--out", str(tmp_path / "x"))
        == 2
    )
    assert "a branch begins between 1:1 and 4:" in capsys.readouterr().err
    assert (
        exit_code(*branch, "--at", "2", "--learning-rate", "auto", "--out", str(tmp_path / "x"))
        == 2
    )
    assert "give a number" in capsys.readouterr().err
    assert exit_code(*branch, "--at", "2", "--batch-size", "4", "--out", str(tmp_path / "x")) == 2
    assert "keeps the plan" in capsys.readouterr().err
