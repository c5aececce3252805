"""Pictures of training runs and of networks: plain functions from arrays and models to matplotlib figures.

matplotlib is imported when a figure is drawn, never before; no figure is registered with pyplot. Each module
says in its ``__all__`` what is here.
"""

# ruff: noqa: F403

from sloy.inspection.animation import *
from sloy.inspection.answers import *
from sloy.inspection.architecture_figure import *
from sloy.inspection.augmented import *
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
from sloy.inspection.importance import *
from sloy.inspection.mistakes import *
from sloy.inspection.pruning import *
from sloy.inspection.rates import *
from sloy.inspection.receptive import *
from sloy.inspection.reliability import *
from sloy.inspection.samples import *
from sloy.inspection.search import *
from sloy.inspection.synthesis import *
