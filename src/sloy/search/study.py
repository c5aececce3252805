"""Optuna's side of a search: a study in some storage, its sampler and pruner, and trials that are taken up again.

What a trial is given is a function of the seed, of its number and of the trials that have ended before it, whatever
was killed in between: sampler and pruner keep nothing in a process.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.files.documents import hold
from sloy.files.processes import life
from sloy.search.pruners import EPOCHS, is_hopeless
from sloy.search.space import Space, suggested
from sloy.search.storage import needed
from sloy.text import reason

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SETTINGS = "sloy"  # of the study, an attribute: what all that join it must agree on
OWNER, DATA, RESULT = "owner", "data", "result"  # attributes of trials
STARTUP = 10  # trials at random to begin with
TRIAL = {
    f"{OWNER}?": {"host": str, "pid": int, "life": object},
    f"{DATA}?": str,
    f"{RESULT}?": {"ended": str, "epochs?": int, "value?": (float, None), "*": object},
    f"{EPOCHS}?": int,
    "*": object,
}
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
UNOWNED = 2.0  # seconds after which a trial that nobody has said to be his is nobody's


@contextmanager
def quiet() -> Iterator[None]:
    """What Optuna logs of studies and trials is left out meanwhile; sloy tells it."""
    optuna = needed()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def reading(where: object) -> Iterator[None]:
    """A context in which what a storage does not understand is refused in sloy's words."""
    try:
        yield
    except (SloyError, OSError):
        raise
    except Exception as error:  # of any of their libraries
        raise FileFormatError(f"{where}: is no study of a search ({reason(error)}).") from None


def sampler_of(seed: int, *, several: bool) -> Any:
    """TPE, multivariate and grouped, seeded for each trial by its number.

    Parameters
    ----------
    seed : int
    several : bool
        Whether several trials run side by side, which should not be drawn to one place.
    """
    optuna = needed()

    def tpe(*parts: object) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                n_startup_trials=STARTUP,
                multivariate=True,
                group=True,
                constant_liar=several,
                seed=crc32(repr((seed, *parts)).encode()),
            )

    class ByNumber(optuna.samplers.BaseSampler):  # type: ignore[misc, name-defined]
        """Draws by the number of a trial, and by the name of what is drawn alone."""

        def __init__(self) -> None:
            self._of: tuple[int, Any] = (-1, None)

        def infer_relative_search_space(self, study: Any, trial: FrozenTrial) -> Any:
            self._of = (trial.number, tpe(trial.number))
            return self._of[1].infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: FrozenTrial, search_space: Any) -> Any:
            number, sampler = self._of
            assert number == trial.number
            return sampler.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: FrozenTrial, name: str, what: Any) -> Any:
            return tpe(trial.number, name).sample_independent(study, trial, name, what)

    return ByNumber()


class Study:
    """A study, as a search needs it.

    Parameters
    ----------
    storage : object
        Of `storage_of`.
    name : str
    settings : mapping
        What decides the numbers of trials, JSON values: a study that has others is refused.
    several : bool
        See `sampler_of`.

    Raises
    ------
    InvalidArgument
        Where the study was begun with other settings.
    """

    def __init__(
        self, storage: Any, name: str, settings: Mapping[str, Any], *, several: bool
    ) -> None:
        optuna = needed()
        self._least, self._pruner = settings["direction"] == "minimize", settings["pruner"]
        self.study: Any = optuna.create_study(
            storage=storage,
            study_name=name,
            direction=settings["direction"],
            sampler=sampler_of(settings["seed"], several=several),
            pruner=optuna.pruners.NopPruner(),  # see `_is_hopeless`
            load_if_exists=True,
        )
        for trial in self.trials():
            hold(dict(trial.user_attrs), TRIAL)
        there = self.study.user_attrs.get(SETTINGS)
        if there is None:
            self.study.set_user_attr(SETTINGS, dict(settings))
        elif there != dict(settings):
            names = sorted(n for n in {*there, *settings} if there.get(n) != settings.get(n))
            raise InvalidArgument(
                f"tune: the search was begun with another {', '.join(names)}; all that work on it must agree."
            )

    def trials(self) -> list[FrozenTrial]:
        """All of them, as the storage has them now."""
        return self.study.get_trials(deepcopy=False)

    def ended(self) -> list[FrozenTrial]:
        """Those that are complete, pruned or failed."""
        return [trial for trial in self.trials() if trial.state.is_finished()]

    def asked(self, space: Space) -> tuple[FrozenTrial, dict[str, Any]]:
        """A new trial of this process, and what it is to be: a value for each path."""
        trial = self.study.ask()
        trial.set_user_attr(OWNER, _owner())
        return self._begun(trial, space)

    def taken_up(self, space: Space) -> tuple[FrozenTrial, dict[str, Any]] | None:
        """A trial whose process is dead, as one of this process."""
        for found in self._running():
            owner = found.user_attrs.get(OWNER)
            if not (_is_dead(owner) if owner else _age(found) > UNOWNED):
                continue
            trial = needed().trial.Trial(self.study, found._trial_id)
            trial.set_user_attr(OWNER, _owner())
            return self._begun(trial, space)
        return None

    def has_unowned(self) -> bool:
        """Whether a trial runs of which it is not yet known whose it is."""
        return any(OWNER not in trial.user_attrs for trial in self._running())

    def _running(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if trial.state.name == "RUNNING"]

    def chosen(self, space: Space, trial: FrozenTrial) -> dict[str, Any]:
        """What a trial was given, a value for each path; as far as that was drawn before its process died."""
        given = needed().trial.FixedTrial(trial.params, trial.number)
        found: dict[str, Any] = {}
        for path, domain in space.items():
            with suppress(ValueError):
                found |= suggested({path: domain}, given)
        return found

    def _begun(self, trial: Any, space: Space) -> tuple[FrozenTrial, dict[str, Any]]:
        chosen = suggested(space, trial)
        return self.study._storage.get_trial(trial._trial_id), chosen

    def note(self, trial: FrozenTrial, name: str, value: Any) -> None:
        """Keep something about a trial."""
        self.study._storage.set_trial_user_attr(trial._trial_id, name, value)

    def report(self, trial: FrozenTrial, rows: Sequence[tuple[int, float]]) -> bool:
        """Tell epochs of a trial, those that are known already too; whether the pruner ends it."""
        storage = self.study._storage
        known = storage.get_trial(trial._trial_id).intermediate_values
        for epoch, value in rows:
            if epoch in known:
                continue
            storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
            if self._is_hopeless(storage.get_trial(trial._trial_id)):
                return True
        return self._is_hopeless(storage.get_trial(trial._trial_id))

    def _is_hopeless(self, trial: FrozenTrial) -> bool:
        return is_hopeless(self._pruner, self.study, trial)

    def complete(self, trial: FrozenTrial, result: Mapping[str, Any], epochs: int) -> None:
        """A trial has its value; where it stopped early, so do the epochs that it left out."""
        storage, value = self.study._storage, float(result["value"])
        known = storage.get_trial(trial._trial_id).intermediate_values
        for epoch in range(int(result["epochs"]) + 1, epochs + 1):
            if epoch not in known:
                storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
        self.note(trial, RESULT, {**result, "ended": COMPLETE})
        state = needed().trial.TrialState.COMPLETE if isfinite(value) else self._pruned
        self.study.tell(trial.number, value if isfinite(value) else None, state=state)

    def end(self, trial: FrozenTrial, how: str, why: str = "") -> None:
        """A trial was pruned, diverged (of which the sampler hears as of a bad one), or failed."""
        self.note(trial, RESULT, {"ended": how, "why": why})
        failed = needed().trial.TrialState.FAIL
        self.study.tell(trial.number, state=failed if how == FAILED else self._pruned)

    @property
    def _pruned(self) -> Any:
        return needed().trial.TrialState.PRUNED

    def check(self) -> None:
        """Raise `ValueError` where a trial has another value than one number, or tells of an epoch no number."""
        for trial in self.study.get_trials(deepcopy=False):
            values = (0.0,) if trial.values is None else trial.values
            told = (*values, *trial.intermediate_values.values())
            if len(values) != 1 or not all(type(value) in (int, float) for value in told):
                raise ValueError(f"trial {trial.number} has values that are not one number")

    def best(self) -> FrozenTrial | None:
        """The best that is complete, else the best of all that told an epoch; None where none did."""
        found = [trial for trial in self.ended() if trial.state.name == "COMPLETE"]
        if not found:
            found = [trial for trial in self.ended() if best_reported(trial, least=self._least)]
        sign = 1 if self._least else -1
        return min(found, key=lambda trial: (sign * self.value(trial), trial.number), default=None)

    def value(self, trial: FrozenTrial) -> float:
        """Of a trial that is complete, or else its best epoch."""
        if trial.value is not None and trial.state.name == "COMPLETE":
            return trial.value
        reported = best_reported(trial, least=self._least)
        return float("nan") if reported is None else reported[1]


def best_reported(trial: FrozenTrial, *, least: bool) -> tuple[int, float] | None:
    """The best epoch that a trial told, and its value."""
    sound = [(v, e) for e, v in trial.intermediate_values.items() if isfinite(v)]
    if not sound:
        return None
    value, epoch = (min if least else max)(sound)
    return epoch, value


def _owner() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "life": life(os.getpid())}


def _age(trial: FrozenTrial) -> float:
    """Seconds since a trial was made."""
    began = trial.datetime_start
    return 0.0 if began is None else (datetime.now() - began).total_seconds()


def _is_dead(owner: Mapping[str, Any]) -> bool:
    """Whether a process is known to be gone; of other machines none is."""
    return owner["host"] == socket.gethostname() and life(owner["pid"]) != owner["life"]
