"""A loss that stops being finite: where, why, and what is left."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import installed
from sloy import ops
from sloy.errors import NonFiniteError
from sloy.layers import Activation, Dense, Flatten, Residual
from sloy.training.checkpoint import Store
from training_tasks import Spy, blobs, fit, mlp

ENGINES = installed()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_layer_is_named(tmp_path, engine):
    """A layer takes the root of what becomes negative in the third batch."""
    x = np.ones((12, 2), np.float32)
    x[9] = -5.0
    network = sloy.Network(
        (2,), [Dense(2), Activation(ops.sqrt, name="root"), Dense(2, name="after")]
    )
    start = {"dense_1/weight": np.eye(2), "dense_1/bias": np.ones(2)}
    spy = Spy()
    with pytest.raises(NonFiniteError) as caught:
        fit(
            network, (x, np.zeros(12, int)), epochs=3, batch_size=4, shuffle=False, engine=engine,
            parameters=start, callbacks=[spy], optimizer=sloy.SGD(1e-3), trainable=["after/*"],
            checkpoint=tmp_path / "c.sloy",
        )  # fmt: skip
    error = caught.value
    assert (error.epoch, error.step, error.kind, error.name) == (1, 3, "layer", "root")
    assert str(error).startswith("epoch 1, step 3 of 3: the loss or its gradient is NaN or")
    assert "the output of the layer `root`" in str(error)
    assert "learning rate (now 0.001)" in str(error)
    assert all(np.isfinite(value).all() for value in error.model.parameters.values())
    assert len(error.history) == 0
    assert error.__notes__ == [f"checkpoint saved in {tmp_path / 'c.sloy'}"]
    assert (Store(tmp_path / "c.sloy").load().epoch, Store(tmp_path / "c.sloy").load().step) == (
        0,
        2,
    )
    assert spy.calls[-1] == "fit ends"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_weights_are_those_before_the_step(engine):
    """Two good steps and a bad one leave what two good steps leave."""
    data = blobs(30)
    bad = sloy.Dataset(data.x.copy(), data.y)
    bad.x[25] = 3e38  # finite, but its products are not
    same = {"shuffle": False, "batch_size": 10, "engine": engine}
    with pytest.raises(NonFiniteError) as caught:
        fit(mlp(), bad, **same)
    good, _ = fit(mlp(), data.take(np.arange(20)), **same)
    for name, value in good.parameters.items():
        assert caught.value.model.parameters[name].tobytes() == value.tobytes()
    assert (caught.value.kind, caught.value.name) == ("layer", "dense_1")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_loss_is_named_where_all_layers_are_finite(engine):
    network = sloy.Network((4,), [Dense(1)])
    with pytest.raises(
        NonFiniteError, match="outputs of all layers are finite, the loss"
    ) as caught:
        fit(
            network, (blobs(8).x, np.ones(8)), loss=lambda a, y: ops.log(a * 0.0 - y),
            engine=engine,
        )  # fmt: skip
    assert (caught.value.kind, caught.value.name) == ("loss", "")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_gradient_is_named(engine):
    """√0 is finite, its derivative is not: every gradient before it in the backward sweep is."""
    network = sloy.Network(
        (4,),
        [Dense(3, name="first"), Activation(ops.sqrt), Dense(2, name="last")],
    )
    start = {"first/weight": np.zeros((4, 3)), "first/bias": np.zeros(3)}
    with pytest.raises(NonFiniteError, match="first gradient that is not") as caught:
        fit(network, (blobs(8).x, np.zeros(8, int)), parameters=start, engine=engine)
    assert caught.value.kind == "gradient"
    assert caught.value.name.startswith("first/")


def test_a_parameter_that_overflowed_is_named(tmp_path):
    network = sloy.Network((4,), [Dense(1, name="only")])
    data = (np.full((4, 4), 1e15, np.float32), np.ones(4))
    with pytest.raises(NonFiniteError) as caught:
        fit(
            network, data, epochs=3, optimizer=sloy.SGD(1e30),
            parameters={"only/weight": np.zeros((4, 1))}, checkpoint=tmp_path / "c.sloy",
        )  # fmt: skip
    assert caught.value.kind == "parameter"
    assert caught.value.name in ("only/weight", "only/bias")
    assert caught.value.epoch == 2


def test_inside_a_nested_layer():
    network = sloy.Network(
        (4,), [Residual([Dense(4), Activation(ops.log)], name="block"), Flatten(), Dense(2)]
    )
    start = {"block/dense_1/weight": np.zeros((4, 4)), "block/dense_1/bias": -np.ones(4)}
    with pytest.raises(NonFiniteError) as caught:
        fit(network, (blobs(8).x, np.zeros(8, int)), parameters=start)
    assert caught.value.name == "block/activation_1"
