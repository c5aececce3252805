"""Experiments: data, what is learned from them and how; run into a folder, with what happens told as events."""

from sloy.experiments.events import Event, Listener
from sloy.experiments.experiment import Experiment
from sloy.experiments.running import Result, resume, run
from sloy.experiments.sources import SOURCES, Loaded, Measured, Source, Wanted, source_of

__all__ = [
    "SOURCES",
    "Event",
    "Experiment",
    "Listener",
    "Loaded",
    "Measured",
    "Result",
    "Source",
    "Wanted",
    "resume",
    "run",
    "source_of",
]
