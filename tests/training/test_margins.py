"""`Margins` watches a run without changing it; what it says is what the model says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument
from training_tasks import blobs, fit, mlp

OPTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "seed": 1}


def test_they_are_those_of_the_models_after_each_epoch() -> None:
    watch, found = sloy.Margins(), []
    data, _ = blobs().split(0.1, 1)

    class Look(sloy.Callback):
        def on_epoch_end(self, run: Any, row: Any) -> None:
            found.append(run.model(data.x).astype(float))

    fit(mlp(), blobs(), validation=0.1, callbacks=[Look(), watch], **OPTIONS)
    rows = np.arange(len(data))
    own = np.array([logits[rows, data.y] for logits in found])
    others = np.array([np.where(np.eye(3, dtype=bool)[data.y], -np.inf, z).max(1) for z in found])
    assert np.array_equal(watch.labels, data.y)
    assert watch.margins == pytest.approx((own - others).mean(0), abs=1e-5)
    assert watch.least == pytest.approx((own - others)[1:].min(0), abs=1e-5)
    sums = np.array([np.log(np.exp(z).sum(1)) for z in found])
    assert watch.losses == pytest.approx((sums - own).mean(0), abs=1e-5)
    assert len(watch.snapshots) == 3


def test_the_run_is_the_same_to_the_bit() -> None:
    one, _ = fit(mlp(), blobs(), **OPTIONS)
    other, _ = fit(mlp(), blobs(), callbacks=[sloy.Margins()], **OPTIONS)
    for name in one.parameters:
        assert one.parameters[name].tobytes() == other.parameters[name].tobytes()


def test_numbers_have_none() -> None:
    data = (blobs().x, blobs().x[:, :1])
    network = sloy.Network((4,), [sloy.layers.Dense(1)])
    with pytest.raises(InvalidArgument, match="SquaredError has no logits"):
        fit(network, data, callbacks=[sloy.Margins()], **OPTIONS)
    with pytest.raises(InvalidArgument, match="nothing was measured"):
        sloy.Margins().margins  # noqa: B018
