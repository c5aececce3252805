"""Every op of the table on the native engine: values, each instruction set, threads, repeated runs."""

from __future__ import annotations

import numpy as np
import pytest

from op_cases import CASES, Case
from sloy.engines.native import NativeEngine
from sloy.engines.native.engine import SUPPORTED, _native
from sloy.graph import REGISTRY

ISAS = _native.available_isas()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def run(case: Case, threads: int) -> np.ndarray:
    executable = NativeEngine(threads).compile(case.graph("float32"), {})
    first = executable.run(case.feeds("float32"))["y"]
    second = executable.run(case.feeds("float32"))["y"]
    assert first.tobytes() == second.tobytes()
    return first


@every_case
def test_values(case: Case, isa: str) -> None:
    case.compare(run(case, threads=1))


@every_case
def test_two_threads(case: Case) -> None:
    case.compare(run(case, threads=2))


def test_every_op_runs() -> None:
    """A kernel, a place in the interpreter, or an expansion into ops that have one."""
    missing = {name for name, op in REGISTRY.items() if name not in SUPPORTED and not op.expand}
    assert not missing
    assert not {"conv2d", "matmul", "exp", "softmax", "dropout_mask"} - SUPPORTED


def test_an_unknown_isa_is_refused() -> None:
    with pytest.raises(ValueError, match="no instruction set `mmx`"):
        _native.force_isa("mmx")
