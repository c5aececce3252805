"""`Parts`: what a model is made of, as files hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sloy.data.readers import Reader
from sloy.problem import Problem


class Parts(NamedTuple):
    """All of a model but what computes it.

    Attributes
    ----------
    problem : Problem
    parameters : mapping
        Name → array, all parameters and states of the network.
    class_names : tuple of str
    reader : Reader or None
    """

    problem: Problem
    parameters: Mapping[str, np.ndarray]
    class_names: tuple[str, ...] = ()
    reader: Reader | None = None
