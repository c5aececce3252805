"""`sloy engines`: what this machine offers, which engines run on it, what is missing and how to get it."""

from __future__ import annotations

import argparse
from typing import Any

from sloy import machine, text
from sloy.cli.options import add_json
from sloy.engines.names import TABLE

MIXED = {
    "amx": "mixed precision: with AMX; --precision auto takes it",
    "avx512_bf16": "mixed precision: with AVX512-BF16, by --precision mixed",
    "none": "mixed precision: not on this processor, which has no instructions for bfloat16",
}


NAME = "engines"
HELP = "what this machine offers: instruction sets, cores, engines"
DESCRIPTION = "Shows instruction sets, cores and engines; of a missing engine, how to get it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    found = report()
    if arguments.json:
        print(text.as_json(found), end="")
    else:
        print(describe(found))
    return 0


def report() -> dict[str, Any]:
    """What was found, as `--json` prints it."""
    from sloy.engines.choice import automatic

    engines = [_engine(name) for name in TABLE]
    return {
        "versions": machine.versions(),
        "machine": {
            "system": machine.system(),
            "instruction_sets": machine.instruction_sets(),
            "usable_cores": machine.usable_cores(),
            "memory_bytes": machine.memory(),
        },
        "engines": engines,
        "auto": automatic(),
    }


def describe(found: dict[str, Any]) -> str:
    """The report as text."""
    here = found["machine"]
    sets = here["instruction_sets"]
    rows = [
        ("sloy", found["versions"]["sloy"] + ", Python " + found["versions"]["python"]),
        ("machine", f"{here['system']}, {text.many(here['usable_cores'], 'usable core')}"),
    ]
    if here["memory_bytes"]:
        rows.append(("memory", text.size(here["memory_bytes"])))
    if sets is None:
        rows.append(("instructions", "this system does not tell"))
    else:
        rows.append(
            ("instructions", ", ".join(n for n, has in sets.items() if has) or "none known")
        )
        rows.append(("not here", ", ".join(n for n, has in sets.items() if not has) or "nothing"))
    for engine in found["engines"]:
        units = [
            text.many(engine[unit], unit.removesuffix("s"))
            for unit in ("threads", "devices")
            if engine[unit]
        ]
        units += [engine["platform"]] * bool(engine["platform"])
        state = ", ".join(["ready", *units]) if engine["available"] else "MISSING"
        lines = [f"{state}: {TABLE[engine['name']].about}"]
        if engine["reason"]:
            lines.append(engine["reason"])
        if engine["mixed_precision"]:
            lines.append(MIXED[engine["mixed_precision"]])
        rows.append((engine["name"], "\n".join(lines)))
    rows.append(("auto", f"takes {found['auto']}.{TABLE[found['auto']].pace}".rstrip(".")))
    return text.fields(rows)


def _engine(name: str) -> dict[str, Any]:
    from sloy.engines import available, engine

    reason = available(name)
    here = None if reason else engine(name)
    return {
        "name": name,
        "available": not reason,
        "threads": here and here.settings.get("threads"),
        "devices": here and here.settings.get("devices"),
        "platform": here and here.settings.get("platform"),
        "reason": reason,
        "mixed_precision": here and here.bfloat16,
    }
