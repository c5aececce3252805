"""Random graphs of elementwise ops, broadcasts and reductions: fused natively, one by one in the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, Tensor, constant, input, variable
from sloy.graph.ops import elementwise as e
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.ops.shape import reshape
from tolerances import Tolerance, assert_close

UNARY = (e.neg, e.absolute, e.relu, e.sigmoid, e.tanh, e.sign, lambda x: e.clip(x, -1.0, 1.0))
BINARY = (e.add, e.sub, e.mul, e.maximum, e.minimum, e.less, e.greater_equal, e.equal)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, tuple[int, ...]]]:
    """A few outputs and updates from inputs and variables of shapes that broadcast against each other."""
    n, c = draw(st.integers(1, 40)), draw(st.sampled_from([1, 3, 10, 17, 600]))
    shapes = {"a": (n, c), "b": (n, c), "row": (c,), "column": (n, 1), "scalar": ()}
    pool: list[Tensor] = [input(name, shape) for name, shape in shapes.items()]
    pool += [variable("v", (n, c)), variable("w", (n, c)), variable("s", ()), constant(0.5)]
    for _ in range(draw(st.integers(3, 25))):
        kind = draw(st.integers(0, 9))
        x, y, z = (draw(st.sampled_from(pool)) for _ in range(3))
        if kind < 3:
            pool.append(draw(st.sampled_from(UNARY))(x))
        elif kind < 7:
            pool.append(draw(st.sampled_from(BINARY))(x, y))
        elif kind == 7:
            pool.append(e.where(x, y, z))
        elif kind == 8 and x.shape == (n, c):
            pool.append(reduce_sum(x, draw(st.sampled_from([0, 1, (0, 1)])), keepdims=True) * 0.01)
        elif x.rank == 2:
            flat = reshape(x, (x.spec.size,))
            pool.append(reshape(e.tanh(flat), x.shape))
    # Sums keep the sizes of errors known; comparisons of rounded values may flip, so only exact ones are compared.
    outputs = {f"o{i}": t for i, t in enumerate(pool[-3:])}
    full = [t for t in pool if t.shape == (n, c)]
    scalars = [t for t in pool if t.shape == ()]
    updates = {"v": draw(st.sampled_from(full)), "w": draw(st.sampled_from(full))}
    updates["s"] = draw(st.sampled_from(scalars))
    return Graph.of(outputs, updates), shapes


@settings(max_examples=150)
@given(case=graphs(), threads=st.sampled_from([1, 2]))
def test_fused_equals_one_by_one(
    case: tuple[Graph, dict[str, tuple[int, ...]]], threads: int
) -> None:
    graph, shapes = case
    rng = np.random.default_rng(0)

    # Multiples of 1/4: comparisons and most sums are exact.
    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return np.asarray(rng.integers(-8, 9, shape) / 4, np.float32)

    feeds = {name: draw(shape) for name, shape in shapes.items() if name in graph.inputs}
    state = {"v": draw(shapes["a"]), "w": draw(shapes["a"]), "s": draw(())}
    results = []
    for engine in (NativeEngine(threads), ReferenceEngine()):
        variables = {name: value.copy() for name, value in state.items()}
        outputs = engine.compile(graph, variables).run(feeds)
        results.append({**outputs, **variables})
    actual, expected = results
    for name, value in expected.items():
        size = float(np.max(np.abs(value), initial=1.0))
        assert_close(actual[name], value, Tolerance(512), scale=size, name=name)
