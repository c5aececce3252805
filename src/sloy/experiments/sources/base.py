"""`Source`: one kind of data to train on, what suits it, and what is said of the result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy import text, zoo
from sloy.data import Dataset
from sloy.data.readers import Reader
from sloy.errors import InvalidOption
from sloy.losses import Loss
from sloy.model import Model
from sloy.options import check_options
from sloy.preprocessing import Choice
from sloy.problem import Network
from sloy.problem.inputs import ClassWeight

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[str, str]  # a title and what stands beside it, see `text.fields`


@dataclass(frozen=True, eq=False)
class Wanted:
    """What of the data a run needs.

    Attributes
    ----------
    validation : float
        Share of the training samples that is held out; a source may leave that to `sloy.fit`.
    samples : int or None
        As many of the training samples.
    seed : int
        Of what is drawn.
    start : Model or None
        What is trained further: the samples are such as it takes.
    counted : callable
        Told (what, done, total) while something long is done.
    """

    validation: float = 0.1
    samples: int | None = None
    seed: int = 0
    start: Model | None = None
    counted: Callable[[str, int, int], None] = lambda what, done, total: None


@dataclass(frozen=True, eq=False)
class Loaded:
    """Data, read and split, and how it is to be trained on.

    Attributes
    ----------
    train, test : Dataset
    validation : Dataset, optional
        Its own; without it the share that is wanted of `train` is held out.
    reader : Reader, optional
        What makes samples of raw things; saved with the model.
    loss, preprocessing
        As for `sloy.fit`.
    rows : sequence of (title, words)
        What is to be said of the data beside the counts.
    class_weight : mapping or "balanced", optional
        What errors on each class count, for simpler answers too.
    """

    train: Dataset
    test: Dataset
    validation: Dataset | None = None
    reader: Reader | None = None
    loss: str | Loss = "categorical_crossentropy"
    preprocessing: Choice = "standardize"
    rows: tuple[Row, ...] = ()
    class_weight: ClassWeight = None

    def held_out(self, share: float) -> int:
        """How many samples are validated on."""
        if self.validation is not None:
            return len(self.validation)
        return round(share * len(self.train))

    @property
    def unevenness(self) -> float:
        """How often the most frequent class stands among the training samples for each of the rarest; 1 of numbers."""
        if not self.train.has_labels:
            return 1.0
        counts = np.bincount(self.train.y, minlength=self.train.classes)
        there = counts[counts > 0]
        return float(there.max() / there.min())

    def trained_on(self, share: float) -> int:
        """How many samples are trained on."""
        if self.validation is not None:
            return len(self.train)
        return len(self.train) - self.held_out(share)


@dataclass(frozen=True, eq=False)
class Measured:
    """How good a model is on the test data.

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


@dataclass(frozen=True)
class Source(ABC):
    """One kind of data; its other fields are the options that belong to this kind alone.

    Parameters
    ----------
    data : str
        A name, a folder, a file.

    Attributes
    ----------
    title : str
        What options of this kind are listed under.
    defaults : mapping
        Options of an experiment that suit this kind of data better than the general ones.
    rate_share : float
        What the general learning rates are multiplied by.
    """

    data: str

    title: ClassVar[str] = ""
    defaults: ClassVar[Mapping[str, Any]] = {}
    rate_share: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    @staticmethod
    @abstractmethod
    def matches(data: str) -> bool:
        """Whether this kind of data is meant."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the data is called, in messages and in the run's folder."""

    def check(self, network: str, *, further: bool) -> None:  # noqa: B027  most kinds refuse nothing
        """Raise `InvalidOption` for what this kind of data cannot do, before it is loaded.

        Parameters
        ----------
        network : str
            The name of the one that is wanted.
        further : bool
            Whether a model that exists is trained further.
        """

    @abstractmethod
    def load(self, wanted: Wanted) -> Loaded:
        """Read and split it."""

    def defaults_for(self, loaded: Loaded, optimizer: str) -> Mapping[str, Any]:
        """Options of the recipe that suit this very data, where the user does not give them."""
        return {}

    def make_network(self, loaded: Loaded, name: str, options: Mapping[str, Any]) -> Network:
        """The network of a name for this data."""
        shape, classes = loaded.train.sample_shape, loaded.train.classes
        try:
            signature(zoo.PRESETS[name].build).bind(shape, classes, **options)
        except TypeError as error:
            raise InvalidOption(f"`network_options` of {name}: {error}.") from None
        return zoo.make(name, shape, classes, **options)

    def describe(self, loaded: Loaded) -> str:
        """A line on what the samples are."""
        data = loaded.train
        return f"{text.shape(data.sample_shape)} each, {data.classes} classes"

    def as_seen(self, loaded: Loaded, x: np.ndarray) -> np.ndarray:
        """Samples (N, H, W, C) as the pictures that a person knows."""
        return x

    @abstractmethod
    def measure(self, model: Model, loaded: Loaded) -> Measured:
        """Measure the model on the test data."""


def first(data: Dataset, samples: int | None) -> Dataset:
    """The first samples, or all."""
    if samples is None:
        return data
    if samples > len(data):
        raise InvalidOption(f"`samples` (={samples}): there are only {len(data)}.")
    return data.take(range(samples))
