"""What is refused before its first step writes nothing and removes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloy import experiments, text
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments import Experiment
from sloy.experiments.run_folder import plan_of, plan_with

MLP: dict[str, Any] = {"network": "mlp", "batch_size": 16, "target": "side"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refused") / "sides.csv"
    x = np.random.default_rng(0).normal(size=(120, 2))
    lines = [f"{a:.4f},{b:.4f},{'left' if a < b else 'right'}" for a, b in x]
    path.write_text("\n".join(["a,b,side", *lines]) + "\n")
    return path


@pytest.fixture
def run(table: Path, tmp_path: Path) -> Path:
    """The folder of a run of three epochs."""
    experiments.run(
        Experiment.of(str(table), epochs=3, **MLP), tmp_path / "run", engine="reference"
    )
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_that_is_not_resumed_stays_as_it_is(run: Path) -> None:
    before = contents(run)
    with pytest.raises(InvalidArgument, match=r"`epochs` \(=2\): .* has done 3"):
        experiments.resume(run, engine="reference", epochs=2)
    assert contents(run) == before


def test_a_run_that_is_not_replaced_stays_as_it_is(run: Path, table: Path) -> None:
    before = contents(run)
    given = {**MLP, "rate_factors": {"no_such_*": 2.0}}
    with pytest.raises(InvalidArgument, match="no_such"):
        experiments.run(Experiment.of(str(table), **given), run, engine="reference", overwrite=True)
    assert contents(run) == before


def test_folds_that_the_rows_are_too_few_for_leave_no_folder(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"`folds` \(=500\)"):
        experiments.run(
            Experiment.of(str(table), folds=500, **MLP), tmp_path / "folds", engine="reference"
        )
    assert not (tmp_path / "folds").exists()


def test_a_branch_with_another_optimiser(run: Path, tmp_path: Path) -> None:
    """What the run keeps beside its weights does not fit; said before there is a folder."""
    with pytest.raises(InvalidOption, match=r"`optimizer` \(='sgd'\): .*optimizer/"):
        experiments.branch(run, tmp_path / "two", epoch=2, engine="reference", optimizer="sgd")
    assert not (tmp_path / "two").exists()
    experiments.branch(run, tmp_path / "two", epoch=2, engine="reference", optimizer="adamw")
    with pytest.raises(InvalidArgument, match="holds a run already; give another `out`"):
        experiments.branch(run, tmp_path / "two", epoch=2, engine="reference", weight_decay=0.1)


def test_columns_of_the_history_keep_their_order(run: Path) -> None:
    head = (run / "history.csv").read_text().partition("\n")[0]
    assert head.startswith("epoch,loss,accuracy,val_loss,")
    with pytest.warns(UserWarning, match="the learning rate follows"):
        experiments.resume(run, engine="reference", epochs=4)
    assert (run / "history.csv").read_text().partition("\n")[0] == head


def test_a_plan_for_another_network_keeps_what_is_of_the_data(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    forecast = experiments.plan(str(table), target="side", validation=0.3, engine="reference")
    path.write_text(text.as_json(forecast.document()))
    plan = plan_of(path)
    same = plan_with(path, {"epochs": 2})
    assert same == {**plan, "epochs": 2}
    other = plan_with(path, {"network": "mlp"})
    assert other["validation"] == 0.3
    assert other["target"] == "side"
    assert not {"rate_factors", "learning_rate", "schedule"} & set(other)
    Experiment.of(other.pop("data"), **other)
