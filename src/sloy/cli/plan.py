"""`Plan`: the whole configuration of a run of `sloy train`, as its folder keeps it."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sloy.cli import tuning
from sloy.cli.errors import UsageError
from sloy.errors import FileFormatError

if TYPE_CHECKING:
    from sloy.augmentation import Augment
    from sloy.cli.sources import Source
    from sloy.optimizers import Optimizer

NETWORKS = (
    "cnn",
    "fast",
    "cnn_wide",
    "cnn_deep",
    "lenet5",
    "mlp",
    "standard_cnn",
    "resnet20",
    "resnet32",
    *(f"vgg{layers}{norm}" for layers in (11, 13, 16, 19) for norm in ("", "_bn")),
)  # of sloy.zoo
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
# Optimiser → what --momentum sets.
MOMENTUM = {"adam": "beta1", "adamw": "beta1", "momentum": "momentum", "nesterov": "momentum"}
SCHEDULES = ("one-cycle", "cosine", "constant")
TASKS = ("auto", "classification", "regression")


@dataclass(frozen=True)
class Plan:
    """What a run does; the fields are the options of `sloy train`, with their defaults.

    A source may have defaults of its own (`Source.defaults`), and options that belong to it alone
    (`Source.options`), which are None by default.
    """

    data: str
    recipe: str | None = None
    network: str = "cnn"
    network_options: dict[str, Any] | None = None
    epochs: int = 2
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    schedule: str = "one-cycle"
    weight_decay: float | None = None
    precision: Literal["auto", "float32", "mixed", "emulated"] = "auto"
    deterministic: Literal["same-threads", "any-threads"] = "same-threads"
    seed: int = 0
    validation: float = 0.1
    samples: int | None = None
    augment: str | None = None
    from_: str | None = None
    freeze: str | None = None
    head_epochs: int | None = None
    unfreeze: bool | None = None
    first_rate: float | None = None
    size: list[int] | None = None
    resize: str | None = None
    skip_broken: bool | None = None
    target: str | None = None
    task: str | None = None
    ignore: list[str] | None = None
    categorical: list[str] | None = None
    test: float | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Plan:
        """The plan that the options make; what is not given takes its default."""
        from sloy.cli.sources import find

        if arguments.data is None:
            raise UsageError(
                "give the data to train on: mnist, a folder of pictures or of IDX files, or a table"
            )
        chosen = given(arguments)
        suiting = {**find(arguments.data).defaults, **_of_network(chosen), **_of_recipe(chosen)}
        if "from_" in chosen:
            if "network" in chosen:
                raise UsageError("--network: with --from the network is that of the model")
            suiting |= {**tuning.DEFAULTS, "network": f"that of {chosen['from_']}"}
        return cls(**{**suiting, **chosen})

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
                option = "the data" if name == "data" else f"--{name.strip('_').replace('_', '-')}"
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
        tuning.check(self)
        if self.momentum is not None and self.optimizer not in MOMENTUM:
            raise UsageError(f"--momentum: {self.optimizer} has none; {', '.join(MOMENTUM)} have")
        self.make_augment()

    def make_optimizer(self) -> Optimizer:
        """The optimiser with its schedule."""
        from sloy.optimizers import optimizer
        from sloy.schedules import Cosine, OneCycle

        rate = self.highest_rate
        schedules = {"one-cycle": OneCycle, "cosine": Cosine}
        over_the_run = schedules[self.schedule](rate) if self.schedule in schedules else rate
        changes: dict[str, Any] = {}
        if self.weight_decay is not None:
            changes["weight_decay"] = self.weight_decay
        if self.momentum is not None:
            changes[MOMENTUM[self.optimizer]] = self.momentum
        return replace(optimizer(self.optimizer, over_the_run), **changes)

    def make_augment(self) -> Augment | None:
        """What is done to the training pictures at random."""
        if self.augment in (None, "none"):
            return None
        return augmentation(self.augment)

    @property
    def highest_rate(self) -> float:
        """The learning rate at its highest: the given one, else that of `OPTIMIZERS`, a tenth of it when constant.

        Times what suits the source; where a model is trained further, a tenth instead.
        """
        if self.learning_rate is not None:
            return self.learning_rate
        share = self.source.rate_share if self.from_ is None else 0.1
        return OPTIMIZERS[self.optimizer] * share * (0.1 if self.schedule == "constant" else 1)


def augmentation(words: str) -> Augment:
    """The augmentation of ``rotation=8,flip=horizontal``, as `sloy.Augment` takes it; `UsageError` where it is none."""
    from sloy.augmentation import Augment
    from sloy.errors import InvalidArgument

    allowed = {field.name: field.default for field in fields(Augment)}
    values: dict[str, Any] = {}
    for part in words.split(","):
        name, _, value = part.partition("=")
        if name not in allowed or not value:
            raise UsageError(
                f"--augment: {part!r} must be none or NAME=VALUE, the names being {', '.join(allowed)}"
            )
        values[name] = value
        for kind in (int, float):
            with suppress(ValueError):
                values[name] = kind(value)
                break
    try:
        return Augment(**values)
    except InvalidArgument as error:
        raise UsageError(f"--augment: {error}") from None


def _of_network(chosen: dict[str, Any]) -> dict[str, Any]:
    """The options that belong to the network, where one is chosen."""
    from sloy.cli.recipes import OF_NETWORKS

    return dict(OF_NETWORKS.get(chosen.get("network", ""), {}))


def _of_recipe(chosen: dict[str, Any]) -> dict[str, Any]:
    """The options of the recipe, where one is chosen."""
    from sloy.cli.recipes import RECIPES

    if "recipe" not in chosen:
        return {}
    options = dict(RECIPES[chosen["recipe"]].options)
    if chosen.get("network", options["network"]) != options["network"]:
        options.pop("network_options", None)
    return options


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the plan that stand on the command line."""
    values = {field.name: getattr(arguments, field.name) for field in fields(Plan)}
    return {name: value for name, value in values.items() if value is not None}
