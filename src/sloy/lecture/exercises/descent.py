"""Exercises to L7, L8 and L10: descent, the naive gradient, a σ of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sloy.language import say
from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake, close
from sloy.lecture.exercises.learner import Wrong, call, function_of, numbers, shown

__all__ = ["EXERCISES"]


def _descent_cases(random: np.random.Generator) -> list[Case]:
    cases = [
        (random.normal(size=p), random.normal(size=(N, p)), random.normal(size=N), eta)
        for p, N, eta in ((1, 3, 0.1), (2, 3, 0.05), (3, 5, 0.02))
    ]
    return [(w.round(1), x.round(1), y.round(1), eta) for w, x, y, eta in cases]


STEP = FunctionOf(
    ("w", "x", "y", "eta"),
    lambda w, x, y, eta: w - eta * 2 * x.T @ (x @ w - y),
    _descent_cases,
    (
        Mistake(lambda w, x, y, eta: w + eta * 2 * x.T @ (x @ w - y), "You climb: descent goes against the gradient, w − η ∇Q."),
        Mistake(lambda w, x, y, eta: w - eta * x.T @ (x @ w - y), "The 2 of the square's derivative is missing: (z²)′ = 2z."),
        Mistake(lambda w, x, y, eta: w + eta * x.T @ (x @ w - y), "You climb, and the 2 of the square's derivative is missing."),
        Mistake(lambda w, x, y, eta: w - eta * 2 * x.T @ (x @ w - y) / len(x), "This is the mean over objects; Q is their sum."),
        Mistake(lambda w, x, y, eta: w - eta * x.T @ (x @ w - y) / len(x), "This is half the mean over objects; Q is the sum of squares."),
        Mistake(lambda w, x, y, eta: 2 * x.T @ (x @ w - y), "This is the gradient; a step is w − η ∇Q."),
        Mistake(lambda w, x, y, eta: -eta * 2 * x.T @ (x @ w - y), "This is the change −η ∇Q; the new weights are w plus it."),
        Mistake(lambda w, x, y, eta: w - 2 * x.T @ (x @ w - y), "η is missing."),
        Mistake(lambda w, x, y, eta: w - eta * 2 * x[0] * (x[0] @ w - y[0]), "Only the first object is seen; the sum goes over all."),
        Mistake(lambda w, x, y, eta: w - eta * 2 * (x @ w - y).sum(), "xᵢ is missing: the gradient of (aᵢ − yᵢ)² is 2 (aᵢ − yᵢ) xᵢ."),
        Mistake(lambda w, x, y, eta: w - eta * 2 * x.T @ (x @ w), "y is missing: the error is a − y."),
        Mistake(lambda w, x, y, eta: w - eta * 2 * x.T @ np.abs(x @ w - y), "The error keeps its sign: a − y, not |a − y|."),
        Mistake(lambda w, x, y, eta: w - eta * x.T @ (x @ w - y) ** 2, "This takes the square itself, not its derivative."),
        Mistake(lambda w, x, y, eta: w, "The weights have not moved."),
    ),
)  # fmt: skip

FLAT, STEEP = 1.0, 9.0  # curvatures of Q along w1 and w2
BEST_RATE = 2 / (FLAT + STEEP)


def _rate(answer: object) -> None:
    rates = numbers(answer)
    if rates.size != 1 or not np.isfinite(rates).all():
        raise Wrong(say("One finite number η is asked for; this is {value}.", value=shown(answer)))
    eta = float(rates.ravel()[0])
    along_flat, along_steep = abs(1 - eta * FLAT), abs(1 - eta * STEEP)
    if abs(eta - BEST_RATE) <= 0.003:
        return
    fact = say(
        "With η = {eta} a step multiplies w₁ by {flat} and w₂ by {steep}.",
        eta=shown(eta),
        flat=shown(round(1 - eta * FLAT, 4)),
        steep=shown(round(1 - eta * STEEP, 4)),
    )
    if eta < 0:
        why = say("A negative η climbs.")
    elif eta == 0:
        why = say("Nothing moves.")
    elif np.isclose(max(along_flat, along_steep), 1):
        why = say("w₂ jumps from one side to the other for ever, and comes no nearer.")
    elif max(along_flat, along_steep) > 1:
        why = say("Beyond 2/9 w₂ grows with every step: it diverges.")
    elif np.isclose(eta, 1 / STEEP):
        why = say("w₂ is there in one step, but w₁ is slow: the slower of the two counts.")
    elif along_flat > along_steep:
        why = say("w₁ is the slower one: a larger η is faster.")
    else:
        why = say("w₂, which overshoots, is the slower one: a smaller η is faster.")
    raise Wrong(f"{fact} {why}")


def _naive(answer: object) -> None:
    function = function_of(answer, ("Q", "w", "h"))
    for size in (3, 5):
        random = np.random.default_rng(size)
        w, coefficients, h = random.normal(size=size), random.normal(size=size), 1e-4
        calls: list[np.ndarray] = []

        def loss(at: Any, calls: list[np.ndarray] = calls, c: np.ndarray = coefficients) -> float:
            point = numbers(at)
            if point.shape != c.shape:
                raise Wrong(
                    say("Q takes {parameters} parameters; you call it with {value}.", parameters=len(c), value=shown(point))
                )  # fmt: skip
            calls.append(point)
            return float(c @ point**3)

        given = numbers(call(function, (loss, w, h)))
        forward = 3 * coefficients * w**2 + 3 * coefficients * w * h + coefficients * h**2
        _judge_naive(given, forward, calls, w, coefficients, h)


def _judge_naive(
    given: np.ndarray,
    forward: np.ndarray,
    calls: list[np.ndarray],
    w: np.ndarray,
    coefficients: np.ndarray,
    h: float,
) -> None:
    """Compare the differences, then count the passes."""
    exact = 3 * coefficients * w**2

    def near(value: np.ndarray) -> bool:
        return given.shape == value.shape and bool(np.allclose(given, value, rtol=1e-3, atol=1e-6))

    if given.shape != w.shape:
        raise Wrong(
            say("One difference for each of the {parameters} parameters is asked for; you give {value}.", parameters=w.size, value=shown(given))
        )  # fmt: skip
    if not calls:
        raise Wrong(say("Q is never called: the differences are those of its values."))
    if near(-exact):
        raise Wrong(say("The sign is the other way round: Q at w + h minus Q at w."))
    if near(exact * h):
        raise Wrong(say("The difference is not divided by h."))
    if near(exact * h * h):
        raise Wrong(say("The difference is multiplied by h instead of divided."))
    if near(exact / 2):
        raise Wrong(say("Divided by 2h, but the parameter was moved by h on one side only."))
    if near(2 * exact):
        raise Wrong(say("Moved by h both ways, the difference is divided by 2h."))
    if near(np.cumsum(exact)):
        raise Wrong(say("Moved parameters stay moved: put each back before the next."))
    if near(np.full(w.shape, exact.sum())):
        raise Wrong(say("All parameters are moved at once; one at a time tells their parts apart."))
    if not near(exact):
        at = int(np.argmax(~np.isclose(given, forward, rtol=1e-3)))
        raise Wrong(
            say("For parameter {at} you give {given}; the difference is {right}.", at=at, given=shown(given[at]), right=shown(forward[at]))
        )  # fmt: skip
    if len(calls) > w.size + 1:
        told = say("The numbers are right, but Q is called {calls} times for {parameters} parameters; {fewest} calls are enough.", calls=len(calls), parameters=w.size, fewest=w.size + 1)  # fmt: skip
        starts = sum(bool(np.allclose(point, w, atol=h / 10)) for point in calls)
        why = (
            say("Q at w is the same every time: compute it once.")
            if starts > 1
            else say("Move each parameter one way only, and compare with Q at w.")
        )
        raise Wrong(f"{told} {why}")


def _own_sigma(answer: object) -> None:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong(
            say("Two functions are asked for, (σ, σ′); this is {value}.", value=shown(answer))
        )
    sigma, slope = (function_of(function, ("z",)) for function in answer)
    points = np.random.default_rng(7).uniform(-2.5, 2.5, 12)
    values = np.array([_scalar("σ", sigma, z) for z in points])
    slopes = np.array([_scalar("σ′", slope, z) for z in points])
    h = 1e-5
    differences = np.array(
        [(_scalar("σ", sigma, z + h) - _scalar("σ", sigma, z - h)) / (2 * h) for z in points]
    )
    if not np.allclose(differences, 0, atol=1e-9):  # a step is told so
        _check_continuous(sigma)
    _judge_sigma(points, values, slopes, differences)
    if np.allclose(slopes, differences, rtol=1e-4, atol=1e-6):
        return
    at = int(np.argmax(np.abs(slopes - differences)))
    fact = say(
        "At z = {z} your σ′ is {given}; σ itself rises there with slope {right}.",
        z=shown(points[at]),
        given=shown(slopes[at]),
        right=shown(differences[at]),
    )
    raise Wrong(f"{fact} {_why_slope(slope, values, slopes, differences)}".rstrip())


def _check_continuous(sigma: Callable[..., object]) -> None:
    """Refuse a σ that jumps, or has a pole: where it changes most between neighbours, and does so in every half."""
    z = np.linspace(-3, 3, 601)[1:-1]  # 0 is among them
    values = np.array([_scalar("σ", sigma, one) for one in z])
    k = int(np.argmax(np.abs(np.diff(values))))
    (low, high), (below, above) = z[k : k + 2], values[k : k + 2]
    change = abs(above - below)
    for _ in range(30):
        middle = (low + high) / 2
        value = _scalar("σ", sigma, middle)
        if abs(value - below) > abs(above - value):
            high, above = middle, value
        else:
            low, below = middle, value
    if change > 0 and abs(above - below) > change / 100:
        raise Wrong(
            say(
                "Your σ jumps near z = {z}: it must be defined, and go on, everywhere.",
                z=shown(float(f"{low:.4g}")),
            )
        )


def _scalar(name: str, function: Callable[..., object], z: float) -> float:
    try:
        value = numbers(call(function, (float(z),)))
        if value.size != 1:
            raise Wrong(say("one number is asked for; you give {value}.", value=shown(value)))
        if not np.isfinite(value).all():
            raise Wrong(say("not a finite number."))
    except Wrong as wrong:
        raise Wrong(
            say("{name} at z = {z}: {told}", name=name, z=shown(z), told=str(wrong))
        ) from None
    return float(value.ravel()[0])


def _judge_sigma(
    points: np.ndarray, values: np.ndarray, slopes: np.ndarray, differences: np.ndarray
) -> None:
    """Refuse what is no activation: constants, straight lines, steps."""
    if np.ptp(values) == 0:
        raise Wrong(say("Your σ is constant: nothing comes through it."))
    if np.allclose(differences, 0, atol=1e-9):
        raise Wrong(say("Your σ is flat wherever it does not jump: σ′ = 0 leaves descent nothing to go by."))  # fmt: skip
    if np.allclose(differences, differences[0]):
        raise Wrong(say("Your σ is a straight line: layers of straight lines are one straight line (L5 asks for a σ that is not)."))  # fmt: skip
    if np.allclose(values, slopes) and not np.allclose(slopes, differences, rtol=1e-4):
        raise Wrong(say("Your σ′ gives the values of σ, not its slope."))


def _why_slope(
    slope: Callable[..., object], values: np.ndarray, slopes: np.ndarray, differences: np.ndarray
) -> str:
    if np.allclose(slopes, -differences, rtol=1e-4):
        return say("The sign is the other way round.")
    by_value = [_scalar("σ′", slope, value) for value in values]
    if np.allclose(by_value, differences, rtol=1e-4, atol=1e-6):
        return say("It is right if it is given a = σ(z) instead of z: put σ(z) into it.")
    if np.ptp(slopes) == 0:
        return say("Your σ′ is the same everywhere; does it use z?")
    factors = slopes / np.where(differences == 0, np.nan, differences)
    if np.allclose(factors, factors[0], rtol=1e-3):
        return say("Yours is always {factor} times the right one: is there an inner derivative?", factor=shown(float(f"{factors[0]:.3g}")))  # fmt: skip
    if close(slopes - slopes[0] + differences[0], differences):
        return say("Yours is off by the same number everywhere.")
    return say("Compare with (σ(z + h) − σ(z − h)) / 2h yourself.")


EXERCISES = (
    Exercise(
        name="L7",
        title="One step of descent",
        task="Write one step of gradient descent for a linear model. x holds the objects, shape (N, p), y their targets, shape (N,), w the weights, shape (p,); there is no free term. Q is the sum over objects, as on the slide. Return the new weights.",
        formula="Q(w) = Σᵢ (w·xᵢ − yᵢ)²,   w := w − η ∇Q(w)",
        form="def answer(w, x, y, eta):\n    return ...",
        judge=STEP,
        tips=(
            "The derivative of (w·xᵢ − yᵢ)² by wⱼ is 2 (w·xᵢ − yᵢ) xᵢⱼ.",
            "`x @ w - y` holds the errors of all objects at once.",
            "The gradient is `2 * x.T @ (x @ w - y)`.",
        ),
        solution="def answer(w, x, y, eta):\n    return w - eta * 2 * x.T @ (x @ w - y)\n",
    ),
    Exercise(
        name="L7b",
        title="The fastest η",
        task="Descent begins at w = (1, 1) on this surface, a valley nine times as steep across as along. With which η is it fastest in the long run? (Two decimal places are enough.)",
        formula="Q(w) = ½ w₁² + 9/2 w₂²",
        form="answer = ...",
        judge=_rate,
        tips=(
            "The gradient is (w₁, 9 w₂), so a step multiplies w₁ by 1 − η and w₂ by 1 − 9η.",
            "In the long run the larger of |1 − η| and |1 − 9η| counts: make it as small as it can be.",
            "The larger of the two is smallest where they are equal: 1 − η = 9η − 1.",
        ),
        solution="answer = 2 / (1 + 9)\n",
    ),
    Exercise(
        name="L8b",
        title="The naive gradient",
        task="Write the naive gradient: Q is a function of the weights (call it as Q(w)), w an array of P weights, h a small number. Return P differences, with no more than P + 1 calls of Q: they are counted.",
        formula="∂Q/∂wⱼ ≈ (Q(w + h eⱼ) − Q(w)) / h",
        form="def answer(Q, w, h):\n    return ...",
        judge=_naive,
        tips=(
            "Compute Q(w) once, before the loop.",
            "Move a copy: `moved = w.copy(); moved[j] += h`.",
        ),
        solution="""\
import numpy as np


def answer(Q, w, h):
    start, found = Q(w), []
    for j in range(len(w)):
        moved = w.copy()
        moved[j] += h
        found.append((Q(moved) - start) / h)
    return np.array(found)
""",
    ),
    Exercise(
        name="L10",
        title="A σ of your own",
        task="Think of a σ of your own, and write it with its derivative: two functions of a number z. It must not be a straight line, and be defined for every z in (−3, 3). The derivative is compared with differences of σ.",
        formula="σ′(z) ≈ (σ(z + h) − σ(z − h)) / 2h",
        form="def sigma(z):\n    return ...\n\n\ndef slope(z):\n    return ...\n\n\nanswer = (sigma, slope)",
        judge=_own_sigma,
        tips=(
            "Any function that bends will do: z², sin z, z / (1 + |z|), log(1 + e^z).",
            "The derivative of log(1 + e^z) is the sigmoid.",
        ),
        solution="""\
import numpy as np


def sigma(z):
    return np.log(1 + np.exp(z))


def slope(z):
    return 1 / (1 + np.exp(-z))


answer = (sigma, slope)
""",
    ),
)  # fmt: skip
