"""Fields of dataclasses that are options: default, what is allowed, and a sentence for the command line.

`option` declares one, and what is allowed stands there alone: checks, signatures and docstrings of functions that take
the options (`takes`), and `sloy train --help` follow from it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from sloy.arguments import flag, instance, integer, one_of, real, sequence
from sloy.errors import InvalidArgument

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["integer", "real", "flag", "text", "texts", "other"]


@dataclass(frozen=True)
class Option:
    """What a field may hold.

    Attributes
    ----------
    about : str
        A sentence for the command line; without it the option is not offered there.
    kind : "integer", "real", "flag", "text", "texts" or "other"
        "texts" are given one by one; "other" is checked by the class of the field alone.
    bounds : mapping
        Of numbers, as `sloy.arguments.integer` and `real` take them.
    choices : tuple of str
        The words that are allowed; beside numbers where these are asked for.
    also : type, optional
        Instances of it are allowed too.
    metavar : str, optional
        What stands for the value on the command line.
    parse : callable, optional
        Makes the value of a word, which raises `InvalidArgument`; by default that of the kind.
    once : bool
        Whether the command line refuses it twice.
    """

    about: str = ""
    kind: Kind = "other"
    bounds: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    also: type | None = None
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None
    once: bool = False

    def check(self, where: str, name: str, value: Any) -> Any:
        """The value, as its kind gives it; `InvalidArgument` where it is not allowed."""
        if self.also is not None and isinstance(value, self.also):
            return value
        if self.kind == "integer":
            return integer(where, name, value, **self.bounds)
        if self.kind == "real" and isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "real":
            return self._real(where, name, value)
        if self.kind == "flag":
            return flag(where, name, value)
        if self.kind == "texts":
            return sequence(where, name, (value,) if isinstance(value, str) else value, str)
        if self.kind == "text" and self.choices:
            others = f", or a {self.also.__name__}" if self.also else ""
            return one_of(where, name, value, self.choices, others)
        if self.kind == "text":
            instance(where, name, value, str)
        return value

    def _real(self, where: str, name: str, value: Any) -> float:
        try:
            return real(where, name, value, **self.bounds)
        except InvalidArgument as error:
            others = "".join(f", or {word!r}" for word in self.choices)
            raise InvalidArgument(f"{str(error).removesuffix('.')}{others}.") from None


def option(default: Any, about: str = "", **rule: Any) -> Any:
    """A field of a dataclass that is an `Option`; None is allowed where it is the default."""
    return field(default=default, metadata={"option": Option(about, **rule)})


def integer_option(default: int | None, about: str = "", **bounds: float) -> Any:
    """An `option` that is an integer within bounds, see `sloy.arguments.integer`."""
    return option(default, about, kind="integer", bounds=bounds)


def real_option(default: float | None, about: str = "", **bounds: float) -> Any:
    """An `option` that is a finite number within bounds, see `sloy.arguments.real`."""
    return option(default, about, kind="real", bounds=bounds)


def options(cls: type) -> Iterator[tuple[str, Any, Option]]:
    """Name, default and rule of each option of a dataclass, in order."""
    for declared in fields(cls):
        if "option" in declared.metadata:
            yield declared.name, declared.default, declared.metadata["option"]


def check_options(where: str, value: Any) -> None:
    """Check each option of a frozen dataclass, from its `__post_init__`; what the checks give takes the place."""
    for name, default, rule in options(type(value)):
        given = getattr(value, name)
        if given is not None or default is not None:
            object.__setattr__(value, name, rule.check(where, name, given))


def chosen(cls: type, words: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the words that are options of a dataclass."""
    return {name: words[name] for name, _, _ in options(cls) if name in words}


def takes(
    *sources: type | Callable[..., Any], without: Sequence[str] = (), **defaults: Any
) -> Callable[[F], F]:
    """A decorator: `**options` of a function are the options of dataclasses and of other functions, but for some.

    Its signature shows them, with the function's own defaults where it has some, and its docstring those of dataclasses
    in the place of ``<options>``.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        left_out = {*without, *(parameter.name for parameter in own)}
        found = {p.name: p for source in sources for p in _parameters(source)}
        shown = [p for name, p in found.items() if name not in left_out]
        shown = [p.replace(default=defaults.get(p.name, p.default)) for p in shown]
        known = {parameter.name for parameter in (*own, *shown)}

        @functools.wraps(function)
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            if unknown := keywords.keys() - known:
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument {min(unknown)!r}"
                )
            return function(*arguments, **keywords)

        vars(wrapped)["__signature__"] = signature.replace(parameters=[*own, *shown])
        told = [documented(source, left_out) for source in sources if isinstance(source, type)]
        text = inspect.cleandoc(function.__doc__ or "")
        wrapped.__doc__ = text.replace("<options>", "\n".join(told))
        return wrapped  # type: ignore[return-value]

    return decorate


def _parameters(source: type | Callable[..., Any]) -> list[inspect.Parameter]:
    """The options of a dataclass, or what can be given by name to a function."""
    kind = inspect.Parameter.KEYWORD_ONLY
    if isinstance(source, type):
        return [
            inspect.Parameter(
                declared.name, kind, default=declared.default, annotation=declared.type
            )
            for declared in fields(source)
            if "option" in declared.metadata
        ]
    return [p for p in inspect.signature(source).parameters.values() if p.kind is kind]


def documented(cls: type, without: Collection[str] = ()) -> str:
    """The parameters of a dataclass as its docstring tells them, but for some."""
    section = inspect.cleandoc(cls.__doc__ or "").partition("Parameters\n----------\n")[2]
    told = re.split(r"\n(?=\w)", section.partition("\n\n")[0])
    return "\n".join(part for part in told if part.partition(" :")[0] not in without)
