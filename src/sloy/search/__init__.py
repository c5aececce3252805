"""Networks and recipes that suit the data: searched, grown, neuron by neuron."""

from sloy.search.loop import SearchBegan, TrialEnded
from sloy.search.result import Tuned
from sloy.search.space import Choice, Float, Int, Layers, Log, space_of
from sloy.search.tuning import tune

__all__ = [
    "Choice",
    "Float",
    "Int",
    "Layers",
    "Log",
    "SearchBegan",
    "TrialEnded",
    "Tuned",
    "space_of",
    "tune",
]
