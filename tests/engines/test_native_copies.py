"""The bfloat16 copies of weights that a program keeps from step to step: always those of the weights."""

from __future__ import annotations

import numpy as np
import pytest

from sloy.engines import Engine, Executable, engine
from sloy.engines.native import NativeExecutable
from sloy.engines.native import engine as native
from sloy.errors import NonFiniteError
from sloy.graph import Graph, Tensor, backprop, input, variable
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.ops.shape import transpose

SIZE = 24
Arrays = dict[str, np.ndarray]


def mixed(name: str = "native") -> Engine:
    return engine(name, 1, precision="emulated")


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def weights() -> Arrays:
    return {"w": numbers(1, SIZE, SIZE), "v": numbers(2, SIZE, SIZE)}


def descent(rows: int) -> Graph:
    """A step of descent on Σ (x w v - t)², whose rate is an input."""
    x, t, rate = input("x", (rows, SIZE)), input("t", (rows, SIZE)), input("rate", ())
    w, v = variable("w", (SIZE, SIZE)), variable("v", (SIZE, SIZE))
    error = matmul(matmul(x, w), v) - t
    loss = reduce_sum(error * error)
    slopes = backprop(loss, [w, v])
    updates = {"w": w - rate * slopes[0], "v": v - rate * slopes[1]}
    return Graph.of({"loss": loss}, updates)


def feeds(rows: int, seed: int, rate: float = 2.0**-12) -> Arrays:
    drawn = {"x": numbers(seed, rows, SIZE), "t": numbers(seed + 1, rows, SIZE)}
    return {**drawn, "rate": np.asarray(np.float32(rate))}


def bits(arrays: Arrays) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


def test_no_step_rounds_weights_anew() -> None:
    executable = mixed().compile(descent(8), weights(), ("loss",))
    assert isinstance(executable, NativeExecutable)
    early = executable.instructions[: executable.plan.first_write]
    late = executable.instructions[executable.plan.first_write :]
    whole = ("float32", (SIZE, SIZE))
    assert not [op for op, read, *_ in early if whole in [tensor[:2] for tensor in read]]
    assert [[tensor[0] for tensor in wrote] for _, _, wrote, _ in late] == [
        ["float32", "bfloat16"]
    ] * 2


def test_a_run_reads_what_was_written_before_it() -> None:
    """After a step, a load or an assignment: a program that ran before gives the bits of a new one."""
    variables = weights()
    kept = mixed().compile(descent(8), variables, ("loss",))
    for step in range(3):
        for change in (0.0, 1.0):
            variables["w"] += np.float32(change)
            fresh = {name: array.copy() for name, array in variables.items()}
            expected = mixed().compile(descent(8), fresh, ("loss",)).run(feeds(8, step))
            assert bits(kept.run(feeds(8, step))) == bits(expected)
            assert bits(variables) == bits(fresh)


def epochs(variables: Arrays, poll: native.Poll | None = None, rows: int = 29) -> None:
    """Two epochs of full batches of 8 and a last of 5: two programs share the weights."""
    on = mixed()
    executables: dict[int, Executable] = {
        size: on.compile(descent(size), variables, ("loss",)) for size in (8, rows % 8)
    }
    columns = {"x": numbers(3, rows, SIZE), "t": numbers(4, rows, SIZE)}
    order = np.stack([np.arange(rows), np.arange(rows)[::-1]])
    rates = np.full(2 * (-(-rows // 8)), 2.0**-12, np.float32)
    done = on.run_batches(executables, columns, order, 8, {"rate": rates}, poll)
    assert done.status == "done", done.error


def test_programs_that_share_weights_in_turn() -> None:
    variables, expected = weights(), weights()
    epochs(variables)
    columns = {"x": numbers(3, 29, SIZE), "t": numbers(4, 29, SIZE)}
    rate = np.asarray(np.float32(2.0**-12))
    for order in (np.arange(29), np.arange(29)[::-1]):
        for first in range(0, 29, 8):
            rows = order[first : first + 8]
            fed = {"rate": rate, **{name: column[rows] for name, column in columns.items()}}
            mixed().compile(descent(len(rows)), expected, ("loss",)).run(fed)
    assert bits(variables) == bits(expected)


def test_what_a_poll_writes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked before each step here, and rounds nothing itself."""
    monkeypatch.setattr(native, "POLL_SECONDS", 0.0)
    results = []
    for reader in ("native", "reference"):
        variables = weights()
        on = mixed(reader)

        def poll(steps: int, outputs: object, variables: Arrays = variables) -> None:
            variables["w"][:] = numbers(50 + steps, SIZE, SIZE)

        executable = on.compile(descent(8), variables, ("loss",))
        columns = {"x": numbers(3, 40, SIZE), "t": numbers(4, 40, SIZE)}
        rates = {"rate": np.full(5, 2.0**-12, np.float32)}
        if reader == "native":
            done = on.run_batches({8: executable}, columns, np.arange(40), 8, rates, poll)
            assert done.status == "done", done.error
        else:
            for step in range(5):
                poll(step, None)
                rows = slice(8 * step, 8 * step + 8)
                fed = {name: column[rows] for name, column in columns.items()}
                executable.run({**fed, "rate": np.asarray(rates["rate"][step])})
        results.append(variables)
    for name, value in results[1].items():
        np.testing.assert_allclose(results[0][name], value, rtol=0, atol=0.02, err_msg=name)


def test_a_run_that_the_guard_stops_leaves_the_copies() -> None:
    variables = weights()
    kept = mixed().compile(descent(8), variables, ("loss",))
    kept.run(feeds(8, 0))
    before = bits(variables)
    with pytest.raises(NonFiniteError, match="not finite"):
        kept.run({**feeds(8, 1), "x": np.full((8, SIZE), np.inf, np.float32)})
    assert bits(variables) == before
    fresh = {name: array.copy() for name, array in variables.items()}
    expected = mixed().compile(descent(8), fresh, ("loss",)).run(feeds(8, 2))
    assert bits(kept.run(feeds(8, 2))) == bits(expected)


def exchanged(x: Tensor, w: Tensor, v: Tensor) -> dict[str, Tensor]:
    return {"w": v, "v": w}


UPDATES = {
    "exchanged": exchanged,
    "one of them": lambda x, w, v: {"w": w * 0.5 + v},
    "from the other's copy": lambda x, w, v: {"v": matmul(w, v)},
    "by itself transposed": lambda x, w, v: {"w": transpose(w), "v": v * 2.0},
    "of outer products": lambda x, w, v: {"w": w - 0.01 * matmul(transpose(x), x), "v": w},
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates_of_any_kind(name: str) -> None:
    """Over several steps in one run, beside the reference; w and v are read rounded, twice each."""
    results = []
    for reader in ("native", "reference"):
        x, w, v = input("x", (1, SIZE)), variable("w", (SIZE, SIZE)), variable("v", (SIZE, SIZE))
        y = matmul(matmul(matmul(x, w), v), transpose(w)) + matmul(x, v)
        graph = Graph.of({"y": reduce_sum(y * y)}, UPDATES[name](x, w, v))
        variables = {key: value / 8 for key, value in weights().items()}
        on = mixed(reader)
        executable = on.compile(graph, variables)
        done = on.run_batches({1: executable}, {"x": numbers(9, 6, SIZE)}, np.arange(6), 1, {})
        results.append({**variables, "y": done.outputs["y"]})
    for key, value in results[1].items():
        scale = float(np.abs(value).max())
        np.testing.assert_allclose(results[0][key] / scale, value / scale, atol=0.02, err_msg=key)
