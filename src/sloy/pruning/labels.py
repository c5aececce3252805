"""Which numbers of a network stand or fall together: an element of each axis of each tensor belongs to one unit.

The graph is walked once. Elementwise ops tie the elements of their operands' axes to each other, products tie what they
sum over, movements carry elements along; whatever mixes the elements of an axis in another way ties them down for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np

from sloy.graph import REGISTRY, Tensor
from sloy.graph.graph import topological_order
from sloy.graph.passes import broadcast_scalar

PRODUCTS = {
    "matmul": 0,
    "batched_matmul": 1,
    "conv2d": 2,
}  # and the axis of the weight that each sums over
FIXED = 0  # the unit of all that stays

Axes = tuple[np.ndarray, ...]  # of each axis the unit of each element


def weight_of(product: Tensor) -> tuple[str, float] | None:
    """The parameter that something given is multiplied with, by its name, and a number that it is multiplied by before.

    None of ops that are no such products.
    """
    if product.op not in PRODUCTS:
        return None
    w, factor = product.inputs[1], 1.0
    if w.op == "mul":
        scalars = [broadcast_scalar(x) for x in w.inputs]
        known = [place for place, scalar in enumerate(scalars) if scalar is not None]
        if len(known) != 1:
            return None
        factor = float(scalars[known[0]])  # type: ignore[arg-type]
        w = w.inputs[1 - known[0]]
    return (w.attributes["name"], factor) if w.op == "variable" and factor else None


class Labels:
    """The units of a network, from its output as built for one sample.

    Parameters
    ----------
    output : Tensor
        (1, …).

    Attributes
    ----------
    axes : dict
        By the id of a tensor, of each of its axes the unit of each element, as `find` resolves them.
    sums : dict
        By the id of a product of what is given with a variable, the elements that it sums over, as often as groups do.
    """

    def __init__(self, output: Tensor) -> None:
        self._parent = [FIXED]
        self.axes: dict[int, Axes] = {}
        self.sums: dict[int, list[np.ndarray]] = {}
        self.order = topological_order([output])
        for tensor in self.order:
            self.axes[id(tensor)] = self._of(tensor)
        self._fix(self.axes[id(output)])

    def find(self, elements: np.ndarray) -> np.ndarray:
        """The unit of each element."""
        return np.array([self._root(int(e)) for e in elements], np.int64)

    def of(self, tensor: Tensor, axis: int) -> np.ndarray:
        """The units along an axis of a tensor."""
        return self.find(self.axes[id(tensor)][axis])

    # --- units that are tied ------------------------------------------------------------------------------------------

    def _root(self, element: int) -> int:
        while self._parent[element] != element:
            self._parent[element] = self._parent[self._parent[element]]
            element = self._parent[element]
        return element

    def _tie(self, a: np.ndarray, b: np.ndarray) -> None:
        for x, y in zip(a.tolist(), b.tolist(), strict=True):
            x, y = self._root(x), self._root(y)
            if x != y:
                self._parent[max(x, y)] = min(x, y)  # `FIXED` is the least

    def _fix(self, axes: Iterable[np.ndarray]) -> None:
        for elements in axes:
            self._tie(elements, np.full_like(elements, FIXED))

    def _new(self, count: int) -> np.ndarray:
        first = len(self._parent)
        self._parent += range(first, first + count)
        return np.arange(first, first + count)

    @staticmethod
    def _fixed(count: int) -> np.ndarray:
        return np.full(count, FIXED)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _of(self, tensor: Tensor) -> Axes:
        given = [self.axes[id(x)] for x in tensor.inputs]
        if tensor.op in ("variable", "constant"):
            return tuple(self._new(extent) for extent in tensor.shape)
        rule = getattr(self, f"_of_{tensor.op}", None)
        if rule is not None:
            return tuple(rule(tensor, given))
        if tensor.op != "input" and REGISTRY[tensor.op].elementwise:
            return self._together(given)
        for axes in given:
            self._fix(axes)
        return tuple(self._fixed(extent) for extent in tensor.shape)

    def _together(self, given: Sequence[Axes]) -> Axes:
        first, *others = given
        for axes in others:
            for a, b in zip(first, axes, strict=True):
                self._tie(a, b)
        return first

    def _of_matmul(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        (a, b), attributes = given, tensor.attributes
        rows, inner = a[::-1] if attributes["transpose_a"] else a
        other, columns = b[::-1] if attributes["transpose_b"] else b
        if attributes["transpose_b"]:
            self._fix([inner, other])
        self._sum_over(tensor, inner, other)
        return rows, columns

    def _of_batched_matmul(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        """Of a matrix for each group of features, x (N, G, I) and w (G, I, O); the others stay."""
        attributes = dict(tensor.attributes)
        (n, groups, inner), (_, other, columns) = given
        if tuple(attributes.pop("batch_axes")) != (1, 0, 1) or any(attributes.values()):
            for axes in given:
                self._fix(axes)
            return tuple(self._fixed(extent) for extent in tensor.shape)
        self._fix([groups, given[1][0]])
        self._sum_over(tensor, inner, other)
        return n, groups, columns

    def _of_conv2d(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        (n, _, _, channels), (kh, kw, inputs, filters) = given
        groups = tensor.attributes["groups"]
        self._fix([kh, kw])
        spatial = [self._fixed(extent) for extent in tensor.shape[1:3]]
        if groups == 1:
            self._sum_over(tensor, channels, inputs)
        elif len(inputs) == 1:  # each channel has filters of its own
            self._fix([inputs])
            self._tie(np.repeat(channels, len(filters) // groups), filters)
        else:  # all groups lose the same of theirs
            for part in channels.reshape(groups, -1):
                self._sum_over(tensor, part, inputs)
            first, *others = filters.reshape(groups, -1)
            for part in others:
                self._tie(first, part)
        return n, *spatial, filters

    def _sum_over(self, tensor: Tensor, inner: np.ndarray, other: np.ndarray) -> None:
        self._tie(inner, other)
        if weight_of(tensor) is None:
            self._fix([inner])
        else:
            self.sums.setdefault(id(tensor), []).append(inner)

    def _of_batch_norm(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        for (channels,) in given[1:]:
            self._tie(given[0][-1], channels)
        return given[0]

    def _of_transpose(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        return (given[0][axis] for axis in tensor.attributes["permutation"])

    def _of_broadcast_to(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        lead = tensor.rank - len(given[0])
        for axis, extent in enumerate(tensor.shape):
            own = given[0][axis - lead] if axis >= lead else None
            yield own if own is not None and len(own) == extent else self._new(extent)

    def _of_concatenate(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        for axis, extent in enumerate(tensor.shape):
            parts = [axes[axis] for axes in given]
            if sum(map(len, parts)) == extent and axis == tensor.attributes["axis"]:
                yield np.concatenate(parts)
                continue
            for part in parts[1:]:
                self._tie(parts[0], part)
            yield parts[0]

    def _of_max_pool2d(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        n, _, _, channels = given[0]
        return n, *(self._fixed(extent) for extent in tensor.shape[1:3]), channels

    _of_average_pool2d = _of_max_pool2d

    def _reduced(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        axes, kept = tensor.attributes["axes"], tensor.attributes["keepdims"]
        for axis, elements in enumerate(given[0]):
            if axis not in axes:
                yield elements
                continue
            if len(elements) > 1:
                self._fix([elements])
            if kept:
                yield self._new(1)

    _of_reduce_sum = _of_reduce_max = _of_reduce_min = _reduced

    def _of_reshape(self, tensor: Tensor, given: Sequence[Axes]) -> Axes:
        """Axes that become one, and one that becomes several; axes of one element come and go."""
        old = [elements for elements in given[0] if len(elements) > 1]
        new = [extent for extent in tensor.shape if extent > 1]
        found: list[np.ndarray] = []
        while old or new:
            before, after = [old.pop(0)], [new.pop(0)]
            while (a := prod(map(len, before))) != (b := prod(after)):
                if a < b:
                    before.append(old.pop(0))
                else:
                    after.append(new.pop(0))
            found += self._segment(before, after, picture=tensor.rank == 4)
        ones = iter(found)
        return tuple(next(ones) if extent > 1 else self._new(1) for extent in tensor.shape)

    def _segment(
        self, before: list[np.ndarray], after: list[int], *, picture: bool
    ) -> list[np.ndarray]:
        if len(before) == len(after) == 1:
            return before
        free = [axis for axis, elements in enumerate(before) if self.find(elements).any()]
        if len(after) == 1 and len(free) <= 1:
            extents = [len(elements) for elements in before]
            along = before[free[0]] if free else self._fixed(1)
            shape = [1] * len(extents)
            if free:
                shape[free[0]] = -1
            return [np.broadcast_to(along.reshape(shape), extents).reshape(-1)]
        if len(before) == 1:  # the channels of a picture, or units with pieces of their own
            axis = len(after) - 1 if picture else 0
            blocks = np.moveaxis(before[0].reshape(after), axis, 0).reshape(after[axis], -1)
            for block in blocks:
                self._tie(block, np.full_like(block, block[0]))
            found = [self._fixed(extent) for extent in after]
            found[axis] = blocks[:, 0]
            return found
        self._fix(before)
        return [self._fixed(extent) for extent in after]

    def _of_slice(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        return self._cut(tensor, given)

    def _of_pad(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        return self._cut(tensor, given)

    def _cut(self, tensor: Tensor, given: Sequence[Axes]) -> Iterable[np.ndarray]:
        for elements, extent in zip(given[0], tensor.shape, strict=True):
            if len(elements) == extent:
                yield elements
                continue
            self._fix([elements])
            yield self._fixed(extent)
