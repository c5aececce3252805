"""Pictures of training runs and of networks: plain functions from arrays and models to matplotlib figures.

matplotlib is imported when a figure is drawn, and a module of this room when a name of it is first used; no figure is
registered with pyplot. Each module says in its ``__all__`` what is here.
"""

# ruff: noqa: F403

from typing import TYPE_CHECKING

from sloy.later import later

if TYPE_CHECKING:
    from sloy.inspection.animation import *
    from sloy.inspection.answers import *
    from sloy.inspection.architecture_drawn import *
    from sloy.inspection.augmentation import *
    from sloy.inspection.confusion import *
    from sloy.inspection.curves import *
    from sloy.inspection.decision import *
    from sloy.inspection.dependence import *
    from sloy.inspection.dependence_figure import *
    from sloy.inspection.descent import *
    from sloy.inspection.encoded import *
    from sloy.inspection.explain import *
    from sloy.inspection.features import *
    from sloy.inspection.filters import *
    from sloy.inspection.hierarchy import *
    from sloy.inspection.mistakes import *
    from sloy.inspection.permutation import *
    from sloy.inspection.pruning import *
    from sloy.inspection.rates import *
    from sloy.inspection.receptive import *
    from sloy.inspection.reliability import *
    from sloy.inspection.samples import *
    from sloy.inspection.search import *
    from sloy.inspection.synthesis import *

__getattr__, __dir__ = later(
    __name__,
    {
        "animation": "Animation",
        "answers": "answers_figure",
        "architecture_drawn": "architecture_figure",
        "augmentation": "augmented augmented_figure",
        "confusion": "confusion_counts confusion_figure",
        "curves": "curves_figure",
        "decision": "decision_figure",
        "dependence": "PartialDependence partial_dependence",
        "dependence_figure": "partial_dependence_figure",
        "descent": "DescentAnimation descent_animation",
        "encoded": "png",
        "explain": "Explanation explanation_figure grad_cam saliency",
        "features": "Patch exciting_patches feature_maps maps_figure pictures_figure",
        "filters": "filters_figure first_filters",
        "hierarchy": "hierarchy_figure",
        "permutation": "Importance importance importance_figure",
        "mistakes": "mistakes_figure",
        "pruning": "pruning_figure",
        "rates": "rate_figure",
        "receptive": "ReceptiveField receptive_field receptive_figure",
        "reliability": "reliability_figure",
        "samples": "samples_figure",
        "search": "search_history_figure search_importance_figure search_parallel_figure",
        "synthesis": "Synthesized synthesize",
    },
)
