"""`Plan`: the whole configuration of a run of `sloy train`, as its folder keeps it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy.cli.errors import UsageError
from sloy.errors import FileFormatError, NotAvailable

if TYPE_CHECKING:
    from sloy.cli.sources import Source
    from sloy.optimizers import Optimizer

NETWORKS = ("cnn", "fast", "cnn_wide", "lenet5", "mlp")  # of sloy.zoo
# Name → the highest learning rate of a one-cycle run, found on MNIST with batches of 256.
OPTIMIZERS = {
    "adam": 0.01,
    "adamw": 0.01,
    "rmsprop": 0.003,
    "sgd": 0.3,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adagrad": 0.03,
}
SCHEDULES = ("one-cycle", "cosine", "constant")
PRECISIONS = ("auto", "float32", "mixed")


@dataclass(frozen=True)
class Plan:
    """What a run does; the fields are the options of `sloy train`, with their defaults.

    A source may have defaults of its own (`Source.defaults`), and options that belong to it alone
    (`Source.options`), which are None by default.
    """

    data: str
    network: str = "cnn"
    epochs: int = 2
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float | None = None
    schedule: str = "one-cycle"
    precision: str = "auto"
    seed: int = 0
    validation: float = 0.1
    samples: int | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Plan:
        """The plan that the options make; what is not given takes its default."""
        from sloy.cli.sources import find

        if arguments.data is None:
            raise UsageError("give the data to train on: mnist, or a folder of IDX files")
        return cls(**{**find(arguments.data).defaults, **given(arguments)})

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The plan that a run's folder keeps; `FileFormatError` where it is none."""
        try:
            found = json.loads(path.read_text())["plan"]
            return cls(**found)
        except (ValueError, KeyError, TypeError) as error:
            raise FileFormatError(f"{path}: is not the configuration of a run ({error}).") from None

    def to_config(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    def check_same(self, options: dict[str, Any]) -> None:
        """Raise `UsageError` where an option differs from the plan of the run that is resumed; `epochs` may."""
        for name, value in options.items():
            own = getattr(self, name)
            if name == "data" and "mnist" not in (value, own):
                value, own = str(Path(value).resolve()), str(Path(own).resolve())
            if value != own and name != "epochs":
                option = "the data" if name == "data" else f"--{name.replace('_', '-')}"
                raise UsageError(
                    f"--resume continues the run as it was begun: {option} is {own} there, not {value}"
                )

    @property
    def source(self) -> Source:
        """The kind of data."""
        from sloy.cli.sources import find

        return find(self.data)

    def check(self) -> None:
        """Raise where this cannot be done, before anything is loaded or written."""
        from sloy.cli.sources import SOURCES

        source = self.source
        for option in frozenset().union(*(kind.options for kind in SOURCES)) - source.options:
            if getattr(self, option) is not None:
                raise UsageError(f"--{option.replace('_', '-')} does not belong to {self.data}")
        source.check(self)
        if self.precision == "mixed":
            raise NotAvailable("--precision mixed is not there yet; float32 is.")

    def make_optimizer(self) -> Optimizer:
        """The optimiser with its schedule."""
        from sloy.optimizers import optimizer
        from sloy.schedules import Cosine, OneCycle

        if self.schedule == "one-cycle":
            return optimizer(self.optimizer, OneCycle(self.highest_rate))
        if self.schedule == "cosine":
            return optimizer(self.optimizer, Cosine(self.highest_rate))
        return optimizer(self.optimizer, self.highest_rate)

    @property
    def highest_rate(self) -> float:
        """The learning rate at its highest: the given one, else that of `OPTIMIZERS`, a tenth of it when constant."""
        if self.learning_rate is not None:
            return self.learning_rate
        return OPTIMIZERS[self.optimizer] * (0.1 if self.schedule == "constant" else 1)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the plan that stand on the command line."""
    values = {field.name: getattr(arguments, field.name) for field in fields(Plan)}
    return {name: value for name, value in values.items() if value is not None}
