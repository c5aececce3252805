"""What is looked at before a search writes anything: the data, the options on them, the space, the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.experiment import Experiment
from sloy.experiments.memory import problem_of
from sloy.experiments.opening import loaded_of
from sloy.experiments.sources import Loaded
from sloy.options import options
from sloy.search.options import LOSS, METRICS
from sloy.search.space import Space, in_words, put
from sloy.text import shown
from sloy.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Checked:
    """An experiment that suits its data.

    Attributes
    ----------
    experiment : Experiment
        With the options that suit the very data.
    loaded : Loaded
    """

    experiment: Experiment
    loaded: Loaded

    @classmethod
    def of(cls, experiment: Experiment, loaded: Loaded | None = None) -> Checked:
        """Read the data, where they are not read, and hold the options against them.

        Raises
        ------
        InvalidArgument
            Where a trial of it could not begin, or no samples are held out.
        """
        loaded = loaded_of(experiment) if loaded is None else loaded
        experiment = experiment.with_defaults_for(loaded)
        experiment.check_fits(loaded)
        comparable(experiment, loaded)
        return cls(experiment, loaded)

    def check_metric(self, metric: str) -> None:
        """Raise `InvalidOption` where trials have no such figure."""
        loaded, experiment = self.loaded, self.experiment
        network = experiment.network_for(loaded, None)
        measured = problem_of(loaded, network, experiment.recipe).metrics
        check_metric(metric, [LOSS, *(f"val_{one.name}" for one in measured)])


def comparable(experiment: Experiment, loaded: Loaded) -> None:
    """Raise `InvalidOption` where no samples are held out."""
    if loaded.learns_from_all or not loaded.left_out(experiment.validation):
        raise InvalidOption(
            "`validation`: no samples are held out, by which trials could be compared; give a share such as 0.2."
        )


def check_metric(metric: str, measured: list[str]) -> None:
    """Raise `InvalidOption` where a figure is not among those of a run, naming those that may be chosen."""
    if metric in measured:
        return
    there = ", ".join(name for name in METRICS if name in measured)
    raise InvalidOption(
        f"`metric` (={shown(metric)}): here there is {there} alone; the data have numbers to predict, no classes."
    )


def check_space(words: Mapping[str, Any], space: Space, base: Checked, metric: str) -> None:
    """Try the ends of what each path may be, two at a time, and each on the data.

    Raises
    ------
    InvalidOption
        Where an option is unknown, a value is not allowed, or two do not go together.
    """
    ends = {path: domain.extremes() for path, domain in space.items()}
    same = {name for name, _, _ in options(Recipe)}  # whose data are those of `base`
    for path, values in ends.items():
        for value in values:
            experiment = _experiment(words, {path: value})
            loaded = base.loaded if path.split("__")[0] in same else None
            try:
                Checked.of(experiment, loaded).check_metric(metric)
            except InvalidArgument as error:
                raise _wrong({path: value}, error) from None
    for (path, values), (other, others) in combinations(ends.items(), 2):
        for value, another in product(values, others):
            _experiment(words, {path: value, other: another})


def _experiment(words: Mapping[str, Any], chosen: Mapping[str, Any]) -> Experiment:
    found = dict(words)
    try:
        for path, value in chosen.items():
            found = put(found, path, value)
        return Experiment.of(**found)
    except InvalidArgument as error:
        raise _wrong(chosen, error) from None


def _wrong(chosen: Mapping[str, Any], error: InvalidArgument) -> InvalidOption:
    said = str(error).removeprefix("`space`: ")
    return InvalidOption(f"`space`: {in_words(chosen)}: {said}")
