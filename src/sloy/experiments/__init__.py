"""Experiments: data, what is learned from them, and how; run into a folder, with what happens told as events.

Modules are imported when a name of theirs is first used.
"""

from typing import TYPE_CHECKING

from sloy.later import later

if TYPE_CHECKING:
    from sloy.experiments.branching import branch
    from sloy.experiments.diagnosing import Found, diagnose
    from sloy.experiments.events import Event, Listener
    from sloy.experiments.examining import Examined, examine
    from sloy.experiments.experiment import Experiment
    from sloy.experiments.forecast import Forecast, plan
    from sloy.experiments.reporting import Reported, report
    from sloy.experiments.result import Result
    from sloy.experiments.running import resume, run
    from sloy.experiments.sources import (
        SOURCES,
        Loaded,
        Measured,
        Source,
        ToTest,
        Wanted,
        source_of,
    )

__all__ = [
    "SOURCES",
    "Event",
    "Examined",
    "Experiment",
    "Forecast",
    "Found",
    "Listener",
    "Loaded",
    "Measured",
    "Reported",
    "Result",
    "Source",
    "ToTest",
    "Wanted",
    "branch",
    "diagnose",
    "examine",
    "plan",
    "report",
    "resume",
    "run",
    "source_of",
]

__getattr__, __dir__ = later(
    __name__,
    {
        "branching": "branch",
        "diagnosing": "Found diagnose",
        "events": "Event Listener",
        "examining": "Examined examine",
        "experiment": "Experiment",
        "forecast": "Forecast plan",
        "reporting": "Reported report",
        "result": "Result",
        "running": "resume run",
        "sources": "SOURCES Loaded Measured Source ToTest Wanted source_of",
    },
)
