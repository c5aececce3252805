"""Options of dataclasses as options of a command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from sloy.arguments import real
from sloy.cli.options import integer, number
from sloy.errors import InvalidArgument
from sloy.options import Option, options


def add_options(
    group: argparse._ArgumentGroup,
    cls: type,
    defaults: Mapping[str, Any] | None = None,
    only: Collection[str] | None = None,
) -> None:
    """The options of a dataclass that have something to say of themselves; those that are not given are left out.

    `defaults` are shown in place of those of the dataclass; `only` names those that are declared.
    """
    for name, default, rule in options(cls):
        word = f"--{name.replace('_', '-')}"
        if not rule.about or word in group._option_string_actions:
            continue
        if only is not None and name not in only:
            continue
        default = (defaults or {}).get(name, default)
        told = rule.about
        shown = default is not None and default is not False and default != ()
        if shown and "default:" not in told:
            told += f"; default: {default}"
        declared: dict[str, Any] = {"help": told, "default": argparse.SUPPRESS}
        if rule.kind == "flag":
            declared["action"] = "store_true"
        else:
            declared |= {"type": _parser(rule), "metavar": rule.metavar or _METAVARS.get(rule.kind)}
        if rule.kind == "texts":
            declared["action"] = "append"
        elif rule.once:
            declared["action"] = _Once
        if rule.choices and rule.kind == "real":
            declared["metavar"] = "|".join((*rule.choices, "X"))
        elif rule.choices and rule.parse is None:
            declared |= {"choices": rule.choices, "metavar": None}
        group.add_argument(word, **declared)


class _Once(argparse.Action):
    """An option that is given once; the last of others counts, so that a line can be taken up and changed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if hasattr(namespace, self.dest):
            before = getattr(namespace, self.dest)
            parser.error(
                f"argument {option_string}: is given twice, {before!r} and {values!r}; several in one word:"
                f" {option_string} {before},{values}"
            )
        setattr(namespace, self.dest, values)


_METAVARS = {"integer": "N", "real": "X"}


def _parser(rule: Option) -> Callable[[str], Any]:
    """What makes the value of a word."""
    if rule.parse is not None:
        return partial(_parsed, rule.parse)
    if rule.kind == "integer":
        return partial(integer, **{"least": 1, **rule.bounds})
    if rule.kind == "real":
        return partial(_real, bounds=rule.bounds, choices=rule.choices)
    return str


def _parsed(parse: Callable[[str], Any], word: str) -> Any:
    try:
        return parse(word)
    except InvalidArgument as error:
        raise argparse.ArgumentTypeError(_of_value(str(error))) from None


def _of_value(message: str) -> str:
    """What the library says of an argument, said of its value: argparse names the option.

    Examples
    --------
    >>> _of_value("tune: `time` (='soon') must be a time above 0, such as 90s.")
    "'soon' must be a time above 0, such as 90s"
    """
    return re.sub(r"^\w+: `\w+` \(=(.*?)\)(?= )", r"\1", message).removesuffix(".")


def _real(word: str, bounds: Mapping[str, Any], choices: tuple[str, ...]) -> float | str:
    if word in choices:
        return word
    others = "".join(f", nor {choice}" for choice in choices)
    try:
        return real("", "", number(word), **bounds)
    except (InvalidArgument, argparse.ArgumentTypeError):
        kind = _KINDS[tuple(bounds)] if bounds else "a number"
        raise argparse.ArgumentTypeError(f"{word!r} is not {kind}{others}") from None


_KINDS = {
    ("above",): "a positive number",
    ("least",): "a number of at least 0",
    ("least", "below"): "a share from 0 to below 1",
    ("above", "below"): "a share above 0 and below 1",
    ("above", "most"): "a share above 0, at most 1",
}
