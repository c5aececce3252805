"""Variables: arrays that an engine owns, read by name and changed by `write`."""

from __future__ import annotations

import numpy as np
import pytest

from device_engine import DeviceEngine
from engine_tasks import assert_same, compiled, new_variables, one_feed
from sloy.engines import Engine, ReferenceEngine
from sloy.engines.variables import HostVariables
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec


def test_they_are_a_mapping_with_specs(any_engine: Engine) -> None:
    variables = any_engine.variables(new_variables())
    assert list(variables) == ["w", "b", "key"]
    assert len(variables) == 3
    assert_same(variables, new_variables())
    assert variables.specs == {
        "w": Spec((3, 1), "float32"),
        "b": Spec((1,), "float32"),
        "key": Spec((2,), "uint32"),
    }
    with pytest.raises(KeyError):
        variables["nothing"]


def test_an_engine_takes_its_own_as_they_are(any_engine: Engine) -> None:
    variables = any_engine.variables(new_variables())
    assert any_engine.variables(variables) is variables


def test_write_copies_and_converts(any_engine: Engine) -> None:
    variables = any_engine.variables(new_variables())
    given = np.array([2.0])
    variables.write("b", given)
    given[0] = 3
    assert variables["b"].tolist() == [2.0]
    assert variables["b"].dtype == np.float32
    variables.write("w", [[1], [2], [3]])
    assert variables["w"].tolist() == [[1], [2], [3]]


def test_write_refuses_another_shape(any_engine: Engine) -> None:
    variables = any_engine.variables(new_variables())
    with pytest.raises(ShapeError, match=r"`b` has shape \(1,\); it was given \(\)"):
        variables.write("b", 2.0)
    assert_same(variables, new_variables())


def test_a_selection_is_shared(any_engine: Engine) -> None:
    variables = any_engine.variables(new_variables())
    some = variables.select(["b", "w"])
    assert list(some) == ["b", "w"]
    assert "key" not in some
    some.write("b", [5.0])
    assert variables["b"].tolist() == [5.0]
    compiled(any_engine, variables, [4])[4].run(one_feed())
    assert some["b"].tolist() == variables["b"].tolist() != [5.0]


def test_runs_update_them_and_see_what_is_written(any_engine: Engine) -> None:
    variables, expected = any_engine.variables(new_variables()), new_variables()
    executable = compiled(any_engine, variables, [4])[4]
    by_hand = compiled(any_engine, expected, [4])[4]  # arrays, updated in place
    for _ in range(2):
        assert_same(executable.run(one_feed()), by_hand.run(one_feed()))
        assert_same(variables, expected)
        variables.write("w", variables["w"] * 2)
        expected["w"] *= 2


def test_in_host_memory_the_arrays_are_live() -> None:
    arrays = new_variables()
    variables = ReferenceEngine().variables(arrays)
    for name, array in arrays.items():
        assert variables[name] is array
        assert variables.select([name])[name] is array


def test_a_device_refuses_what_would_be_lost() -> None:
    device = DeviceEngine()
    variables = device.variables(new_variables())
    with pytest.raises(ValueError, match="read-only"):
        variables["w"][0] = 1
    with pytest.raises(InvalidArgument, match="`w` is updated, but its array is read-only"):
        compiled(ReferenceEngine(), variables, [4])  # which would update copies
    assert compiled(ReferenceEngine(), HostVariables(dict(new_variables())), [4])


def test_a_device_moves_only_what_is_read_or_written() -> None:
    device = DeviceEngine()
    variables = device.variables(new_variables())
    executables = compiled(device, variables, [4, 3])
    for rows in (4, 3, 4):
        executables[rows].run(one_feed(rows))
    assert device.traffic == {"written": 3}
    for _ in range(2):
        assert variables["w"].shape == (3, 1)
    assert device.traffic == {"written": 3, "read": 1}
