"""The lecture's algorithm: object after object, until it converges (L9, L10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sloy import text
from sloy.arguments import instance, integer, real
from sloy.language import counted, say
from sloy.losses import LossLike
from sloy.optimizers import SGD
from sloy.problem.inputs import Data
from sloy.problem.network import Network
from sloy.text import Shown
from sloy.theory.gradients.loss import half_squared_error
from sloy.training.callbacks import EarlyStopping
from sloy.training.fit import fit

if TYPE_CHECKING:
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.training.history import History

__all__ = ["OnlineRun", "learn_per_object"]


@dataclass(frozen=True, eq=False)
class OnlineRun(Shown):
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
        return say(
            "{ended} after {passes}, {objects} in {seconds:.3g} s ({rate} a second): mean loss {first:.4g} →"
            " {last:.4g}",
            ended=say("the loss stopped falling")
            if self.converged
            else say("the loss is still falling"),
            passes=counted(len(self.history), "pass"),
            objects=counted(self.objects, "object"),
            seconds=self.seconds,
            rate=text.count(round(self.objects / max(self.seconds, 1e-9))),
            first=loss[0],
            last=loss[-1],
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
