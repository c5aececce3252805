"""What ends trials that promise little: functions of what trials have told, so that a kill changes nothing.

Optuna's own Hyperband notes in a trial that it has passed a rung before that ends, and would let a trial go on that is
killed between the two; and it has the sampler learn from trials of one bracket alone, of which a search has few.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sloy.search.storage import needed

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STARTUP = 5  # complete trials before any is ended
# Of the complete trials; what they save: docs/search-and-pruning.md.
PERCENTILES = {"percentile": 40.0, "median": 50.0}
UNSAID = 0.2  # share of a trial's epochs that say too little of its end for them
FIRST = 2  # epochs, by which at the earliest a trial is ended
REDUCTION = 3  # of Hyperband: one of as many goes on at each rung
EPOCHS = "epochs"  # attribute of trials: as many as they have at most


def is_hopeless(name: str, study: Any, trial: FrozenTrial) -> bool:
    """Whether a pruner of `sloy.search.options.PRUNERS` ends a trial at the epoch that it told last."""
    epochs = int(trial.user_attrs.get(EPOCHS, 0))
    if name in PERCENTILES:  # steps are epochs, from 1
        first = max(FIRST, ceil(UNSAID * epochs))
        pruner = needed().pruners.PercentilePruner(
            PERCENTILES[name], n_startup_trials=STARTUP, n_warmup_steps=first
        )
        return bool(pruner.prune(study, trial))
    if name == "hyperband":
        least = study.direction.name == "MINIMIZE"
        return _is_behind(trial, study.get_trials(deepcopy=False), epochs, least=least)
    return False


def rungs(epochs: int) -> list[int]:
    """Epochs at which trials of so many are compared, the first first: a third of them, a ninth, and so on.

    Examples
    --------
    >>> rungs(30)
    [2, 4, 10]
    """
    found: list[int] = []
    while (at := ceil(epochs / REDUCTION ** (len(found) + 1))) >= FIRST and at < epochs:
        found.append(at)
    return found[::-1]


def bracket(number: int, count: int) -> int:
    """How many of the first rungs a trial passes by unseen: of many trials as many as Hyperband gives to each bracket.

    Examples
    --------
    >>> found = [bracket(number, 3) for number in range(1000)]
    >>> [found.count(passed) for passed in range(4)]  # of 27 : 12 : 6 : 4
    [554, 257, 120, 69]
    """
    shares = [ceil((count + 1) * REDUCTION**s / (s + 1)) for s in range(count, -1, -1)]
    place = crc32(str(number).encode()) % sum(shares)
    return next(passed for passed in range(count + 1) if place < sum(shares[: passed + 1]))


def _is_behind(
    trial: FrozenTrial, trials: Sequence[FrozenTrial], epochs: int, *, least: bool
) -> bool:
    """Whether a trial stands at a rung, and is not among the best third of those of its bracket that came there."""
    at, all_rungs = trial.last_step, rungs(epochs)
    own = bracket(trial.number, len(all_rungs))
    if at not in all_rungs[own:] or sum(one.state.name == "COMPLETE" for one in trials) < STARTUP:
        return False
    told = trial.intermediate_values[at]
    if not isfinite(told):
        return True
    values = [
        one.intermediate_values[at]
        for one in trials
        if at in one.intermediate_values
        and (int(one.user_attrs.get(EPOCHS, 0)) == epochs)
        and bracket(one.number, len(all_rungs)) == own
    ]
    ranked = sorted((v for v in values if isfinite(v)), reverse=not least)
    kept = ranked[max(1, len(values) // REDUCTION) - 1]
    return told > kept if least else told < kept
