"""The approximation theorem at work: networks built and measured until one is within the tolerance (L5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from sloy import ops
from sloy.arguments import flag, integer, real
from sloy.engines import Engine
from sloy.errors import InvalidArgument, NonFiniteError, ToleranceNotMet
from sloy.graph.spec import FLOATS
from sloy.graph.tensor import Tensor
from sloy.layers import Dense, Layer
from sloy.losses import CustomLoss
from sloy.problem.network import Network
from sloy.theory.approximation.asymptotes import Asymptotes, asymptotes_of
from sloy.theory.approximation.construction import Hidden, ramps, steps
from sloy.theory.approximation.least_squares import line_layout, plane_layout, solve
from sloy.theory.approximation.result import Approximation, outputs
from sloy.theory.approximation.target import FIRST, WHERE, Target, finer, grid
from sloy.theory.ready import ready_model

__all__ = ["approximate"]

FILL = 0.95  # share of the tolerance that a construction aims at; the rest is for slopes, samples and rounding
FINER = 10  # the grid of the measurement against that of the construction
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
        Its error is at most the tolerance, measured on a grid ten times finer than that of the construction and
        at the places of the units.

    Raises
    ------
    InvalidArgument
        For an unbounded domain, values of f that are NaN, infinite or jump, or an activation that is no step or
        ramp.
    ToleranceNotMet
        Where `max_units` (or the dtype) do not allow the tolerance. It carries the error that was reached,
        and the network that reached it.

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
    if dtype not in FLOATS:
        raise InvalidArgument(f"{WHERE}: `dtype` (={dtype!r}) must be one of {', '.join(FLOATS)}.")
    search = Search(target, asymptotes_of(activation), allowed, most, dtype, engine, threads)
    if len(target.domain) == 2:
        return search.on_rectangle(refine=refine)
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

    def __post_init__(self) -> None:
        self.tried: list[Approximation] = []

    def on_interval(self) -> Approximation:
        """Steps or ramps for ever smaller tolerances, down to the one that is asked for."""
        x, y = self.target.samples(self.tolerance)
        level = max(float(np.ptp(y)), self.tolerance)  # one unit does
        while level > 2 * self.tolerance:
            if not self._build(x, y, level):
                return self._refuse(x, y, level)
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
                return self._refuse(x, y, fill * self.tolerance)
            if self.tried[-1].error <= self.tolerance:
                return self._result(self.tried[-1])
        raise self._not_met(rounding=True)

    def smaller(self) -> Approximation:
        """The fewest units that least squares and training need."""
        x, y = self.target.samples(self.tolerance)
        best = self._fewest(x, y) if self.sigma.is_step else self.on_interval()
        while best.units > 2:
            trained = self._train(self._start(x, y, best.units - 1), x[:, None])
            if trained.error > self.tolerance or trained.units >= best.units:
                break
            best = trained
        return self._result(min(best, self._train(best, x[:, None]), key=lambda t: t.error))

    def on_rectangle(self, *, refine: bool = False) -> Approximation:
        """More and more directions."""
        most = isqrt(self.most + 1) - 1  # J (J + 2) ≤ max_units
        if most < 1:
            raise self._not_met()
        failed, directions = 0, min(2, most)
        while self._fit_plane(directions).error > self.tolerance:
            if directions == most:
                raise self._not_met()
            failed, directions = directions, min(max(directions + 1, directions * 7 // 5), most)
        best = self.tried[-1]
        while directions - failed > 1:
            middle = (directions + failed) // 2
            found = self._fit_plane(middle)
            if found.error <= self.tolerance:
                best, directions = found, middle
            else:
                failed = middle
        while refine:
            fewer = self._fit_plane(directions - 1) if directions > 1 else best
            trained = self._train(fewer, grid(self.target.domain, 2 * directions + 7))
            if trained.error > self.tolerance or directions == 1:
                break
            best, directions = trained, directions - 1
        return self._result(best)

    # --- one network ------------------------------------------------------------------------------

    def _build(self, x: np.ndarray, y: np.ndarray, level: float) -> bool:
        """A construction within a level; False where it needs more units than are allowed."""
        made = self._construct(x, y, level, self.most)
        if made is not None:
            self._measure(made, self.sigma.kind, x)
        return made is not None

    def _construct(self, x: np.ndarray, y: np.ndarray, level: float, most: int) -> Hidden | None:
        return (steps if self.sigma.is_step else ramps)(x, y, level, self.sigma, most)

    def _fewest(self, x: np.ndarray, y: np.ndarray) -> Approximation:
        """Smooth steps by least squares: more and more, then the least number by halving."""
        units, failed = 4, 3
        while (found := self._fit_line(x, y, units)).error > self.tolerance:
            units, failed = max(units + 1, units * 5 // 4), units
            if units > self.most:
                return self.on_interval()  # the sharp steps can do what smooth ones cannot
        best = found
        while units - failed > 1:
            middle = (units + failed) // 2
            found = self._fit_line(x, y, middle)
            if found.error <= self.tolerance:
                best, units = found, middle
            else:
                failed = middle
        return best

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

    def _fit_plane(self, directions: int) -> Approximation:
        weight, bias = plane_layout(self.target.domain, directions, self.sigma)
        side = 2 * directions + 9
        points = grid(self.target.domain, side)
        found = solve(weight, bias, self.sigma, points, self.target(points))
        return self._measure(found, "least squares", grid(self.target.domain, FINER * side))

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
        points = places if places.ndim == 2 else _fine(places, hidden)[:, None]
        points = points.astype(self.dtype).astype(np.float64)
        points = np.clip(points, *np.array(self.target.domain).T)
        error = float(np.abs(outputs(model, points) - self.target(points)).max())
        found = Approximation(
            model, error, self.tolerance, construction, (), len(points), self.target
        )
        self.tried.append(found)
        return found

    # --- the end ----------------------------------------------------------------------------------

    def _result(self, best: Approximation) -> Approximation:
        return Approximation(
            best.model,
            best.error,
            self.tolerance,
            best.construction,
            _falling((t.units, t.error) for t in self.tried),
            best.grid_points,
            self.target,
        )

    def _refuse(self, x: np.ndarray, y: np.ndarray, level: float) -> Approximation:
        """What the allowed number of units can do: the level is searched for by halving."""
        self._within(x, y, level, self.most)
        raise self._not_met()

    def _not_met(self, *, rounding: bool = False) -> ToleranceNotMet:
        if not self.tried:
            return ToleranceNotMet(
                f"{WHERE}: `max_units` (={self.most}) is too small for any network on a rectangle;"
                " the smallest has 3 units.",
                float("inf"),
                0,
            )
        best = self._result(min(self.tried, key=lambda t: t.error))
        advice = f"more `max_units` (={self.most}), a greater tolerance, or another `activation`"
        if rounding:
            advice = f"the rounding of {self.dtype} is in the way, not `max_units` (={self.most})"
            advice += "; take dtype='float64'" if self.dtype == "float32" else ""
        elif self.sigma.is_step and len(self.target.domain) == 1:
            advice += ", or refine=True, may do"
        else:
            advice += " may do"
        return ToleranceNotMet(
            f"{WHERE}: the tolerance of {self.tolerance:g} is not met: {best.units} units reach an"
            f" error of {best.error:.3g}; {advice}.",
            best.error,
            best.units,
            best,
        )


def _fine(x: np.ndarray, hidden: Hidden) -> np.ndarray:
    """The grid of the measurement: ten times finer than the samples, and the rise of each unit."""
    width = 1 / np.abs(hidden.weight[0])
    places = -hidden.bias / hidden.weight[0]
    around = places[:, None] + width[:, None] * np.array([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4])
    inside = around[(around >= x[0]) & (around <= x[-1])]
    return np.concatenate([finer(x, FINER), inside])


def _falling(tried: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Those that no smaller network is better than, by units."""
    kept: list[tuple[int, float]] = []
    for units, error in sorted(tried):
        if not kept or error < kept[-1][1]:
            if kept and kept[-1][0] == units:
                kept.pop()
            kept.append((units, error))
    return tuple(kept)
