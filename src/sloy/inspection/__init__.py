"""Pictures of training runs and of networks: plain functions from arrays and models to matplotlib figures.

matplotlib is imported when a figure is drawn, never before; no figure is registered with pyplot.
"""

from sloy.inspection.answers import answers_figure
from sloy.inspection.augmented import augmented, augmented_figure
from sloy.inspection.confusion import confusion_counts, confusion_figure
from sloy.inspection.curves import curves_figure
from sloy.inspection.explain import Explanation, explanation_figure, grad_cam, saliency
from sloy.inspection.features import (
    Patch,
    exciting_patches,
    feature_maps,
    maps_figure,
    pictures_figure,
)
from sloy.inspection.filters import filters_figure, first_filters
from sloy.inspection.mistakes import mistakes_figure
from sloy.inspection.receptive import ReceptiveField, receptive_field, receptive_figure
from sloy.inspection.style import png
from sloy.inspection.synthesis import Synthesized, synthesize

__all__ = [
    "Explanation",
    "Patch",
    "ReceptiveField",
    "Synthesized",
    "answers_figure",
    "augmented",
    "augmented_figure",
    "confusion_counts",
    "confusion_figure",
    "curves_figure",
    "exciting_patches",
    "explanation_figure",
    "feature_maps",
    "filters_figure",
    "first_filters",
    "grad_cam",
    "maps_figure",
    "mistakes_figure",
    "pictures_figure",
    "png",
    "receptive_field",
    "receptive_figure",
    "saliency",
    "synthesize",
]
