"""Optimisers: each against the formula written in NumPy, in float64 and on every engine in float32.

`test_golden.py` compares whole trajectories with PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from available import ENGINES, available
from sloy import ops, optimizers
from sloy.engines import Engine, ReferenceEngine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from sloy.schedules import Constant, Cosine
from tolerances import SAME_FORMULA, Tolerance, assert_close

RATE, STEPS, SHAPE = 0.05, 12, (5, 3)
Slots = dict[str, Any]
# One step by hand: (w, g, what is kept, t = 1, 2, …) → w.
ByHand = Callable[[np.ndarray, np.ndarray, Slots, int], np.ndarray]


def by_hand_sgd(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    return w - RATE * g


def by_hand_decay(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    return (1 - RATE * 0.3) * w - RATE * g


def by_hand_momentum(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    """All gradients so far, each weighed by how long ago it was."""
    past = kept.setdefault("past", [])
    past.append(g)
    return w - RATE * sum(0.9 ** (t - 1 - i) * old for i, old in enumerate(past))


def by_hand_nesterov(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    past = kept.setdefault("past", [])
    past.append(g)
    velocity = sum(0.9 ** (t - 1 - i) * old for i, old in enumerate(past))
    return w - RATE * (g + 0.9 * velocity)


def by_hand_adagrad(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    past = kept.setdefault("past", [])
    past.append(g)
    return w - RATE * g / (np.sqrt(np.square(past).sum(0)) + 1e-10)


def by_hand_rmsprop(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    past = kept.setdefault("past", [])
    past.append(g)
    square = sum(0.01 * 0.99 ** (t - 1 - i) * old**2 for i, old in enumerate(past))
    return w - RATE * g / (np.sqrt(square) + 1e-8)


def by_hand_rmsprop_momentum(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    moved = by_hand_rmsprop(w, g, kept, t)
    kept["velocity"] = 0.7 * kept.get("velocity", 0.0) + (w - moved) / RATE
    return w - RATE * kept["velocity"]


def by_hand_adam(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    """The moments as weighted means of all gradients so far: their weights sum to 1."""
    past = kept.setdefault("past", [])
    past.append(g)
    ages = np.arange(t)[::-1]
    first, second = 0.9**ages, 0.999**ages
    mean = np.tensordot(first / first.sum(), past, 1)
    square = np.tensordot(second / second.sum(), np.square(past), 1)
    return w - RATE * mean / (np.sqrt(square) + 1e-8)


def by_hand_adamw(w: np.ndarray, g: np.ndarray, kept: Slots, t: int) -> np.ndarray:
    return by_hand_adam(w, g, kept, t) - RATE * 0.01 * w


CASES: dict[str, tuple[Optimizer, ByHand]] = {
    "sgd": (optimizers.optimizer("sgd", RATE), by_hand_sgd),
    "momentum": (optimizers.optimizer("momentum", RATE), by_hand_momentum),
    "nesterov": (optimizers.optimizer("nesterov", RATE), by_hand_nesterov),
    "adagrad": (optimizers.optimizer("adagrad", RATE), by_hand_adagrad),
    "rmsprop": (optimizers.optimizer("rmsprop", RATE), by_hand_rmsprop),
    "adam": (optimizers.optimizer("adam", RATE), by_hand_adam),
    "adamw": (optimizers.optimizer("adamw", RATE), by_hand_adamw),
    "sgd_decay": (SGD(RATE, weight_decay=0.3), by_hand_decay),
    "rmsprop_momentum": (RMSprop(RATE, momentum=0.7), by_hand_rmsprop_momentum),
}


def update_graph(optimizer: Optimizer, dtype: str) -> Graph:
    """One update of the variable w by the gradient that is fed as g."""
    w = ops.variable("w", SHAPE, dtype)
    slots = {name: ops.variable(name, SHAPE, dtype) for name in optimizer.slots()}
    g, rate = ops.input("g", SHAPE, dtype), ops.input("learning_rate", (), dtype)
    value, following = optimizer.update(w, g, slots, rate, ops.input("step", (), "uint32"))
    assert following.keys() == slots.keys()
    return Graph.of({"size": ops.reduce_sum(value)}, {"w": value, **following})


def descend(optimizer: Optimizer, dtype: str, on: Engine) -> np.ndarray:
    """w after each of STEPS steps, (STEPS, *SHAPE)."""
    w0, gradients = problem()
    graph = update_graph(optimizer, dtype)
    variables = {"w": w0.astype(dtype)}
    variables |= {name: np.full(SHAPE, value, dtype) for name, value in optimizer.slots().items()}
    executable, found = on.compile(graph, variables), []
    for step, g in enumerate(gradients):
        feeds = {"g": g.astype(dtype), "learning_rate": np.array(RATE, dtype)}
        feeds["step"] = np.array(step, np.uint32)
        executable.run({name: feeds[name] for name in graph.inputs})
        found.append(variables["w"].copy())
    return np.array(found)


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Initial weights, and a gradient for each step; some are 0, as behind a dead ReLU."""
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(STEPS, *SHAPE))
    gradients[:, 0, 0] = 0.0
    gradients[:, 1] *= 1e3
    gradients[:, 2] *= 1e-3
    return rng.normal(size=SHAPE), gradients


def expected(by_hand: ByHand) -> np.ndarray:
    w, gradients = problem()
    kept: Slots = {}
    found = []
    for step, g in enumerate(gradients):
        w = by_hand(w, g, kept, step + 1)
        found.append(w)
    return np.array(found)


def test_every_optimiser_has_a_case() -> None:
    assert CASES.keys() >= optimizers.NAMES.keys()
    kinds = {type(optimizer) for optimizer, _ in CASES.values()}
    assert kinds == {SGD, Adagrad, RMSprop, Adam, AdamW}


@pytest.mark.parametrize("name", CASES)
def test_update_in_float64(name: str) -> None:
    optimizer, by_hand = CASES[name]
    truth = expected(by_hand)
    actual = descend(optimizer, "float64", ReferenceEngine())
    assert_close(actual, truth, SAME_FORMULA, scale=np.abs(truth).max(0))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on", ENGINES)
def test_update_in_float32(name: str, on: str) -> None:
    """About 8 roundings a step: of the moments, the root, the quotient and the sum."""
    optimizer, by_hand = CASES[name]
    truth = expected(by_hand)
    actual = descend(optimizer, "float32", available(on))
    assert_close(actual, truth, Tolerance(8.0 * STEPS), scale=np.abs(truth).max(0))


@pytest.mark.parametrize("on", ENGINES)
@pytest.mark.parametrize("steps_before", [0, 1, 100, 1_000_000])
def test_bias_correction_is_accurate_in_float32(on: str, steps_before: int) -> None:
    """1 - 0.999^t in float32 by subtraction would be wrong in the fourth digit at t = 1."""
    optimizer = Adam(1.0, beta2=0.9999, epsilon=1e-30)
    graph = update_graph(optimizer, "float32")
    variables = {name: np.zeros(SHAPE, np.float32) for name in ("w", "mean", "square")}
    feeds = {
        "g": np.ones(SHAPE, np.float32),
        "learning_rate": np.array(1.0, np.float32),
        "step": np.array(steps_before, np.uint32),
    }
    available(on).compile(graph, variables).run(feeds)
    t = steps_before + 1
    size = 0.1 / (1 - 0.9**t) * np.sqrt(-np.expm1(t * np.log(0.9999)) / 1e-4)
    assert_close(variables["w"], np.full(SHAPE, -size), Tolerance(16))


def test_a_momentum_of_zero_keeps_nothing() -> None:
    assert SGD(0.1).slots() == {}
    assert RMSprop(0.1).slots() == {"square": 0.0}
    assert SGD(0.1, 0.9).slots() == {"velocity": 0.0}


def test_adam_with_betas_of_zero_is_the_sign() -> None:
    optimizer = Adam(RATE, beta1=0.0, beta2=0.0, epsilon=1e-30)
    w0, gradients = problem()
    moved = -RATE * np.sign(gradients).cumsum(0)
    assert_close(
        descend(optimizer, "float64", ReferenceEngine()) - w0, moved, SAME_FORMULA, scale=1.0
    )


def test_names_and_learning_rates() -> None:
    assert optimizers.optimizer("adam") == Adam(1e-3)
    assert optimizers.optimizer("momentum") == SGD(1e-2, 0.9)
    assert optimizers.optimizer("nesterov", 0.1) == SGD(0.1, 0.9, nesterov=True)
    assert optimizers.optimizer(Adam(0.1)) == Adam(0.1)
    assert Adam(0.1).schedule == Constant(0.1)
    assert Adam(Cosine(0.1)).schedule == Cosine(0.1)
    for wrong in ("adamax", Adam, None):
        with pytest.raises(InvalidArgument, match="must be one of sgd"):
            optimizers.optimizer(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="given twice"):
        optimizers.optimizer(Adam(0.1), 0.2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SGD(-0.1), "learning_rate"),
        (lambda: SGD("fast"), "learning_rate"),  # type: ignore[arg-type]
        (lambda: SGD(float("nan")), "learning_rate"),
        (lambda: SGD(0.1, 1.0), "momentum"),
        (lambda: SGD(0.1, nesterov=True), "needs a positive `momentum`"),
        (lambda: SGD(0.1, weight_decay=-1.0), "weight_decay"),
        (lambda: SGD(0.1, clip_norm=0.0), "clip_norm"),
        (lambda: SGD(0.1, clip_value=-1.0), "clip_value"),
        (lambda: Adam(0.1, beta1=1.0), "beta1"),
        (lambda: Adam(0.1, beta2=-0.1), "beta2"),
        (lambda: Adam(0.1, epsilon=0.0), "epsilon"),
        (lambda: RMSprop(0.1, rho=1.5), "rho"),
        (lambda: Adagrad(0.1, epsilon=float("inf")), "epsilon"),
    ],
)
def test_wrong_parameters(make: Callable[[], Optimizer], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        make()
