"""From a name to an engine: the table, what "auto" takes, what is said of one that is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

import sloy
from device_engine import ROW, DeviceEngine
from sloy.engines import TABLE, available, choice, engine
from sloy.engines.names import Row
from sloy.errors import InvalidArgument, NotAvailable
from training_tasks import environment

LACKING = Row("no_such_package.engine", "Engine", "about", extra="gpu")


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch):
    """Puts a row at the head of the table, under the name "first"."""

    def put(row: Row) -> None:
        monkeypatch.setattr(choice, "TABLE", {"first": row, **TABLE})

    return put


def test_a_new_engine_is_a_row(first) -> None:
    first(ROW)
    assert isinstance(engine("first"), DeviceEngine)
    assert isinstance(engine(), DeviceEngine)
    assert engine(precision="auto").precision == "float32"
    with pytest.raises(InvalidArgument, match="must be one of auto, first, jax, native, reference"):
        engine("tpu")
    with pytest.raises(InvalidArgument, match="engine: `dtype`"):
        engine(dtype=np.ones(2, complex))  # type: ignore[arg-type]


def test_auto_takes_the_first_that_computes_in_the_dtype(first, monkeypatch) -> None:
    assert engine(dtype="float64").name == "reference"
    first(ROW)
    monkeypatch.setattr(
        DeviceEngine, "supports", lambda dtype, precision="float32": dtype == "float64"
    )
    assert engine(dtype="float64").name == "device"
    assert engine(dtype="float32").name in ("native", "reference")
    with pytest.raises(InvalidArgument, match=r"no engine computes in `dtype` \(='int8'\)"):
        engine(dtype="int8")


def test_float64_goes_where_it_is_computed() -> None:
    network = sloy.Network((4,), [sloy.layers.Dense(2)])
    data = (np.eye(4), [0, 1, 0, 1])
    model, _ = sloy.fit(network, data, precision="float64", verbose=False)
    assert model.engine.name == "reference"
    assert sloy.Model(model.problem, model.parameters).engine.name == "reference"


def test_an_extra_that_is_missing_is_named_where_it_is_asked_for(first, capsys) -> None:
    first(LACKING)
    reason = "the first engine needs no_such_package: pip install 'sloy[gpu]'."
    assert available("first") == reason
    with pytest.raises(NotAvailable, match=r"pip install 'sloy\[gpu\]'"):
        engine("first")
    capsys.readouterr()
    engine()
    assert capsys.readouterr().err.count("no_such_package") == 0  # an extra need not be there
    assert available("reference") is None


def test_what_sloy_itself_lacks_is_said_once(monkeypatch, capsys) -> None:
    def missing(name: str) -> ModuleType:
        if name == "sloy.engines.native":
            raise NotAvailable("it is not here.")
        return import_module(name)

    monkeypatch.setattr(choice, "_said", set())
    monkeypatch.setattr(choice, "import_module", missing)
    for _ in range(2):
        assert engine(dtype="float64").name == "reference"
    assert capsys.readouterr().err == ""
    for _ in range(2):
        assert engine().name == "reference"
    assert capsys.readouterr().err == (
        "sloy: it is not here. The reference engine runs. Training takes 10 to 20 times as long with it.\n"
    )
    assert available("native") == "it is not here."


def test_the_table_costs_a_parser_nothing() -> None:
    code = (
        "import sys, sloy.engines.names; print('numpy' in sys.modules, 'sloy.graph' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"


def test_every_name_of_the_package_is_there() -> None:
    from sloy import engines

    for name in engines.__all__:
        assert getattr(engines, name) is not None
        assert name in dir(engines)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        engines.nothing  # noqa: B018
