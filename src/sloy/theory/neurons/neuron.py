"""One neuron: a(x, w) = σ(w_0 + Σ_j w_j x_j) (L1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import array, instance, real
from sloy.engines import Engine
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers import Dense, Heaviside, Layer, Sigmoid, Sign
from sloy.layers.activations import activation as find_activation
from sloy.layers.base import snake_case
from sloy.model import Model
from sloy.problem.network import Network
from sloy.text import shown
from sloy.theory.neurons.perceptron import PerceptronRun, perceptron_rule
from sloy.theory.notation import input_names, linear_text
from sloy.theory.ready import ready_model

if TYPE_CHECKING:
    from sloy.training.history import History

__all__ = ["Neuron"]

WEIGHT, BIAS = "dense_1/weight", "dense_1/bias"


@dataclass(frozen=True, eq=False, repr=False)
class Neuron:
    """A neuron with its numbers: a(x) = σ(b + Σ_j w_j x_j).

    It is immutable; `train` gives another one. `model` gives the ordinary `Model` that it is.

    Parameters
    ----------
    weights : sequence of I numbers
        w_1 … w_I.
    bias : float
        w_0, the lecture's free term.
    activation : str, Layer or function of a tensor
        σ: a name of `sloy.layers.activations.ACTIVATIONS` (``"heaviside"`` is the bracket [z > 0]), an
        activation layer, or a function written with `sloy.ops`.

    References
    ----------
    .. [1] W. S. McCulloch, W. Pitts, "A logical calculus of the ideas immanent in nervous activity",
       Bulletin of Mathematical Biophysics 5 (1943) 115-133.

    Examples
    --------
    >>> neuron = Neuron([1, 1], -1.5, "heaviside")
    >>> print(neuron.equation())
    a(x) = [x1 + x2 - 3/2 > 0]
    >>> neuron([[0, 1], [1, 1]]).tolist()
    [0.0, 1.0]
    """

    weights: Sequence[float] | np.ndarray
    bias: float = 0.0
    activation: str | Layer | Callable[[Tensor], Tensor] = "sigmoid"

    def __post_init__(self) -> None:
        weights = np.array(array("Neuron", "weights", self.weights))
        if weights.ndim != 1 or not weights.size or weights.dtype.kind not in "biuf":
            raise InvalidArgument(
                f"Neuron: `weights` (={shown(self.weights)}) must be a list of one number or more."
            )
        weights = weights.astype(np.float64)
        if not np.isfinite(weights).all():
            raise InvalidArgument(f"Neuron: `weights` (={shown(self.weights)}) must be finite.")
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", real("Neuron", "bias", self.bias))
        object.__setattr__(self, "activation", find_activation("Neuron", self.activation))

    @property
    def network(self) -> Network:
        """`Dense(1)` and the activation."""
        return Network((len(self.weights),), [Dense(1), self._layer])

    @property
    def threshold(self) -> bool:
        """Whether σ is a threshold, [z > 0] or sign(z): then there is no gradient to learn by."""
        return isinstance(self._layer, Heaviside | Sign)

    def model(
        self, *, dtype: str = "float32", engine: str | Engine = "auto", threads: int = 1
    ) -> Model:
        """The neuron as a new `Model`, which trains, saves and exports like any other."""
        parameters = {WEIGHT: np.asarray(self.weights)[:, None], BIAS: [self.bias]}
        return ready_model(self.network, parameters, dtype=dtype, engine=engine, threads=threads)

    def __call__(self, x: Any) -> np.ndarray:
        """The neuron's answer, in float64.

        Parameters
        ----------
        x : array, shape (N, I) or (I,)
            Objects, or one.

        Returns
        -------
        array, shape (N,) or ()
        """
        inputs = array("Neuron", "x", x)
        if inputs.ndim not in (1, 2) or inputs.shape[-1] != len(self.weights):
            raise ShapeError(
                f"Neuron: `x` has shape {inputs.shape}; it must be (N, {len(self.weights)}) or"
                f" ({len(self.weights)},)."
            )
        answers = self._exact(np.atleast_2d(inputs))[:, 0]
        return answers if inputs.ndim == 2 else answers[0]

    def train(self, x: Any, y: Any, **options: Any) -> tuple[Neuron, History | PerceptronRun]:
        """Train on objects, from the weights it has.

        A threshold neuron learns by the perceptron rule (`perceptron_rule`), every other one by
        descent on the gradient (`sloy.fit`): on the log-loss for a sigmoid and answers 0 and 1, on
        the squared error else.

        Parameters
        ----------
        x : array, shape (N, I)
        y : array, shape (N,)
            Answers; of a threshold neuron 0 and 1, or -1 and 1.
        **options
            Of `perceptron_rule` or of `sloy.fit`. The data are taken as they are: there is no
            preprocessing, so that the weights are those of x.

        Returns
        -------
        neuron : Neuron
            With the new weights.
        record : PerceptronRun or History
        """
        if self.threshold:
            start = (np.asarray(self.weights), self.bias)
            weights, bias, run = perceptron_rule(x, y, start=start, **options)
            return replace(self, weights=weights, bias=bias), run
        from sloy.training.fit import fit

        layers: list[Layer] = [Dense(1), self._layer]
        targets = array("Neuron.train", "y", y).reshape(-1, 1)
        log_loss = isinstance(self._layer, Sigmoid) and bool(np.isin(targets, (0, 1)).all())
        options = {"loss": "binary_crossentropy" if log_loss else "squared_error", **options}
        if options["loss"] == "binary_crossentropy":
            layers.pop()  # the loss applies σ itself
        if "preprocessing" in options or "parameters" in options:
            raise InvalidArgument(
                "Neuron.train: `preprocessing` and `parameters` cannot be chosen; the neuron begins"
                " from its own weights on x as it is."
            )
        model, history = fit(
            Network((len(self.weights),), layers),
            (np.asarray(x, np.float64 if options.get("precision") == "float64" else np.float32),
             targets.astype(np.float64)),
            preprocessing=None,
            parameters={WEIGHT: np.asarray(self.weights)[:, None], BIAS: np.array([self.bias])},
            **options,
        )  # fmt: skip
        found = model.parameters
        trained = replace(self, weights=found[WEIGHT][:, 0], bias=float(found[BIAS][0]))
        return trained, history

    def equation(self, names: Sequence[str] | None = None) -> str:
        """The formula as text.

        Parameters
        ----------
        names : sequence of I str, optional
            Of the inputs; x1, x2, … by default.

        Examples
        --------
        >>> Neuron([2, -0.3], 1, "tanh").equation(["height", "age"])
        'a(x) = tanh(2 height - 3/10 age + 1)'
        """
        words = input_names("Neuron.equation", names, len(self.weights))
        inside = linear_text(np.asarray(self.weights), self.bias, words)
        layer = self._layer
        if isinstance(layer, Heaviside):
            return f"a(x) = [{inside} > 0]"
        name = {"sigmoid": "σ"}.get(snake_case(layer.kind), snake_case(layer.kind))
        return f"a(x) = {name}({inside})"

    @property
    def _layer(self) -> Layer:
        instance("Neuron", "activation", self.activation, Layer)
        return self.activation  # type: ignore[return-value]  # made so by __post_init__

    @cached_property
    def _exact(self) -> Model:
        return self.model(dtype="float64")

    def __repr__(self) -> str:
        weights = ", ".join(f"{w:g}" for w in self.weights)
        return f"Neuron([{weights}], {self.bias:g}, {self._layer!r})"
