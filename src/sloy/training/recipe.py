"""`Recipe`: how a network is trained; all that a search varies and a resumed run must repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Any, Literal

from sloy.arguments import instance, real, sequence
from sloy.augmentation import Augment
from sloy.engines import DETERMINISTIC, PRECISIONS, Arithmetic, Determinism, Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.optimizers import NAMES as OPTIMIZERS
from sloy.optimizers import Optimizer, adjusted
from sloy.optimizers import optimizer as find_optimizer
from sloy.options import check_options, integer_option, option, real_option
from sloy.problem.inputs import ClassWeight
from sloy.schedules import NAMES as SCHEDULES
from sloy.schedules import Schedule, named
from sloy.text import shown


def class_weights(words: str) -> ClassWeight:
    """The weights of classes in words: "balanced", or "yes=5,no=1"; a comma may stand in a name.

    Examples
    --------
    >>> class_weights("yes=5,no=1"), class_weights("balanced")
    ({'yes': 5.0, 'no': 1.0}, 'balanced')
    """
    if words == "balanced":
        return "balanced"
    found: dict[int | str, float] = {}
    name = ""
    for part in words.split(","):
        name += part
        if "=" not in part:
            name += ","
            continue
        label, _, number = name.rpartition("=")
        try:
            weight = real("", "", float(number), least=0)
        except (ValueError, InvalidArgument):
            raise InvalidArgument(
                f"{shown(words)}: the weight of {shown(label)}, {shown(number)}, is not a number of at least 0"
            ) from None
        if label in found:
            raise InvalidArgument(f"{shown(words)} names {shown(label)} twice")
        found[label], name = weight, ""
    if name or not found:
        raise InvalidArgument(
            f"{shown(words)} is neither balanced nor CLASS=X,…, such as yes=5,no=1"
        )
    return found


AUTO = "auto"  # in place of a learning rate: find one
# What suits one optimiser, and no other.
OF_AN_OPTIMIZER = ("learning_rate", "momentum", "beta2", "weight_decay")
Precision = Arithmetic | Literal["auto", "float64"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained.

    `sloy.fit`, `sloy.fine_tune`, the estimators and `sloy train` take these as options; each has its own defaults for
    some.

    Parameters
    ----------
    optimizer : str or Optimizer
        `Adam` by default.
    learning_rate : float, Schedule or "auto", optional
        In place of the optimiser's own; "auto" finds one before the run, see `sloy.find_rate`.
    schedule : "constant", "cosine", "one-cycle" or Schedule, optional
        How the learning rate changes over the steps; the named ones start from, or rise to, it.
    momentum : float, optional
        In place of the optimiser's own, from 0 to below 1: β₁ of Adam and AdamW, the momentum of SGD with one.
    beta2 : float, optional
        β₂ of Adam and AdamW in place of the optimiser's own, from 0 to below 1.
    weight_decay : float, optional
        In place of the optimiser's own, at least 0.
    epochs : int
        Passes over the data, at least 1; the most where `patience` ends it.
    batch_size : int
        Samples of a step; the last step of an epoch takes what is left. 1 is online learning, N
        full-batch descent.
    patience : int, optional
        Stop when the validation loss has not improved for this many epochs, and take the weights of the best one; 0,
        like None: neither. See `EarlyStopping`, which as a callback can do more.
    class_weight : mapping of label or class name to number, or "balanced", optional
        Factors of the sample weights; "balanced": N / (K · samples of the class).
    augment : Augment or str, optional
        Random changes of the training samples, drawn anew in every step; in words "rotation=8,flip=horizontal".
    trainable : sequence of str
        Patterns (``*``, ``?``) of the names of parameters to train; the others stay. Running statistics of frozen
        layers are still followed.
    decay_factors : mapping of pattern to number, optional
        Factors of the weight decay, as `rate_factors`; 0 spares parameters: ``{"*/bias": 0.0}``.
    rate_factors : mapping of pattern to number, optional
        Factors of the learning rate, for layers that are to learn slower or faster than the rest:
        ``{"*": 0.1, "dense_2/*": 1.0}``. Of several patterns that fit a name, the last counts.
    seed : int
        Of the initial parameters, the split, the order of the samples, the random masks and the
        augmentation.
    shuffle : bool
        False keeps the order of the samples in every epoch.
    precision : "float32", "float64", "mixed", "auto" or "emulated"
        "mixed" keeps parameters, their gradients and all sums in float32, and stores activations and what products read
        in bfloat16; it needs a processor with instructions for that. "auto" takes it on processors with AMX, else
        float32. "emulated" gives the numbers of "mixed" on any processor, slower than float32.
    deterministic : "same-threads" or "any-threads"
        What gives the same bits again: the same number of threads, or any; see `sloy.engines.engine`.
    gradient_norms : bool
        Whether the history, and `Batch.values`, have the norm of the gradient by each parameter beside that of all.

    Examples
    --------
    >>> recipe = Recipe(learning_rate=0.01, schedule="one-cycle", epochs=5)
    >>> recipe.descent.learning_rate
    OneCycle(maximum=0.01, warm_up=0.3, initial_divisor=25.0, final_divisor=10000.0)
    >>> replace(recipe, epochs=0)
    Traceback (most recent call last):
    sloy.errors.InvalidArgument: Recipe: `epochs` (=0) must be an integer of at least 1.
    """

    optimizer: str | Optimizer = option(
        "adam", "what makes steps of gradients", choices=tuple(OPTIMIZERS)
    )
    learning_rate: float | Schedule | Literal["auto"] | None = option(
        None,
        "the highest rate of the schedule; auto: found before by short runs, see sloy find-rate; default: what suits"
        " optimizer and schedule",
        kind="real",
        bounds={"above": 0},
        choices=(AUTO,),
        also=Schedule,
    )
    schedule: str | Schedule | None = option(
        None, "how the learning rate goes over the run", choices=tuple(SCHEDULES), also=Schedule
    )
    momentum: float | None = real_option(
        None, "of momentum and nesterov, beta1 of adam and adamw; default: 0.9", least=0, below=1
    )
    beta2: float | None = real_option(
        None, "beta2 of adam and adamw; default: 0.999, of tables 0.95", least=0, below=1
    )
    weight_decay: float | None = real_option(
        None,
        "by how much of itself a weight shrinks at each step, times the learning rate; default: the optimizer's",
        least=0,
    )
    epochs: int = integer_option(1, "passes over the data")
    batch_size: int = integer_option(128, "samples of a step")
    patience: int | None = integer_option(
        None,
        "stop after this many epochs without a better validation loss, with the weights of the best one; 0: do neither;"
        " default: 30 for tables, 15 for folders with 1000 pictures to validate on, else 0",
        least=0,
    )
    class_weight: ClassWeight = option(
        None,
        "how much errors on each class count, such as yes=5,no=1; balanced: each class as much as the others",
        kind="text",
        choices=("balanced",),
        also=Mapping,
        metavar="balanced|CLASS=X,…",
        parse=class_weights,
    )
    augment: Augment | None = option(
        None,
        "change the training pictures at random: flip=horizontal, rotation=DEGREES, shift=SHARE and more (see"
        " docs/augmentation.md), or none; default: a little of most for folders of pictures, crop=1 with the network"
        " cnn, else none",
        metavar="NAME=VALUE,…",
    )
    trainable: Sequence[str] = option(("*",))
    rate_factors: Sequence[tuple[str, float]] = option(())
    decay_factors: Sequence[tuple[str, float]] = option(())
    seed: int = integer_option(0, "of initial weights, order and dropout", least=0, most=2**64 - 1)
    shuffle: bool = option(True, kind="flag")
    precision: Precision = option(
        "float32",
        "of the arithmetic; mixed: products of bfloat16 numbers, on processors with instructions for them;"
        " auto: mixed with AMX, else float32; emulated: the numbers of mixed on any processor, slowly",
        kind="text",
        choices=(*PRECISIONS, "float64"),
    )
    deterministic: Determinism = option(
        "same-threads",
        "what gives the same model again: the same number of threads, or any (slower)",
        kind="text",
        choices=DETERMINISTIC,
    )
    gradient_norms: bool = option(
        False, "the gradient's norm by each parameter in history.csv, a column each", kind="flag"
    )
    where: InitVar[str] = "Recipe"

    def __post_init__(self, where: str) -> None:
        check_options(where, self)
        put = partial(object.__setattr__, self)
        words = (self.trainable,) if isinstance(self.trainable, str) else self.trainable
        put("trainable", sequence(where, "trainable", words, str))
        for name in ("rate_factors", "decay_factors"):
            put(name, _factors(where, name, getattr(self, name)))
        put("augment", _augment(where, self.augment))
        put("patience", self.patience or None)
        try:
            self.descent  # noqa: B018  raises where the words do not fit together
        except InvalidArgument as error:
            raise InvalidArgument(f"{where}: {error}") from None

    @classmethod
    def of(
        cls, where: str, recipe: Recipe | None, options: Mapping[str, Any], **defaults: Any
    ) -> Recipe:
        """A recipe, or else one of some defaults, with some options changed; errors name who asks."""
        instance(where, "recipe", recipe, Recipe, optional=True)
        given, rate = options.get("optimizer"), options.get("learning_rate")
        if isinstance(given, Optimizer) and isinstance(rate, int | float | Schedule):
            own = given.learning_rate
            if own not in (rate, getattr(type(given), "learning_rate", None)):
                raise InvalidArgument(
                    f"{where}: `learning_rate` (={shown(rate)}) is given twice: the `optimizer` has {shown(own)}; leave"
                    " one out."
                )
        if recipe is not None:
            defaults = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
        return cls(**{**defaults, **options}, where=where)

    @cached_property
    def descent(self) -> Optimizer:
        """The optimiser with its schedule: what the first five options say together."""
        found = find_optimizer(self.optimizer)
        changed = adjusted(
            found,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            beta2=self.beta2,
        )
        rate, schedule = self.learning_rate, self.schedule
        if isinstance(rate, str):  # until one is found
            rate = None
        if schedule is None:
            return changed if rate is None else replace(changed, learning_rate=rate)
        if isinstance(schedule, Schedule):
            if rate is not None:
                raise InvalidArgument(
                    f"`learning_rate` (={shown(rate)}) is given twice: a Schedule has its own."
                )
            return replace(changed, learning_rate=schedule)
        if isinstance(rate, Schedule):
            raise InvalidArgument(
                f"`schedule` (={shown(schedule)}) is given twice: `learning_rate` is one."
            )
        rate = changed.learning_rate if rate is None else rate
        return replace(changed, learning_rate=named(schedule, rate))

    @property
    def plain(self) -> Recipe:
        """The same with everything about the descent in `optimizer`, so that recipes which do the same are equal."""
        descent = self.descent
        return replace(
            self,
            optimizer=replace(descent, learning_rate=descent.schedule),
            learning_rate=None,
            schedule=None,
            momentum=None,
            weight_decay=None,
            beta2=None,
        )

    @property
    def of_a_step(self) -> Recipe:
        """The same with what the graph of a step does not know left out, so that equal ones have equal graphs."""
        plain = self.plain
        return replace(
            plain,
            optimizer=replace(find_optimizer(plain.optimizer), learning_rate=1.0),  # it is fed
            epochs=1,
            batch_size=1,
            seed=0,
            shuffle=True,
            patience=None,
            class_weight=None,
        )

    def rate_factor(self, parameter: str) -> float:
        """What the learning rate of a parameter is multiplied by."""
        return _last_fitting(self.rate_factors, parameter)

    def optimizer_of(self, parameter: str) -> Optimizer:
        """The optimiser of a parameter: that of all but for its own weight decay."""
        found, factor = self.descent, _last_fitting(self.decay_factors, parameter)
        return found if factor == 1 else replace(found, weight_decay=found.weight_decay * factor)


def _last_fitting(factors: Sequence[tuple[str, float]], parameter: str) -> float:
    fitting = [factor for pattern, factor in factors if fnmatchcase(parameter, pattern)]
    return fitting[-1] if fitting else 1.0


def with_optimizer(defaults: Mapping[str, Any], given: str | Optimizer | None) -> dict[str, Any]:
    """Defaults with the optimiser that is given, if any: where it is another, what was chosen for theirs goes.

    Examples
    --------
    >>> with_optimizer({"optimizer": "adamw", "beta2": 0.95, "schedule": "cosine"}, "sgd")
    {'optimizer': 'sgd', 'schedule': 'cosine'}
    """
    if given is None or given == defaults.get("optimizer"):
        return dict(defaults)
    theirs = list(OF_AN_OPTIMIZER)
    if isinstance(getattr(given, "learning_rate", None), Schedule):
        theirs.append("schedule")
    found = {name: value for name, value in defaults.items() if name not in theirs}
    return {**found, "optimizer": given}


def engine_of(where: str, recipe: Recipe, engine: str | Engine, threads: int) -> tuple[str, Engine]:
    """The computing dtype of a recipe, and the engine for it."""
    precision, deterministic = recipe.precision, recipe.deterministic
    if precision == "float64":
        return "float64", find_engine(engine, threads, deterministic, dtype="float64")
    found = find_engine(engine, threads, deterministic, precision)
    if precision in ("mixed", "emulated") and found.precision == "float32":
        raise InvalidArgument(
            f"{where}: `precision` (={shown(precision)}) does not fit `engine`, a {type(found).__name__} that"
            " was made for float32."
        )
    return "float32", found


def _augment(where: str, given: Augment | str | None) -> Augment | None:
    if isinstance(given, str):
        return Augment.of_words(given)
    instance(where, "augment", given, Augment, optional=True)
    return given


def _factors(where: str, option: str, given: Any) -> tuple[tuple[str, float], ...]:
    """Pairs of pattern and factor; of a mapping, of a tuple of such pairs, or of None."""
    paired = isinstance(given, tuple) and all(isinstance(x, tuple) and len(x) == 2 for x in given)
    none = given is None or (isinstance(given, list) and not given)
    pairs = dict(given) if paired else {} if none else given
    instance(where, option, pairs, Mapping)
    for pattern, factor in pairs.items():
        instance(where, option, pattern, str)
        name = f"{option}[{pattern!r}]"
        if real(where, name, factor, least=0) == 0 and option == "rate_factors":
            raise InvalidArgument(
                f"{where}: `{name}` (={shown(factor)}) must be above 0; layers that are not to learn at all"
                " are left out of `trainable`."
            )
    return tuple((pattern, float(factor)) for pattern, factor in pairs.items())
