"""Thresholds: the best of all, by scikit-learn's figures; in answers, accuracy, files and exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as peer

import sloy
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.container import read_container, write_container
from sloy.layers import Dense
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss
from sloy.training.threshold import best_cut, choose_threshold, threshold_words, with_threshold

FIGURES = {"f1": peer.f1_score, "balanced": peer.balanced_accuracy_score}
RNG = np.random.default_rng(0)


def model_of(outputs: int) -> sloy.Model:
    """Log-odds of yes are those of x: by one output, or by the difference of two."""
    loss: Loss = BinaryCrossentropy() if outputs == 1 else CategoricalCrossentropy()
    problem = sloy.Problem(
        sloy.Network((1,), [Dense(outputs)]),
        loss,
        metrics=sloy.metrics.default_metrics(loss, (outputs,)),
        target_shape=(1,) if outputs == 1 else (),
        target_dtype="float32" if outputs == 1 else "int32",
    )
    weight = np.array([[1.0]] if outputs == 1 else [[-0.5, 0.5]], np.float32)
    bias = np.zeros(outputs, np.float32)
    return sloy.Model(problem, {"dense_1/weight": weight, "dense_1/bias": bias}, engine="reference")


def samples(count: int = 400, digits: int = 6) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.normal(-2, 1.5, size=(count, 1)).round(digits)
    return x, (RNG.random(count) < 1 / (1 + np.exp(-1.5 * x[:, 0]))).astype(np.int64)


@pytest.mark.parametrize("rule", FIGURES)
@pytest.mark.parametrize("digits", [6, 0])
def test_no_other_threshold_is_better(rule: str, digits: int) -> None:
    x, y = samples(digits=digits)
    odds = x[:, 0]
    cut = best_cut(odds, y == 1, rule)  # type: ignore[arg-type]
    figure = FIGURES[rule]
    own = figure(y, odds > cut)
    every = [figure(y, odds > c) for c in np.concatenate([odds - 1e-9, odds + 1e-9, [0.0]])]
    assert own == pytest.approx(max(every))


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("rule", FIGURES)
def test_a_chosen_threshold_is_the_model_s(outputs: int, rule: str) -> None:
    x, y = samples()
    model = model_of(outputs)
    found, chosen = choose_threshold(model, (x, y), rule)  # type: ignore[arg-type]
    figure = FIGURES[rule]
    assert model.threshold is None
    assert found.threshold == chosen.value
    assert chosen.figure == pytest.approx(figure(y, found.predict(x)))
    assert chosen.at_half == pytest.approx(figure(y, model.predict(x)))
    assert chosen.figure >= chosen.at_half
    p = found.predict_proba(x)[:, -1]
    assert np.array_equal(p, model.predict_proba(x)[:, -1])
    assert np.array_equal(found.predict(x), (p > chosen.value).astype(int))
    assert found.evaluate((x, y))["accuracy"] == pytest.approx(np.mean(found.predict(x) == y))
    assert found.evaluate((x, y))["loss"] == model.evaluate((x, y))["loss"]


def test_half_is_kept_where_nothing_is_better() -> None:
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    _, chosen = choose_threshold(model_of(2), (x, [0, 0, 1, 1]), "f1")
    assert (chosen.value, chosen.figure, chosen.at_half) == (0.5, 1.0, 1.0)


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_file_keeps_it_and_older_readers_refuse_it(tmp_path: Path, outputs: int) -> None:
    x, _ = samples()
    model, path = with_threshold(model_of(outputs), 0.2), tmp_path / "m.sloy"
    model.save(path)
    again = sloy.load(path, engine="reference")
    assert again.threshold == 0.2
    assert np.array_equal(again.predict(x), model.predict(x))
    tensors, document = read_container(path)
    assert document["version"] == 2
    write_container(path, tensors, {**document, "version": 1})  # what an older one knows
    with pytest.raises(FileFormatError, match="version"):
        sloy.load(path)
    for wrong in (0, 1, 1.5, "half", None):
        write_container(path, tensors, {**document, "threshold": wrong})
        if wrong is not None:
            with pytest.raises(FileFormatError, match="threshold"):
                sloy.load(path)
    model_of(outputs).save(path)
    assert read_container(path)[1]["version"] == 1


def test_exports_say_it(tmp_path: Path) -> None:
    x, _ = samples()
    model = with_threshold(model_of(2), 0.2)
    model.class_names = ("no", "yes")
    model.export(tmp_path / "m.c")
    assert "The answer is yes where its probability is above 0.2." in (tmp_path / "m.c").read_text()
    onnx = pytest.importorskip("onnx")
    model.export(tmp_path / "m.onnx")
    said = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert json.loads(said["sloy"])["threshold"] == 0.2
    again = sloy.Model.from_onnx(tmp_path / "m.onnx", engine="reference")
    assert np.array_equal(again.predict(x), model.predict(x))


def test_what_is_refused() -> None:
    x, y = samples()
    problem = sloy.Problem(sloy.Network((1,), [Dense(3)]), CategoricalCrossentropy())
    three = sloy.Model(problem, problem.network.initialize(0), engine="reference")
    for make in (lambda: with_threshold(three, 0.3), lambda: choose_threshold(three, (x, y), "f1")):
        with pytest.raises(InvalidArgument, match="one of two classes"):
            make()
    with pytest.raises(InvalidArgument, match=r"`value` \(=1\.0\)"):
        with_threshold(model_of(2), 1.0)
    with pytest.raises(InvalidArgument, match="`rule` \\(='f2'\\)"):
        choose_threshold(model_of(2), (x, y), "f2")  # type: ignore[arg-type]
    for label, word in ((0, "no"), (1, "only")):
        with pytest.raises(InvalidArgument, match=f"hold {word} samples of the second class"):
            choose_threshold(model_of(2), (x, np.full(len(x), label)), "f1")
    for words in ("0", "1", "half", "nan"):
        with pytest.raises(InvalidArgument, match="is neither f1, balanced nor a probability"):
            threshold_words(words)
