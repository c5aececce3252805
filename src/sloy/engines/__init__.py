"""Engines: implementations of the ops.

`engine("auto")` takes the fastest that this installation has. Names are imported when they are first used, so that the
table of engines costs the command line nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.later import later

if TYPE_CHECKING:
    from sloy.engines.base import BatchRun, Engine, Executable
    from sloy.engines.choice import available, distributed, engine, processes_of, restored
    from sloy.engines.names import DETERMINISTIC, NAMES, PRECISIONS, TABLE, Arithmetic, Determinism
    from sloy.engines.processes import Processes
    from sloy.engines.reference import ReferenceEngine
    from sloy.engines.variables import Variables

__all__ = [
    "DETERMINISTIC",
    "NAMES",
    "PRECISIONS",
    "TABLE",
    "Arithmetic",
    "BatchRun",
    "Determinism",
    "Engine",
    "Executable",
    "Processes",
    "ReferenceEngine",
    "Variables",
    "available",
    "distributed",
    "engine",
    "processes_of",
    "restored",
]

__getattr__, __dir__ = later(
    __name__,
    {
        "base": "BatchRun Engine Executable",
        "choice": "available distributed engine processes_of restored",
        "names": "DETERMINISTIC NAMES PRECISIONS TABLE Arithmetic Determinism",
        "processes": "Processes",
        "reference": "ReferenceEngine",
        "variables": "Variables",
    },
)
