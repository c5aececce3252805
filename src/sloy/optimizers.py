"""Optimisers: how a gradient changes a parameter, as ops of the training graph.

The formulas are in PyTorch's form, so that a run can be repeated there number for number. Letters: w parameter, g its
gradient, η learning rate, λ weight decay, ε `epsilon`, t = 1, 2, … the number of the step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from math import log
from typing import Any

from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.options import check_options, option, real_option
from sloy.schedules import Schedule, schedule
from sloy.text import shown

__all__ = [
    "NAMES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "momentum",
    "nesterov",
    "optimizer",
]

Slots = dict[str, Tensor]


@dataclass(frozen=True)
class Optimizer(ABC):
    """One step of descent, parameter by parameter.

    Parameters
    ----------
    learning_rate : float or Schedule
        η.
    weight_decay : float
        λ. Added to the gradient as λ w (L2), except in `AdamW`. It applies to every trained parameter, biases and
        scales too, as in PyTorch; a layer's own regulariser is for one parameter only.
    clip_value : float, optional
        Each element of the gradient is first clipped to [-clip_value, clip_value].
    clip_norm : float, optional
        Then all gradients together are scaled by min(1, clip_norm / (‖g‖ + 1e-6)), ‖g‖ over all parameters.

    Notes
    -----
    Clipping sees the gradient of the loss and the regularisers; weight decay comes after it.
    """

    learning_rate: float | Schedule
    _: KW_ONLY
    weight_decay: float = real_option(0.0, least=0)
    clip_value: float | None = real_option(None, above=0)
    clip_norm: float | None = real_option(None, above=0)

    def __post_init__(self) -> None:
        schedule(self.learning_rate)
        check_options(type(self).__name__, self)

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule."""
        return schedule(self.learning_rate)

    def slots(self) -> dict[str, float]:
        """What is kept between steps beside each parameter, of its shape: name → initial value."""
        return {}

    @abstractmethod
    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """The next values of a parameter and its slots.

        Parameters
        ----------
        w, g : Tensor
            The parameter and its gradient, of one spec.
        slots : mapping
            The slots, each of that spec.
        learning_rate : Tensor
            Scalar of the parameter's dtype.
        step : Tensor
            uint32 scalar: the number of steps done before this one.
        """

    def _decayed(self, w: Tensor, g: Tensor) -> Tensor:
        return g + self.weight_decay * w if self.weight_decay else g


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum on request.

    g ← g + λ w; v ← μ v + g; w ← w - η v, and with `nesterov` w ← w - η (g + μ v); v starts at 0.

    Parameters
    ----------
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether to look ahead; needs a momentum.

    References
    ----------
    .. [1] H. Robbins, S. Monro, "A stochastic approximation method", Ann. Math. Statist. 22 (1951) 400-407.
    .. [2] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    .. [3] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep
       learning", ICML 2013 (Nesterov's step as written here).
    """

    learning_rate: float | Schedule = 1e-2
    momentum: float = real_option(0.0, least=0, below=1)
    _: KW_ONLY
    nesterov: bool = option(False, kind="flag")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise InvalidArgument("SGD: `nesterov` needs a positive `momentum` (0.9 is usual).")

    def slots(self) -> dict[str, float]:
        """See `Optimizer.slots`."""
        return {"velocity": 0.0} if self.momentum else {}

    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """See `Optimizer.update`."""
        g = self._decayed(w, g)
        if not self.momentum:
            return w - learning_rate * g, {}
        velocity = self.momentum * slots["velocity"] + g
        direction = g + self.momentum * velocity if self.nesterov else velocity
        return w - learning_rate * direction, {"velocity": velocity}


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """g ← g + λ w; s ← s + g²; w ← w - η g / (√s + ε); s starts at 0.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", JMLR 12 (2011) 2121-2159.
    """

    learning_rate: float | Schedule = 1e-2
    _: KW_ONLY
    epsilon: float = real_option(1e-10, above=0)

    def slots(self) -> dict[str, float]:
        """See `Optimizer.slots`."""
        return {"sum": 0.0}

    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """See `Optimizer.update`."""
        g = self._decayed(w, g)
        total = slots["sum"] + g * g
        return w - learning_rate * (g / (ops.sqrt(total) + self.epsilon)), {"sum": total}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """g ← g + λ w; s ← ρ s + (1 - ρ) g²; u = g / (√s + ε); w ← w - η u.

    With momentum v ← μ v + u and w ← w - η v; s and v start at 0.

    Parameters
    ----------
    rho : float
        ρ in [0, 1), PyTorch's ``alpha``.
    momentum : float
        μ in [0, 1).

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Neural networks for machine learning", lecture 6.5, 2012.
    """

    learning_rate: float | Schedule = 1e-2
    _: KW_ONLY
    rho: float = real_option(0.99, least=0, below=1)
    momentum: float = real_option(0.0, least=0, below=1)
    epsilon: float = real_option(1e-8, above=0)

    def slots(self) -> dict[str, float]:
        """See `Optimizer.slots`."""
        return {"square": 0.0} | ({"velocity": 0.0} if self.momentum else {})

    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """See `Optimizer.update`."""
        g = self._decayed(w, g)
        square = self.rho * slots["square"] + (1.0 - self.rho) * (g * g)
        direction = g / (ops.sqrt(square) + self.epsilon)
        if not self.momentum:
            return w - learning_rate * direction, {"square": square}
        velocity = self.momentum * slots["velocity"] + direction
        return w - learning_rate * velocity, {"square": square, "velocity": velocity}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments with bias correction.

    g ← g + λ w; m ← β₁ m + (1 - β₁) g; s ← β₂ s + (1 - β₂) g²;
    w ← w - η / (1 - β₁ᵗ) · m / (√s / √(1 - β₂ᵗ) + ε); m and s start at 0.

    Parameters
    ----------
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    """

    learning_rate: float | Schedule = 1e-3
    _: KW_ONLY
    beta1: float = real_option(0.9, least=0, below=1)
    beta2: float = real_option(0.999, least=0, below=1)
    epsilon: float = real_option(1e-8, above=0)

    def slots(self) -> dict[str, float]:
        """See `Optimizer.slots`."""
        return {"mean": 0.0, "square": 0.0}

    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """See `Optimizer.update`."""
        return self._adam(w, self._decayed(w, g), slots, learning_rate, step)

    def _adam(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        mean = self.beta1 * slots["mean"] + (1.0 - self.beta1) * g
        square = self.beta2 * slots["square"] + (1.0 - self.beta2) * (g * g)
        count = ops.cast(step, w.dtype) + 1.0
        rate = learning_rate / _one_minus_power(self.beta1, count)
        scale = ops.sqrt(_one_minus_power(self.beta2, count))
        w = w - rate * (mean / (ops.sqrt(square) / scale + self.epsilon))
        return w, {"mean": mean, "square": square}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: first w ← w - η λ w, then Adam's step without λ in the gradient.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2 (with the
       schedule's η as PyTorch takes it).
    """

    _: KW_ONLY
    weight_decay: float = real_option(1e-2, least=0)

    def update(
        self, w: Tensor, g: Tensor, slots: Mapping[str, Tensor], learning_rate: Tensor, step: Tensor
    ) -> tuple[Tensor, Slots]:
        """See `Optimizer.update`."""
        if self.weight_decay:
            w = w * (1.0 - learning_rate * self.weight_decay)
        return self._adam(w, g, slots, learning_rate, step)


def momentum(learning_rate: float | Schedule = 1e-2, momentum: float = 0.9) -> SGD:
    """`SGD` with momentum."""
    return SGD(learning_rate, momentum)


def nesterov(learning_rate: float | Schedule = 1e-2, momentum: float = 0.9) -> SGD:
    """`SGD` with Nesterov's momentum."""
    return SGD(learning_rate, momentum, nesterov=True)


NAMES: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def optimizer(value: str | Optimizer, learning_rate: float | Schedule | None = None) -> Optimizer:
    """The optimiser of a name, with its default learning rate or a given one; an optimiser stays as it is.

    Examples
    --------
    >>> optimizer("momentum", 0.1).momentum
    0.9
    """
    if isinstance(value, Optimizer):
        if learning_rate is not None:
            raise InvalidArgument("`learning_rate` is given twice: it is part of the `optimizer`.")
        return value
    name = value.lower() if isinstance(value, str) else ""
    if name not in NAMES:
        raise InvalidArgument(
            f"`optimizer` (={shown(value)}) must be one of {', '.join(NAMES)}, or an Optimizer."
        )
    return NAMES[name]() if learning_rate is None else NAMES[name](learning_rate)


def adjusted(
    optimizer: Optimizer,
    *,
    momentum: float | None = None,
    weight_decay: float | None = None,
    beta2: float | None = None,
) -> Optimizer:
    """An optimiser with another momentum (β₁ of Adam), weight decay and β₂, where they are given.

    Examples
    --------
    >>> adjusted(Adam(), momentum=0.7).beta1
    0.7
    """
    changes: dict[str, Any] = {} if weight_decay is None else {"weight_decay": weight_decay}
    if momentum is not None:
        name = _momentum(optimizer)
        if name is None:
            having = [name for name, make in NAMES.items() if _momentum(make())]
            raise InvalidArgument(
                f"`momentum`: {type(optimizer).__name__} has none; {', '.join(having)} have."
            )
        changes[name] = momentum
    if beta2 is not None:
        if not hasattr(optimizer, "beta2"):
            having = [name for name, make in NAMES.items() if hasattr(make(), "beta2")]
            raise InvalidArgument(
                f"`beta2`: {type(optimizer).__name__} has none; {', '.join(having)} have."
            )
        changes["beta2"] = beta2
    return replace(optimizer, **changes) if changes else optimizer


def _momentum(optimizer: Optimizer) -> str | None:
    """The field that holds the momentum, of an optimiser that has one."""
    if hasattr(optimizer, "beta1"):
        return "beta1"
    return "momentum" if getattr(optimizer, "momentum", 0.0) else None


def _one_minus_power(beta: float, count: Tensor) -> Tensor:
    """1 - βᵗ without cancellation: -expm1(t log β) loses no digits in float32 where β is near 1."""
    return -ops.expm1(count * log(beta)) if beta else count * 0.0 + 1.0
