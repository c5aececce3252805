"""`Margins`: how surely a run gives each training sample its own label, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from sloy.errors import InvalidArgument
from sloy.problem.graphs import inference_graph
from sloy.problem.runner import Runner
from sloy.training.history import Row
from sloy.training.member_losses import OfMembers
from sloy.training.run import Callback, Run

KEPT = 5  # times at which the weights are kept


@dataclass
class Margins(Callback):
    """Measures every training sample after each epoch: its own logit less the largest other [1]_.

    A sample whose margin stays low or below 0, while the others of its class are learned, is probably mislabelled. It
    costs an evaluation of the training samples for each epoch. Of members (`fit_members`) the mean of their logits
    counts.

    Attributes
    ----------
    margins : float64 array (N,)
        Mean over the epochs, in the order of the samples trained on.
    least : float64 array (N,)
        The lowest of any epoch but the first; of a single epoch its own.
    losses : float64 array (N,)
        Mean cross-entropy.
    logits : float64 array (N, K)
        Mean over the epochs, each less the mean of its sample.
    labels : int array (N,)
    epochs : int

    Raises
    ------
    InvalidArgument
        In a run whose loss has no logits of classes.

    References
    ----------
    .. [1] G. Pleiss, T. Zhang, E. Elenberg, K. Weinberger, "Identifying mislabeled data using the area under the margin
       ranking", NeurIPS 2020.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> y[7] = 1 - y[7]
    >>> watch = Margins()
    >>> network = sloy.Network((4,), [sloy.layers.Dense(16), sloy.layers.Tanh(), sloy.layers.Dense(2)])
    >>> _ = sloy.fit(network, (x, y), epochs=12, batch_size=8, learning_rate=0.02, callbacks=[watch],
    ...              engine="reference", verbose=False)
    >>> int(np.argmin(watch.margins))
    7
    """

    epochs: int = field(default=0, init=False)
    snapshots: list[tuple[float, dict[str, np.ndarray]]] = field(
        default_factory=list, init=False, repr=False
    )
    _sums: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _run: Run | None = field(default=None, init=False, repr=False)
    _runner: Runner | None = field(default=None, init=False, repr=False)

    def on_epoch_end(self, run: Run, row: Row) -> None:
        """Measure, and at some epochs keep the weights."""
        logits = self._logits(run)
        labels = self._labels(run)
        own = logits[np.arange(len(labels)), labels]
        others = logits.copy()
        others[np.arange(len(labels)), labels] = -np.inf
        largest = logits.max(1, keepdims=True)
        losses = np.log(np.exp(logits - largest).sum(1)) + largest[:, 0] - own
        margins = own - others.max(1)
        if not self._sums:
            self._sums = {"margins": 0 * margins, "losses": 0 * losses, "logits": 0 * logits}
            self._sums |= {"labels": labels, "least": np.full(len(labels), np.inf)}
        self.epochs += 1
        self._sums["margins"] += margins
        self._sums["losses"] += losses
        self._sums["logits"] += logits - logits.mean(1, keepdims=True)
        if self.epochs > 1:
            self._sums["least"] = np.minimum(self._sums["least"], margins)
        if int(row["epoch"]) in np.linspace(run.epochs, 1, KEPT).round().astype(int):
            weights = {name: np.array(value) for name, value in run.weights.items()}
            self.snapshots.append((float(row["learning_rate"]), weights))

    @property
    def margins(self) -> np.ndarray:
        """See the class."""
        return self._mean("margins")

    @property
    def losses(self) -> np.ndarray:
        """See the class."""
        return self._mean("losses")

    @property
    def logits(self) -> np.ndarray:
        """See the class."""
        return self._mean("logits")

    @property
    def least(self) -> np.ndarray:
        """See the class."""
        return self.margins if self.epochs == 1 else self._mean("least") * self.epochs

    @property
    def labels(self) -> np.ndarray:
        """See the class."""
        self._mean("margins")
        return self._sums["labels"]

    def _mean(self, name: str) -> np.ndarray:
        if not self.epochs:
            raise InvalidArgument("Margins: nothing was measured yet; no epoch has ended.")
        return np.asarray(self._sums[name] / self.epochs)

    def _logits(self, run: Run) -> np.ndarray:
        """Of each training sample, the network as in use, float64 (N, K)."""
        order = run.order
        if self._run is not run:
            loss = order.problem.loss
            inner = loss.inner if isinstance(loss, OfMembers) else loss
            if inner.logits != "softmax":
                raise InvalidArgument(
                    f"Margins: the loss {type(inner).__name__} has no logits of classes, whose margins are measured."
                )
            graph = partial(inference_graph, order.problem)
            self._run, self._runner = run, Runner(order.engine, run.weights, graph)
        assert self._runner is not None
        found = self._runner({"x": order.data.x}, run.batch_size)["output"].astype(np.float64)
        return found if found.ndim == 2 else found.mean(1)

    @staticmethod
    def _labels(run: Run) -> np.ndarray:
        """Labels (N,); the last of the targets of members."""
        y = run.order.data.y
        return y.reshape(len(y), -1)[:, -1].astype(np.int64)
