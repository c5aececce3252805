"""The approximation theorem at work: networks built and measured until one is within the tolerance (L5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any

import numpy as np

from sloy import ops
from sloy.arguments import flag, integer, one_of, real
from sloy.engines import Engine
from sloy.errors import NonFiniteError, ToleranceNotMet
from sloy.graph.spec import FLOATS
from sloy.graph.tensor import Tensor
from sloy.layers import Dense, Layer
from sloy.losses import CustomLoss
from sloy.model import Model
from sloy.problem.network import Network
from sloy.theory.approximation.asymptotes import Asymptotes, asymptotes_of
from sloy.theory.approximation.construction import Hidden, fine_grid, ramps, steps
from sloy.theory.approximation.least_squares import line_layout, plane_layout, solve
from sloy.theory.approximation.result import Approximation, outputs
from sloy.theory.approximation.target import FINER, FIRST, MOST, WHERE, Target, finer, grid, nearby
from sloy.theory.ready import ready_model

__all__ = ["approximate"]

FILL = 0.95  # share of the tolerance that a construction aims at; the rest is for slopes, samples and rounding
MOST_UNITS = {1: 4096, 2: 1024}  # by the number of variables
EPOCHS, RATES = 150, (1e-2, 1e-3)  # of the training of `refine`


def approximate(
    f: Callable[..., Any],
    domain: Any,
    tolerance: float,
    *,
    activation: str | Layer | Callable[[Tensor], Tensor] = "sigmoid",
    max_units: int | None = None,
    refine: bool = False,
    dtype: str = "float32",
    engine: str | Engine = "auto",
    threads: int = 1,
) -> Approximation:
    """Build a two-layer network within a tolerance of a continuous function, and measure that it is.

    On an interval the network is put together by hand, after the proof of the theorem: of `steps` (for sigmoid, tanh,
    sign, heaviside) or of `ramps` (for relu, softplus, elu …), see `sloy.theory.approximation.construction`, whose
    places and steepness follow from how fast f changes. On a rectangle the hidden units are
    steps or ramps along evenly spaced directions and the output layer is found by least squares; directions are
    added until the tolerance is met.

    Parameters
    ----------
    f : callable
        ``f(x)``, or ``f(x, y)`` on a rectangle; of arrays, or of numbers.
    domain : (a, b) or ((a, b), (c, d))
        A bounded interval or rectangle.
    tolerance : float
        The greatest error allowed, in the units of f.
    activation : str, Layer or function of a tensor
        A step or a ramp far from 0, see `sloy.theory.approximation.asymptotes.asymptotes_of`.
    max_units : int, optional
        Hidden neurons allowed; 4096 on an interval, 1024 on a rectangle by default.
    refine : bool
        Look for a smaller network. On an interval, steps are laid out anew, far fewer, smooth and overlapping, with
        the output layer found by least squares. Then networks of fewer and fewer units are trained by
        `sloy.fit`, as long as the tolerance is met.
    dtype : "float32" or "float64"
        Of the network; float64 runs on the reference engine.
    engine, threads
        See `sloy.engines.engine`.

    Returns
    -------
    Approximation
        Its error is at most the tolerance, measured on a grid ten times finer than that of the construction,
        at the places of the units, and finer still around the greatest errors.

    Raises
    ------
    InvalidArgument
        For an unbounded domain, values of f that are NaN, infinite or jump, or an activation that is no step or
        ramp.
    ToleranceNotMet
        Where nothing that was built and measured is within the tolerance. It carries the least error that was
        reached, and the network that reached it.

    References
    ----------
    .. [1] G. Cybenko, "Approximation by superpositions of a sigmoidal function", Math. Control Signals Systems 2
       (1989) 303-314.
    .. [2] K. Hornik, M. Stinchcombe, H. White, "Multilayer feedforward networks are universal approximators", Neural
       Networks 2 (1989) 359-366.

    Examples
    --------
    >>> import numpy as np
    >>> found = approximate(np.sin, (0, 6.28), 0.01, activation="relu")
    >>> found.units, found.error <= 0.01, float(abs(found(1.0) - np.sin(1.0))) <= 0.01
    (13, True, True)
    """
    target = Target.of(f, domain)
    allowed = real(WHERE, "tolerance", tolerance, above=0)
    most = MOST_UNITS[len(target.domain)]
    most = most if max_units is None else integer(WHERE, "max_units", max_units)
    flag(WHERE, "refine", refine)
    one_of(WHERE, "dtype", dtype, FLOATS)
    sigma = asymptotes_of(activation)
    search = Search(target, sigma, allowed, most, dtype, engine, threads, refine)
    if len(target.domain) == 2:
        return search.on_rectangle()
    return search.smaller() if refine else search.on_interval()


@dataclass
class Search:
    """Networks tried for one function, the best of them kept."""

    target: Target
    sigma: Asymptotes
    tolerance: float
    most: int
    dtype: str
    engine: str | Engine
    threads: int
    refine: bool

    def __post_init__(self) -> None:
        self.tried: list[Approximation] = []
        self.in_the_way = ""  # where it is not `max_units`: "rounding" or "samples"

    def on_interval(self) -> Approximation:
        """Steps or ramps for ever smaller tolerances, down to the one that is asked for."""
        self._build_ever_finer()
        return self._result()

    def _build_ever_finer(self) -> None:
        """Until one is within the tolerance, or the units, the samples or the digits do not allow it."""
        x, y = self.target.samples(self.tolerance)
        level = max(float(np.ptp(y)), self.tolerance)  # one unit does
        while level > 2 * self.tolerance:
            if not self._build(x, y, level):
                self._within(x, y, level, self.most)
                return
            level /= 2
        for fill, first in (
            (FILL, FIRST),
            (FILL, 16 * FIRST),
            (0.8, 16 * FIRST),
            (0.5, 16 * FIRST),
        ):
            if first != len(x):
                x, y = self.target.samples(self.tolerance, first)
            if not self._build(x, y, fill * self.tolerance):
                self._within(x, y, fill * self.tolerance, self.most)
                return
            if self._met():
                return
        self.in_the_way = "samples" if len(x) >= MOST else "rounding"

    def smaller(self) -> Approximation:
        """The fewest units that least squares and training need."""
        x, y = self.target.samples(self.tolerance)
        if self.sigma.is_step:
            self._fewest(x, y)
        if not self._met():
            self._build_ever_finer()  # sharp steps can do what smooth ones cannot
        if not self._met():
            self._train(min(self.tried, key=_by_error), x[:, None])
        while (best := self._met()) and best.units > 2:
            self._train(self._start(x, y, best.units - 1), x[:, None])
            if self._met() is best:
                break
        if best:
            self._train(best, x[:, None])
        return self._result()

    def on_rectangle(self) -> Approximation:
        """More and more directions."""
        most = max(isqrt(self.most + 1) - 1, 1)  # J (J + 2) ≤ max_units
        failed, directions = 0, min(2, most)
        while self._fit_plane(directions).error > self.tolerance and directions < most:
            failed, directions = directions, min(max(directions + 1, directions * 7 // 5), most)
        if not self._met():  # all the units there may be, along as many directions or one more
            for count in (most, most + 1) if self.most > most * (most + 2) else ():
                self._fit_plane(count, self.most // count)
        while self._met() and directions - failed > 1:
            middle = (directions + failed) // 2
            if self._fit_plane(middle).error <= self.tolerance:
                directions = middle
            else:
                failed = middle
        if self.refine and not self._met():
            self._train(min(self.tried, key=_by_error), grid(self.target.domain, 2 * most + 7))
        while self.refine and (best := self._met()):
            fewer = self._fit_plane(directions - 1) if directions > 1 else best
            self._train(fewer, grid(self.target.domain, 2 * directions + 7))
            if self._met() is best or directions == 1:
                break
            directions -= 1
        return self._result()

    # --- one network ------------------------------------------------------------------------------

    def _build(self, x: np.ndarray, y: np.ndarray, level: float) -> bool:
        """A construction within a level; False where it needs more units than are allowed."""
        made = self._construct(x, y, level, self.most)
        if made is not None:
            self._measure(made, self.sigma.kind, x)
        return made is not None

    def _construct(self, x: np.ndarray, y: np.ndarray, level: float, most: int) -> Hidden | None:
        return (steps if self.sigma.is_step else ramps)(x, y, level, self.sigma, most)

    def _fewest(self, x: np.ndarray, y: np.ndarray) -> None:
        """Smooth steps by least squares: more and more, then the least number by halving."""
        failed, units = 0, min(4, self.most)
        while self._fit_line(x, y, units).error > self.tolerance:
            if units == self.most:
                return
            failed, units = units, min(max(units + 1, units * 5 // 4), self.most)
        while units - failed > 1:
            middle = (units + failed) // 2
            if self._fit_line(x, y, middle).error <= self.tolerance:
                units = middle
            else:
                failed = middle

    def _start(self, x: np.ndarray, y: np.ndarray, units: int) -> Approximation:
        """A network of at most so many units, to train."""
        if self.sigma.is_step:
            return self._fit_line(x, y, units)
        return self._within(x, y, self.tolerance, units)

    def _within(self, x: np.ndarray, y: np.ndarray, level: float, units: int) -> Approximation:
        """The most exact construction of at most so many units, its level searched for by halving."""
        low, high = level, 2 * (float(np.ptp(y)) + level)  # the second takes one unit
        best = self._construct(x, y, high, units)
        for _ in range(20):
            middle = np.sqrt(low * high)
            made = self._construct(x, y, middle, units)
            low, high = (middle, high) if made is None else (low, middle)
            best = best if made is None else made
        assert best is not None
        return self._measure(best, self.sigma.kind, x)

    def _fit_line(self, x: np.ndarray, y: np.ndarray, units: int) -> Approximation:
        weight, bias = line_layout(x, y, units, self.sigma)
        knots = np.clip(np.sort(-bias / weight[0]), x[0], x[-1])
        points = np.unique(np.concatenate([x, finer(knots, 8)]))
        found = solve(weight, bias, self.sigma, points[:, None], self.target(points[:, None]))
        return self._measure(found, "least squares", points)

    def _fit_plane(self, directions: int, along: int | None = None) -> Approximation:
        """So many directions, so many units along each: by default two more, as many as are allowed."""
        along = min(directions + 2, self.most) if along is None else along
        turns = (0.0,) if directions > 1 else (0.0, 0.25, 0.5, 0.75)  # one alone: which one?
        side = 2 * max(directions, along - 2) + 9
        points = grid(self.target.domain, side)
        values, fine = self.target(points), grid(self.target.domain, FINER * side)
        made = []
        for turn in turns:
            weight, bias = plane_layout(self.target.domain, directions, along, turn, self.sigma)
            found = solve(weight, bias, self.sigma, points, values)
            made.append(self._measure(found, "least squares", fine))
        return min(made, key=_by_error)

    def _train(self, start: Approximation, places: np.ndarray) -> Approximation:
        """The best of a network and what two runs of training make of it, each with its output layer solved for
        anew.
        """
        best = start
        extra = grid(self.target.domain, 1025 if places.shape[1] == 1 else 33)
        points = np.concatenate([places, extra])
        values = self.target(points)
        for rate in RATES:
            try:
                weight, bias = self._descend(start, points, values, rate)
            except NonFiniteError:  # too fast for units so sharp: this run gives nothing
                continue
            found = solve(weight, bias, self.sigma, points, values)
            side = FINER * isqrt(len(places))
            fine = places[:, 0] if places.shape[1] == 1 else grid(self.target.domain, side)
            best = min(best, self._measure(found, "training", fine), key=lambda t: t.error)
        return best

    def _descend(
        self, start: Approximation, points: np.ndarray, values: np.ndarray, rate: float
    ) -> list[np.ndarray]:
        """The hidden layer after descent on the fourth power of the error, which minds the greatest ones."""
        from sloy.optimizers import Adam
        from sloy.schedules import Cosine
        from sloy.training.fit import fit

        scale = 1 / max(start.error, 1e-30)
        model, _ = fit(
            start.network,
            (points.astype(self.dtype), values[:, None].astype(self.dtype)),
            loss=CustomLoss(lambda a, t: ops.square(ops.square((a - t) * scale))),
            optimizer=Adam(Cosine(rate), clip_norm=1.0),
            epochs=EPOCHS,
            batch_size=256,
            preprocessing=None,
            metrics=(),
            parameters=dict(start.model.parameters),
            precision=self.dtype,
            engine=self.engine,
            threads=self.threads,
            verbose=False,
        )
        found = model.parameters
        return [found[f"dense_1/{name}"].astype(np.float64) for name in ("weight", "bias")]

    def _measure(self, hidden: Hidden, construction: str, places: np.ndarray) -> Approximation:
        """The network of these numbers, and its greatest error.

        `places` are the samples of an interval, (S,), which are refined here, or the points of the fine grid (P, 2).
        """
        layers = [Dense(hidden.units), self.sigma.layer, Dense(1)]
        numbers = {
            "dense_1/weight": hidden.weight,
            "dense_1/bias": hidden.bias,
            "dense_2/weight": hidden.output[:, None],
            "dense_2/bias": [hidden.shift],
        }
        model = ready_model(
            Network((len(hidden.weight),), layers),
            numbers,
            dtype=self.dtype,
            engine=self.engine,
            threads=self.threads,
        )
        points = places if places.ndim == 2 else fine_grid(places, hidden, self.dtype)[:, None]
        errors = self._errors(model, points)
        around = nearby(points, errors)
        error = float(max(errors.max(), self._errors(model, around).max()))
        count = len(points) + len(around)
        found = Approximation(model, error, self.tolerance, construction, (), count, self.target)
        self.tried.append(found)
        return found

    def _errors(self, model: Model, points: np.ndarray) -> np.ndarray:
        """|f - network| at points (P, d), as they are in the network's dtype: (P,)."""
        points = points.astype(self.dtype).astype(np.float64)
        points = np.clip(points, *np.array(self.target.domain).T)
        return np.abs(outputs(model, points) - self.target(points))

    # --- the end ----------------------------------------------------------------------------------

    def _met(self) -> Approximation | None:
        """The smallest network that was measured within the tolerance, of equal ones the most exact."""
        met = [tried for tried in self.tried if tried.error <= self.tolerance]
        return min(met, key=lambda t: (t.units, t.error), default=None)

    def _result(self) -> Approximation:
        """What was found, with the curve of all that was tried; refused where nothing is within the tolerance."""
        best = self._met() or min(self.tried, key=_by_error)
        best = replace(best, curve=_falling((t.units, t.error) for t in self.tried))
        if best.error <= self.tolerance:
            return best
        raise ToleranceNotMet(
            f"{WHERE}: the tolerance of {self.tolerance:g} is not met: {best.units} units reach an"
            f" error of {best.error:.3g}, the best found; {self._advice()}.",
            best.error,
            best.units,
            best,
        )

    def _advice(self) -> str:
        if self.in_the_way == "rounding":
            other = "; take dtype='float64'" if self.dtype == "float32" else ""
            way = f"the rounding of {self.dtype} is in the way"
            return f"{way}, not `max_units` (={self.most}){other}"
        if self.in_the_way == "samples":
            return f"`f` changes too fast for {MOST} samples: a smaller domain may do"
        advice = f"more `max_units` (={self.most}), a greater tolerance, or another `activation`"
        if self.refine:
            return f"{advice} may do"
        return f"{advice}, or refine=True, may do"


def _by_error(tried: Approximation) -> float:
    return tried.error


def _falling(tried: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Those that no smaller network is better than, by units."""
    kept: list[tuple[int, float]] = []
    for units, error in sorted(tried):
        if not kept or error < kept[-1][1]:
            if kept and kept[-1][0] == units:
                kept.pop()
            kept.append((units, error))
    return tuple(kept)
