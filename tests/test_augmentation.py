"""`Augment`: what it takes, where it acts, that it repeats to the bit, and that targets mix as samples do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

import sloy
from available import installed
from sloy import Augment, ops
from sloy.augmentation import beta_quantiles
from sloy.engines import engine
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.inspection import augmented
from sloy.layers import Dense, Flatten
from sloy.losses import CategoricalCrossentropy
from sloy.metrics import Accuracy
from sloy.optimizers import SGD
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem
from sloy.problem.graphs import KEY, evaluation_graph, inference_graph
from sloy.training.recipe import Recipe
from sloy.training.step import (
    gradient_graph,
    initial_variables,
    random_key,
    training_graph,
    values_graph,
)
from step_tasks import feeds_of
from tolerances import SAME_FORMULA, assert_close
from training_tasks import Spy, blobs, cnn, fit, mlp, run_bytes, stripes

RNG = np.random.default_rng(3)
BYTES = RNG.integers(0, 256, (6, 9, 8, 3)).astype(np.uint8)
EVERYTHING: dict[str, Any] = {
    "flip": "both", "rotation": 40, "scale": 0.3, "shift": 0.2, "crop": 2, "brightness": 0.3,
    "contrast": 0.4, "cutout": 3, "mixup": 0.4, "outside": "reflect", "fill": 7,
}  # fmt: skip
RANDOM = {
    "random_warp",
    "random_tone",
    "random_cutout",
    "random_order",
    "random_mix",
    "random_pick",
}


# --- arguments -------------------------------------------------------------------------------------------------------

WRONG = {
    "flip": ("left", True, 1),
    "rotation": (-1, 181, "10", float("nan")),
    "scale": (-0.1, 1.0),
    "shift": (-0.1, 1.5),
    "crop": (-1, 1.5),
    "brightness": (-0.1, 1.1),
    "contrast": (-0.1, 1.1),
    "cutout": (-1, 2.5, True),
    "mixup": (-0.2, float("inf")),
    "outside": ("wrap", None),
    "fill": (float("nan"), "black"),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_wrong_arguments_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"Augment: `{name}` .={value!r}. must be"):
        Augment(**{name: value})


def test_every_argument_is_checked_and_used() -> None:
    assert set(WRONG) == set(EVERYTHING) == set(Augment(**EVERYTHING).to_config())


def test_it_shows_what_is_changed() -> None:
    assert repr(Augment()) == "Augment()"
    assert repr(Augment(flip="both", crop=2)) == "Augment(flip='both', crop=2)"


def test_it_goes_through_json() -> None:
    for augment in (Augment(), Augment(**EVERYTHING)):
        words = json.dumps(augment.to_config())
        assert Augment.from_config(json.loads(words)) == augment
    for broken in ({"turn": 3}, {"rotation": -1}, {"crop": "x"}):
        with pytest.raises(FileFormatError, match="augmentation cannot be read"):
            Augment.from_config(broken)


def test_it_goes_through_words() -> None:
    for augment in (Augment(), Augment(rotation=8, flip="horizontal"), Augment(**EVERYTHING)):
        assert (Augment.of_words(augment.words) or Augment()) == augment
    assert Augment.of_words("none") is None
    for broken, said in (
        (
            "turn=3",
            "`augment`: 'turn=3' must be none or NAME=VALUE, the names being flip, rotation",
        ),
        ("rotation", "`augment`: 'rotation' must be"),
        ("rotation=8,", "`augment`: '' must be"),
        ("", "`augment`: '' must be"),
        ("rotation=fast", r"Augment: `rotation` .='fast'. must be"),
        ("flip=both,rotation=200", r"Augment: `rotation` .=200. must be"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            Augment.of_words(broken)


def test_data_that_are_no_pictures_are_refused_but_for_mixup() -> None:
    network = Network((4,), [Dense(3)])
    with pytest.raises(ShapeError, match=r"shape \(4,\) are no pictures .* only `mixup`"):
        fit(network, blobs(), augment=Augment(rotation=3))
    with pytest.raises(InvalidArgument, match=r"`fill` \(=0.5\) must be a whole number"):
        fit(cnn(), stripes(), augment=Augment(crop=1, fill=0.5))
    with pytest.raises(InvalidArgument, match="fit: `augment`"):
        fit(cnn(), stripes(), augment={"crop": 1})  # type: ignore[arg-type]


# --- what it does ----------------------------------------------------------------------------------------------------


def test_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(augmented(BYTES, Augment()), BYTES)


def test_draws_differ_by_step_seed_and_sample_and_repeat_otherwise() -> None:
    same = np.repeat(BYTES[:1], 6, axis=0)
    augment = Augment(rotation=40, brightness=0.3, cutout=3)
    first = augmented(same, augment, seed=1, step=5)
    np.testing.assert_array_equal(augmented(same, augment, seed=1, step=5), first)
    assert len({picture.tobytes() for picture in first}) == 6
    for other in ({"seed": 1, "step": 6}, {"seed": 2, "step": 5}):
        assert all(
            (a != b).any() for a, b in zip(augmented(same, augment, **other), first, strict=True)
        )


def test_a_sample_is_changed_alike_in_a_batch_of_any_size() -> None:
    augment = Augment(**{**EVERYTHING, "mixup": 0})
    whole = augmented(BYTES, augment)
    np.testing.assert_array_equal(augmented(BYTES[:2], augment), whole[:2])


def test_a_flip_comes_half_of_the_time() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
    batch = np.repeat(picture, 4000, axis=0)
    changed = augmented(batch, Augment(flip="horizontal"))
    flipped = (changed == batch[:, :, ::-1]).all((1, 2, 3))
    assert ((changed == batch).all((1, 2, 3)) | flipped).all()
    assert abs(flipped.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_a_crop_comes_from_every_place_alike() -> None:
    batch = np.zeros((5000, 7, 7, 1), np.uint8)
    batch[:, 3, 3] = 255
    places = np.argwhere(augmented(batch, Augment(crop=2))[..., 0] == 255)[:, 1:]
    counts = np.bincount((places[:, 0] - 1) * 5 + places[:, 1] - 1, minlength=25)
    assert len(places) == 5000
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 2.0, 30.0])
def test_shares_follow_the_beta_law(alpha: float) -> None:
    shares = beta_quantiles(alpha, 1024)
    expected = stats.beta.ppf((np.arange(1024) + 0.5) / 1024, alpha, alpha)
    assert np.abs(shares - expected).max() < 2**-16  # they are rounded to 2^-16
    assert np.ptp(shares) > 0.1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_engine_and_number_of_threads_gives_the_same_bits(dtype: str) -> None:
    """Batches large enough that two threads share them."""
    of_host = [name for name in installed() if name != "jax"]
    engines = [engine(name, threads) for name in of_host for threads in (1, 2)]
    engines += [engine("jax")] if "jax" in installed() else []
    for shape in ((40, 28, 28, 1), (9, 33, 31, 3)):
        x = RNG.integers(0, 256, shape).astype(np.uint8)
        x = x if dtype == "uint8" else x.astype(np.float32) / 255
        for outside in ("constant", "edge", "reflect"):
            augment = Augment(**{**EVERYTHING, "outside": outside, "rotation": 180})
            given = ops.input("x", shape, dtype)
            key, step = ops.variable(KEY, (2,), "uint32"), ops.input("step", (), "uint32")
            changed = augment.pictures(given, key, step)
            mixing = augment.mixing(key, step, "float32")
            assert mixing is not None
            mixed = mixing.mixed(ops.cast(changed, "float32"))
            graph = Graph.of({"changed": changed, "mixed": mixed})
            fed = {"x": x, "step": np.array(77, np.uint32)}
            runs = [e.compile(graph, {KEY: random_key(5)}).run(fed) for e in engines]
            for name, value in runs[0].items():
                assert (value != x).mean() > 0.5
                for chosen, other in zip(engines[1:], runs[1:], strict=True):
                    if chosen.name == "jax" and value.dtype != np.uint8:
                        # XLA rounds a product and a sum together; its bytes are exact
                        np.testing.assert_allclose(other[name], value, rtol=1e-6, atol=255e-7)
                    else:
                        assert other[name].tobytes() == value.tobytes(), (name, outside, shape)


# --- in the graphs ---------------------------------------------------------------------------------------------------

PICTURES = Network((9, 8, 3), [Flatten(), Dense(3)])
LABELS = np.array([0, 2, 1, 1, 0, 2], np.int32)


def problem_of(**target: Any) -> Problem:
    return Problem(
        PICTURES, CategoricalCrossentropy(), metrics=(Accuracy(),), data_dtype="uint8", dtype="float64",
        preprocessing=Preprocessing((20.0,), (90.0,)), **target,
    )  # fmt: skip


def recipe_of(augment: Augment | None, seed: int = 0) -> Recipe:
    return Recipe(optimizer=SGD(0.1), augment=augment, seed=seed)


def ops_of(graph: Graph) -> set[str]:
    return {node.op for node in graph.nodes}


def test_it_acts_in_training_alone() -> None:
    problem, recipe = problem_of(), recipe_of(Augment(**EVERYTHING))
    assert ops_of(training_graph(problem, recipe, 6)) >= RANDOM
    assert ops_of(values_graph(problem, recipe, 6)) >= RANDOM
    others = evaluation_graph(problem, 6), inference_graph(problem, 6)
    for graph in (*others, gradient_graph(problem, 6, training=False)):
        assert not ops_of(graph) & RANDOM
    assert not ops_of(training_graph(problem, recipe_of(None), 6)) & RANDOM


def test_the_step_sees_what_augmented_shows() -> None:
    augment = Augment(**{**EVERYTHING, "mixup": 0})
    problem, recipe = problem_of(), recipe_of(augment, seed=9)
    graph = values_graph(problem, recipe, 6)
    fed = feeds_of(graph, BYTES, LABELS, step=np.array(4, np.uint32))
    executable = engine("reference").compile(graph, initial_variables(problem, recipe))
    seen = executable.run(fed)["layer:flatten_1"]
    shown = augmented(BYTES, augment, seed=9, step=4)
    assert (shown != BYTES).mean() > 0.5
    expected = (shown.astype(np.float64) - 20.0) / 90.0
    assert_close(seen, expected.reshape(6, -1), SAME_FORMULA, scale=10.0)


def test_the_gradient_is_that_of_the_changed_samples() -> None:
    augment = Augment(**{**EVERYTHING, "mixup": 0})
    problem = problem_of()
    variables = initial_variables(problem, recipe_of(augment, seed=9))
    gradients = []
    for given, x in ((augment, BYTES), (None, augmented(BYTES, augment, seed=9))):
        graph = values_graph(problem, recipe_of(given), 6)
        executable = engine("reference").compile(graph, variables)
        found = executable.run(feeds_of(graph, x, LABELS))
        gradients.append({name: found[f"gradient:{name}"] for name in PICTURES.parameters})
    for name, value in gradients[0].items():
        np.testing.assert_array_equal(value, gradients[1][name])


@pytest.mark.parametrize("targets", ["labels", "probabilities"])
def test_mixup_mixes_loss_and_metrics_in_the_shares_of_the_samples(targets: str) -> None:
    """λ Σ w_i L(f(x̃), y_i) + (1 - λ) Σ w_j L(f(x̃), y_j), all over Σ w, computed by hand."""
    weights = np.array([1.0, 0.5, 2.0, 0.0, 0.25, 3.0])
    rows = np.eye(3)[LABELS]
    kind = {"target_shape": (3,), "target_dtype": "float64"} if targets == "probabilities" else {}
    problem, recipe = problem_of(**kind), recipe_of(Augment(mixup=0.7), seed=2)
    variables = initial_variables(problem, recipe)
    given = rows if targets == "probabilities" else LABELS
    graph = training_graph(problem, recipe, 6)
    before = {name: value.copy() for name, value in variables.items()}
    fed = feeds_of(graph, BYTES, given, weights, step=np.array(8, np.uint32))
    measured = engine("reference").compile(graph, variables).run(fed)

    key, at = ops.variable(KEY, (2,), "uint32"), ops.input("step", (), "uint32")
    mixing = Augment(mixup=0.7).mixing(key, at, "float64")
    assert mixing is not None
    numbers = ops.input("n", (6,), "int32")
    drawn = Graph.of({"share": mixing.share, "order": mixing.partners(numbers)})
    values = (
        engine("reference")
        .compile(drawn, {KEY: random_key(2)})
        .run({"n": np.arange(6, dtype=np.int32), "step": np.array(8, np.uint32)})
    )
    share, order = float(values["share"]), values["order"]
    assert 0.02 < share < 0.98
    assert sorted(order) == list(range(6))
    assert (order != np.arange(6)).any()
    ready = (BYTES.astype(np.float64) - 20.0) / 90.0
    mixed = (share * ready + (1 - share) * ready[order]).reshape(6, -1)
    logits = mixed @ before["dense_1/weight"] + before["dense_1/bias"]
    surprise = np.log(np.exp(logits).sum(1, keepdims=True)) - logits  # -log softmax
    right = np.argmax(logits, 1)[:, None] == np.arange(3)

    def mean(table: np.ndarray) -> float:
        own, others = (table * rows).sum(1), (table * rows[order]).sum(1)
        total = share * (weights * own).sum() + (1 - share) * (weights[order] * others).sum()
        return float(total / weights.sum())

    assert_close(measured["loss"], mean(surprise), SAME_FORMULA, scale=100.0)
    assert_close(measured["accuracy"], mean(right), SAME_FORMULA, scale=1.0)
    assert measured["weight"] == weights.sum()


# --- in runs ---------------------------------------------------------------------------------------------------------

TRAINED = {
    "pictures": (
        cnn,
        stripes,
        Augment(flip="both", rotation=10, crop=1, brightness=0.1, mixup=0.2),
    ),
    "numbers": (mlp, blobs, Augment(mixup=0.2)),
}


@pytest.mark.parametrize("kind", TRAINED)
def test_it_learns_with_it(kind: str) -> None:
    network, data, augment = TRAINED[kind]
    model, history = fit(
        network(), data(), augment=augment, epochs=15, batch_size=8, engine="auto", threads=1,
        optimizer=sloy.Adam(0.01),
    )  # fmt: skip
    assert model.evaluate(data())["accuracy"] > 0.9
    assert history["loss"][-1] < 0.8 * history["loss"][0]


class StopWithin(sloy.Callback):
    """Stop after a number of steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_batch_end(self, run: Any, *rest: Any) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.mark.parametrize("name", installed())
def test_a_resumed_run_draws_as_if_it_had_never_stopped(tmp_path: Any, name: str) -> None:
    augment = TRAINED["pictures"][2]
    same = {"augment": augment, "epochs": 2, "batch_size": 8, "engine": name, "threads": 1}
    place = tmp_path / "c.sloy"
    whole, half, resumed = Spy(), Spy(), Spy()
    fit(cnn(), stripes(), callbacks=[whole], **same)
    fit(cnn(), stripes(), callbacks=[half, StopWithin(11)], checkpoint=place, **same)
    assert run_bytes(half.runs) != run_bytes(whole.runs)
    fit(cnn(), stripes(), callbacks=[resumed], checkpoint=place, resume=True, **same)
    assert run_bytes(resumed.runs) == run_bytes(whole.runs)
    with pytest.raises(InvalidArgument, match="cannot be resumed: its augment, functions differed"):
        fit(cnn(), stripes(), checkpoint=place, resume=True, **{**same, "augment": None})


def test_evaluation_and_prediction_see_the_samples_as_they_are() -> None:
    data = stripes()
    model, history = fit(cnn(), data, augment=Augment(brightness=1.0), validation=data, epochs=1)
    assert model.evaluate(data)["loss"] == pytest.approx(history["val_loss"][-1])
