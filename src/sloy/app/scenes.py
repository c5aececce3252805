"""`Scene`: samples seen on a plane, of two columns or of two principal components, and what is learned of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sloy.arguments import finite_array, instance, integer, one_of, real, sequence, word
from sloy.data import Dataset
from sloy.data.tables.columns import Category, Column
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.threefry import make_key, permutation
from sloy.inspection.plane import Window
from sloy.text import shown, visible

FINE = 80  # points of the plane along each side: of the answer
COARSE = 50  # of a unit
MOST = 2_000  # samples of a scene
MOST_CLASSES = 10
MOST_CATEGORIES = 20  # of a column
TEST = 0.3  # share of the samples that is tested on
PRINCIPAL = "principal components"


@dataclass(frozen=True, eq=False)
class Scene:
    """Samples, and the plane through them.

    Attributes
    ----------
    name : str
    x : float32 array, shape (N, D)
        Standardised.
    y : int32 array (N,) of classes, or float32 array (N, 1)
    classes : tuple of str
        None of numbers.
    columns : tuple of str
        Of x.
    axes : tuple of str
        What the two directions of the plane are called.
    basis : float32 array, shape (2, D)
        The directions, of length 1 and at right angles; the plane goes through 0, where every column is at its mean.
    unit : float
        By what numbers to learn were divided, and
    origin : float
        what was taken from them before.
    drawn : mapping
        Of samples that are drawn: count, noise and seed; empty of one's own data.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    axes: tuple[str, str]
    basis: np.ndarray
    unit: float = 1.0
    origin: float = 0.0
    drawn: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def places(self) -> np.ndarray:
        """Where each sample is seen on the plane, float32 (N, 2)."""
        return self.x @ self.basis.T

    @cached_property
    def window(self) -> Window:
        """What is seen of the plane, a square around its samples."""
        low, high = self.places.min(0), self.places.max(0)
        middle, half = (low + high) / 2, 0.55 * float((high - low).max()) or 1.0
        x, y = (float(v) for v in middle)
        return Window(x - half, x + half, y - half, y + half)

    @cached_property
    def fine(self) -> np.ndarray:
        """The points that the answer is shown at, `grid`."""
        return self.grid(FINE)

    @cached_property
    def coarse(self) -> np.ndarray:
        """The points that units are shown at, `grid`."""
        return self.grid(COARSE)

    def grid(self, count: int) -> np.ndarray:
        """Points of the plane as samples, row by row from the top, float32 (count², D)."""
        places = self.window.places(count).reshape(count, count, 2)[::-1].reshape(-1, 2)
        return (places @ self.basis).astype(np.float32)

    @cached_property
    def is_test(self) -> np.ndarray:
        """Which samples are tested on, bool (N,)."""
        order = permutation(len(self.x), make_key(0, "test"))
        chosen = np.zeros(len(self.x), bool)
        chosen[order[: round(TEST * len(self.x))]] = True
        return chosen

    def part(self, *, test: bool) -> Dataset:
        """The samples to learn from, or those to test on."""
        rows = self.is_test if test else ~self.is_test
        return Dataset(self.x[rows], self.y[rows], self.classes, self.name)

    def told(self) -> dict[str, Any]:
        """JSON values for the page."""
        values = self.y if self.classes else self.y[:, 0]
        return {
            "name": self.name,
            "drawn": dict(self.drawn),
            "columns": list(self.columns),
            "axes": list(self.axes),
            "classes": list(self.classes),
            "window": list(self.window),
            "places": np.round(self.places, 4).tolist(),
            "values": np.round(values, 4).tolist(),
            "test": np.flatnonzero(self.is_test).tolist(),
        }


# --- scenes by name -------------------------------------------------------------------------------


def _moons(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    angle = np.pi * draw.random(n)
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    x[y == 1] = [1, 0.5] - x[y == 1]
    return x + noise * draw.normal(size=x.shape), y


def _rings(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    y, angle = np.arange(n) % 2, 2 * np.pi * draw.random(n)
    radius = np.where(y == 1, 0.4, 1.0) * (1 + 0.08 * draw.normal(size=n))
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return x + noise * draw.normal(size=x.shape), y


def _corners(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    x = draw.uniform(-1, 1, (n, 2))
    x += np.sign(x) * 0.06
    return x + noise * draw.normal(size=x.shape), (x[:, 0] * x[:, 1] > 0).astype(int)


def _spirals(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    y, way = np.arange(n) % 2, np.sqrt(draw.random(n))
    angle = 3.5 * np.pi * way + np.pi * y
    x = way[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return x + 0.3 * noise * draw.normal(size=x.shape), y


def _clouds(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 3
    angle = 2 * np.pi * y / 3 + np.pi / 2
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    return x + (0.3 + noise) * draw.normal(size=x.shape), y


def _waves(draw: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    x = draw.uniform(-1, 1, (n, 2))
    y = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    return x, y + noise * draw.normal(size=n)


Maker = Callable[[np.random.Generator, int, float], tuple[np.ndarray, np.ndarray]]
MAKERS: dict[str, Maker] = {
    "moons": _moons,
    "rings": _rings,
    "corners": _corners,
    "spirals": _spirals,
    "clouds": _clouds,
    "waves": _waves,
}


def made(name: str, *, count: int = 500, noise: float = 0.2, seed: int = 0) -> Scene:
    """A scene by name, of samples that are drawn.

    Examples
    --------
    >>> scene = made("moons", count=40)
    >>> scene.x.shape, scene.classes, scene.grid(10).shape
    ((40, 2), ('0', '1'), (100, 2))
    """
    one_of("scene", "name", name, tuple(MAKERS))
    count = integer("scene", "count", count, 10, MOST)
    noise = real("scene", "noise", noise, least=0)
    seed = integer("scene", "seed", seed, 0)
    x, y = MAKERS[name](np.random.default_rng(seed), count, noise)
    classes = [str(k) for k in range(int(y.max()) + 1)] if y.dtype.kind == "i" else []
    found = seen(name, x, y, classes, ("x1", "x2"), ("x1", "x2"))
    return replace(found, drawn={"count": count, "noise": noise, "seed": seed})


# --- scenes of one's own data ---------------------------------------------------------------------


def seen(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    columns: Sequence[str],
    axes: Sequence[str] | str,
) -> Scene:
    """The scene of samples (N, D): its plane is that of two columns, or of the principal components of more.

    Parameters
    ----------
    axes : (str, str) or "principal components"
    """
    word("scene", "name", name)
    values = finite_array(name, "x", x)
    if values.ndim != 2:
        raise ShapeError(f"{name}: `x` has shape {values.shape}; it must be (N, D).")
    classes = sequence(name, "classes", classes, str)
    columns = sequence(name, "columns", columns, str)
    if not isinstance(axes, str):
        axes = sequence(name, "axes", axes, str)
    if len(values) < 10:
        raise InvalidArgument(f"{name}: has {len(values)} samples; a plane needs 10 or more.")
    if len(classes) > MOST_CLASSES:
        raise InvalidArgument(
            f"{name}: has {len(classes)} classes; the plane shows at most {MOST_CLASSES}."
        )
    if len(values) > MOST:
        rows = np.sort(permutation(len(values), make_key(0, "scene"))[:MOST])
        values, y = values[rows], y[rows]
    deviation = values.std(0)
    values = (values - values.mean(0)) / np.where(deviation > 0, deviation, 1)
    basis, names = _plane(name, values, columns, axes)
    origin, unit = 0.0, 1.0
    if not classes:
        target = np.asarray(y, np.float64).reshape(len(y), -1)[:, :1]
        origin, unit = float(target.mean()), float(target.std()) or 1.0
        y = ((target - origin) / unit).astype(np.float32)
    return Scene(
        name, values.astype(np.float32), y, tuple(classes), tuple(columns), names,
        basis.astype(np.float32), unit, origin,
    )  # fmt: skip


def _plane(
    name: str, values: np.ndarray, columns: Sequence[str], axes: Sequence[str] | str
) -> tuple[np.ndarray, tuple[str, str]]:
    """The directions of a plane, and what they are called."""
    wide = values.shape[1]
    if wide < 2:
        raise InvalidArgument(f"{name}: has one column; a plane needs two.")
    if isinstance(axes, str) and wide == 2:  # which its components would only turn
        axes = columns
    if isinstance(axes, str):
        _, _, directions = np.linalg.svd(values, full_matrices=False)
        signs = np.sign(directions[np.arange(2), np.abs(directions[:2]).argmax(1)])
        return directions[:2] * signs[:, None], ("PC1", "PC2")
    if len(axes) != 2 or axes[0] == axes[1] or not set(axes) <= set(columns):
        raise InvalidArgument(
            f"{name}: `axes` (={shown(list(axes))}) must be two of {shown(list(columns))}."
        )
    numbers = [list(columns).index(axis) for axis in axes]
    return np.eye(wide)[numbers], (axes[0], axes[1])


def of_table(
    path: Path, name: str, target: str, columns: Sequence[str], axes: Sequence[str] | str
) -> Scene:
    """The scene of a table's rows, of the columns that are wanted, all by default; categories are spread."""
    from sloy.data import load_table

    table = load_table(path, target, test=0, validation=0)
    reader, rows = table.reader, np.asarray(table.train.x)
    wanted = list(sequence("scene", "columns", columns, str)) or list(reader.parts)
    if lacking := [column for column in wanted if column not in reader.parts]:
        why = table.left_out.get(lacking[0], "it is not in the table")
        raise InvalidArgument(f"{name}: column `{lacking[0]}` cannot be learned from: {why}.")
    parts, titles = [], []
    first = reader.width - len(reader.classes)  # of the codes of categories
    for column in wanted:
        for place in reader.parts[column]:
            values = np.nan_to_num(rows[:, place])
            if place < first:
                parts.append(values[:, None])
                titles.append(reader.labels[place])
                continue
            words = _words(next(one for one in reader.columns if one.name == column))
            if len(words) > MOST_CATEGORIES:
                raise InvalidArgument(
                    f"{name}: column `{column}` has {len(words)} categories; at most {MOST_CATEGORIES} are spread."
                )
            parts.append((values[:, None] == np.arange(len(words))).astype(np.float32))
            titles += [f"{column}: {word}" for word in words]
    x = np.concatenate(parts, 1)
    return seen(name, x, table.train.y, table.train.class_names, titles, axes)


def _words(column: Column) -> list[str]:
    """What the codes of a category stand for: its words, the rare ones together, a gap."""
    assert isinstance(column, Category)
    return [*map(visible, column.words), *["…"] * column.other, *["–"] * column.missing]


def of_pictures(data: Dataset, name: str) -> Scene:
    """The scene of pictures: the plane of their principal components, of 8 of which a network learns."""
    instance("of_pictures", "data", data, Dataset)
    rows = permutation(len(data), make_key(0, "pictures"))[:MOST]
    x = np.asarray(data.x)[np.sort(rows)].reshape(len(rows), -1).astype(np.float64)
    y = data.y[np.sort(rows)]
    x = (x - x.mean(0)) / (float(x.std()) or 1.0)
    _, _, directions = np.linalg.svd(x[:500], full_matrices=False)
    few = x @ directions[:8].T
    names = [f"PC{k + 1}" for k in range(few.shape[1])]
    return seen(name, few, y, data.class_names, names, names[:2])
