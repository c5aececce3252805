"""`Source`: one kind of data to train on, what suits it, and what is said of the result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy import text, zoo
from sloy.data import Dataset
from sloy.data.readers import Reader
from sloy.errors import InvalidOption
from sloy.experiments import classes
from sloy.language import counted, say
from sloy.layers import Layer
from sloy.losses import Loss
from sloy.model import Model
from sloy.options import check_options
from sloy.preprocessing import Choice
from sloy.problem import Network
from sloy.problem.inputs import ClassWeight
from sloy.text import shown
from sloy.training.members import held_out_by_each

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sloy.engines import Engine
    from sloy.training.recipe import Recipe

TARGET = "the column that is to be predicted; several, all of numbers, with commas between"
FEW_TO_TEST = 30  # samples; figures of fewer are worth a word
Row = tuple[str, str]  # a title and what stands beside it, see `text.fields`
ENDS = ("low", "high")  # columns of intervals


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
    network : str
        By its name.
    network_options : mapping
        Of it.
    counted : callable
        Told (what, done, total) while something long is done.
    loss : str, optional
        By its name.
    """

    validation: float = 0.1
    samples: int | None = None
    seed: int = 0
    start: Model | None = None
    network: str = ""
    counted: Callable[[str, int, int], None] = lambda what, done, total: None
    loss: str | None = None
    network_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Loaded(text.Brief):
    """Data, read and split, and how it is to be trained on.

    Attributes
    ----------
    train : Dataset
    test : Dataset or None
        None where nothing is kept apart to test on.
    validation : Dataset, optional
        Its own; without it the share that is wanted of `train` is held out, unless the source has `divided` them.
    divided : bool
        Whether `train` is for training alone.
    reader : Reader, optional
        What makes samples of raw things; saved with the model.
    loss, preprocessing
        As for `sloy.fit`.
    rows : sequence of (title, words)
        What is to be said of the data beside the counts.
    members : int
        Of an ensemble that `fit_members` trains; 0 for one network.
    learned : Dataset, optional
        `train` with other targets, where these are what the network learns.
    ending : tuple of Layer
        What brings its answers back to those of `train`.
    class_weight : mapping or "balanced", optional
        What errors on each class count, for simpler answers too.
    origin : tuple of float
        What the numbers to learn are less by, see `Problem.origin`; those to test on are as they are.
    not_negative : bool
        Whether no number to learn is below 0.
    places : (str, sequence)
        A title, and what tells each sample of `train` apart: a file, the number of a row; none where they are numbered.
    """

    train: Dataset
    test: Dataset | None
    validation: Dataset | None = None
    reader: Reader | None = None
    loss: str | Loss = "categorical_crossentropy"
    preprocessing: Choice = "standardize"
    divided: bool = False
    rows: tuple[Row, ...] = ()
    members: int = 0
    learned: Dataset | None = None
    ending: tuple[Layer, ...] = ()
    class_weight: ClassWeight = None
    origin: tuple[float, ...] = ()
    not_negative: bool = False
    places: tuple[str, Sequence[Any] | np.ndarray] = ("sample", ())

    def held_out(self, share: float) -> int:
        """How many samples are validated on, by all members together where there are some."""
        if self.validation is not None:
            return len(self.validation)
        if self.members and share:
            return self.members * held_out_by_each(len(self.train), self.members, share)
        return 0 if self.divided else round(share * len(self.train))

    @property
    def learns_from_all(self) -> bool:
        """Whether the network learns from those to validate on too."""
        return False

    def left_out(self, share: float) -> int:
        """How many samples each have a network, or a member, that does not learn from them."""
        return 0 if self.learns_from_all else self.held_out(share)

    @property
    def unevenness(self) -> float:
        """How often the most frequent class stands among the training samples for each of the rarest; 1 of numbers."""
        return classes.unevenness(self.train)

    def trained_on(self, share: float) -> int:
        """How many samples are trained on."""
        apart = (
            self.validation is None and not self.members
        )  # whether those held out are of `train`
        return len(self.train) - (self.held_out(share) if apart else 0)


@dataclass(frozen=True, eq=False, repr=False)
class ToTest(text.Brief):
    """Labelled samples that a model is measured on.

    Attributes
    ----------
    data : Dataset
        Its labels are those of the model.
    what : str
        What they are, in words.
    whole : bool
        Whether they are all there are, not a part to test on.
    rows : sequence of (title, words)
        What is to be said of them beside.
    beside : mapping of str to sequence
        What tells each of them apart, and what is true, by title; for the file of predictions.
    """

    data: Dataset
    what: str
    whole: bool = False
    rows: tuple[Row, ...] = ()
    beside: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Measured(text.Brief):
    """How good a model is on the test data.

    Attributes
    ----------
    figures : mapping of str to number
        For `summary.json`, such as `test_accuracy`.
    rows : sequence of (title, words)
        The same for a reader.
    pictures : callable
        Gives the figures, by file name, when they are to be written.
    answers : array, shape (N, K) or (N, 1)
        Probabilities, or numbers, of each sample.
    confusion : int array, shape (K, K)
        How many of each class (rows) were given each class; of no classes for numbers.
    given : int array, shape (N,)
        The class that each sample was given, by the model's threshold; of none for numbers.
    ends : array, shape (N, 2)
        Of the intervals, where the model knows some; else (0, 2).
    """

    figures: Mapping[str, Any]
    rows: tuple[Row, ...]
    pictures: Callable[[], Mapping[str, Figure]] = dict
    answers: np.ndarray = field(default_factory=lambda: np.empty((0, 1)))
    confusion: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int64))
    given: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    ends: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))

    @property
    def ends_by_column(self) -> dict[str, np.ndarray]:
        """The ends of the intervals, (N,), as tables name them; empty where there are none."""
        return dict(zip(ENDS, self.ends.T, strict=True)) if len(self.ends) else {}


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
    networks : sequence of str
        Names of those that take such samples.
    defaults : mapping
        Options of an experiment that suit this kind of data better than the general ones.
    rate_share : float
        What the general learning rates are multiplied by.
    patience : int or None
        Epochs without a better validation loss before training ends, where `enough` samples are held out for it.
    enough : int
    chooses_loss : bool
        Whether `load` goes by the loss that is wanted.
    """

    data: str

    title: ClassVar[str] = ""
    networks: ClassVar[Sequence[str]] = tuple(zoo.PRESETS)
    defaults: ClassVar[Mapping[str, Any]] = {}
    rate_share: ClassVar[float] = 1.0
    patience: ClassVar[int | None] = None
    enough: ClassVar[int] = 1
    chooses_loss: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    def defaults_with(self, words: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options that others, which are given, choose where they are not given."""
        return {}

    @staticmethod
    @abstractmethod
    def matches(data: str) -> bool:
        """Whether this kind of data is meant."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the data is called, in messages and in the run's folder."""

    def check(self, network: str, *, further: bool) -> None:
        """Raise `InvalidOption` for what this kind of data cannot do, before it is loaded.

        Parameters
        ----------
        network : str
            The name of the one that is wanted.
        further : bool
            Whether a model that exists is trained further.
        """
        if network not in self.networks:
            raise InvalidOption(
                f"`network` (={shown(network)}): for {self.data} there are {', '.join(self.networks)}."
            )

    @abstractmethod
    def load(self, wanted: Wanted) -> Loaded:
        """Read and split it."""

    def defaults_for(self, loaded: Loaded, network: str, optimizer: str) -> Mapping[str, Any]:
        """Options of the recipe that suit this very data, where the user does not give them."""
        return {}

    def within_time(
        self, loaded: Loaded, recipe: Recipe, engine: Engine
    ) -> tuple[Source, Loaded, int]:
        """The source, what is loaded, and epochs, changed so that the run fits into the time that is allowed."""
        return self, loaded, recipe.epochs

    def patience_for(self, loaded: Loaded) -> dict[str, int]:
        """The option `patience` that suits this kind of data, where there are samples to validate on."""
        held_out = 0 if loaded.validation is None else len(loaded.validation)
        if loaded.members or self.patience is None or held_out < self.enough:
            return {}
        return {"patience": self.patience}

    def make_network(self, loaded: Loaded, name: str, options: Mapping[str, Any]) -> Network:
        """The network of a name for this data."""
        shape, classes = loaded.train.sample_shape, loaded.train.classes
        try:
            signature(zoo.PRESETS[name].build).bind(shape, classes, **options)
        except TypeError as error:
            raise InvalidOption(f"`network_options` of {name}: {error}.") from None
        return zoo.make(name, shape, classes, **options)

    def parameters_for(self, loaded: Loaded) -> Mapping[str, np.ndarray] | None:
        """Where training begins, if that is not drawn."""
        return None

    def describe(self, loaded: Loaded) -> str:
        """A line on what the samples are."""
        data = loaded.train
        return f"{text.shape(data.sample_shape)} each, {text.many(data.classes, 'class')}"

    def as_seen(self, reader: Reader | None, x: np.ndarray) -> np.ndarray:
        """Samples (N, H, W, C) as the pictures that a person knows."""
        return x

    def files(self, loaded: Loaded, measured: Measured) -> Mapping[str, str]:
        """More files for the run's folder, by name."""
        return {}

    @abstractmethod
    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """All labelled samples for a model that exists; where the data have a part to test on, those of it.

        Raises
        ------
        InvalidOption
            Where the model takes other things, or has other classes.
        """

    def simpler(self, loaded: Loaded, engine: Engine) -> Model | None:
        """A simpler model of the same data, which the network's is compared with; None where there is none."""
        return None

    @abstractmethod
    def measure(
        self,
        model: Model,
        data: Dataset,
        loaded: Loaded | None = None,
        simpler: Model | None = None,
    ) -> Measured:
        """Measure a model on samples, beside a simpler one where that is given.

        Parameters
        ----------
        model : Model
        data : Dataset
        loaded : Loaded, optional
            What it was just trained on.
        simpler : Model, optional
            See `simpler`.
        """


def untested(trained: int, validated: int) -> Measured:
    """What is said where no samples are kept apart to test on."""
    words = f"none: {text.many(trained, 'sample')} trained the network"
    if validated:
        words += f", {text.count(validated)} were validated on"
    words += ";\nno figure here says how good it is on samples it has not seen: `sloy test RUN DATA` tells, on new ones"
    return Measured({"test_samples": 0}, (("test", words),))


def few(data: Dataset) -> tuple[Row, ...]:
    """A line on what figures of few samples are worth."""
    if len(data) >= FEW_TO_TEST:
        return ()
    words = say(
        "measured on {samples} only: on others it may be quite different",
        samples=counted(len(data), "sample"),
    )
    return (("", words),)


def first(data: Dataset, samples: int | None) -> Dataset:
    """The first samples, or all."""
    if samples is None:
        return data
    if samples > len(data):
        raise InvalidOption(f"`samples` (={samples}): there are only {len(data)}.")
    return data.take(range(samples))
