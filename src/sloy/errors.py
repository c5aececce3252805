"""Every exception class of sloy.

A user's mistake raises `InvalidArgument` (also a `ValueError`); something that this machine or build cannot do
raises `NotAvailable`; a damaged or foreign file raises `FileFormatError`; a folder in which another process works
raises `InUse`; the end of another process that shares a run raises `LostProcess`; a loss that stops being finite
raises `NonFiniteError`; an approximation that is not exact enough raises `ToleranceNotMet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SloyError(Exception):
    """The base class of every error that sloy raises on purpose."""


class InvalidArgument(SloyError, ValueError):
    """An argument has a value that is not allowed; the message names it, its value and what is allowed."""


class InvalidOption(InvalidArgument):
    """Options of an experiment that do not go together, or do not fit its data; the message names them."""


class ShapeError(InvalidArgument):
    """Shapes that do not fit together; the message names the place and both shapes."""


class UnknownName(InvalidArgument, KeyError):
    """A name that is not there; the message lists those that are."""

    __str__ = Exception.__str__  # a KeyError would quote the message


class FileFormatError(SloyError, ValueError):
    """A file is damaged, truncated or of another format; the message names the file and the reason."""


class NotAvailable(SloyError, RuntimeError):
    """The request is sound, but this machine or installation lacks what it takes."""


class InUse(SloyError, RuntimeError):
    """Another process works there; the message names it, its host and since when."""


class LostProcess(SloyError, RuntimeError):
    """Another process of a run that several share has ended; the message names it, and why where it said so."""


class ToleranceNotMet(SloyError):
    """An approximation could not be made as exact as was asked for within its limits.

    Attributes
    ----------
    error : float
        The error that was reached.
    units : int
        With how many hidden units.
    best : Approximation
        What reached it.
    """

    def __init__(self, message: str, error: float, units: int, best: Any = None) -> None:
        super().__init__(message)
        self.error, self.units, self.best = error, units, best


class NonFiniteError(SloyError, ArithmeticError):
    """The loss or its gradient became NaN or infinite; the variables keep their last good values.

    Attributes
    ----------
    outputs : mapping
        Outputs of the step, by name.
    epoch, step : int
        Where training stopped, both from 1 (step within the epoch); 0 outside of `sloy.fit`.
    kind, name : str
        What is not finite first: "layer", "loss", "gradient" or "parameter", and its name.
    model, history : Model, History or None
        The model with its last good weights, and the epochs before.
    """

    epoch: int = 0
    step: int = 0
    kind: str = ""
    name: str = ""
    model: Any = None
    history: Any = None

    def __init__(self, message: str, outputs: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.outputs = dict(outputs or {})
