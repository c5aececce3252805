"""Training on the JAX engine: beside the reference, cut and continued, on several devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sloy
from command_line import environment, exit_code
from sloy.engines import Engine, engine
from sloy.errors import InvalidArgument, NotAvailable
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from sloy.losses import CategoricalCrossentropy
from sloy.optimizers import SGD
from sloy.problem import Problem
from sloy.problem.inputs import Columns
from sloy.training.scaling import Scaled, scaling

pytest.importorskip("jax")

RNG = np.random.default_rng(5)
X = RNG.normal(size=(70, 6, 6, 2)).astype(np.float32)
Y = (X[:, 2:4, 2:4].sum((1, 2, 3)) > 0).astype(np.int64)
# No bias before BatchNorm, and no Adam: it makes whole steps of gradients that are rounding noise.
LAYERS = [
    Conv2D(4, 3, use_bias=False),
    BatchNorm(),
    ReLU(),
    MaxPool2D(2),
    Flatten(),
    Dropout(0.2),
    Dense(2),
]


def trained(chosen: str | Engine, **options: object) -> tuple[sloy.Model, list[float]]:
    """After 3 epochs of 8 full batches and a part of one."""
    network = sloy.Network((6, 6, 2), LAYERS)
    words = {
        "epochs": 3,
        "batch_size": 8,
        "seed": 1,
        "callbacks": [],
        "optimizer": SGD(0.1),
        **options,
    }
    model, history = sloy.fit(
        network, (X, Y), loss="categorical_crossentropy", engine=chosen, **words
    )
    return model, [row["loss"] for row in history]


@pytest.fixture(scope="module")
def on_jax() -> tuple[sloy.Model, list[float]]:
    return trained("jax")


def test_a_run_loses_what_the_reference_s_loses(on_jax: tuple[sloy.Model, list[float]]) -> None:
    model, losses = on_jax
    other, expected = trained("reference")
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), atol=2e-5)


def test_a_run_that_was_stopped_ends_in_the_same_bits(
    on_jax: tuple[sloy.Model, list[float]], tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoint.sloy"
    trained("jax", epochs=1, checkpoint=kept)
    model, losses = trained("jax", checkpoint=kept)
    assert losses == on_jax[1]
    for name, value in on_jax[0].parameters.items():
        assert model.parameters[name].tobytes() == value.tobytes(), name


def test_its_models_predict_elsewhere(
    on_jax: tuple[sloy.Model, list[float]], tmp_path: Path
) -> None:
    model, _ = on_jax
    model.save(tmp_path / "model.sloy")
    other = sloy.load(tmp_path / "model.sloy", engine="reference")
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_parameters_are_copies(on_jax: tuple[sloy.Model, list[float]]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        on_jax[0].parameters["dense_1/bias"][0] = 3.0


ON_DEVICES = """
import json, sys, numpy as np
sys.path[:0] = [{tests!r}, {engines!r}]
import test_jax
losses = {{}}
for dtype in ("float32", "float64"):
    for run, name in (("one", "jax:1"), ("eight", "jax:8"), ("again", "jax")):
        losses[run + " " + dtype] = test_jax.trained(name, precision=dtype)[1]
try:
    test_jax.trained("jax", batch_size=20)
except Exception as error:
    losses["refused"] = str(error)
losses["scaled"] = test_jax.scaled()
print(json.dumps(losses))
"""


def scaled() -> list[tuple[int, float, float, float]]:
    """A small step on one and on two devices: their number, seconds of a step, alone, and by one device."""
    x = np.zeros((16, 4), np.float32)
    y = np.zeros(16, np.int32)
    problem = Problem.of(
        sloy.Network((4,), [Dense(2)]), CategoricalCrossentropy(), x, y, dtype="float32"
    )
    columns = Columns(x, y, np.ones(16, np.float32))
    rows = scaling(problem, columns, sloy.Recipe(batch_size=8), "jax", (1, 2), seconds=0.01)
    return [(row.devices, row.seconds, row.alone, row.one) for row in rows]


def test_eight_devices_lose_what_one_loses() -> None:
    """Every sample once, the loss and the moments of BatchNorm those of the whole batch, the last part too."""
    here = Path(__file__).parent
    code = ON_DEVICES.format(tests=str(here.parent), engines=str(here))
    quick = "--xla_backend_optimization_level=0"  # to compile
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count=8 {quick}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment() | flags, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout)
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-12)):
        one, eight, again = (losses[f"{run} {dtype}"] for run in ("one", "eight", "again"))
        np.testing.assert_allclose(eight, one, rtol=tolerance)
        assert eight == again  # to the bit
    assert losses["refused"] == (
        "`batch_size` (=20) must be a multiple of the 8 devices: 16 or 24."
    )
    (one, *alike), (two, step, alone, whole) = losses["scaled"]
    assert (one, two) == (1, 2)
    assert alike == [alike[0]] * 3
    assert whole == alike[0]
    assert step > 0
    assert alone > 0


def test_what_bounds_several_devices_is_told() -> None:
    """Of a step of 8 ms on one device, and 4 ms by four with a share that fills them."""
    filled = Scaled(4, 64, seconds=4e-3, alone=2e-3, one=8e-3, exchanged=100)
    assert filled.efficiency == pytest.approx(0.5)
    assert filled.exchange == pytest.approx(2e-3)
    assert filled.lost_by_small_shares == 0
    assert filled.bound == "exchange"
    small = Scaled(4, 64, seconds=4.5e-3, alone=4e-3, one=8e-3, exchanged=100)
    assert small.lost_by_small_shares == pytest.approx(2e-3)
    assert small.bound == "small shares"
    assert Scaled(4, 64, seconds=2.1e-3, alone=2e-3, one=8e-3, exchanged=1).bound == "arithmetic"
    assert Scaled(1, 64, seconds=8e-3, alone=8e-3, one=8e-3, exchanged=1).bound == "arithmetic"


def test_bench_refuses_devices_that_do_not_divide(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("bench", "mlp", "--engine", "jax", "--batch-size", "10")
    assert exit_code(*words, "--devices", "1,4") == 2
    said = capsys.readouterr().err
    assert "--batch-size (=10) must be a multiple of the 4 devices: 8 or 12." in said
    assert exit_code(*words, "--devices", "1,two") == 2
    assert "argument --devices" in capsys.readouterr().err
    assert exit_code("bench", "mlp", "--devices", "1,2") == 2
    assert "--devices (=1,2) needs --engine jax" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["jax:0", "jax:", "jax:two", "native:2", "auto:2"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"must be one of .* such as jax:4"):
        engine(name)


def test_what_it_does_not_give_is_said() -> None:
    with pytest.raises(InvalidArgument, match=r"`devices` \(=99\) must lie from 0 \(all\) to"):
        engine("jax:99")
    with pytest.raises(NotAvailable, match=r"same bits for the same devices alone"):
        engine("jax", deterministic="any-threads")
    with pytest.raises(NotAvailable, match=r"mixed precision on GPUs and TPUs"):
        engine("jax", precision="mixed")


def test_auto_never_takes_it_on_a_processor() -> None:
    assert engine("auto").name != "jax"
    assert engine("auto", dtype="float64").name == "reference"
