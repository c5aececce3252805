"""What a model of two inputs answers, in one form for networks and scikit-learn's estimators."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sloy import losses, ops
from sloy.arguments import array, real
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import REGISTRY
from sloy.model import Model
from sloy.problem import Network, Problem
from sloy.text import shown

Numbers = Callable[[np.ndarray], np.ndarray]

FARTHEST = 40.0  # sums that an output's activation is tried on


@dataclass(frozen=True, eq=False)
class Decider:
    """How a model's numbers are found, and how they are read.

    Attributes
    ----------
    kind : "yes", "classes" or "value"
        Yes or no, one of K classes, or a number.
    numbers : callable
        Points (N, 2) → (N,), or (N, K) of classes.
    threshold : float
        The answer is yes above it.
    probabilities : callable, optional
        Numbers → what lies from 0 to 1: of yes (N,), of each class (N, K).
    model : Model, optional
        The network.
    labels : sequence
        What stands for each class in `y`.
    names : sequence of str
        What the classes are called; of yes or no two.
    """

    kind: Literal["yes", "classes", "value"]
    numbers: Numbers
    threshold: float = 0.5
    probabilities: Numbers | None = None
    model: Model | None = None
    labels: Sequence[Any] = ()
    names: Sequence[str] = ()

    def classes(self, numbers: np.ndarray) -> np.ndarray:
        """The class of each point, (N,): of yes or no 1 and 0; of equal classes the first."""
        if self.kind == "yes":
            return (numbers > self.threshold).astype(np.int64)
        return np.asarray(numbers.argmax(-1))


def deciding(where: str, model: Any, y: Any = None, threshold: float | None = None) -> Decider:
    """How a model of two inputs decides.

    Parameters
    ----------
    where : str
        Who asks.
    model : Model or an estimator of scikit-learn
    y : array, shape (N,), optional
        What objects are; of networks with one output that were trained on numbers it tells classes (0 and 1, or -1
        and 1) from numbers.
    threshold : float, optional
        Above which an output means yes; by default the output's: see `threshold_of`.
    """
    if threshold is not None:
        threshold = real(where, "threshold", threshold)
    if isinstance(model, Model):
        return _of_model(where, model, y, threshold)
    if not callable(getattr(model, "predict", None)):
        raise InvalidArgument(
            f"{where}: `model` (={shown(model)}) must be a Model or a fitted estimator with `predict`."
        )
    return _of_estimator(where, model, threshold)


def threshold_of(model: Model) -> float:
    """Above which the one output of a network means yes.

    0 for a loss from logits and the hinge. Else the middle of what the output can be: ½ where it stays within 0 and 1
    (sigmoid, Heaviside), 0 for every other (linear, tanh, sign).
    """
    if model.loss.task(model.network.output_shape) == "binary":
        return 0.0
    values = _possible_outputs(model.network)
    return 0.5 if values is not None and values.min() >= 0 and values.max() <= 1 else 0.0


def class_numbers(where: str, y: Any, count: int, decider: Decider) -> np.ndarray:
    """The number of the class of each of so many objects, (N,); of a `Decider` of values the values."""
    given = array(where, "y", y)
    if given.ndim == 2 and given.shape[1] == len(decider.labels) > 1:
        given = given.argmax(1)  # one column for each class
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != (count,):
        raise ShapeError(f"{where}: `y` has shape {given.shape}; it must be ({count},).")
    if decider.kind == "value":
        return given.astype(np.float64)
    found = np.full(count, -1)
    for number, label in enumerate(decider.labels):
        found[given == label] = number
    if (found < 0).any():
        stranger = given[found < 0].tolist()[0]
        known = ", ".join(map(repr, decider.labels[:12]))
        raise InvalidArgument(f"{where}: `y` holds {stranger!r}; the classes are {known}.")
    return found


# --- networks -------------------------------------------------------------------------------------


def _of_model(where: str, model: Model, y: Any, threshold: float | None) -> Decider:
    network, loss = model.network, model.loss
    if network.input_shape != (2,) or len(network.output_shape) != 1:
        raise InvalidArgument(
            f"{where}: the network is {network.input_shape} → {network.output_shape}; it must have"
            " two inputs, (2,), and one output or one for each class."
        )
    task, (outputs,) = loss.task(network.output_shape), network.output_shape
    if outputs > 1:
        if task == "binary":
            raise InvalidArgument(
                f"{where}: the network answers {outputs} questions of yes or no ({loss}); a figure"
                " shows one."
            )
        degrees: Numbers | None = _softmax if loss.logits == "softmax" else None
        possible = _possible_outputs(network) if degrees is None else None
        if possible is not None and possible.min() >= 0 and np.allclose(possible.sum(1), 1):
            degrees = _unchanged
        names = model.class_names or [str(k) for k in range(outputs)]
        if outputs == 2:
            share = None if degrees is None else _sigmoid if degrees is _softmax else _half_more
            return Decider("yes", _second_more(model), 0.0, share, model, range(2), names)
        return Decider("classes", model, 0.0, degrees, model, range(outputs), names)
    labels = _labels(y)
    if task == "regression" and y is not None and labels is None:
        return Decider("value", _first(model), model=model)
    if threshold is None:
        threshold = threshold_of(model)
        fitted = isinstance(loss, losses.SquaredError | losses.AbsoluteError | losses.Huber)
        if fitted and labels == (0, 1):
            threshold = 0.5  # between the numbers that it was trained to give
    degrees = _sigmoid if loss.logits == "sigmoid" else None
    if degrees is None and threshold == 0.5 == threshold_of(model):
        degrees = _unchanged
    labels = labels or (0, 1)
    names = model.class_names if len(model.class_names) == 2 else [str(label) for label in labels]
    return Decider("yes", _first(model), threshold, degrees, model, labels, names)


def _labels(y: Any) -> tuple[int, int] | None:
    """What says no and yes in `y`: 0 and 1 or -1 and 1; None of other numbers."""
    if y is None:
        return None
    given = np.unique(np.asarray(y))
    for labels in ((0, 1), (-1, 1)):
        if given.dtype.kind in "biuf" and np.isin(given, labels).all():
            return labels
    return None


def _first(model: Model) -> Numbers:
    return lambda points: model(points)[:, 0].astype(np.float64)


def _second_more(model: Model) -> Numbers:
    return lambda points: np.diff(model(points).astype(np.float64))[:, 0]


def _possible_outputs(network: Network) -> np.ndarray | None:
    """What the layers after the last one with parameters make of sums from -40 to 40, (n, outputs); None of none."""
    weighted = {name.split("/")[0] for name in network.parameters}
    last = max((k for k, name in enumerate(network.layer_names) if name in weighted), default=-1)
    tail = network.layers[last + 1 :]
    if not tail:
        return None
    built = network.build(ops.input("x", (1, *network.input_shape)))
    shape = built.activations[network.layer_names[last]].shape[1:] if last >= 0 else (2,)
    rest = Network(shape, tail)
    problem = Problem(
        rest, losses.SquaredError(), data_dtype="float64", dtype="float64",
        target_shape=rest.output_shape, target_dtype="float64",
    )  # fmt: skip
    random = np.random.default_rng(0).uniform(-FARTHEST, FARTHEST, (200, *shape))
    equal = np.linspace(-FARTHEST, FARTHEST, 801)
    tried = np.concatenate([random, np.broadcast_to(equal.reshape(-1, *[1] * len(shape)), (801, *shape))])  # fmt: skip
    outputs = Model(problem, {}, engine="reference", threads=1)(tried)
    return outputs.reshape(len(tried), -1)


# --- estimators -----------------------------------------------------------------------------------


def _of_estimator(where: str, estimator: Any, threshold: float | None) -> Decider:
    inputs = getattr(estimator, "n_features_in_", 2)
    if inputs != 2:
        raise InvalidArgument(f"{where}: the estimator has {inputs} inputs; a plane shows 2.")
    answers = _silently(estimator.predict, np.zeros((1, 2))).size
    if answers != 1:
        raise InvalidArgument(
            f"{where}: the estimator gives {answers} answers for an object; a figure shows one."
        )
    inside = getattr(estimator, "model_", None)
    network = inside if isinstance(inside, Model) and inside.network.input_shape == (2,) else None
    labels = getattr(estimator, "classes_", None)
    if labels is None:
        return Decider("value", _asked(where, estimator.predict, (1,)), model=network)
    labels = np.asarray(labels).tolist()
    names = [str(label) for label in labels]
    if callable(getattr(estimator, "predict_proba", None)):
        ask, degrees, middle = estimator.predict_proba, _unchanged, 0.5
    elif callable(getattr(estimator, "decision_function", None)):
        ask, degrees, middle = estimator.decision_function, None, 0.0
    else:
        ask, degrees, middle = _one_hot(estimator.predict, labels), None, 0.5
    if len(labels) > 2:
        numbers = _asked(where, ask, (len(labels),))
        return Decider("classes", numbers, 0.0, degrees, network, labels, names)
    numbers = _asked(where, ask, (1,) if middle == 0 else (2,))
    cut = middle if threshold is None else threshold
    return Decider("yes", numbers, cut, degrees, network, labels, names)


def _asked(where: str, ask: Numbers, columns: tuple[int]) -> Numbers:
    """The numbers of an estimator's method, checked: (N,) for one column and of two the last, else (N, K)."""

    def numbers(points: np.ndarray) -> np.ndarray:
        found = _silently(ask, points).astype(np.float64)
        if found.reshape(len(points), -1).shape[1:] != columns:
            raise InvalidArgument(
                f"{where}: the estimator gives {found.shape} for {len(points)} objects; a figure shows"
                " one number, or one for each class."
            )
        rows = found.reshape(len(points), *columns)
        return rows if columns[0] > 2 else rows[:, -1]

    return numbers


def _silently(ask: Numbers, points: np.ndarray) -> np.ndarray:
    """What a method answers, without the complaint that a grid has no names of columns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(ask(points))


def _one_hot(predict: Numbers, labels: list[Any]) -> Numbers:
    return lambda points: np.stack([predict(points) == label for label in labels], axis=1)


def _unchanged(numbers: np.ndarray) -> np.ndarray:
    return numbers


def _half_more(difference: np.ndarray) -> np.ndarray:
    """p1 - p0 → p1, where the two are 1 together."""
    return 0.5 * (1 + difference)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(REGISTRY["sigmoid"].reference([z], {}))


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.asarray(REGISTRY["softmax"].reference([z.astype(np.float64)], {}))
