"""The loss of several networks that are trained as one, and its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.losses import Loss, Task
from sloy.metrics import Metric


@dataclass(frozen=True)
class OfMembers(Loss):
    """The loss of G members: (1/G) Σ_g w_g L(output_g, target), of outputs (N, G, …).

    A target is a row of numbers: the G weights w_g, then what `inner` takes as its target. A weight of 0 keeps the row
    from that member.

    Parameters
    ----------
    inner : Loss
    members : int
        G.
    """

    inner: Loss
    members: int

    def each(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The weights w and the losses L of each member, (N, G) both."""
        n, members, *shape = output.shape
        w = ops.slice(target, (0, 0), (n, self.members))
        own = ops.slice(target, (0, self.members), target.shape)  # (N, T)
        if self.of_labels:
            own = self.labels(target)
        else:
            parts = own.shape[1]  # of a target: as many as outputs, or one of an interval
            wide = ops.broadcast_to(ops.reshape(own, (n, 1, parts)), (n, members, parts))
            own = ops.reshape(wide, (-1, *self.shape_of(parts, shape)))
        found = self.inner.per_sample(ops.reshape(output, (-1, *shape)), own)
        return w, ops.reshape(found, (n, members))

    def labels(self, target: Tensor) -> Tensor:
        """The label of each sample, once for each member: int32 (N · G,)."""
        n, members = target.shape[0], self.members
        own = ops.slice(target, (0, members), (n, members + 1))
        return ops.cast(ops.reshape(ops.broadcast_to(own, (n, members)), (-1,)), "int32")

    def shape_of(self, parts: int, shape: Sequence[int]) -> Sequence[int]:
        """The shape of one target that has so many numbers: that of the output, or a row of them."""
        return shape if parts == int(np.prod(shape)) else (parts,)

    @property
    def of_labels(self) -> bool:
        """Whether targets are labels of classes."""
        return self.inner.logits == "softmax"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The loss of each member; of labels their accuracy too."""
        every = tuple(MemberLoss(self, member) for member in range(self.members))
        return (*every, MembersAccuracy(self)) if self.of_labels else every

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        w, found = self.each(output, target)
        return ops.reduce_mean(w * found, 1)

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """See `Loss.target`."""
        return np.ascontiguousarray(y, dtype)

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return self.inner.task(output_shape[1:])


@dataclass(frozen=True)
class MemberLoss(Metric):
    """The mean loss of one member over the rows that are its own.

    Parameters
    ----------
    of : OfMembers
    member : int
        From 0.
    """

    of: OfMembers
    member: int
    additive = False
    larger_is_better = False

    @property
    def name(self) -> str:
        """See `Metric.name`."""
        return f"member_{self.member + 1}"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """The weight, and the weighted loss: (N, 2)."""
        w, found = self.of.each(output, target)
        start, stop = (0, self.member), (output.shape[0], self.member + 1)
        return ops.concatenate([ops.slice(w, start, stop), ops.slice(w * found, start, stop)])

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """See `Metric.aggregate`."""
        return _share(values)


@dataclass(frozen=True)
class MembersAccuracy(Metric):
    """The share of right answers of the members, each counted over the rows that are its own.

    Parameters
    ----------
    of : OfMembers
        Of labels.
    """

    of: OfMembers
    name: ClassVar[str] = "accuracy"
    additive = False

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """The weights of the members, and the weights of those that are right, both summed: (N, 2)."""
        n, members, classes = output.shape
        w = ops.slice(target, (0, 0), (n, members))
        right = ops.equal(ops.argmax(ops.reshape(output, (-1, classes))), self.of.labels(target))
        right = ops.reshape(ops.cast(right, output.dtype), (n, members))
        sums = [ops.reshape(ops.reduce_sum(one, 1), (n, 1)) for one in (w, w * right)]
        return ops.concatenate(sums)

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """See `Metric.aggregate`."""
        return _share(values)


def _share(values: np.ndarray) -> float:
    """The second column's sum over the first's; NaN of no weight."""
    weight, part = values.astype(np.float64).sum(0)
    return float(part / weight) if weight else float("nan")
