"""`Result`: what came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloy import text
from sloy.experiments.sources import Measured
from sloy.model import Model
from sloy.training.history import History


@dataclass(frozen=True, eq=False, repr=False)
class Result(text.Brief):
    """What came of a run.

    Attributes
    ----------
    model : Model
    history : History
    measured : Measured
        Of the test data; of a cross-validation, of all folds.
    summary : mapping
        What `summary.json` says.
    folder : Path
    """

    model: Model
    history: History
    measured: Measured
    summary: Mapping[str, Any]
    folder: Path
