"""Engines in pickles: another machine takes what it has."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.engines import Engine, engine
from sloy.engines.native import engine as native
from tolerances import ARITHMETIC, assert_close

ROWS = np.eye(4, dtype=np.float32)


def test_the_same_machine_makes_an_equal_engine(any_engine: Engine) -> None:
    of_devices = any_engine.name == "jax"  # gives other bits for other devices
    chosen = engine(any_engine.name, 3, "same-threads" if of_devices else "any-threads", "emulated")
    for given in (any_engine, chosen, engine()):
        assert pickle.loads(pickle.dumps(given)) == given
        assert copy.deepcopy(given) == given


@pytest.mark.parametrize(("asked", "there"), [(0, 2), (5, 5)])
def test_all_cores_are_those_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, asked: int, there: int
) -> None:
    monkeypatch.setattr(native, "usable_cores", lambda: 64)
    made = engine("native", asked)
    assert made.threads == (asked or 64)
    kept = pickle.dumps(made)
    monkeypatch.setattr(native, "usable_cores", lambda: 2)
    assert pickle.loads(kept).threads == there


def test_mixed_precision_where_the_processor_lacks_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native, "bfloat16_support", lambda: "amx")
    kept = pickle.dumps(engine("native", 1, precision="mixed"))
    assert pickle.loads(kept).precision == "mixed"
    monkeypatch.setattr(native, "bfloat16_support", lambda: "none")
    for _ in range(2):
        assert pickle.loads(kept) == engine("native", 1)
    assert capsys.readouterr().err.count("float32 runs here: this processor has no") == 1


def test_a_model_of_the_native_engine_where_that_is_missing(tmp_path: Path) -> None:
    model, _ = sloy.fit(
        sloy.Network((4,), [sloy.layers.Dense(2)]),
        (ROWS, [0, 1, 0, 1]),
        engine="native",
        verbose=False,
    )
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    program = """
import pickle, sys
sys.modules["sloy._native"] = None
import numpy as np
model = pickle.load(open("model.pkl", "rb"))
np.save("output.npy", model(np.eye(4, dtype=np.float32)))
print(model.engine.name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "reference\n"
    assert done.stderr.count("not part of this installation") == 1
    assert_close(np.load(tmp_path / "output.npy"), model(ROWS), ARITHMETIC)
