"""The rules, in the order of blame: the first that has found something is likely the cause of those after it."""

from collections.abc import Mapping
from dataclasses import fields, replace

from sloy.arguments import instance
from sloy.diagnosis.rules.base import Hit, Rule, Severity
from sloy.diagnosis.rules.begin import (
    FirstLoss,
    NotFinite,
    Pairing,
    Symmetry,
)
from sloy.diagnosis.rules.course import (
    Dead,
    Exploding,
    Oscillating,
    Plateau,
    Saturated,
    Vanishing,
)
from sloy.diagnosis.rules.outcome import LabelNoise, NoSignal, Overfit, Underfit
from sloy.diagnosis.rules.regular import TooRegular
from sloy.diagnosis.rules.samples import InputScale, Labels, Leakage
from sloy.diagnosis.rules.steps import StepTooLarge, StepTooSmall
from sloy.errors import InvalidArgument
from sloy.text import shown

__all__ = ["RULES", "Hit", "Rule", "Severity", "with_limits"]

RULES: tuple[Rule, ...] = (
    NotFinite(),
    InputScale(),
    Labels(),
    Leakage(),
    FirstLoss(),
    Symmetry(),
    Pairing(),
    StepTooLarge(),
    Saturated(),
    Dead(),
    Vanishing(),
    StepTooSmall(),
    Exploding(),
    Oscillating(),
    NoSignal(),
    LabelNoise(),
    Plateau(),
    Underfit(),
    Overfit(),
    TooRegular(),
)


def with_limits(limits: Mapping[str, float]) -> tuple[Rule, ...]:
    """The rules with some limits of one's own, by names such as ``"D08.first"``.

    Examples
    --------
    >>> next(rule for rule in with_limits({"D08.first": 0.5}) if rule.id == "D08").limits
    {'first': 0.5, 'later': 0.03}
    """
    instance("diagnose", "limits", limits, Mapping)
    for name in limits:
        instance("diagnose", "limits", name, str)
    rules = {rule.id: rule for rule in RULES}
    for name, value in limits.items():
        rule, _, limit = name.partition(".")
        known = [field.name for field in fields(rules[rule])] if rule in rules else []
        if limit not in known:
            there = [f"{one.id}.{field.name}" for one in RULES for field in fields(one)]
            raise InvalidArgument(f"`limits`: no rule has {name!r}; there are {', '.join(there)}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise InvalidArgument(
                f"`limits[{shown(name)}]` (={shown(value)}) must be a number of at least 0."
            )
        rules[rule] = replace(rules[rule], **{limit: float(value)})
    return tuple(rules.values())
