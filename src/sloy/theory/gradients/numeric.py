"""Gradients by differences of values: to check formulas, and to see what the naive way costs (L8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sloy import losses, ops
from sloy.arguments import finite_array, integer, real
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph, Tensor, backprop
from sloy.language import say
from sloy.layers.base import Layer, Scope
from sloy.losses import Loss, LossLike
from sloy.problem.graphs import forward
from sloy.problem.network import Network
from sloy.text import Shown, shown
from sloy.training.gradients import problem_of
from sloy.training.step import initial_variables

__all__ = ["GradientCheck", "check_gradient", "naive_gradients", "numeric_gradient"]

STEP = (
    6e-6  # ≈ ∛ε of float64: where rounding and the curvature's error of a central difference meet
)


def numeric_gradient(
    function: Callable[[np.ndarray], float], x: np.ndarray, *, step: float = STEP
) -> np.ndarray:
    """The gradient of any function of an array by central differences, 2 values for each number.

    ∂f/∂x_i ≈ (f(x + h e_i) - f(x - h e_i)) / 2h, with h = step · max(1, |x_i|); its error is of order h².

    Parameters
    ----------
    function : callable
        ``function(x) -> number``; gets a copy of x with one number moved.
    x : array
        Real numbers; computed in float64.
    step : float

    Returns
    -------
    float64 array of the shape of x

    Examples
    --------
    >>> numeric_gradient(lambda x: x[0] ** 2 + 3 * x[1], np.array([2.0, 5.0])).round(6).tolist()
    [4.0, 3.0]
    """
    where = "numeric_gradient"
    if not callable(function):
        raise InvalidArgument(f"{where}: `function` (={shown(function)}) must be callable.")
    width = real(where, "step", step, above=0)
    point = finite_array(where, "x", x)
    gradient = np.empty_like(point)
    for index in np.ndindex(*point.shape):
        h = width * max(1.0, abs(float(point[index])))
        up, down = point.copy(), point.copy()
        up[index] += h
        down[index] -= h
        values = [_value(where, function(moved)) for moved in (up, down)]
        gradient[index] = (values[0] - values[1]) / (up[index] - down[index])
    return gradient


@dataclass(frozen=True, eq=False)
class GradientCheck(Shown):
    """A gradient by backprop beside the one by differences.

    Attributes
    ----------
    backprop, numeric : array
        Of the shape of what was differentiated by.
    error : array
        |backprop - numeric| / max(1, |numeric|).
    tolerance : float
        The largest error that passes.
    kinks : bool array
        Where the function has no derivative (its differences to the left and to the right disagree): there, any
        value from one to the other passes.
    """

    backprop: np.ndarray
    numeric: np.ndarray
    error: np.ndarray
    tolerance: float
    kinks: np.ndarray

    @property
    def passed(self) -> bool:
        """Whether the two agree everywhere."""
        return bool((self.error <= self.tolerance).all())

    def __str__(self) -> str:
        worst = np.unravel_index(int(self.error.argmax()), self.error.shape)
        said = [
            say(
                "{result}: {count} numbers, largest error {error:.1e} (allowed {tolerance:.0e})",
                result=say("passed") if self.passed else say("FAILED"),
                count=self.error.size,
                error=self.error[worst],
                tolerance=self.tolerance,
            )
        ]
        if not self.passed:
            differ = say(
                "at [{where}] backprop gives {backprop:.6g}, differences give {numeric:.6g}",
                where=", ".join(map(str, worst)),
                backprop=self.backprop[worst],
                numeric=self.numeric[worst],
            )
            said.append(differ)
        if self.kinks.any():
            kinks = say(
                "{count} of the points at a kink, where any slope between passes",
                count=int(self.kinks.sum()),
            )
            said.append(kinks)
        return "; ".join(said)


def check_gradient(
    function: Callable[..., Tensor] | Layer | Loss | str,
    *operands: ArrayLike,
    wrt: int = 0,
    tolerance: float = 1e-6,
) -> GradientCheck:
    """Check the gradient of a user's own σ or L against differences of its values.

    Parameters
    ----------
    function : callable, activation layer, Loss or str
        A function of symbolic tensors written with `sloy.ops`; a layer without parameters such as `Tanh()`; a loss
        or its name. Results with more than one number are summed.
    *operands : array
        What it is called with: for σ by default 41 points from -4 to 4; for a loss the output (N, …) and the targets.
    wrt : int
        Which operand to differentiate by.
    tolerance : float
        Largest error allowed, relative to max(1, |gradient|).

    Returns
    -------
    GradientCheck

    Examples
    --------
    >>> print(check_gradient(lambda z: z * ops.sigmoid(z)))  # doctest: +ELLIPSIS
    passed: 41 numbers, largest error ... (allowed 1e-06)
    >>> check_gradient("squared_error", np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]])).passed
    True
    >>> wrong = check_gradient(lambda z: ops.stop_gradient(z) * z)  # half of the gradient of z² is lost
    >>> print(wrong)  # doctest: +ELLIPSIS
    FAILED: 41 numbers, largest error 5.0e-01 (allowed 1e-06); at [...] backprop gives ..., differences give ...
    """
    where = "check_gradient"
    called, arrays = _call(where, function, operands)
    chosen = integer(where, "wrt", wrt, 0, len(arrays) - 1)
    allowed = real(where, "tolerance", tolerance, above=0)
    if arrays[chosen].dtype.kind != "f":
        raise InvalidArgument(
            f"{where}: `wrt` (={chosen}) is an operand of integers; there is no gradient by them."
        )
    names = [f"operand {i}" for i in range(len(arrays))]
    inputs = [ops.input(name, a.shape, a.dtype.name) for name, a in zip(names, arrays, strict=True)]
    result = called(*inputs)
    if not isinstance(result, Tensor) or not result.spec.is_float:
        raise InvalidArgument(
            f"{where}: `function` gives {result!r}; it must give a float Tensor, written with sloy.ops."
        )
    total = ops.reduce_sum(result)
    engine = find_engine("reference")
    value = engine.compile(Graph.of({"value": total}), {})
    slope = engine.compile(Graph.of({"slope": backprop(total, [inputs[chosen]])[0]}), {})
    feeds = dict(zip(names, arrays, strict=True))
    found = slope.run({n: feeds[n] for n in slope.graph.inputs})["slope"]

    def at(x: np.ndarray) -> float:
        given = {**feeds, names[chosen]: x}
        return float(value.run({n: given[n] for n in value.graph.inputs})["value"])

    return _compare(found, at, arrays[chosen], allowed)


def naive_gradients(
    network: Network,
    parameters: Mapping[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    loss: LossLike = "squared_error",
    *,
    step: float = STEP,
) -> dict[str, np.ndarray]:
    """The gradient of the training loss the naive way: one perturbed forward pass for each parameter.

    ∂Q/∂w ≈ (Q(w + h) - Q(w)) / h: P + 1 forward passes for P parameters, each of a cost that grows with P, so
    that the cost is quadratic (L8). In float64; what `sloy.gradients` finds in a single backward pass.

    Parameters
    ----------
    network, parameters, x, y, loss
        As `sloy.gradients` takes them.
    step : float
        h = step · max(1, |w|).

    Returns
    -------
    dict
        Name of a parameter → its gradient, float64.

    Examples
    --------
    >>> from sloy.layers import Dense
    >>> network = Network((2,), [Dense(1)])
    >>> parameters = {"dense_1/weight": np.array([[1.0], [2.0]]), "dense_1/bias": np.zeros(1)}
    >>> found = naive_gradients(network, parameters, np.array([[3.0, 4.0]]), np.array([10.0]))
    >>> found["dense_1/weight"].round(3).ravel().tolist()
    [6.0, 8.0]
    """
    where = "naive_gradients"
    width = real(where, "step", step, above=0)
    problem, inputs = problem_of(where, network, x, y, loss, "float64")
    run = forward(problem, len(inputs["x"]))
    graph = Graph.of({"loss": run.built.penalized(ops.reduce_mean(run.losses))})
    variables = initial_variables(problem, None, parameters, where)
    executable = find_engine("reference").compile(graph, variables)
    before = float(executable.run(inputs)["loss"])
    found = {}
    for name in network.parameters:
        w, gradient = variables[name], np.empty(variables[name].shape)
        for index in np.ndindex(*w.shape):
            kept = float(w[index])
            w[index] = kept + width * max(1.0, abs(kept))
            gradient[index] = (float(executable.run(inputs)["loss"]) - before) / (w[index] - kept)
            w[index] = kept
        found[name] = gradient
    return found


# --- parts ----------------------------------------------------------------------------------------


def _call(
    where: str, function: object, operands: tuple[ArrayLike, ...]
) -> tuple[Callable[..., Tensor], list[np.ndarray]]:
    """What to call with symbolic tensors, and the arrays that stand for them."""
    if isinstance(function, Layer):
        layer = function

        def called(z: Tensor) -> Tensor:
            scope = Scope(dtype=z.dtype)
            y = layer.apply(scope, z)
            if scope.record.parameters:
                raise InvalidArgument(
                    f"{where}: `function` (={shown(layer)}) has parameters; `sloy.gradients` and"
                    " `naive_gradients` compare whole networks."
                )
            return y

        return called, _points(where, operands, 1)
    if isinstance(function, Loss | str):
        loss = losses.loss(function)
        if len(operands) != 2:
            raise InvalidArgument(
                f"{where}: a loss needs two operands, output and targets; {len(operands)} are given."
            )
        output = finite_array(where, "operands[0]", operands[0])
        return loss.per_sample, [
            output,
            loss.target(np.asarray(operands[1]), output.shape[1:], "float64"),
        ]
    if not callable(function):
        raise InvalidArgument(
            f"{where}: `function` (={shown(function)}) must be a function of tensors, an activation or a loss."
        )
    return function, _points(where, operands, None)


def _points(where: str, operands: tuple[ArrayLike, ...], count: int | None) -> list[np.ndarray]:
    if not operands:
        return [np.linspace(-4.0, 4.0, 41)[:, None]]  # (N, 1)
    if count is not None and len(operands) != count:
        raise InvalidArgument(f"{where}: {len(operands)} operands are given; {count} is needed.")
    return [finite_array(where, f"operands[{i}]", operand) for i, operand in enumerate(operands)]


def _compare(
    found: np.ndarray, at: Callable[[np.ndarray], float], x: np.ndarray, tolerance: float
) -> GradientCheck:
    central = numeric_gradient(at, x)
    here, right, left = at(x), np.empty_like(x), np.empty_like(x)
    for index in np.ndindex(*x.shape):
        for slopes, sign in ((right, 1.0), (left, -1.0)):
            moved = x.copy()
            moved[index] += sign * STEP * max(1.0, abs(float(x[index])))
            slopes[index] = (at(moved) - here) / (moved[index] - x[index])
    size = np.maximum(1.0, np.abs(central))
    kinks = np.abs(right - left) > 1e-3 * size  # far beyond the curvature's share, of order STEP
    error, allowed = np.abs(found - central) / size, tolerance * size
    between = (np.minimum(left, right) - allowed <= found) & (
        found <= np.maximum(left, right) + allowed
    )
    error = np.where((error > tolerance) & between, 0.0, error)
    return GradientCheck(found, central, error, tolerance, kinks)


def _value(where: str, value: object) -> float:
    given = np.asarray(value)
    if given.size != 1 or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
        raise InvalidArgument(
            f"{where}: `function` gives {value!r}; it must give one finite number."
        )
    return float(given.reshape(()))
