"""Training in mixed precision: emulated on every engine, refused where the processor would be slower with it."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import ENGINES, available
from sloy.engines import engine
from sloy.errors import InvalidArgument, NotAvailable
from sloy.graph.ops.elementwise import round_to_bfloat16
from training_tasks import blobs, cnn, fit, mlp, stripes


def emulating(name: str) -> sloy.engines.Engine:
    available(name)
    return engine(name, 1, precision="emulated")


@pytest.mark.parametrize("name", ENGINES)
def test_a_network_learns_in_mixed_precision(name: str) -> None:
    model, history = fit(
        mlp(), blobs(), epochs=20, batch_size=15, optimizer=sloy.Adam(0.01), engine=emulating(name)
    )
    assert history["accuracy"][-1] > 0.95
    for value in model.parameters.values():
        assert value.dtype == np.float32
        assert (round_to_bfloat16(value) != value).mean() > 0.5  # the parameters stay float32


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("task", ["mlp", "cnn"])
def test_losses_stay_near_those_of_float32(name: str, task: str) -> None:
    network, data = (mlp(), blobs()) if task == "mlp" else (cnn(), stripes())
    _, exact = fit(network, data, epochs=5, batch_size=15, engine=available(name, 1))
    _, mixed = fit(network, data, epochs=5, batch_size=15, engine=emulating(name))
    np.testing.assert_allclose(mixed["loss"], exact["loss"], rtol=0.03)
    assert not np.array_equal(mixed["loss"], exact["loss"])


def test_the_engines_round_alike() -> None:
    """Sums in another order now and then round to the neighbour; one such flip is 2^-8 of one number."""
    losses = [
        fit(cnn(), stripes(), epochs=3, batch_size=15, engine=emulating(name))[1]["loss"]
        for name in ENGINES
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-3)


def test_fit_takes_the_precision() -> None:
    by_name, _ = fit(mlp(), blobs(), epochs=1, engine="reference", precision="emulated")
    by_engine, _ = fit(mlp(), blobs(), epochs=1, engine=emulating("reference"))
    for name, value in by_engine.parameters.items():
        np.testing.assert_array_equal(by_name.parameters[name], value)
    assert by_name.engine.precision == "emulated"


def test_predictions_of_the_model_are_in_its_precision() -> None:
    model, _ = fit(mlp(), blobs(), epochs=1, engine="reference", precision="emulated")
    exact = sloy.Model(model.problem, model.parameters, engine="reference")
    x = blobs().x[:8]
    near, far = model(x), exact(x)
    np.testing.assert_allclose(near, far, rtol=0.02, atol=0.02)
    assert not np.array_equal(near, far)


def test_mixed_is_refused_where_the_processor_is_slower_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    available("native")
    monkeypatch.setattr("sloy.engines.native.engine.bfloat16_support", lambda: "none")
    with pytest.raises(NotAvailable, match=r"no instructions for bfloat16 .* take float32"):
        fit(mlp(), blobs(), engine="native", precision="mixed")


@pytest.mark.parametrize(
    ("support", "chosen"), [("none", "float32"), ("avx512_bf16", "float32"), ("amx", "mixed")]
)
def test_auto_decides_by_the_processor(
    monkeypatch: pytest.MonkeyPatch, support: str, chosen: str
) -> None:
    available("native")
    for place in ("sloy.engines.native", "sloy.engines.native.engine"):
        monkeypatch.setattr(f"{place}.bfloat16_support", lambda: support)
    assert engine("native", precision="auto").precision == chosen
    assert engine("reference", precision="auto").precision == "float32"


def test_an_engine_for_float32_does_not_fit_mixed() -> None:
    with pytest.raises(InvalidArgument, match=r"precision` \(='mixed'\) does not fit `engine`"):
        fit(mlp(), blobs(), engine=engine("reference"), precision="mixed")


def test_unknown_precision() -> None:
    with pytest.raises(
        InvalidArgument, match=r"`precision` \(='bf16'\) must be one of auto, float32"
    ):
        engine("reference", precision="bf16")  # type: ignore[arg-type]
