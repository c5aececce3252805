"""`SearchOptions`: how a search goes, as `tune` and the command line take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sloy.arguments import duration, integer
from sloy.errors import InvalidArgument
from sloy.options import check_options, integer_option, option

LOSS = "val_loss"
METRICS = (LOSS, "val_accuracy")
PRUNERS = ("percentile", "median", "hyperband", "none")
AUTO = "auto"
# How far a search goes where nothing is said; one that is resumed goes as far as it was to.
LIMITS: Mapping[str, Any] = {"trials": 50, "time": None, "workers": 1}


def workers_of(word: object) -> int | str:
    """A number of processes, or "auto"."""
    if isinstance(word, str) and word == AUTO:
        return AUTO
    number = int(word) if isinstance(word, str) and word.isdecimal() else word
    try:
        return integer("tune", "workers", number)
    except InvalidArgument as error:
        raise InvalidArgument(f"{str(error).removesuffix('.')}, or 'auto'.") from None


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How a search goes; what each means is said by `sloy.tune`."""

    trials: int | None = integer_option(
        None, f"how many, those done before too; default: {LIMITS['trials']}"
    )
    time: float | None = option(
        None,
        "begin no trial after a time such as 30m; those that run are saved",
        parse=partial(duration, "tune", "time"),
        metavar="TIME",
    )
    workers: int | str | None = option(
        None,
        f"trials side by side, which share the cores; auto: what a few steps say; default: {LIMITS['workers']}",
        parse=workers_of,
        metavar="N|auto",
    )
    metric: str | None = option(
        None, f"what is compared; default: {LOSS}", kind="text", choices=METRICS
    )
    pruner: str | None = option(
        None,
        f"what ends trials that promise little; default: {PRUNERS[0]}",
        kind="text",
        choices=PRUNERS,
    )
    storage: str | None = option(
        None,
        "of Optuna's storage, such as postgresql://…, by which several machines search together; default: a file in"
        " --out",
        kind="text",
        metavar="URL",
    )
    study: str | None = option(
        None, "in the storage; default: by data and options", kind="text", metavar="NAME"
    )

    def __post_init__(self) -> None:
        check_options("tune", self)
        if self.workers is not None:
            object.__setattr__(self, "workers", workers_of(self.workers))
        if self.time is not None:
            object.__setattr__(self, "time", duration("tune", "time", self.time))

    @property
    def limits(self) -> dict[str, Any]:
        """Those of `LIMITS` that are given."""
        return {name: value for name in LIMITS if (value := getattr(self, name)) is not None}
