"""`Source`: one kind of data to train on, what suits it, and what is said of the result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sloy.cli import text
from sloy.cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from sloy.augmentation import Augment
    from sloy.cli.plan import Plan
    from sloy.data import Dataset
    from sloy.data.readers import Reader
    from sloy.losses import Loss
    from sloy.model import Model
    from sloy.network import Network
    from sloy.preprocessing import Choice
    from sloy.training.callbacks import Callback

Row = tuple[str, str]  # a title and what stands beside it, see `text.fields`


@dataclass(frozen=True, eq=False)
class Loaded:
    """Data, read and split, and how it is to be trained on.

    Attributes
    ----------
    train, test : Dataset
    validation : Dataset, optional
        Its own; without it the plan's share of `train` is held out.
    reader : Reader, optional
        What makes samples of raw things; saved with the model.
    loss, preprocessing
        As for `sloy.fit`.
    callbacks : sequence of Callback
        Beside those of every run.
    rows : sequence of (title, words)
        What the opening says of the data beside the counts.
    augment : Augment, optional
        As for `sloy.fit`.
    """

    train: Dataset
    test: Dataset
    validation: Dataset | None = None
    reader: Reader | None = None
    loss: str | Loss = "categorical_crossentropy"
    preprocessing: Choice = "standardize"
    callbacks: tuple[Callback, ...] = ()
    rows: tuple[Row, ...] = ()
    augment: Augment | None = None

    def held_out(self, share: float) -> int:
        """How many samples are validated on."""
        if self.validation is not None:
            return len(self.validation)
        return round(share * len(self.train))

    def trained_on(self, share: float) -> int:
        """How many samples are trained on."""
        if self.validation is not None:
            return len(self.train)
        return len(self.train) - self.held_out(share)


@dataclass(frozen=True, eq=False)
class Tested:
    """What came of it.

    Attributes
    ----------
    figures : mapping of str to number
        For `summary.json`, such as `test_accuracy`.
    rows : sequence of (title, words)
        The same for a reader.
    pictures : callable
        Gives the figures, by file name, when they are to be written.
    """

    figures: Mapping[str, Any]
    rows: tuple[Row, ...]
    pictures: Callable[[], Mapping[str, Figure]] = dict


class Source(ABC):
    """One kind of data; made from what stands on the command line.

    Attributes
    ----------
    defaults : mapping
        Options of the plan that suit this kind of data better than the general ones.
    rate_share : float
        What the general learning rates are multiplied by.
    options : frozenset of str
        Fields of the plan that belong to this kind of data alone.
    quiet : bool
        Whether loading shows no progress.
    start : Model or None
        What is trained further, before the data are loaded.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}
    rate_share: ClassVar[float] = 1.0
    options: ClassVar[frozenset[str]] = frozenset()

    quiet: bool = False
    start: Model | None = None

    def __init__(self, data: str) -> None:
        self.data = data

    @staticmethod
    @abstractmethod
    def matches(data: str) -> bool:
        """Whether this kind of data is meant."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the data is called, in messages and in the run's folder."""

    def check(self, plan: Plan) -> None:  # noqa: B027  most kinds have nothing to refuse
        """Raise `UsageError` where the plan asks for what this kind of data cannot do, before it is loaded."""

    @abstractmethod
    def load(self, plan: Plan) -> Loaded:
        """Read and split it."""

    def suited(self, plan: Plan, loaded: Loaded) -> Mapping[str, Any]:
        """Options of the plan that suit this very data, where the user does not give them."""
        return {}

    def make_network(self, plan: Plan, loaded: Loaded) -> Network:
        """The plan's network for this data."""
        from sloy import zoo

        options = plan.network_options or {}
        return zoo.make(plan.network, loaded.train.sample_shape, loaded.train.classes, **options)

    def describe(self, loaded: Loaded) -> str:
        """A line on what the samples are."""
        data = loaded.train
        return f"{text.shape(data.sample_shape)} each, {data.classes} classes"

    def finish(self, model: Model, loaded: Loaded) -> Model:
        """What is done to the trained model before it is saved and tested."""
        model.reader = loaded.reader
        return model

    def as_seen(self, loaded: Loaded, x: np.ndarray) -> np.ndarray:
        """Samples (N, H, W, C) as the pictures that a person knows."""
        return x

    @abstractmethod
    def test(self, model: Model, loaded: Loaded) -> Tested:
        """Measure the model on the test data."""


def cut(data: Dataset, samples: int | None) -> Dataset:
    """The first samples, or all."""
    if samples is None:
        return data
    if samples > len(data):
        raise UsageError(f"--samples {samples}: there are only {len(data)}")
    return data.take(range(samples))
