"""`Inspection`: labels planted wrong are found in a run, and what pulled an answer; `sloy samples`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from command_line import exit_code, write_idx
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments import Experiment, run
from sloy.experiments.samples import Inspection
from sloy.training.margins import Margins

WRONG = 24


def blots(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 8, 8) with a bright corner, one of four."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 4, count)
    x = random.integers(0, 120, (count, 8, 8))
    for n, corner in enumerate(y):
        x[n, 4 * (corner // 2) :, 4 * (corner % 2) :][:4, :4] += random.integers(60, 120)
    return x.astype(np.uint8), y.astype(np.uint8)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """The folder of a run on 300 pictures, and which have a wrong label."""
    folder = tmp_path_factory.mktemp("blots") / "data"
    folder.mkdir()
    x, y = blots(300, 1)
    wrong = np.random.default_rng(5).choice(300, WRONG, replace=False)
    y[wrong] = (y[wrong] + 1 + np.arange(WRONG) % 3) % 4
    x[7], y[7] = x[8], y[8]
    for part, samples in (("train", (x, y)), ("t10k", blots(60, 2))):
        write_idx(folder / f"{part}-images-idx3-ubyte", samples[0])
        write_idx(folder / f"{part}-labels-idx1-ubyte", samples[1])
    out = folder.parent / "run"
    words: dict[str, Any] = {"network": "mlp", "epochs": 8, "batch_size": 16, "validation": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
        run(Experiment.of(folder, **words), out, engine="reference")
    return out, np.sort(wrong)


@pytest.fixture(scope="module")
def inspection(done: tuple[Path, np.ndarray]) -> Inspection:
    return Inspection(done[0], engine="reference")


def test_the_run_is_done_once_more_to_the_bit(
    inspection: Inspection, done: tuple[Path, np.ndarray]
) -> None:
    import sloy

    saved = sloy.load(done[0] / "model.sloy", engine="reference")
    for name in saved.parameters:
        assert saved.parameters[name].tobytes() == inspection.model.parameters[name].tobytes()


def test_wrong_labels_are_found_and_put_right(
    inspection: Inspection, done: tuple[Path, np.ndarray]
) -> None:
    found = inspection.samples()
    numbers = np.array(found.places[1])
    flagged = set(numbers[found.mislabelled].tolist())
    there = set(numbers.tolist()) & set(done[1].tolist())
    lowest = set(numbers[np.argsort(found.margins)[: len(there)]].tolist())
    assert len(lowest & there) >= 0.9 * len(there)
    assert found.expected == pytest.approx(len(there), rel=0.5)
    assert len(flagged & there) >= 0.5 * len(there)
    assert len(flagged - there) <= 0.5 * len(there)
    assert len(found.planted) == 27
    true = dict(enumerate(blots(300, 1)[1].tolist()))
    put_right = found.corrected()
    right = [int(put_right[n]) == true[int(numbers[n])] for n in found.mislabelled[:15]]
    assert np.mean(right) > 0.9
    assert not set(found.hardest) & set(found.mislabelled)
    lines = list(csv.DictReader(found.csv().splitlines()))
    assert len(lines) == len(found.data) == 270
    assert {line["verdict"] for line in lines} >= {"mislabelled", "hardest"}
    changed = inspection.correct(put_right)
    assert changed.changed == len(found.mislabelled)
    assert changed.samples == 60
    low, high = changed.gain
    assert low <= changed.after - changed.before <= high
    assert high > 0


def test_what_taught_an_answer_has_its_label(inspection: Inspection) -> None:
    loaded = inspection.opening.loaded
    assert loaded.test is not None
    pulled = inspection.influence(loaded.test.x[0], int(loaded.test.y[0]))
    assert abs(pulled).max() <= 1 + 1e-9
    top = loaded.train.y[np.argsort(-pulled)[:10]]
    assert (top == loaded.test.y[0]).mean() >= 0.9
    own = inspection.influence(loaded.train.x[3], int(loaded.train.y[3]))
    assert own[3] == pytest.approx(1.0)


def test_the_command_writes_csv_picture_and_labels(
    done: tuple[Path, np.ndarray], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out"
    words = ("samples", str(done[0]), "--engine", "reference", "--out", str(out), "--top", "3")
    assert exit_code(*words, "--correct", "--influence", "2") == 0
    told = capsys.readouterr().out
    assert "mislabelled" in told
    assert "labels changed: accuracy" in told
    assert (out / "samples.png").read_bytes()[:4] == b"\x89PNG"
    assert len((out / "labels.csv").read_text().splitlines()) == 271
    assert exit_code(*words, "--overwrite", "--json", "--influence", "60") == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "numbers to predict"),
        ({"class_weight": "balanced"}, "weighed its classes"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    random = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    ends = [f"{b}" if not given else "yes" if b > 1 else "no" for b in random[:, 1]]
    path.write_text(
        "\n".join(["a,y", *(f"{a},{b}" for a, b in zip(random[:, 0], ends, strict=True))]) + "\n"
    )
    folder = tmp_path / "run"
    folder.mkdir()
    plan = Experiment.of(path, target="y", network="mlp", epochs=1, **given).words()
    (folder / "configuration.json").write_text(json.dumps({"version": 2, "plan": plan}))
    with pytest.raises(InvalidOption, match=said):
        Inspection(folder, engine="reference")


def test_nothing_is_said_of_labels_that_were_not_learned(
    inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Margins that know nothing of the labels; and those of the one epoch of a run, which is all that it has."""
    chance = np.random.default_rng(0).normal(size=len(inspection.watch.margins))
    monkeypatch.setattr(Margins, "margins", property(lambda self: chance))
    found = inspection.samples()
    assert 0.35 < found.apart < 0.65
    assert not found.learned
    assert not len(found.mislabelled) + len(found.hardest) + len(found.redundant)
    assert "has not learned these samples" in str(found)
    with pytest.raises(InvalidArgument, match="no label is corrected: the network has not learned"):
        found.corrected()


def test_the_lowest_margin_of_one_epoch_is_its_own() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    watch, network = Margins(), sloy.Network((2,), [sloy.layers.Dense(2)])
    sloy.fit(
        network,
        (x, (x[:, 0] > 0).astype(int)),
        epochs=1,
        callbacks=[watch],
        engine="reference",
        verbose=False,
    )
    assert watch.least.tolist() == watch.margins.tolist()
