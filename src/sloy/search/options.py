"""`SearchOptions`: how a search goes, as `tune` and the command line take it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sloy.arguments import duration, integer
from sloy.errors import InvalidArgument
from sloy.options import check_options, integer_option, option

LOSS = "val_loss"
METRICS = (LOSS, "val_accuracy")
PRUNERS = ("median", "hyperband", "none")
AUTO = "auto"


def workers_of(word: object) -> int | str:
    """A number of processes, or "auto"."""
    if word == AUTO:
        return AUTO
    number = int(word) if isinstance(word, str) and word.isdecimal() else word
    try:
        return integer("tune", "workers", number)
    except InvalidArgument as error:
        raise InvalidArgument(f"{str(error).removesuffix('.')}, or 'auto'.") from None


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How a search goes; what each means is said by `sloy.tune`."""

    trials: int = integer_option(50, "how many, those done before too")
    time: float | None = option(
        None,
        "begin no trial after a time such as 30m; those that run are saved",
        parse=partial(duration, "tune", "time"),
        metavar="TIME",
    )
    workers: int | str = option(
        1,
        "trials side by side, which share the cores; auto: what a few steps say",
        parse=workers_of,
        metavar="N|auto",
    )
    metric: str | None = option(
        None, f"what is compared; default: {LOSS}", kind="text", choices=METRICS
    )
    pruner: str | None = option(
        None, "what ends trials that promise little; default: median", kind="text", choices=PRUNERS
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
        object.__setattr__(self, "workers", workers_of(self.workers))
        if self.time is not None:
            object.__setattr__(self, "time", duration("tune", "time", self.time))
