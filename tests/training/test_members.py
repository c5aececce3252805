"""Members of an ensemble: who learns from which rows, when each was best, and what they answer together."""

from __future__ import annotations

import numpy as np
import pytest

from sloy import AdamW, Callback, Network, load, losses, ops, schedules
from sloy.data import Dataset
from sloy.engines import engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.layers import Blend, GroupedDense, Members, Rescale, Scale, Tanh
from sloy.training.checkpoint import Checkpoint
from sloy.training.member_losses import OfMembers
from sloy.training.members import Lesson, fit_members, holders
from sloy.training.recipe import Recipe
from sloy.training.tabular import Tabular

OPTIONS = {"engine": "reference", "verbose": False, "preprocessing": "none", "batch_size": 16}


def network(outputs: int, members: int = 3) -> Network:
    seen = Members([Rescale(1.0)] * members)
    return Network((4,), [seen, Scale(), GroupedDense(6), Blend(Tanh()), GroupedDense(outputs)])


def numbers(n: int = 90, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    return Dataset(x, (x[:, 0] * x[:, 1] + 3).astype(np.float32))


def classes(n: int = 120) -> Dataset:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    return Dataset(x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 1), ("a", "b", "c"))


def by_hand(variables, x, member, inner="grouped_dense"):
    """What a member of `network` answers, from its slices of the parameters."""
    v = {name: np.asarray(value, np.float64)[member] for name, value in variables.items()}
    h = (x * v["scale_1/scale"]) @ v[f"{inner}_1/weight"] + v[f"{inner}_1/bias"]
    h = h + v["blend_1/share"] * (np.tanh(h) - h)
    return h @ v[f"{inner}_2/weight"] + v[f"{inner}_2/bias"]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize(("members", "share"), [(1, 0.15), (4, 0.15), (3, 0.5), (8, 0.15)])
def test_each_row_is_held_out_by_one_member_at_most_and_each_class_in_its_share(members, share):
    data = classes(400)
    found = holders(data, members, share, seed=3)
    sizes = np.bincount(found + 1, minlength=members + 1)[1:]
    wanted = min(int(share * 400), 400 // (members + (members == 1)))
    assert (sizes == wanted).all()
    for member in range(members):
        own = np.bincount(data.y[found == member], minlength=3) / wanted
        whole = np.bincount(data.y, minlength=3) / 400
        assert abs(own - whole).max() < 0.03
    assert np.array_equal(found, holders(data, members, share, seed=3))
    assert not np.array_equal(found, holders(data, members, share, seed=4))


def test_the_loss_is_the_mean_over_members_of_weighted_losses():
    rng = np.random.default_rng(0)
    output, w = rng.normal(size=(5, 3, 4)), rng.uniform(size=(5, 3))
    labels = rng.integers(0, 4, 5)
    p = softmax(output)
    each = -np.log(p[np.arange(5)[:, None], np.arange(3), labels[:, None]])
    of = OfMembers(losses.CategoricalCrossentropy(), 3)
    target = np.concatenate([w, labels[:, None]], 1)
    symbols = ops.input("output", (5, 3, 4), "float64"), ops.input("target", (5, 4), "float64")
    graph = Graph.of({"loss": of.per_sample(*symbols)})
    run = engine("reference", dtype="float64").compile(graph, {})
    found = run.run({"output": output, "target": target})["loss"]
    np.testing.assert_allclose(found, (w * each).mean(1), rtol=1e-12)


def test_a_member_learns_nothing_of_the_rows_that_it_holds_out():
    data = numbers()
    held = holders(data, 3, 0.2, seed=0)
    other = np.where(held == 1, -50.0, data.y).astype(np.float32)
    runs = []
    for y in (data.y, other):
        found, _ = fit_members(
            network(1),
            Dataset(data.x, y),
            validation=0.2,
            epochs=1,
            recipe=Recipe(seed=0),
            **OPTIONS,
        )
        runs.append({name: np.array(found.parameters[name]) for name in found.parameters})
    for name, value in runs[0].items():
        assert np.array_equal(value[1], runs[1][name][1])
        assert not np.array_equal(value[0], runs[1][name][0])


@pytest.mark.parametrize("data", [numbers(), classes()], ids=["numbers", "classes"])
def test_the_model_answers_with_the_mean_of_its_members_at_their_best(data):
    outputs = data.classes or 1
    model, history = fit_members(
        network(outputs), data, validation=0.25, epochs=9, learning_rate=0.1, seed=5, **OPTIONS
    )
    lesson = Lesson.of(network(outputs), data, 0.25, None, Recipe(seed=5))
    x, held = data.x.astype(np.float64), holders(data, 3, 0.25, seed=5)
    answers = []
    for member in range(3):
        z = by_hand(model.parameters, x, member)
        rows = held == member
        if data.classes:
            answers.append(softmax(z))
            own = -np.log(answers[-1][rows, data.y[rows]]).mean()
        else:
            answers.append(z)
            own = ((z[rows, 0] - data.y[rows]) ** 2).mean()
        best = history[f"val_member_{member + 1}"].min()
        assert own == pytest.approx(best, rel=1e-5)
    expected = np.mean(answers, 0)
    np.testing.assert_allclose(model.predict_proba(data.x), expected, rtol=2e-5, atol=1e-6)
    assert model.class_names == data.class_names
    assert len(lesson.validation) == (held >= 0).sum()


def test_the_model_goes_through_a_file(tmp_path):
    model, _ = fit_members(network(3), classes(), epochs=2, **OPTIONS)
    model.save(tmp_path / "model.sloy")
    read = load(tmp_path / "model.sloy", engine="reference")
    x = classes().x
    np.testing.assert_array_equal(read.predict_proba(x), model.predict_proba(x))


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, run, row):
            return row["epoch"] == 4

    def train(**more):
        found, history = fit_members(
            network(3),
            classes(),
            epochs=8,
            optimizer=AdamW(schedules.CosLog(0.1), beta2=0.95),
            decay_factors={"*/bias": 0.0},
            **OPTIONS,
            **more,
        )
        return {n: np.array(found.parameters[n]) for n in found.parameters}, history

    whole, history = train()
    file = Checkpoint(tmp_path / "checkpoint.sloy")
    train(checkpoint=file, callbacks=[Stop()])
    again, rest = train(checkpoint=file, resume=True)
    assert history["val_loss"].tolist() == rest["val_loss"].tolist()
    assert all(np.array_equal(value, again[name]) for name, value in whole.items())


def test_the_run_ends_after_a_cycle_that_brought_no_member_anything():
    class Worse(Callback):
        """After epoch 2 no member gets better: its weights are thrown away."""

        def on_epoch_begin(self, run, epoch):
            if epoch > 2:
                run.weights.write("grouped_dense_2/bias", np.full((3, 3), [40.0, 0, 0], np.float32))

    optimizer = AdamW(schedules.CosLog(1e-9))
    _, history = fit_members(
        network(3), classes(), epochs=30, optimizer=optimizer, callbacks=[Worse()], **OPTIONS
    )
    assert len(history) == schedules.CosLog(1.0).ends(30)[1] == 6


def test_a_validation_set_is_held_out_for_all():
    rest, held = classes().split(0.3, seed=0)
    model, history = fit_members(network(3), rest, validation=held, epochs=3, **OPTIONS)
    losses_now = [
        -np.log(softmax(by_hand(model.parameters, held.x, g))[np.arange(len(held)), held.y]).mean()
        for g in range(3)
    ]
    best = [history[f"val_member_{g + 1}"].min() for g in range(3)]
    np.testing.assert_allclose(losses_now, best, rtol=1e-5)


def test_a_network_whose_parameters_have_no_member_axis_is_refused():
    from sloy.layers import Dense

    wrong = Network((4,), [Dense(4), Members([Rescale(1.0)] * 3), GroupedDense(3)])
    with pytest.raises(InvalidArgument, match=r"`dense_1/weight` of shape \(4, 4\).* 3 members"):
        fit_members(wrong, classes(), **OPTIONS)


def test_first_weights_give_every_neuron_deviation_1_on_the_rows():
    data = classes(600)
    table = Tabular(data, members=2, seed=1)
    start, net = table.start(), table.network
    x = ops.input("x", (600, 4))
    names = [name for name in net.layer_names if name.startswith("grouped_dense")]
    activations = net.build(x).activations
    graph = Graph.of({name: activations[name] for name in names})
    found = engine("reference").compile(graph, start).run({"x": data.x})
    for name in names:
        np.testing.assert_allclose(found[name].std(0), 1, rtol=1e-4)
        assert (found[name].min(0) < 0).mean() > 0.9
        assert (found[name].max(0) > 0).mean() > 0.9


@pytest.mark.parametrize("scale", ["standard", "log", "quantile"])
def test_targets_are_learned_on_their_scale_and_answered_in_their_units(scale):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = np.exp(2 * x[:, 0] + 3)
    table = Tabular(Dataset(x, y), members=2, seed=0, target_scale=scale)
    learned = {"standard": y, "log": np.log(y), "quantile": 2 * x[:, 0] + 3}[scale]
    shown = (table.train.y - table.train.y.mean()) / table.train.y.std()
    expected = (learned - learned.mean()) / learned.std()
    middle = abs(expected) < (1 if scale == "quantile" else 99)  # 13 quantiles: lines between them
    tolerance = 0.15 if scale == "quantile" else 1e-4
    np.testing.assert_allclose(shown[middle], expected[middle], atol=tolerance)
    model, _ = fit_members(
        table.network, table.train, parameters=table.start(), loss=table.loss, ending=table.ending,
        epochs=30, optimizer=AdamW(schedules.CosLog(0.2), beta2=0.95), **{**OPTIONS, "batch_size": 32},
    )  # fmt: skip
    answers = model.predict(x)[:, 0]
    assert answers.min() >= y.min() * (1 - 1e-5)
    assert answers.max() <= y.max() * (1 + 1e-5)
    assert np.corrcoef(answers, y)[0, 1] > 0.85
    if scale != "standard":
        assert np.median(abs(np.log(answers) - np.log(y))) < 0.2


def test_a_logarithm_of_what_is_not_above_0_is_refused():
    with pytest.raises(InvalidArgument, match=r"'log'\) needs targets above 0; the least is 0"):
        Tabular(Dataset(np.zeros((3, 1), np.float32), np.arange(3.0)), target_scale="log")


def test_members_and_epochs_that_fit_into_a_time():
    table = Tabular(classes(), members=4)
    assert table.within(1000.0, 2.0, 128) == (4, 128)
    assert table.within(100.0, 2.0, 128) == (4, 50)
    assert table.within(30.0, 2.0, 128) == (2, 30)
    assert table.within(1.0, 2.0, 128) == (1, 2)
    assert table.within(0.01, 2.0, 128) == (1, 1)
