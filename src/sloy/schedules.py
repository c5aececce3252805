"""Schedules: the learning rate of every step.

A schedule is a value: the rate of step t is a function of t, of the number of steps of the whole run and, for
`ReduceOnPlateau`, of the epochs' figures so far. So a resumed run has the rates of an uninterrupted one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sloy.arguments import integer, real
from sloy.errors import InvalidArgument
from sloy.options import check_options, integer_option, option, real_option
from sloy.text import shown

__all__ = [
    "NAMES",
    "Constant",
    "CosLog",
    "Cosine",
    "Exponential",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "named",
    "schedule",
]


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate as a function of the step t = 0, 1, …"""

    def rates(
        self, first: int, count: int, total_steps: int, figures: Sequence[float] = ()
    ) -> np.ndarray:
        """The rates of some steps.

        Parameters
        ----------
        first, count : int
            Steps first … first + count - 1.
        total_steps : int
            Number of steps of the whole run.
        figures : sequence of float
            The watched figure of each epoch that ended before step `first`, oldest first.

        Returns
        -------
        float64 array, shape (count,)
        """
        name = type(self).__name__
        integer(name, "first", first, 0)
        integer(name, "count", count, 0)
        integer(name, "total_steps", total_steps)
        steps = np.arange(first, first + count, dtype=np.float64)
        return self.at(steps, total_steps, figures)

    @property
    def watched(self) -> str | None:
        """The column of the history that the rate depends on, taken of the validation data where there are any."""
        return None

    def ends(self, total: int) -> tuple[int, ...]:
        """Where cycles end, counted as `total` is, in epochs or steps of the run; () where there are none."""
        return ()

    @abstractmethod
    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """The rates of steps t, both float64 (count,); see `rates`."""


@dataclass(frozen=True)
class Constant(Schedule):
    """η_t = η: the same rate at every step."""

    learning_rate: float

    def __post_init__(self) -> None:
        _check(self, learning_rate=self.learning_rate)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        return np.full(t.shape, self.learning_rate)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """η_t = η_0 f^⌊t / every⌋: the rate times a factor after every so many steps (PyTorch's ``StepLR``).

    Parameters
    ----------
    initial : float
        η_0.
    every : int
        Steps between two changes, at least 1.
    factor : float
        f, positive.
    """

    initial: float
    every: int
    factor: float = real_option(0.1, least=0)

    def __post_init__(self) -> None:
        _check(self, initial=self.initial)
        integer(type(self).__name__, "every", self.every)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        return np.asarray(self.initial * self.factor ** np.floor(t / self.every))


@dataclass(frozen=True)
class Exponential(Schedule):
    """η_t = η_0 f^(t / every): smooth decay, by a factor f in `every` steps.

    With ``every=1`` this is PyTorch's ``ExponentialLR``.
    """

    initial: float
    factor: float
    every: int = 1

    def __post_init__(self) -> None:
        _check(self, initial=self.initial, factor=self.factor)
        integer(type(self).__name__, "every", self.every)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        return np.asarray(self.initial * self.factor ** (t / self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """η_t = η_1 + ½ (η_0 - η_1) (1 + cos(π t / T)), and η_1 from step T on.

    Parameters
    ----------
    initial, final : float
        η_0 and η_1.
    steps : int, optional
        T; by default the steps of the whole run.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.
    """

    initial: float
    final: float = real_option(0.0, least=0)
    steps: int | None = integer_option(None)

    def __post_init__(self) -> None:
        _check(self, initial=self.initial)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        return _cosine(self.initial, self.final, t / (self.steps or total_steps))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from η/d to η along half a cosine, then down to η/(d D) along another, over the whole run.

    With c(a, b, p) = b + ½ (a - b) (1 + cos π p) and the top at step m = w T - 1 of T: η_t = c(η/d, η, t / m) up to
    it, then c(η, η/(d D), (t - m) / (T - 1 - m)).

    Parameters
    ----------
    maximum : float
        η, reached at step w T - 1 of T.
    warm_up : float
        w in (0, 1): the part of the run that goes up.
    initial_divisor, final_divisor : float
        d and D: the run starts at η/d and ends at its last step at η/(d D).

    Notes
    -----
    PyTorch's ``OneCycleLR`` with its defaults and ``cycle_momentum=False``: the momentum stays as it is.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning
       rates", 2017, arXiv:1708.07120.
    """

    maximum: float
    warm_up: float = real_option(0.3, above=0, below=1)
    initial_divisor: float = real_option(25.0, above=0)
    final_divisor: float = real_option(1e4, above=0)

    def __post_init__(self) -> None:
        _check(self, maximum=self.maximum)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        top, last = self.warm_up * total_steps - 1, total_steps - 1
        start = self.maximum / self.initial_divisor
        end = start / self.final_divisor
        if top <= 0:  # a run so short that its first step is the top
            return _cosine(self.maximum, end, t / max(last, 1))
        up = _cosine(start, self.maximum, t / top)
        down = _cosine(self.maximum, end, (t - top) / (last - top))
        return np.where(t <= top, up, down)


@dataclass(frozen=True)
class CosLog(Schedule):
    """Cycles, each twice as long as the one before: η_t = η ½ (1 - cos(2π log₂(1 + (2^c - 1) (t + ½) / T))).

    `maximum` is η, `cycles` c. In each the rate rises from 0 to η and falls to 0 again, so that a run that ends after a
    cycle ends with a low rate [1]_.

    References
    ----------
    .. [1] D. Holzmüller et al., "Better by default", NeurIPS 2024, appendix A ("coslog").
    """

    maximum: float
    cycles: int = integer_option(4)

    def __post_init__(self) -> None:
        _check(self, maximum=self.maximum)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        turns = np.log2(1 + (2**self.cycles - 1) * (t + 0.5) / total_steps)
        return np.asarray(self.maximum / 2 * (1 - np.cos(2 * np.pi * turns)))

    def ends(self, total: int) -> tuple[int, ...]:
        """See `Schedule.ends`."""
        parts = [2**k - 1 for k in range(1, self.cycles + 1)]
        return tuple(round(total * part / parts[-1]) for part in parts)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """η_t = inner_t · (s + (1 - s) min(t / steps, 1)): another schedule's rate, rising during the first steps.

    Parameters
    ----------
    inner : Schedule or float
        The schedule; its own clock is not shifted.
    steps : int
        Number of steps after which the rate is the inner one.
    start : float
        s in [0, 1]: the part of the inner rate that the first step takes.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.
    """

    inner: Schedule | float
    steps: int
    start: float = real_option(1 / 3, least=0, most=1)

    def __post_init__(self) -> None:
        schedule(self.inner)
        integer(type(self).__name__, "steps", self.steps)
        _check(self)

    @property
    def watched(self) -> str | None:
        """See `Schedule.watched`."""
        return schedule(self.inner).watched

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        part = self.start + (1 - self.start) * np.minimum(t / self.steps, 1)
        return np.asarray(schedule(self.inner).at(t, total_steps, figures) * part)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """η ← max(f η, η_min) whenever a figure has not improved for more than `patience` epochs.

    An epoch improves if its figure is below (1 - threshold) times the best so far ("min"), or above
    (1 + threshold) times it ("max"). After a change, `cooldown` epochs are not counted. The rate is found anew from
    all epochs' figures, so that a resumed run goes on as if it had never stopped.

    Parameters
    ----------
    initial : float
        The rate of the first epochs.
    factor : float
        f in (0, 1).
    patience : int
        Number of epochs without improvement that are borne.
    threshold : float
        The least relative improvement.
    cooldown : int
        Number of epochs after a change during which bad ones do not count.
    minimum : float
        η_min: the rate never falls below it.
    monitor : str
        The figure: a column of the history such as ``loss``, taken of the validation data (``val_loss``) where there
        are any.
    mode : "min" or "max"
        Whether small or large figures are good.

    Notes
    -----
    PyTorch's ``ReduceLROnPlateau`` with ``threshold_mode="rel"``. A NaN is never an improvement.
    """

    initial: float
    factor: float = real_option(0.1, above=0, below=1)
    patience: int = integer_option(10, least=0)
    threshold: float = real_option(1e-4, least=0)
    cooldown: int = integer_option(0, least=0)
    minimum: float = real_option(0.0, least=0)
    monitor: str = option("loss", kind="text")
    mode: str = option("min", kind="text", choices=("min", "max"))

    def __post_init__(self) -> None:
        _check(self, initial=self.initial)

    def at(self, t: np.ndarray, total_steps: int, figures: Sequence[float]) -> np.ndarray:
        """See `Schedule.at`."""
        return np.full(t.shape, self.rate_after(figures))

    @property
    def watched(self) -> str | None:
        """See `Schedule.watched`."""
        return self.monitor

    def rate_after(self, figures: Sequence[float]) -> float:
        """The rate of the epoch after those with the given figures."""
        rate, best = self.initial, np.inf if self.mode == "min" else -np.inf
        bad = cooling = 0
        for figure in figures:
            if self._improves(figure, best):
                best, bad = figure, 0
            else:
                bad += 1
            if cooling:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                rate = max(rate * self.factor, self.minimum)
                bad, cooling = 0, self.cooldown
        return rate

    def _improves(self, figure: float, best: float) -> bool:
        if self.mode == "min":
            return figure < best * (1 - self.threshold)
        return figure > best * (1 + self.threshold)


def schedule(value: Schedule | float) -> Schedule:
    """A schedule as it is; a number becomes a `Constant`."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InvalidArgument(f"`learning_rate` (={shown(value)}) must be a number or a Schedule.")
    return Constant(float(value))


def named(name: str, learning_rate: float | Schedule) -> Schedule:
    """The schedule of a name with a given (highest) learning rate.

    Examples
    --------
    >>> named("cosine", 0.1)
    Cosine(initial=0.1, final=0.0, steps=None)
    """
    if not isinstance(name, str) or name not in NAMES:
        raise InvalidArgument(
            f"`schedule` (={shown(name)}) must be one of {', '.join(NAMES)}, or a Schedule."
        )
    if isinstance(learning_rate, Schedule):
        raise InvalidArgument("`schedule` is given twice: the `learning_rate` is a Schedule.")
    return NAMES[name](learning_rate)


NAMES: dict[str, Callable[[float], Schedule]] = {
    "constant": Constant,
    "cos-log": CosLog,
    "cosine": Cosine,
    "one-cycle": OneCycle,
}


def _cosine(start: float, end: float, part: np.ndarray) -> np.ndarray:
    """From `start` to `end` along half a cosine, as `part` goes from 0 to 1 (held outside)."""
    return np.asarray(end + (start - end) / 2 * (1 + np.cos(np.pi * np.clip(part, 0, 1))))


def _check(owner: Schedule, **values: float) -> None:
    """Raise `InvalidArgument` unless the values are finite and at least 0, and its options are allowed."""
    for name, value in values.items():
        real(type(owner).__name__, name, value, least=0)
    check_options(type(owner).__name__, owner)
