"""A raw KeyboardInterrupt, which may come between any two bytecodes, leaves all updates done or none."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from sloy import ops
from sloy.engines import ReferenceEngine, reference
from sloy.graph import Graph


class InterruptAt:
    """Raises KeyboardInterrupt before the n-th bytecode that the reference engine's own file executes."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != reference.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
        return self


def run_interrupted(count: int) -> tuple[bool, list[float]]:
    """Whether a run was interrupted at its n-th bytecode, and the values of three variables after it."""
    names = ("a", "b", "c")
    arrays = {name: np.zeros((), np.float32) for name in names}
    graph = Graph.of({}, {name: ops.variable(name, ()) + 1.0 for name in names})
    executable = ReferenceEngine().compile(graph, arrays)
    before = sys.gettrace()
    sys.settrace(InterruptAt(count))
    try:
        executable.run({})
    except KeyboardInterrupt:
        interrupted = True
    else:
        interrupted = False
    finally:
        sys.settrace(before)
    return interrupted, [float(array) for array in arrays.values()]


def test_the_updates_of_a_step_are_written_together() -> None:
    outcomes = []
    count = 0
    interrupted = True
    while interrupted:
        count += 1
        interrupted, values = run_interrupted(count)
        assert len(set(values)) == 1, f"half written at bytecode {count}: {values}"
        outcomes.append(values[0])
    assert count > 100
    assert set(outcomes[:-1]) == {0.0, 1.0}  # interrupted before the write, and after it
