"""Saliency against the loss itself, least squares, and `prune` from end to end."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Residual
from sloy.metrics.intervals import mean_interval, paired_shares, student, wilson
from sloy.pruning.comparison import _estimate, compared
from sloy.pruning.groups import Structure
from sloy.pruning.passes import Passes
from sloy.pruning.refit import Refit
from sloy.pruning.retraining import Ensemble, Retraining, _Members
from sloy.pruning.saliency import activity, scores
from sloy.pruning.timing import Timing
from sloy.training.held_out import held_out_by_members
from training_tasks import blobs, stripes

OPTIONS: dict[str, Any] = {"verbose": False, "optimizer": "adam", "seed": 1, "threads": 1}


@pytest.fixture(scope="module")
def data() -> sloy.Dataset:
    """Four clouds that need some curved borders."""
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 6)).astype(np.float32)
    return sloy.Dataset(x, (x[:, 0] * x[:, 1] > 0) * 2 + (x[:, 2] > 0).astype(int))


@pytest.fixture(scope="module")
def model(data: sloy.Dataset) -> sloy.Model:
    """Two hidden layers that are wider than they need be, with some dead neurons and two alike."""
    network = sloy.Network((6,), [Dense(40), ReLU(), Dense(24), ReLU(), Dense(4)])
    found, _ = sloy.fit(network, data, epochs=30, learning_rate=0.01, batch_size=32, **OPTIONS)
    values = found.parameters
    weight, bias = np.array(values["dense_1/weight"]), np.array(values["dense_1/bias"])
    weight[:, :2], bias[:2] = 0.0, (-1.0, 0.5)  # one dead, one that is always 0.5
    weight[:, 3], bias[3] = weight[:, 2], bias[2]
    values["dense_1/weight"], values["dense_1/bias"] = weight, bias
    return found


def towards_its_mean(
    passes: Passes, structure: Structure, means: dict[str, np.ndarray], unit: int, share: float
) -> dict[str, np.ndarray]:
    """Weights with which a dense layer sees (1 - share) x + share · mean of one of its inputs."""
    (consumer,) = (c for c in structure.consumers if unit in c.units)
    bias = f"{consumer.weight.partition('/')[0]}/bias"
    w, b = (np.array(passes.model.parameters[name]) for name in (consumer.weight, bias))
    row = int(np.flatnonzero(consumer.units == unit)[0])
    b += share * means[consumer.weight][row] * w[row]
    w[row] *= 1 - share
    return {consumer.weight: w, bias: b}


def test_saliency_is_what_the_loss_does(model: sloy.Model, data: sloy.Dataset) -> None:
    """Each unit of both layers in turn set to its mean: the loss rises as was foreseen."""
    passes, structure = Passes(model), Structure(model.network)
    samples = passes.samples(data, "test")
    found = activity(passes, structure, samples)
    foreseen = scores(passes, structure, samples, found.means, 0)
    before, true = passes.loss(samples), {}
    for unit in foreseen:
        changed = towards_its_mean(passes, structure, found.means, unit, 1.0)
        for name, value in changed.items():
            passes.variables.write(name, value)
        true[unit] = passes.loss(samples) - before
        for name in changed:
            passes.variables.write(name, np.asarray(model.parameters[name]))
    a, b = (np.array(list(values.values())) for values in (foreseen, true))
    ranks = np.argsort(np.argsort(a)), np.argsort(np.argsort(b))
    assert np.corrcoef(*ranks)[0, 1] > 0.85
    first = structure.groups[0].units
    assert found.constant >= {int(first[0]), int(first[1])}


def test_saliency_is_the_second_order(model: sloy.Model, data: sloy.Dataset) -> None:
    """Of the last hidden layer, on which the output depends linearly, against differences in double precision."""
    problem = replace(model.problem, dtype="float64", data_dtype="float64")
    values = {name: np.asarray(v, np.float64) for name, v in model.parameters.items()}
    passes = Passes(sloy.Model(problem, values, engine="reference"))
    structure = Structure(model.network)
    samples = passes.samples((data.x[:200].astype(np.float64), data.y[:200]), "test")
    means = activity(passes, structure, samples).means
    foreseen, step = scores(passes, structure, samples, means, 0), 1e-3
    middle = passes.loss(samples)
    for unit in structure.groups[1].units[:8].tolist():
        ends = []
        for share in (-step, step):
            for name, value in towards_its_mean(passes, structure, means, unit, share).items():
                passes.variables.write(name, value)
            ends.append(passes.loss(samples))
        for name, value in values.items():
            passes.variables.write(name, value)
        slope, curved = (ends[1] - ends[0]) / (2 * step), (sum(ends) - 2 * middle) / step**2
        possible = 0.5 * curved, 0.5 * curved + slope  # a slope within its noise is left out
        assert any(foreseen[unit] == pytest.approx(v, rel=1e-4, abs=1e-9) for v in possible)


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(12), ReLU(), Dense(3)],
        [Conv2D(6, 3, padding=1), ReLU(), Conv2D(4, 3, stride=2, use_bias=False), BatchNorm(), Flatten(), Dense(2)],
        [Conv2D(6, 3), Conv2D(6, 3, groups=2, padding="same", dilation=2), ReLU(), Flatten(), Dense(2)],
    ],
    ids=["dense", "convolution", "groups"],
)  # fmt: skip
def test_least_squares_makes_up_for_a_twin(layers: list[Layer]) -> None:
    """Where another unit gives the same, what is removed is missed by nobody."""
    random = np.random.default_rng(3)
    shape = (8,) if isinstance(layers[0], Dense) else (6, 6, 2)
    network = sloy.Network(shape, layers)
    data = sloy.Dataset(random.normal(size=(200, *shape)).astype(np.float32), np.arange(200) % 2)
    model, _ = sloy.fit(network, data, epochs=1, **OPTIONS)
    structure = Structure(network)
    group = structure.groups[0]
    producer = group.layers[0]
    weight, bias = (np.array(model.parameters[f"{producer}/{n}"]) for n in ("weight", "bias"))
    twin = 3 if "conv2d_2/weight" in network.shapes and network.layers[1] != ReLU() else 1
    pairs = [(0, 1)] if twin == 1 else [(0, 1), (3, 4)]  # of each group of channels
    for one, other in pairs:
        weight[..., other], bias[other] = weight[..., one], bias[one]
    model.parameters[f"{producer}/weight"] = weight
    model.parameters[f"{producer}/bias"] = bias
    passes = Passes(model)
    samples = passes.samples(data, "test")
    refit = Refit(passes, structure, samples, 0)
    before = passes.each(samples)["loss"]
    removed = structure.variables[f"{producer}/weight"][-1][[1]]
    for consumer in structure.of(group):
        refit(consumer, removed)
    gone = np.isin(structure.consumers[0].units, removed)
    now = np.asarray(passes.variables[structure.consumers[0].weight])
    assert not np.compress(gone, now, axis=structure.consumers[0].axis).any()
    assert passes.each(samples)["loss"] == pytest.approx(before, abs=0.02)


def test_a_pruned_model(model: sloy.Model, data: sloy.Dataset, tmp_path: Path) -> None:
    kept = {name: np.array(value) for name, value in model.parameters.items()}
    told: list[str] = []
    pruned = sloy.prune(
        model, data, loss_rise=0.02, retrain=2, time=False, tell=lambda what, *_: told.append(what)
    )
    for name, value in kept.items():
        assert np.array_equal(model.parameters[name], value)
    small = pruned.model
    assert pruned.after.multiply_adds < 0.8 * pruned.before.multiply_adds
    assert pruned.after.parameters == small.network.parameter_count
    assert any("of the removed units gave the same for all samples" in n for n in pruned.notes)
    first, *_, last = pruned.curve
    assert first.multiply_adds == pruned.before.multiply_adds
    assert last.multiply_adds == pruned.after.multiply_adds
    assert pruned.comparison.lost[0] < 0.1
    assert set(told) == {"multiply-adds removed", "epochs of training again"}
    assert pruned.removed["dense_1"][:2] == [0, 1]
    json.dumps(pruned.document())
    assert "multiply-adds" in str(pruned)
    # It is a model like any other.
    small.save(tmp_path / "small.sloy")
    assert np.array_equal(sloy.load(tmp_path / "small.sloy")(data.x), small(data.x))
    small.export(tmp_path / "small.onnx")
    again = sloy.Model.from_onnx(tmp_path / "small.onnx")
    assert again(data.x) == pytest.approx(small(data.x), abs=1e-4)
    small.export(tmp_path / "small.c")
    built = ["cc", "-c", str(tmp_path / "small.c"), "-o", str(tmp_path / "small.o")]
    subprocess.run(built, check=True, timeout=60)
    figure = sloy.inspection.pruning_figure(pruned)
    assert len(figure.axes) == 3


def test_a_share_that_is_to_remain(model: sloy.Model, data: sloy.Dataset) -> None:
    pruned = sloy.prune(model, data, keep=0.3, retrain=0, time=False)
    assert 0.15 < pruned.after.multiply_adds / pruned.before.multiply_adds <= 0.3


def test_pictures_through_residual_sums_and_normalisation() -> None:
    network = sloy.Network(
        (8, 8, 1),
        [
            Conv2D(16, 3, padding="same", use_bias=False),
            BatchNorm(),
            ReLU(),
            Residual(
                [Conv2D(16, 3, padding="same"), BatchNorm(), ReLU(), Conv2D(16, 3, padding=1)]
            ),
            MaxPool2D(2),
            Flatten(),
            Dense(2),
        ],
    )
    data = stripes(160)
    model, _ = sloy.fit(network, data, epochs=6, batch_size=16, learning_rate=0.01, **OPTIONS)
    pruned = sloy.prune(model, data, validation=0.25, keep=0.4, retrain=2, time=False)
    assert pruned.after.multiply_adds <= 0.4 * pruned.before.multiply_adds
    assert pruned.comparison.after[0] >= 0.9
    assert pruned.model.class_names == ("row", "column")


def test_single_weights_stay_zero(model: sloy.Model, data: sloy.Dataset) -> None:
    pruned = sloy.prune(model, data, weights=True, keep=0.3, rounds=2, retrain=1, time=False)
    weights = [v for n, v in pruned.model.parameters.items() if n.endswith("weight")]
    left = sum(int(np.count_nonzero(w)) for w in weights) / sum(w.size for w in weights)
    assert left == pytest.approx(0.3, abs=0.01)
    assert pruned.model.network == model.network
    assert [step.group for step in pruned.curve] == ["", "round 1", "round 2"]
    assert "no faster" in str(pruned)
    assert pruned.comparison.after[0] > pruned.comparison.before[0] - 0.15
    moved = pruned.model.parameters["dense_1/weight"] != model.parameters["dense_1/weight"]
    assert moved[np.asarray(pruned.model.parameters["dense_1/weight"]) != 0].any()


def test_intervals() -> None:
    """Wilson's from its own paper's formula solved for the ends; the paired one from its function."""
    low, high = wilson(80, 100)
    for end in (low, high):
        assert abs(0.8 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 100), rel=1e-6)
    data = blobs(60)
    network = sloy.Network((4,), [Dense(3)])
    one, two = (sloy.fit(network, data, epochs=n, **OPTIONS)[0] for n in (1, 3))
    passes = Passes(one), Passes(two)
    samples = passes[0].samples(data, "test")
    found = compared(*passes, samples, "")
    right = [(model.predict(data.x) == data.y).astype(float) for model in (one, two)]
    difference = right[0] - right[1]
    assert found.before[0] == pytest.approx(right[0].mean())
    assert found.lost == pytest.approx((difference.mean(), *paired_shares(*right)), abs=1e-6)


@pytest.mark.parametrize(
    ("b", "c", "n"), [(0, 0, 8), (3, 0, 8), (0, 1, 5), (12, 2, 44), (5, 9, 1000)]
)
def test_the_interval_of_paired_shares(b: int, c: int, n: int) -> None:
    """At its ends the score statistic, with the likelihood's maximum found on a grid, is that of 95 %."""
    before, after = np.zeros(n), np.zeros(n)
    before[:b], after[b : b + c], before[b + c : n - 1], after[b + c : n - 1] = 1, 1, 1, 1
    ends = paired_shares(before, after)
    assert ends[0] < (b - c) / n < ends[1]
    for end in ends:
        q = np.linspace(max(0.0, -end), (1 - end) / 2, 2_000_001)[1:-1]  # of c; q + Δ of b
        likelihood = b * np.log(q + end) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - end)
        best = q[likelihood.argmax()]
        score = (b - c - n * end) / np.sqrt(n * (2 * best + end - end * end))
        assert abs(score) == pytest.approx(1.959964, rel=1e-3)


def test_the_interval_of_a_mean() -> None:
    """Student's, by SciPy; of one sample nothing is known; what is never negative has no mean below 0."""
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 7, 30, 2000):
        assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-4)
    values = np.array([0.0, 0.1, 3.0])
    half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    assert mean_interval(values) == pytest.approx(
        (1.0333333, 1.0333333 - half, 1.0333333 + half), rel=1e-4
    )
    assert _estimate(values)[1] == 0
    assert _estimate(values[:1]) == (0.0, 0.0, np.inf)


def test_members_are_judged_by_rows_of_their_own() -> None:
    """By the loss of each on the rows that it held out, and trained again as they were: the loss falls."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 3)).astype(np.float32)
    data = sloy.Dataset(x, (x[:, 0] * x[:, 1] + 0.1 * rng.normal(size=160)).astype(np.float64))
    table = sloy.Tabular(data, members=2, hidden=(16, 16), seed=3)
    options = {**table.options(), "epochs": 24, "seed": 3, "beta2": 0.95, "schedule": "one-cycle"}
    model, _ = sloy.fit_members(
        table.network, table.train, loss=table.loss, ending=table.ending, parameters=table.start(),
        preprocessing="none", validation=0.2, verbose=False, threads=1, **options,
    )  # fmt: skip
    ensemble = Ensemble(table.train, table.loss, 0.2, 3)
    recipe = sloy.Recipe(**{**options, "learning_rate": 0.02})
    shared = {"keep": 0.05, "time": False, "recipe": recipe, "ensemble": ensemble}
    small = sloy.prune(model, data, retrain=0, **shared)
    again = sloy.prune(model, data, **shared)
    told: list[int] = []
    way = Retraining(
        data, data, None, recipe, 0, lambda what, done, total: told.append(total), ensemble
    )
    losses = []
    for pruned in (small, again):
        held = held_out_by_members(pruned.model, data, 0.2, 3)
        losses.append(float(np.mean((held.output[:, 0] - held.data.y) ** 2) / data.y.var()))
        assert _Members(way, ensemble, pruned.model).loss(pruned.model) == pytest.approx(
            losses[-1], rel=1e-4
        )
    assert losses[1] < 0.9 * losses[0]
    assert not any("did not help" in note for note in again.notes)
    way(small.model)
    assert set(told) == {20}  # of five steps each: as many as make 100
    network = sloy.Network((3,), [Dense(4), ReLU(), Dense(1)])
    single, _ = sloy.fit(network, data, **OPTIONS)
    with pytest.raises(InvalidArgument, match="the network has no members"):
        sloy.prune(single, data, ensemble=ensemble, retrain=1)


def test_what_is_said_of_time() -> None:
    assert str(Timing(2e-3, 1e-3, 128)) == "2000 → 1000 µs for 128 samples: 2.00 times as fast"
    assert str(Timing(1e-3, 0.99e-3, 1)) == "1000 → 990 µs for 1 sample: no faster"


def test_what_it_refuses(model: sloy.Model, data: sloy.Dataset) -> None:
    for options, said in (
        ({"keep": 1.5}, r"`keep` \(=1\.5\)"),
        (
            {"keep": 0.5, "loss_rise": 0.1},
            r"`keep` \(=0\.5\) and `loss_rise` \(=0\.1\) both say how far to go",
        ),
        (
            {"weights": True, "loss_rise": 0.1},
            r"`loss_rise` \(=0\.1\) is for units; with `weights` `keep`",
        ),
        ({"rounds": 3}, r"`rounds` \(=3\) is for `weights`"),
        ({"ensemble": data}, "`ensemble`"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            sloy.prune(model, data, **options)
    with pytest.raises(InvalidArgument, match=r"`validation` \(=None\) is needed"):
        sloy.prune(model, data, validation=None)
    single, _ = sloy.fit(sloy.Network((6,), [Dense(4)]), data, epochs=1, **OPTIONS)
    with pytest.raises(InvalidArgument, match="no unit of the network can be removed"):
        sloy.prune(single, data)
