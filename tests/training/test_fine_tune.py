"""Fine-tuning: frozen layers stay to the bit and are computed once, with the result of not doing so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sloy
from available import ENGINES, available
from sloy.data import PictureReader
from sloy.errors import InvalidArgument, NonFiniteError, UnknownName
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from sloy.training.recipe import Recipe
from sloy.training.stages import FineTuning, stages
from training_tasks import Spy, stripes

QUIET = {"engine": "reference", "verbose": False}


def kinds(count: int = 72, seed: int = 9) -> sloy.Dataset:
    """Pictures of 8 × 8 bytes with a bright row, column or diagonal: three classes."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (count, 8, 8, 1), np.uint8)
    y = np.arange(count) % 3
    for picture, label, place in zip(x, y, rng.integers(0, 8, count), strict=True):
        if label == 2:
            picture[np.arange(8), np.arange(8)] += 190
        else:
            (picture if label == 0 else picture.transpose(1, 0, 2))[place] += 190
    return sloy.Dataset(x, y, class_names=("row", "column", "diagonal"))


def layers() -> list[sloy.layers.Layer]:
    """With what behaves otherwise in training than in use, before and behind `pool`."""
    return [
        Conv2D(6, 3, padding=1),
        BatchNorm(),
        ReLU(),
        Dropout(0.2),
        MaxPool2D(2, name="pool"),
        Conv2D(8, 3),
        ReLU(),
        Flatten(),
        Dense(16),
        ReLU(),
        Dropout(0.3),
        Dense(2),
    ]


@pytest.fixture(scope="module")
def start() -> sloy.Model:
    """A model of rows and columns that reads picture files."""
    network = sloy.Network((8, 8, 1), layers())
    model, _ = sloy.fit(network, stripes(80), epochs=4, preprocessing="standardize", **QUIET)
    model.reader = PictureReader((8, 8), 1)
    return model


def tune(model: sloy.Model, data: Any = None, **options: Any) -> tuple[sloy.Model, sloy.History]:
    given = {"epochs": 3, "batch_size": 8, **QUIET, **options}
    return sloy.fine_tune(model, kinds() if data is None else data, **given)


def bits(model: sloy.Model, *starts: str) -> dict[str, bytes]:
    return {n: v.tobytes() for n, v in model.parameters.items() if n.startswith(starts or ("",))}


FROZEN = ("conv2d_1/", "batch_norm_1/")  # before `pool`, the running statistics among them


@pytest.mark.parametrize("augment", [None, sloy.Augment(shift=0.1)])
def test_it_learns_and_what_is_frozen_stays_to_the_bit(
    start: sloy.Model, augment: sloy.Augment | None
) -> None:
    before = bits(start)
    model, history = tune(
        start, freeze="pool", epochs=12, first_rate=1, optimizer=sloy.Adam(0.01), augment=augment
    )
    assert bits(start) == before
    assert bits(model, *FROZEN) == bits(start, *FROZEN)
    assert len(bits(model, *FROZEN)) == 6
    changed = {n for n, b in bits(model).items() if b != before.get(n)}
    assert changed == set(bits(model)) - set(bits(model, *FROZEN))
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["epoch"].tolist() == list(range(1, 13))
    assert model.evaluate(kinds(seed=1))["accuracy"] > 0.9


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_computed_once_give_what_computing_them_each_time_gives(
    start: sloy.Model, engine: str
) -> None:
    """An augmentation that changes nothing keeps the frozen layers in every step."""
    options = {"freeze": "pool", "validation": 0.25, "engine": available(engine)}
    once, told = tune(start, **options)
    each, told_each = tune(start, augment=sloy.Augment(), **options)
    for name, value in once.parameters.items():
        np.testing.assert_allclose(value, each.parameters[name], rtol=2e-4, atol=2e-5)
    for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(told[column], told_each[column], rtol=1e-3)
    some = kinds(seed=2).x
    np.testing.assert_allclose(once(some), each(some), rtol=1e-3, atol=1e-4)


def test_it_is_fit_with_trainable_where_nothing_frozen_is_random() -> None:
    network = sloy.Network(
        (8, 8, 1), [Conv2D(6, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(9), ReLU(), Dense(3)]
    )
    begun, _ = sloy.fit(network, kinds(), epochs=1, **QUIET)
    tuned, history = tune(begun, freeze="max_pool2d_1", first_rate=1, seed=4)
    same, expected = sloy.fit(
        network, kinds(), parameters=begun.parameters, trainable=("dense_*",), seed=4, epochs=3,
        batch_size=8, preprocessing=begun.problem.preprocessing, **QUIET,
    )  # fmt: skip
    for name, value in same.parameters.items():
        np.testing.assert_allclose(tuned.parameters[name], value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)


def test_other_classes_get_a_new_last_layer(start: sloy.Model, tmp_path: Path) -> None:
    model, _ = tune(start, epochs=1)
    assert model.network.output_shape == (3,)
    assert model.network.layer_names == start.network.layer_names
    assert model.class_names == ("row", "column", "diagonal")
    rest = [n for n in start.parameters if not n.startswith("dense_2/")]
    assert bits(model, *rest) == bits(start, *rest)  # freeze="head"
    assert model.problem.preprocessing == start.problem.preprocessing
    assert model.reader == start.reader
    model.save(tmp_path / "a.sloy")
    again = sloy.load(tmp_path / "a.sloy", engine="reference")
    Image.fromarray(kinds().x[0, ..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(again(tmp_path / "a.png"), model(kinds().x[:1]))


def test_the_same_classes_keep_their_last_layer(start: sloy.Model) -> None:
    data = stripes(40, seed=3)
    first = Spy()
    rate = sloy.SGD(1e-30)
    model, _ = tune(start, data, epochs=1, optimizer=rate, callbacks=[first], batch_size=40)
    assert bits(model, "dense_2/") == bits(start, "dense_2/")
    assert model.network.output_shape == (2,)


def test_unfreezing_trains_two_times(start: sloy.Model) -> None:
    spy = Spy()
    model, history = tune(
        start,
        unfreeze=True,
        head_epochs=2,
        epochs=3,
        freeze="pool",
        callbacks=[spy],
        first_rate=0.5,
    )
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    head, whole = spy.runs
    assert set(head.weights) == {
        f"{layer}/{part}"
        for layer in ("conv2d_2", "dense_1", "dense_2")
        for part in ("weight", "bias")
    }
    assert set(whole.weights) == set(model.parameters)
    assert all(b != bits(start).get(n) for n, b in bits(model).items())


def test_learning_rates_go_down_to_the_first_layer(start: sloy.Model) -> None:
    """Four layers with weights beside the normalisation: five in equal ratios from 0.01 to 1."""
    tuning = FineTuning(freeze="pool", unfreeze=True, head_epochs=1, first_rate=0.01)
    first, second = stages(start.network, tuning, Recipe(epochs=1))
    assert (first.frozen, second.frozen) == (5, 0)
    names = ("conv2d_1", "batch_norm_1", "conv2d_2", "dense_1", "dense_2")
    expected = {
        f"{name}/*": 10.0 ** (power / 2) for name, power in zip(names, range(-4, 1), strict=True)
    }
    assert dict(second.recipe.rate_factors) == pytest.approx(expected)
    behind = {name: expected[name] for name in list(expected)[2:]}
    assert dict(first.recipe.rate_factors) == pytest.approx(behind)


class Halt(sloy.Callback):
    """As Ctrl-C at the end of an epoch, counted over all runs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_epoch_end(self, run: Any, row: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_resuming_ends_in_the_same_bytes(start: sloy.Model, tmp_path: Path, after: int) -> None:
    options = {"unfreeze": True, "head_epochs": 2, "epochs": 3, "validation": 0.2}
    straight, history = tune(start, **options)
    path = tmp_path / "checkpoint.sloy"
    with pytest.raises(KeyboardInterrupt) as caught:
        tune(start, checkpoint=path, callbacks=[Halt(after)], **options)
    assert caught.value.model.network == straight.network
    assert len(caught.value.history) >= after - 1
    resumed, told = tune(start, checkpoint=path, resume=True, **options)
    assert bits(resumed) == bits(straight)
    assert told["loss"].tolist() == history["loss"].tolist()
    assert told["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert (tmp_path / "checkpoint-head.sloy").exists()
    with pytest.raises(InvalidArgument, match="cannot be resumed"):
        tune(start, checkpoint=path, resume=True, **{**options, "freeze": "pool"})
    tune(start, checkpoint=path, epochs=1)  # begins anew
    assert not (tmp_path / "checkpoint-head.sloy").exists()


def test_large_outputs_go_to_a_file(start: sloy.Model) -> None:
    inside, _ = tune(start, freeze="pool")
    outside, _ = tune(start, freeze="pool", in_memory=0)
    assert bits(inside) == bits(outside)


def test_a_loss_that_is_not_finite_leaves_the_whole_model(start: sloy.Model) -> None:
    with pytest.raises(NonFiniteError) as caught:
        tune(start, freeze="pool", optimizer=sloy.SGD(1e30), epochs=9)
    assert caught.value.model.network.output_shape == (3,)
    assert bits(caught.value.model, *FROZEN) == bits(start, *FROZEN)


def test_a_regression_keeps_its_network() -> None:
    x = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    network = sloy.Network((3,), [Dense(8), ReLU(), Dense(1)])
    begun, _ = sloy.fit(network, (x, x.sum(1)), epochs=2, **QUIET)
    tuned, history = tune(begun, (x, 2 * x.sum(1)), epochs=30, optimizer=sloy.Adam(0.05))
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert bits(tuned, "dense_1/") == bits(begun, "dense_1/")


@pytest.mark.parametrize("freeze", ["head", None])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_recipe_says_in_what_it_computes(freeze: str | None, precision: str) -> None:
    """Whatever the given model was trained in: everything is of one dtype."""
    x = np.random.default_rng(0).normal(size=(40, 4))
    network = sloy.Network((4,), [Dense(6), ReLU(), Dense(2)])
    data = (x, (x[:, 0] > 0).astype(int))
    for own in ("float32", "float64"):
        begun, _ = sloy.fit(network, data, precision=own, **QUIET)
        tuned = tune(begun, data, precision=precision, freeze=freeze)[0]
        assert tuned.problem.dtype == tuned.problem.data_dtype == precision
        assert {value.dtype.name for value in tuned.parameters.values()} == {precision}
        assert tuned(x).dtype == precision


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"callbacks": 3}, InvalidArgument, "fine_tune: `callbacks` .*must be a list or tuple"),
        (
            {"freeze": "pol"},
            UnknownName,
            r"'pol'.* is no layer of the network; those before .* are conv2d_1, .*pool",
        ),
        ({"freeze": "dense_2"}, InvalidArgument, "leaves nothing to train"),
        ({"freeze": None, "unfreeze": True}, InvalidArgument, "no layer is frozen"),
        ({"first_rate": 0}, InvalidArgument, "`first_rate`"),
        ({"unfreeze": True, "head_epochs": 0}, InvalidArgument, "`head_epochs`"),
        ({"resume": True}, InvalidArgument, "needs the `checkpoint`"),
        ({"data": (np.zeros((9, 4, 4, 1), np.uint8), np.arange(9) % 3)}, InvalidArgument, "shape"),
    ],
)
def test_what_is_refused(
    start: sloy.Model, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        tune(start, **options)
