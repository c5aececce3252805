"""`sloy diagnose`: what went wrong in a run, and what helps."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.options import add_engine_options, add_json, rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sloy.experiments import Experiment

NAME = "diagnose"
HELP = "what went wrong in a run, and what helps, proved by forks of it"
DESCRIPTION = (
    "Says what goes wrong in a run, finished, interrupted or failed: findings with their numbers, symptoms under their"
    " cause. --try proves remedies by forks of the run. The run's folder is only read."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="RUN", nargs="?", help="the folder of a run")
    add(
        "--try",
        dest="try_remedies",
        action="store_true",
        help="try remedies: the same samples in three orders, with and without each",
    )
    add(
        "--seconds",
        type=rate,
        metavar="X",
        help="what trying, and running a run again that was not watched, may take, each; default: 30",
    )
    add("--rules", action="store_true", help="print the rules with their limits, and no more")
    add_json(parser)
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Diagnose and print."""
    if arguments.rules:
        print(_rules(as_json=arguments.json))
        return 0
    if arguments.folder is None:
        raise UsageError("give the folder of a run, or --rules")
    from sloy import experiments
    from sloy.cli.show import Show

    show = Show(quiet=arguments.json, json=arguments.json)
    try:
        found = experiments.diagnose(
            arguments.folder,
            try_remedies=arguments.try_remedies,
            seconds=arguments.seconds,
            engine=arguments.engine,
            threads=arguments.threads,
            command=_command,
            listener=show.counted,
        )
    finally:
        show.close()
    if arguments.json:
        print(text.as_json({**found.report.to_json(), "source": found.source}), end="")
        return 0
    print(f"{text.visible(arguments.folder)}: {found.source}", file=sys.stderr)
    print(found.report)
    return 0


def _rules(*, as_json: bool) -> str:
    """The table of the rules."""
    from sloy.diagnosis import RULES

    if as_json:
        table = [
            {
                "id": rule.id,
                "name": rule.name,
                "about": rule.about,
                "limits": rule.limits,
                "healthy": rule.healthy,
            }
            for rule in RULES
        ]
        return text.as_json({"rules": table}).rstrip("\n")
    parts = []
    for rule in RULES:
        limits = ", ".join(f"{name} {value:g}" for name, value in rule.limits.items())
        rows = [(rule.id, f"{rule.name}: {rule.about}")]
        rows += [("", f"limits: {limits}")] * bool(limits)
        rows += [("", f"healthy: {rule.healthy}"), ("", f"remedies: {'; '.join(rule.remedies)}")]
        parts.append(text.fields(rows))
    return "\n".join(parts)


def _command(experiment: Experiment, change: Mapping[str, Any]) -> str:
    """What to run instead: the command line of the run with its changes; Python where it has no options for them."""
    from sloy.cli import train

    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    known: frozenset[str] = frozenset(parser._option_string_actions)
    if not all(f"--{_dashed(name)}" in known for name in change):
        return (
            "sloy.fit(…, " + ", ".join(f"{name}={value!r}" for name, value in change.items()) + ")"
        )
    return shlex.join(["sloy", "train", *_words({**_given(experiment), **change}, known)])


def _given(experiment: Experiment) -> dict[str, Any]:
    """The words in which an experiment differs from what its data alone would make."""
    from sloy.experiments import Experiment

    own = experiment.words()
    first = {
        name: own[name]
        for name in ("recipe", "from_", "network", "target")
        if own.get(name) is not None
    }
    general = Experiment.of(own["data"], **first).words()
    return {n: v for n, v in own.items() if n in ("data", *first) or v != general.get(n)}


def _words(words: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    found = [str(words["data"])]
    for name, value in words.items():
        option = f"--{_dashed(name)}"
        if option not in known or value in (None, False) or isinstance(value, dict):
            continue
        if isinstance(value, list):
            found += [part for one in value for part in (option, str(one))]
        else:
            found += (
                [option]
                if value is True
                else [option, f"{value:g}" if isinstance(value, float) else str(value)]
            )
    return found


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
