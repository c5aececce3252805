"""`Pruning`: how much is removed, and what follows."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from sloy.errors import InvalidArgument
from sloy.options import check_options, integer_option, option, real_option

LOSS_RISE = 0.002
UNSURE = 0.01  # of what was learned: the most that a rise within its own standard error may be
ROUNDS = 4


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """How much of a network is removed, and what follows.

    Parameters
    ----------
    loss_rise : float, optional
        Of what the network has learned, which share may be lost before it is trained again: the loss may rise by this
        share of its distance to the loss of the best constant answer. By default 0.002; where the samples held out are
        too few to tell, as much as the standard error of the rise itself, up to 0.01.
    keep : float, optional
        The share of the multiply-adds (with `weights`, of the weights) that is to remain, in place of `loss_rise`.
    weights : bool
        Whether single weights are removed, by optimal brain damage, rather than units and channels. They become 0,
        which makes nothing faster.
    rounds : int, optional
        With `weights`: times of removing and training again, 4 by default.
    retrain : int, optional
        Epochs of training again, of each round; by default 2, and where these are few steps as many as make 100.
    samples : int
        Training samples that saliency and least squares go by.
    """

    loss_rise: float | None = real_option(
        None,
        f"share of what the network has learned that may be lost before it is trained again; default: {LOSS_RISE}, or"
        f" what too few samples held out cannot tell from it, up to {UNSURE}",
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
    rounds: int | None = integer_option(
        None, f"with --weights: times of removing and training again; default: {ROUNDS}"
    )
    retrain: int | None = integer_option(
        None,
        "epochs of training again, at a tenth of the rate, or less where that does not help; default: 2, of few samples"
        " as many as make 100 steps",
        least=0,
    )
    samples: int = integer_option(
        1024, "training samples that saliency and least squares go by", least=2
    )
    where: InitVar[str] = "Pruning"

    def __post_init__(self, where: str) -> None:
        check_options(where, self)
        if self.keep is not None and self.loss_rise is not None:
            raise InvalidArgument(
                f"{where}: `keep` (={self.keep:g}) and `loss_rise` (={self.loss_rise:g}) both say how far to go; give"
                " one of them."
            )
        if self.weights and self.loss_rise is not None:
            raise InvalidArgument(
                f"{where}: `loss_rise` (={self.loss_rise:g}) is for units; with `weights` `keep` says how far to go."
            )
        if self.rounds is not None and not self.weights:
            raise InvalidArgument(
                f"{where}: `rounds` (={self.rounds}) is for `weights`; units are removed block by block."
            )
