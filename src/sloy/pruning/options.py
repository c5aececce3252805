"""`Pruning`: how much is removed, and what follows."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from sloy.options import check_options, integer_option, option, real_option


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """How much of a network is removed, and what follows.

    Parameters
    ----------
    loss_rise : float
        Of what the network has learned, which share may be lost before it is trained again: the loss may rise by this
        share of its distance to the loss of the best constant answer.
    keep : float, optional
        The share of the multiply-adds (with `weights`, of the weights) that is to remain, in place of `loss_rise`.
    weights : bool
        Whether single weights are removed, by optimal brain damage, rather than units and channels. They become 0,
        which makes nothing faster.
    rounds : int
        With `weights`: times of removing and training again.
    retrain : int
        Epochs of training again, of each round.
    samples : int
        Training samples that saliency and least squares go by.
    """

    loss_rise: float = real_option(
        0.001,
        "share of what the network has learned that may be lost before it is trained again",
        least=0,
        below=1,
    )
    keep: float | None = real_option(
        None,
        "share of the multiply-adds (with --weights of the weights) that is to remain, instead of --loss-rise",
        above=0,
        below=1,
    )
    weights: bool = option(
        False,
        "remove single weights (optimal brain damage) instead of units and channels; they become 0, nothing is faster",
        kind="flag",
    )
    rounds: int = integer_option(4, "with --weights: times of removing and training again")
    retrain: int = integer_option(2, "epochs of training again, at a tenth of the rate", least=0)
    samples: int = integer_option(
        1024, "training samples that saliency and least squares go by", least=2
    )
    where: InitVar[str] = "Pruning"

    def __post_init__(self, where: str) -> None:
        check_options(where, self)
