"""Spaces of options: for each path into an experiment, such as ``network_options__dropout``, what it may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sloy.arguments import flag, integer, real
from sloy.errors import InvalidArgument, InvalidOption
from sloy.text import shortened, shown, visible

FIXED = ("data", "seed", "validation", "samples", "from_", "folds", "fold", "test", "split", "time")
SCALARS = (str, int, float, bool, type(None))
FORMS = (
    '{"float": [LOW, HIGH]}, {"int": [LOW, HIGH]}, both with "log": true where wanted, {"choice": [A, B, …]} and'
    ' {"layers": [LEAST, MOST], "units": {"int": …}}'
)


class Suggesting(Protocol):
    """What draws values: a trial of Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...


def _whole(where: str, name: str, value: object, **bounds: Any) -> int:
    return integer(where, name, value, **{"least": -(2**53), **bounds})


def _check_range(domain: Any, check: Callable[..., Any]) -> None:
    where = type(domain).__name__
    flag(where, "log", domain.log)
    low = check(where, "low", domain.low)
    if domain.log and low <= 0:
        raise InvalidArgument(f"{where}: `low` (={shown(low)}) must be above 0 with `log`.")
    if check(where, "high", domain.high) <= low:
        raise InvalidArgument(
            f"{where}: `high` (={shown(domain.high)}) must be above `low` (={shown(low)})."
        )


@dataclass(frozen=True)
class Float:
    """A number from `low` to `high`; with `log` by its logarithm.

    Examples
    --------
    >>> Float(1e-4, 1e-1, log=True)
    Float(low=0.0001, high=0.1, log=True)
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, real)

    def draw(self, trial: Suggesting, name: str) -> float:
        """A value, known to the trial by a name."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def extremes(self) -> tuple[Any, ...]:
        """Values by which it can be seen whether such are allowed."""
        return self.low, self.high

    def document(self) -> dict[str, Any]:
        """JSON values, of which `space_of` makes the same."""
        return {"float": [self.low, self.high]} | ({"log": True} if self.log else {})


@dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both among them; with `log` by its logarithm.

    Examples
    --------
    >>> Int(16, 512, log=True)
    Int(low=16, high=512, log=True)
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, _whole)

    def draw(self, trial: Suggesting, name: str) -> int:
        """A value, known to the trial by a name."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def extremes(self) -> tuple[Any, ...]:
        """Values by which it can be seen whether such are allowed."""
        return self.low, self.high

    def document(self) -> dict[str, Any]:
        """JSON values, of which `space_of` makes the same."""
        return {"int": [self.low, self.high]} | ({"log": True} if self.log else {})


@dataclass(frozen=True, init=False)
class Choice:
    """One of some values: words, numbers, lists or mappings of them.

    Examples
    --------
    >>> Choice("adam", "momentum")
    Choice(values=('adam', 'momentum'))
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)
        if len(values) < 2:
            raise InvalidArgument(f"Choice: `values` (={shown(values)}) must be two or more.")
        try:
            texts = [json.dumps(value, sort_keys=True, allow_nan=False) for value in values]
        except (TypeError, ValueError):
            raise InvalidArgument(
                f"Choice: `values` (={shown(values)}) must be words, numbers, lists or mappings of them."
            ) from None
        if len(set(texts)) < len(texts):
            raise InvalidArgument(f"Choice: `values` (={shown(values)}) holds one twice.")

    def draw(self, trial: Suggesting, name: str) -> Any:
        """A value, known to the trial by a name; a list or a mapping as JSON."""
        if all(isinstance(value, SCALARS) for value in self.values):
            return trial.suggest_categorical(name, list(self.values))
        texts = [json.dumps(value, sort_keys=True) for value in self.values]
        return self.values[texts.index(trial.suggest_categorical(name, texts))]

    def extremes(self) -> tuple[Any, ...]:
        """Values by which it can be seen whether such are allowed."""
        return self.values

    def document(self) -> dict[str, Any]:
        """JSON values, of which `space_of` makes the same."""
        return {"choice": list(self.values)}


@dataclass(frozen=True)
class Layers:
    """A list of `least` to `most` numbers: the neurons, or channels, of each layer.

    Examples
    --------
    >>> Layers(1, 3, units=Int(16, 64))
    Layers(least=1, most=3, units=Int(low=16, high=64, log=False))
    """

    least: int
    most: int
    units: Int = Int(16, 512, log=True)

    def __post_init__(self) -> None:
        integer("Layers", "least", self.least, 0)
        integer("Layers", "most", self.most, self.least)
        if not isinstance(self.units, Int):
            raise InvalidArgument(f"Layers: `units` (={shown(self.units)}) must be an Int.")

    def draw(self, trial: Suggesting, name: str) -> list[int]:
        """A value; the trial knows the count by the name, each number by the name and its place."""
        count = trial.suggest_int(name, self.least, self.most)
        return [self.units.draw(trial, f"{name}__{place}") for place in range(count)]

    def extremes(self) -> tuple[Any, ...]:
        """Values by which it can be seen whether such are allowed."""
        return [self.units.low] * self.least, [self.units.high] * self.most

    def document(self) -> dict[str, Any]:
        """JSON values, of which `space_of` makes the same."""
        return {"layers": [self.least, self.most], "units": self.units.document()}


Domain = Float | Int | Choice | Layers
Space = Mapping[str, Domain]


def Log(low: float, high: float) -> Float:  # noqa: N802  reads as the others do
    """A number from `low` to `high` by its logarithm.

    Examples
    --------
    >>> Log(1e-4, 1e-1) == Float(1e-4, 1e-1, log=True)
    True
    """
    return Float(low, high, log=True)


def space_of(document: Any, where: str = "tune") -> dict[str, Domain]:
    """A space from JSON values; domains that are made already stay.

    Parameters
    ----------
    document : mapping
        Path → domain: ``{"float": [low, high]}``, ``{"int": [low, high]}``, each with ``"log": true`` where wanted,
        ``{"choice": [a, b]}``, ``{"layers": [least, most], "units": {"int": [low, high]}}``.
    where : str
        For messages.

    Raises
    ------
    InvalidOption
        Where it is none, or varies what would make trials incomparable: the data, what is held out of them, the seed.

    Examples
    --------
    >>> space_of({"batch_size": {"choice": [32, 64]}, "learning_rate": {"float": [0.001, 0.1], "log": True}})
    {'batch_size': Choice(values=(32, 64)), 'learning_rate': Float(low=0.001, high=0.1, log=True)}
    """
    if not isinstance(document, Mapping) or not document:
        raise InvalidOption(
            f"{where}: `space` (={shortened(shown(document), 80)}) must be a mapping of paths, such as"
            " learning_rate, to what they may be."
        )
    found = {}
    for path, value in document.items():
        if not isinstance(path, str) or not all(part for part in str(path).split("__")):
            raise InvalidOption(
                f"{where}: `space`: {shown(path)} is no path, such as learning_rate or network_options__hidden."
            )
        if path.split("__")[0] in FIXED:
            raise InvalidOption(
                f"{where}: `space`: {path} is the same in all trials, or they could not be compared."
            )
        try:
            found[path] = value if isinstance(value, Domain) else _domain(value)
        except (InvalidArgument, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, InvalidArgument) else f"there are {FORMS}."
            raise InvalidOption(
                f"{where}: `space`: {shortened(path, 40)} (={shown(value, 40)}): {reason}"
            ) from None
    return found


def documented(space: Space) -> dict[str, Any]:
    """A space as JSON values, see `space_of`."""
    return {path: domain.document() for path, domain in space.items()}


def suggested(space: Space, trial: Suggesting) -> dict[str, Any]:
    """A value for each path, drawn by a trial."""
    return {path: domain.draw(trial, path) for path, domain in space.items()}


def in_words(chosen: Mapping[str, Any]) -> str:
    """Values by path, in a line.

    Examples
    --------
    >>> in_words({"learning_rate": 0.0123456, "network_options__hidden": [32, 8]})
    'learning_rate 0.01235, hidden 32 8'
    """
    said = (f"{path.rpartition('__')[2]} {value_in_words(value)}" for path, value in chosen.items())
    return ", ".join(said)


def value_in_words(value: Any) -> str:
    """A value, numbers with four digits."""
    if isinstance(value, list):
        return " ".join(map(value_in_words, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))


def put(words: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Options in words with the one of a path changed, or given.

    Examples
    --------
    >>> put({"network_options": {"hidden": [8, 8]}}, "network_options__hidden__1", 32)
    {'network_options': {'hidden': [8, 32]}}
    """
    return _put(dict(words), path.split("__"), value, path)


def _put(parts: Any, keys: list[str], value: Any, path: str) -> Any:
    key, *rest = keys
    if isinstance(parts, list | tuple) and key.isdecimal() and int(key) < len(parts):
        items = list(parts)
        items[int(key)] = _put(items[int(key)], rest, value, path) if rest else value
        return items
    if not isinstance(parts, Mapping):
        raise InvalidOption(f"`space`: {path}: there is no {key!r} inside {shown(parts)}.")
    inner = _put(parts.get(key, {}), rest, value, path) if rest else value
    return {**parts, key: inner}


def _domain(document: Any) -> Domain:
    if not isinstance(document, Mapping):
        raise TypeError
    keys = set(document)
    if keys <= {"float", "log"} and "float" in keys:
        low, high = document["float"]
        return Float(low, high, log=document.get("log", False))
    if keys <= {"int", "log"} and "int" in keys:
        low, high = document["int"]
        return Int(low, high, log=document.get("log", False))
    if keys == {"choice"}:
        return Choice(*document["choice"])
    if keys <= {"layers", "units"} and "layers" in keys:
        least, most = document["layers"]
        units = _domain(document["units"]) if "units" in keys else Layers.units
        return Layers(least, most, units)  # type: ignore[arg-type]  # it checks them
    raise ValueError
