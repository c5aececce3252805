"""Pictures of a training run: plain functions from arrays to matplotlib figures.

matplotlib is imported when a figure is drawn, never before; no figure is registered with pyplot.
"""

from sloy.inspection.augmented import augmented, augmented_figure
from sloy.inspection.confusion import confusion_counts, confusion_figure
from sloy.inspection.curves import curves_figure
from sloy.inspection.filters import filters_figure
from sloy.inspection.mistakes import mistakes_figure
from sloy.inspection.style import png

__all__ = [
    "augmented",
    "augmented_figure",
    "confusion_counts",
    "confusion_figure",
    "curves_figure",
    "filters_figure",
    "mistakes_figure",
    "png",
]
