"""`Experiment`: data, what is learned from them, and how; as options in words, and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sloy import losses, text
from sloy.arguments import instance, one_of, path_of, real
from sloy.augmentation import Augment
from sloy.engines import Engine
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.recipes import (
    NETWORK,
    RATES,
    RECIPES,
    batches_and_epochs,
    defaults_of,
    rate_of,
)
from sloy.experiments.sources import Loaded, Source, Wanted, source_of, source_options
from sloy.experiments.sources.by_name import BY_NAME, fitting_loss
from sloy.model import Model
from sloy.options import check_options, chosen, option, options
from sloy.problem import Network
from sloy.problem.inputs import weights
from sloy.schedules import NAMES as SCHEDULES
from sloy.text import shown
from sloy.training.recipe import AUTO, Recipe
from sloy.training.stages import FineTuning, adapted
from sloy.training.threshold import RULES, threshold_words
from sloy.zoo import PRESETS

FURTHER_RATE = 0.1  # of the general learning rates, where a model is trained further


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Data, what is learned from them, and how; what is not given suits the data.

    `Experiment.of` makes one of options in words, the same as those of ``sloy train``, with underscores.

    Parameters
    ----------
    source : Source
        The data.
    network : str
        Of `sloy.zoo`.
    network_options : mapping
        Of its maker there.
    named : str, optional
        A recipe by its name, whose options are among `given`.
    validation : float
        Share of the training samples that is held out to measure on after each epoch, 0 for none.
    samples : int, optional
        Train on as many samples only.
    loss : str, optional
        What errors cost, by its name in `sloy.losses`; what suits the data by default.
    calibrate : "on" or "off"
        Whether probabilities are set right by the samples that are held out, see `sloy.training.calibration`.
    threshold : "f1", "balanced" or float, optional
        Of two classes: the probability above which the second is the answer; or what is to be made greatest on the
        samples that are held out, see `sloy.training.threshold`.
    start : str or path, optional
        A model to train further, instead of a new network: a file, the folder of a run, or a name with published
        weights.
    given : mapping
        Options of the recipe that are given: values by name.
    tuning : mapping
        Options of `FineTuning` that are given.

    Examples
    --------
    >>> experiment = Experiment.of("mnist", network="mlp", epochs=1)
    >>> experiment.source, experiment.recipe.epochs, experiment.recipe.learning_rate
    (Mnist(data='mnist'), 1, 0.01)
    """

    source: Source
    network: str = option(
        "cnn", "the network, by its name", kind="text", choices=(*PRESETS, "tabular")
    )
    network_options: Mapping[str, Any] = field(default_factory=dict)
    named: str | None = None
    validation: float = option(
        0.1,
        "share of the training samples that is kept apart to measure on after every epoch, 0 for none",
        kind="real",
        bounds={"least": 0, "below": 1},
        metavar="SHARE",
    )
    samples: int | None = option(
        None, "train on the first N samples only; default: all", kind="integer"
    )
    loss: str | None = option(
        None,
        "what errors cost: mse, mae, huber[=DELTA], quantile=LEVEL (pinball), poisson for numbers; focal[=GAMMA],"
        " cross_entropy[=SMOOTHING] for classes; default: mse, cross_entropy",
        kind="text",
        metavar="NAME[=X]",
    )
    calibrate: str = option(
        "off",
        "set probabilities right by one temperature, found on the validation samples (of members those that each holds"
        " out) and kept where it helps; default: on for tables",
        kind="text",
        choices=("on", "off"),
    )
    threshold: float | str | None = option(
        None,
        "of two classes: answer the second where its probability is above P; f1, balanced: above what makes F1 or the"
        " balanced accuracy of the validation samples greatest; default: 0.5",
        metavar="f1|balanced|P",
        parse=threshold_words,
    )
    start: str | Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_options("experiment", self)
        instance("experiment", "source", self.source, Source)
        if self.named is not None:
            one_of("experiment", "named", self.named, tuple(RECIPES))
        for name in ("network_options", "given", "tuning"):
            instance("experiment", name, getattr(self, name), Mapping)
        instance("experiment", "from", self.start, str | Path, optional=True)
        by_rule = isinstance(self.threshold, str) and self.threshold in RULES
        if self.threshold is not None and not by_rule:
            real("experiment", "threshold", self.threshold, above=0, below=1)
        further = self.start is not None
        self.source.check(self.network, further=further)
        if self.loss is not None and losses.named(self.loss) is None:
            known = ", ".join((*BY_NAME, *losses.ALIASES))
            raise InvalidOption(f"`loss` (={shown(self.loss)}) must be one of {known}.")
        if further and self.loss is not None:
            raise InvalidOption("`loss`: with `from` the loss is that of the model.")
        if self.tuning and not further:
            raise InvalidOption(f"`{min(self.tuning)}` needs `from` MODEL.")
        if further and (said := [name for name in _BY_STAGES if name in self.given]):
            raise InvalidOption(
                f"`{said[0]}`: with `from`, `freeze` and `first_rate` say what is trained, and how fast."
            )
        tuning = self.fine_tuning  # raises where its options, or those of the recipe, are wrong
        if "head_epochs" in self.tuning and not tuning.unfreeze:
            raise InvalidOption("`head_epochs` counts the epochs before `unfreeze`; give both.")
        if tuning.unfreeze and tuning.freeze is None:
            raise InvalidOption("`unfreeze`: `freeze` none freezes nothing.")
        self.words()  # raises where something is not given in words

    @classmethod
    def of(cls, data: str | Path, **words: Any) -> Experiment:
        """The experiment on data that options in words make; what is not given takes its default.

        Parameters
        ----------
        data : str or Path
            "mnist"; a folder of pictures or of IDX files; a table.
        **words
            ``network``, ``network_options``, ``recipe`` (by name), ``validation``, ``samples``, ``loss``,
            ``from_``; the options of `Recipe`, of `FineTuning` and of the kind of data.

        Raises
        ------
        InvalidOption
            Where options are unknown, do not go together or do not fit the data.
        """
        source = source_of(str(path_of("experiment", "data", data)))
        named, start = words.pop("recipe", None), words.pop("from_", None)
        if start is not None and (said := [name for name in NETWORK if name in words]):
            raise InvalidOption(f"`{said[0]}`: with `from` the network is that of the model.")
        _refuse_unknown(source, words)
        if isinstance(weights := words.get("class_weight"), Mapping):
            words["class_weight"] = {str(name): weight for name, weight in weights.items()}
        try:
            words = {**source.defaults_with(words), **words}
            every = {**defaults_of(source, words, named, further=start is not None), **words}
            return cls(
                source=replace(source, **chosen(type(source), every)),
                named=named,
                start=start,
                given=chosen(Recipe, words),
                tuning=chosen(FineTuning, words),
                **{name: every[name] for name in _OWN if name in every},
            )
        except InvalidOption:
            raise
        except InvalidArgument as error:
            raise InvalidOption(str(error).removeprefix("experiment: ")) from None

    @cached_property
    def recipe(self) -> Recipe:
        """How the network is trained: what is given, else what suits the data in general."""
        further = self.start is not None
        given = {**self.given, "network": self.network}
        defaults = chosen(Recipe, defaults_of(self.source, given, self.named, further=further))
        options = {**defaults, **self.given}
        for name, known in (("optimizer", tuple(RATES)), ("schedule", SCHEDULES)):
            if not isinstance(options[name], str) or options[name] not in known:
                raise InvalidOption(
                    f"`{name}` (={shown(options[name])}) must be one of {', '.join(known)}, by name."
                )
        if self.given.get("learning_rate") in (None, AUTO):
            share = FURTHER_RATE if further else self.source.rate_share
            options["learning_rate"] = rate_of(options, defaults.get("learning_rate"), share)
        return Recipe(**options, where="experiment")

    @cached_property
    def fine_tuning(self) -> FineTuning:
        """What is trained further when; by default half of the epochs before unfreezing."""
        half = {"head_epochs": max(1, self.recipe.epochs // 2)}
        return FineTuning(**{**half, **self.tuning}, where="experiment")

    @property
    def by_members(self) -> bool:
        """Whether members of an ensemble learn, each of which holds out samples of its own."""
        return self.network == "tabular"

    @property
    def needs_held_out(self) -> bool:
        """Whether the model is not complete without samples that are held out."""
        return self.threshold in RULES or getattr(self.source, "intervals", None) is not None

    def load(self, wanted: Wanted) -> Loaded:
        """The data, read and split, with the loss that is asked for; `InvalidOption` where it does not suit them."""
        loaded = self.source.load(replace(wanted, loss=self.loss))
        if self.loss is None or self.source.chooses_loss:
            return loaded
        own = losses.loss(loaded.loss)
        return replace(loaded, loss=fitting_loss(self.loss, loaded.train, own, self.source.name))

    def with_defaults_for(self, loaded: Loaded) -> Experiment:
        """The same with options that suit the very data, where they are not given."""
        if self.named is not None and RECIPES[self.named].fixed:
            return self
        defaults: dict[str, Any]
        if self.start is not None:
            count = len(loaded.train)
            sizes = batches_and_epochs(count, part=16, sizes=(8, 32), steps=300, epochs=(5, 40))
            defaults = {**sizes, **self.source.patience_for(loaded)}
        else:
            recipe = vars(self.recipe)
            found = self.source.defaults_for(loaded, self.network, recipe["optimizer"])
            defaults = dict(found)
            if (rate := defaults.get("learning_rate")) is not None:
                defaults["learning_rate"] = rate_of(recipe, rate)
        return replace(self, given={**defaults, **self.given})

    def within_time(self, loaded: Loaded, engine: Engine) -> tuple[Experiment, Loaded]:
        """The same, and what is loaded, such that training fits into the time that is allowed."""
        source, loaded, epochs = self.source.within_time(loaded, self.recipe, engine)
        return replace(self, source=source, given={**self.given, "epochs": epochs}), loaded

    def check_fits(self, loaded: Loaded) -> None:
        """Raise `InvalidOption` where options of the recipe do not fit the data."""
        if self.recipe.patience is not None and not loaded.held_out(self.validation):
            raise InvalidOption(
                f"`patience` (={self.recipe.patience}) needs `validation`, whose loss it waits for."
            )
        self._check_threshold(loaded)
        if self.recipe.class_weight is not None and not loaded.train.has_labels:
            raise InvalidOption(
                f"`class_weight`: {self.source.data} has numbers to predict, no classes."
            )
        try:
            weights(loaded.train, None, self.recipe.class_weight)
        except InvalidArgument as error:
            raise InvalidOption(str(error)) from None

    def _check_threshold(self, loaded: Loaded) -> None:
        if self.threshold is None:
            return
        said, classes = f"`threshold` (={shown(self.threshold)})", loaded.train.classes
        if classes != 2:
            there = f"{classes} classes" if classes else "numbers to predict"
            raise InvalidOption(f"{said} is for two classes; {self.source.data} has {there}.")
        if self.threshold in RULES and not loaded.left_out(self.validation):
            if loaded.learns_from_all:
                raise InvalidOption(
                    f"{said}: the linear network for few rows of many columns learns from all of them; none is left to"
                    " choose a threshold by. Give a probability."
                )
            raise InvalidOption(f"{said} needs `validation`, whose samples choose it.")

    def network_for(self, loaded: Loaded, start: Model | None) -> Network:
        """The network that is trained on the data: a new one, or that of the model to start from."""
        if start is None:
            return self.source.make_network(loaded, self.network, self.network_options)
        own, needed = loaded.train.sample_shape, start.network.input_shape
        if own != needed:
            raise InvalidOption(
                f"`from` {self.start}: the model takes samples of {text.shape(needed)},"
                f" {self.source.data} has {text.shape(own)}."
            )
        return adapted(start, loaded.train, self.recipe.seed)[0]

    # --- as words ---------------------------------------------------------------------------------

    def words(self) -> dict[str, Any]:
        """All of it as JSON values, of which `of` makes one that does the same."""
        found: dict[str, Any] = {
            "data": self.source.data,
            "recipe": self.named,
            "from_": self.start,
        }
        found |= {name: getattr(self, name) for name in _OWN}
        found |= _values(self.recipe)
        if self.given.get("learning_rate") == AUTO:  # until it is found
            found["learning_rate"] = AUTO
        if self.start is not None:
            for name in (*NETWORK, *_BY_STAGES):
                found.pop(name)
            found |= _values(self.fine_tuning)
            if not self.fine_tuning.unfreeze:
                found.pop("head_epochs")
        found |= _values(self.source)
        return {name: _plain(name, value) for name, value in found.items()}

    def check_same(self, words: Mapping[str, Any]) -> None:
        """Raise `InvalidOption` where words differ from those of the run that is resumed; `epochs` may."""
        own = self.words()
        _refuse_unknown(self.source, words, *own)
        for name, value in words.items():
            mine, given = own.get(name), _plain(name, self._normal(name, value))
            if name == "data" and "mnist" not in (mine, given):
                mine, given = (str(Path(str(one)).resolve()) for one in (mine, given))
            if mine != given and name != "epochs":
                what = "the data" if name == "data" else f"`{name.rstrip('_')}`"
                there = "not given" if mine is None else mine
                raise InvalidOption(
                    f"`resume` continues the run as it was begun: {what} is {there} there, not {given}."
                )

    def _normal(self, name: str, value: Any) -> Any:
        """An option as the experiment keeps it: words for what they stand for.

        As it is where the other options of the experiment do not allow it: then it is another than its own.
        """
        try:
            for owner in (self.recipe, self.fine_tuning, self.source):
                if chosen(type(owner), {name: value}):
                    return getattr(replace(owner, **{name: value}), name)
        except InvalidArgument as error:
            if f"`{name}` (=" in str(error):
                raise InvalidOption(str(error)) from None
        return value


_OWN = (*NETWORK, "validation", "samples", "loss", "calibrate", "threshold")
# Options of a recipe that fine-tuning sets itself.
_BY_STAGES = ("trainable", "rate_factors", "decay_factors")


def _refuse_unknown(source: Source, words: Mapping[str, Any], *others: str) -> None:
    known = {name for cls in (Recipe, FineTuning, type(source)) for name, _, _ in options(cls)}
    for name in sorted(words.keys() - known - set(_OWN) - set(others)):
        if name in source_options():
            what = _unlike_table(name, source.data)
            raise InvalidOption(f"`{name}` does not belong to {source.data}{what}.")
        hint = text.meant(name, {*known, *_OWN, *others}) or "."
        raise InvalidOption(f"`{text.shortened(name, 60)}` is no option of an experiment{hint}")


def _values(value: Any) -> dict[str, Any]:
    """The options of a dataclass."""
    return {name: getattr(value, name) for name, _, _ in options(type(value))}


def _plain(name: str, value: Any) -> Any:
    """A value as JSON has it."""
    if name in ("rate_factors", "decay_factors") and isinstance(value, tuple):
        value = dict(value)
    if isinstance(value, Augment):
        return value.words
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(name, item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise InvalidOption(f"`{name}` (={shown(value)}): an experiment takes it in words.")


def _unlike_table(name: str, data: str) -> str:
    """Why the data have no such option, where that of a table was given for a folder."""
    if name != "target" or not Path(data).is_dir():
        return ""
    return ", which is a folder: a table is one file, such as FOLDER/FILE.csv"
