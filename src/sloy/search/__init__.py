"""Networks and recipes that suit the data: searched, grown, neuron by neuron."""

from sloy.search.activations import Activations, search_activations
from sloy.search.grow import Grown, grow
from sloy.search.loop import SearchBegan, TrialEnded
from sloy.search.result import Tuned
from sloy.search.space import Choice, Float, Int, Layers, Log, space_of
from sloy.search.tuning import tune

__all__ = [
    "Activations",
    "Choice",
    "Float",
    "Grown",
    "Int",
    "Layers",
    "Log",
    "SearchBegan",
    "TrialEnded",
    "Tuned",
    "grow",
    "search_activations",
    "space_of",
    "tune",
]
