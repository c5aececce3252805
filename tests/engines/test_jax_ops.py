"""The op table on the JAX engine: rows of an op as one graph, which compiles once."""

from __future__ import annotations

import pytest

from op_cases import CASES
from sloy.graph import REGISTRY, Graph, Tensor, input

pytest.importorskip("jax")

from sloy.engines.jax import JaxEngine
from sloy.engines.jax.table import TABLE
from sloy.graph.spec import FLOATS
from sloy.graph.tensor import apply

OPS = sorted({case.op for case in CASES})
MOST = 12  # rows of an op, spread over its table: each takes up to a second to compile; all pass with 1000


@pytest.mark.parametrize("op", OPS)
def test_values(op: str) -> None:
    cases = [case for case in CASES if case.op == op]
    chosen = cases[:: -(-len(cases) // MOST)]
    rows = [(f"{case.id} {dtype}", case, dtype) for case in chosen for dtype in FLOATS]
    results: dict[str, Tensor] = {}
    fed = {}
    for name, case, dtype in rows:
        arrays = case.arrays(dtype)
        operands = [
            input(f"{name} {i}", array.shape, array.dtype.name) for i, array in enumerate(arrays)
        ]
        fed |= {f"{name} {i}": array for i, array in enumerate(arrays)}
        results[name] = apply(op, operands, case.attributes_in(dtype))
    outputs = JaxEngine().compile(Graph.of(results), {}).run(fed)
    for name, case, _ in rows:
        case.compare(outputs[name])


def test_every_op_runs() -> None:
    """A row of the engine's table, or an expansion into ops that have one; and no row for what is no op."""
    missing = {name for name, op in REGISTRY.items() if name not in TABLE and not op.expand}
    assert not missing
    assert TABLE.keys() <= REGISTRY.keys()
