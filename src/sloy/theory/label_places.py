"""Where the labels of a network's edges stand, so that each is read with its own edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHARES = np.linspace(0.06, 0.94, 45)  # of the way along an edge that are tried
FIRST = 0.4  # the share that is liked best
MOST_STEPS = 4000  # of the search, before it gives up
PAD = 0.02  # inches around a label


def label_places(
    starts: np.ndarray,
    ends: np.ndarray,
    sizes: Sequence[tuple[float, float] | None],
    circles: np.ndarray,
    radius: float,
) -> list[tuple[float, float]] | None:
    """Middles of labels, each on its edge, clear of other edges, of circles and of one another.

    Parameters
    ----------
    starts, ends : array, shape (E, 2)
        Of the edges.
    sizes : sequence of E (width, height) or None
        Of the labels; None where an edge has none.
    circles : array, shape (K, 2)
        Middles.
    radius : float
        Of the circles; all in one unit of length.

    Returns
    -------
    list of (x, y), or None
        For the edges with labels, in order; None where no such places were found.
    """
    owners = [number for number, size in enumerate(sizes) if size is not None]
    if not owners:
        return []
    middles, halves = [], []
    for number in owners:
        size = sizes[number]
        assert size is not None
        half = np.array(size) / 2 + PAD
        places = starts[number] + SHARES[:, None] * (ends[number] - starts[number])
        free = _clear_of_circles(places, half, circles, radius)
        others = np.arange(len(starts)) != number
        free &= ~_crossed(places, half, starts[others], ends[others])
        liked = np.argsort(np.abs(SHARES - FIRST)[free], kind="stable")
        if not free.any():
            return None
        middles.append(places[free][liked])
        halves.append(half)
    chosen = _search(middles, halves)
    return None if chosen is None else [(float(x), float(y)) for x, y in chosen]


def _search(middles: list[np.ndarray], halves: list[np.ndarray]) -> list[np.ndarray] | None:
    """One middle of each list, no two boxes over one another: depth first, the label with fewest places next."""
    allowed = [np.ones(len(places), bool) for places in middles]
    chosen: dict[int, np.ndarray] = {}
    steps = 0

    def place() -> bool:
        nonlocal steps
        waiting = [k for k in range(len(middles)) if k not in chosen]
        if not waiting:
            return True
        label = min(waiting, key=lambda k: int(allowed[k].sum()))
        for candidate in middles[label][allowed[label]]:
            steps += 1
            if steps > MOST_STEPS:
                return False
            kept = [mask.copy() for mask in allowed]
            for other in waiting:
                room = halves[label] + halves[other]
                allowed[other] &= (np.abs(middles[other] - candidate) >= room).any(1)
            chosen[label] = candidate
            if all(allowed[k].any() for k in waiting if k != label) and place():
                return True
            del chosen[label]
            allowed[:] = kept
        return False

    return [chosen[k] for k in range(len(middles))] if place() else None


def _clear_of_circles(
    places: np.ndarray, half: np.ndarray, circles: np.ndarray, radius: float
) -> np.ndarray:
    """(P,): whether a box around each place (P, 2) touches no circle."""
    gaps = np.maximum(np.abs(places[:, None] - circles[None]) - half, 0.0)  # (P, K, 2)
    return (np.hypot(gaps[..., 0], gaps[..., 1]) > radius).all(1)


def _crossed(
    places: np.ndarray, half: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """(P,): whether any segment enters the box around each place, by the axes that would keep them apart."""
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)  # (E, 2)
    centre = places[:, None]  # (P, 1, 2)
    apart = ((low > centre + half) | (high < centre - half)).any(-1)  # (P, E)
    dx, dy = (ends - starts).T
    across = dx * (centre[..., 1] - starts[:, 1]) - dy * (centre[..., 0] - starts[:, 0])
    reach = np.abs(dx) * half[1] + np.abs(dy) * half[0]
    return (~apart & (np.abs(across) <= reach)).any(1)
