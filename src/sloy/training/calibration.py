"""Probabilities that say how often they are right: one temperature, found on samples that were not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.layers import Layer, Rescale
from sloy.model import Model
from sloy.problem import Network
from sloy.problem.inputs import Data
from sloy.training.held_out import HeldOut, held_out

RANGE = (0.05, 20.0)  # temperatures that are looked at
STEPS = 60  # of the search, each of which halves the range


@dataclass(frozen=True)
class Calibration:
    """What a temperature does to probabilities.

    Attributes
    ----------
    temperature : float
        T > 0, which logits are divided by: above 1 it takes probabilities nearer to each other.
    before, after : float
        The mean log-loss of the samples without and with it.
    error : float
        The standard error of the difference, from that of each sample.
    samples : int
    of_member : float, optional
        Of an ensemble: the temperature of one member, which `before`, `after` and `error` are of. Their mean is less
        sure of itself, and has the square root of it as `temperature`.
    """

    temperature: float
    before: float
    after: float
    error: float
    samples: int
    of_member: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the log-loss falls by more than its error; of a member, which is not the answer, than twice that."""
        errors = 1 if self.of_member is None else 2
        return self.before - self.after > errors * self.error


def calibrate(model: Model, data: Data | HeldOut) -> tuple[Model, Calibration]:
    """A model whose probabilities fit how often they are right, by one temperature T: softmax(z / T).

    T > 0 makes the mean log-loss of the samples least, which is convex in 1/T. It is kept only where the log-loss falls
    by more than its standard error (for logits that need nothing this is a chance of about 5 %); the model is the
    given one else. Answers and their order stay the same: only how sure they are changes.

    Of an ensemble the samples may be those that its members held out (`held_out_by_members`). T is then that of a
    member, and the mean of the members gets √T: averaging makes answers less sure already. It is kept where the
    log-loss of the members falls by more than twice its standard error.

    Parameters
    ----------
    model : Model
        With a cross-entropy; it stays as it is.
    data : Dataset, (x, y) or HeldOut
        Samples that it was not trained on, such as those to validate on.

    Returns
    -------
    model : Model
        The same parameters, and the layer ``temperature``, `Rescale(1 / T)`, behind the network.
    calibration : Calibration

    Raises
    ------
    InvalidArgument
        Where the model's loss has no probabilities.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
       section 4.2.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    >>> y = (x[:, 0] + np.random.default_rng(1).logistic(size=400) > 0).astype(int)
    >>> model, _ = sloy.fit(sloy.Network((1,), [sloy.layers.Dense(2)]), (x, y), engine="reference", verbose=False)
    >>> model.parameters["dense_1/weight"] = [[0.0, 8.0]]  # the true odds are e^x, not e^8x
    >>> model.parameters["dense_1/bias"] = [0.0, 0.0]
    >>> model, found = calibrate(model, (x, y))
    >>> found.kept, 5 < found.temperature < 13
    (True, True)
    """
    instance("calibrate", "model", model, Model)
    loss = model.loss
    if not loss.logits:
        raise InvalidArgument(f"calibrate: the model's loss, {loss}, has no probabilities.")
    held = held_out(model, data)
    z, target = held.output, loss.target(held.data.y, model.network.output_shape, "float64")
    if target.ndim == 1 and loss.logits == "softmax":
        target = np.eye(z.shape[1])[target]
    t = temperature_of(z, target, loss.logits)
    before, after = (log_losses(z / one, target, loss.logits) for one in (1.0, t))
    gained = before - after
    error = float(gained.std(ddof=1) / np.sqrt(len(z))) if len(z) > 1 else float("inf")
    found = Calibration(t, float(before.mean()), float(after.mean()), error, len(z))
    if held.by_members:
        found = replace(found, temperature=t**0.5, of_member=t)
    if not found.kept:
        return model, found
    return with_last(model, Rescale(1 / found.temperature, name="temperature")), found


def temperature_of(z: np.ndarray, target: np.ndarray, logits: str) -> float:
    """The T > 0 within `RANGE` whose mean log-loss is least.

    Parameters
    ----------
    z : float64 array, shape (N, K) or (N, M)
        Raw outputs.
    target : array of the same shape
        Probabilities that sum to 1, or from 0 to 1 each.
    logits : "softmax" or "sigmoid"
    """

    def slope(b: float) -> float:
        """The derivative of the mean log-loss by b = 1/T; it rises with b."""
        return float(np.mean((_probabilities(b * z, logits) - target) * z))

    low, high = -np.log(RANGE[1]), -np.log(RANGE[0])
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(float(np.exp(middle))) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def log_losses(z: np.ndarray, target: np.ndarray, logits: str) -> np.ndarray:
    """The log-loss of each sample, (N,); the mean over several yes-or-no outputs."""
    if logits == "sigmoid":
        return np.asarray((np.logaddexp(0, z) - target * z).mean(axis=1))
    top = z.max(axis=1, keepdims=True)
    total = np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]
    return np.asarray(total - (target * z).sum(axis=1))


def uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of classes (N, K) as they were without the temperature: p^T, made to sum to 1."""
    z = temperature * np.log(np.maximum(probabilities.astype(np.float64), 1e-300))
    return _probabilities(z, "softmax")


def with_last(model: Model, layer: Layer) -> Model:
    """The model with one more layer behind its network, without its name where that is taken; parameters are shared."""
    problem, parts = model.problem, model.parts
    if layer.name in problem.network.layer_names:
        layer = replace(layer, name=None)
    network = Network(problem.network.input_shape, [*problem.network.layers, layer])
    return Model.of(parts._replace(problem=replace(problem, network=network)), model.engine)


def _probabilities(z: np.ndarray, logits: str) -> np.ndarray:
    if logits == "sigmoid":
        return np.asarray(np.exp(-np.logaddexp(0, -z)))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
