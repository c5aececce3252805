"""The lecture's algorithm: object after object, until it converges (L9, L10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sloy.arguments import instance, integer, real
from sloy.losses import LossLike
from sloy.optimizers import SGD
from sloy.problem.inputs import Data
from sloy.problem.network import Network
from sloy.theory.gradients.loss import half_squared_error
from sloy.training.callbacks import EarlyStopping
from sloy.training.fit import fit

if TYPE_CHECKING:
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.training.history import History

__all__ = ["OnlineRun", "learn_per_object"]


@dataclass(frozen=True, eq=False)
class OnlineRun:
    """What came of it.

    Attributes
    ----------
    model : Model
    history : History
        One row for each pass over the objects.
    converged : bool
        Whether the loss had stopped falling before `max_epochs` were over.
    objects : int
        Objects shown, and as many steps done.
    seconds : float
        Of these steps.
    """

    model: Model
    history: History
    converged: bool
    objects: int
    seconds: float

    def __str__(self) -> str:
        loss = self.history["loss"]
        ended = "converged" if self.converged else "not converged yet"
        return (
            f"{ended} after {len(self.history)} passes, {self.objects} objects in {self.seconds:.3g} s"
            f" ({self.objects / max(self.seconds, 1e-9):,.0f} a second): mean loss {loss[0]:.4g} → {loss[-1]:.4g}"
        )


def learn_per_object(
    network: Network,
    data: Data,
    *,
    learning_rate: float = 0.1,
    loss: LossLike = half_squared_error,
    tolerance: float = 1e-5,
    patience: int = 5,
    max_epochs: int = 1000,
    seed: int = 0,
    engine: str | Engine = "auto",
) -> OnlineRun:
    """Initialise the weights; repeat until convergence: pick an object, forward, backward, step (L9).

    Every object is shown once a pass, in an order shuffled anew. This is `sloy.fit` with batches of one, plain
    descent and a stop: it runs at the engine's full speed, on its path for single samples.

    Parameters
    ----------
    network : Network
    data : Dataset or (x, y)
    learning_rate : float
        η.
    loss : Loss, str or callable
        By default ½ Σ_m (a^m - y^m)², the lecture's.
    tolerance : float
        Converged is when the mean loss of a pass has not fallen by more than this in `patience` passes.
    patience, max_epochs : int
    seed : int
        Of the initial weights and the order.
    engine : str or Engine

    Examples
    --------
    >>> import numpy as np
    >>> from sloy.layers import Dense, Sigmoid, Tanh
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    >>> network = Network((2,), [Dense(4), Tanh(), Dense(1), Sigmoid()])
    >>> run = learn_per_object(network, (x, [[0.0], [1.0], [1.0], [0.0]]), learning_rate=1.0)
    >>> run.model.predict(x).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    where = "learn_per_object"
    instance(where, "network", network, Network)
    most = integer(where, "max_epochs", max_epochs)
    stop = EarlyStopping(
        "loss",
        integer(where, "patience", patience),
        real(where, "tolerance", tolerance, least=0),
        restore_best=False,
    )
    model, history = fit(
        network,
        data,
        epochs=most,
        batch_size=1,
        optimizer=SGD(real(where, "learning_rate", learning_rate, above=0)),
        loss=loss,
        metrics=(),
        seed=seed,
        preprocessing=None,
        callbacks=[stop],
        engine=engine,
        threads=1,
        verbose=False,
    )
    seconds = float(sum(history["seconds"]))
    objects = round(float((history["seconds"] * history["samples_per_second"]).sum()))
    return OnlineRun(model, history, len(history) < most, objects, seconds)
