"""First principles that run and can be seen: neurons, logic, theorems and by-hand algorithms.

A folder for each subject of the lecture; dropout (L14) and activations (L15) are a file each. Everything here makes
ordinary networks and models on the library's own graph and engines. SciPy and matplotlib are imported when they are
needed, never before. Each module says in its ``__all__`` what is here.
"""

# ruff: noqa: F403

from sloy.theory.activations import *
from sloy.theory.approximation.figure import *
from sloy.theory.approximation.result import *
from sloy.theory.approximation.search import *
from sloy.theory.coadaptation import *
from sloy.theory.drawbacks.figure import *
from sloy.theory.drawbacks.local_minima import *
from sloy.theory.drawbacks.overfitting import *
from sloy.theory.drawbacks.paralysis import *
from sloy.theory.drawbacks.slow_convergence import *
from sloy.theory.dropout import *
from sloy.theory.estimate import *
from sloy.theory.gradients.cost import *
from sloy.theory.gradients.descent import *
from sloy.theory.gradients.loss import *
from sloy.theory.gradients.numeric import *
from sloy.theory.gradients.online import *
from sloy.theory.gradients.operations import *
from sloy.theory.gradients.path_animation import *
from sloy.theory.gradients.trace import *
from sloy.theory.logic.expression import *
from sloy.theory.logic.minimization import *
from sloy.theory.logic.networks import *
from sloy.theory.logic.truth_table import *
from sloy.theory.logic.wiring_figure import *
from sloy.theory.neurons.neuron import *
from sloy.theory.neurons.perceptron import *
from sloy.theory.neurons.plane_figures import *
from sloy.theory.neurons.scheme_figure import *
from sloy.theory.neurons.separation import *
from sloy.theory.pictures.convolution import *
from sloy.theory.pictures.convolution_figures import *
from sloy.theory.pictures.invariance import *
from sloy.theory.pictures.numeric_grid import *
from sloy.theory.ready import *
