"""Experiments: data, what is learned from them and how; run into a folder, with what happens told as events."""

from sloy.experiments.branching import branch
from sloy.experiments.diagnosing import Found, diagnose
from sloy.experiments.events import Event, Listener
from sloy.experiments.examining import Examined, examine
from sloy.experiments.experiment import Experiment
from sloy.experiments.forecast import Forecast, plan
from sloy.experiments.pruning import prune
from sloy.experiments.reporting import Reported, report
from sloy.experiments.result import Result
from sloy.experiments.running import resume, run
from sloy.experiments.sources import SOURCES, Loaded, Measured, Source, ToTest, Wanted, source_of

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
    "prune",
    "report",
    "resume",
    "run",
    "source_of",
]
