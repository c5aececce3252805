"""The engines by name, and the words for how they compute; imports nothing, for the command line's parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Determinism = Literal["same-threads", "any-threads"]
Arithmetic = Literal["float32", "mixed", "emulated"]


@dataclass(frozen=True)
class Row:
    """An engine in the table.

    Attributes
    ----------
    module, engine : str
        Where its class is, and the class's name.
    about : str
        A line for `sloy engines`.
    extra : str
        What ``pip install 'sloy[…]'`` needs for it beside sloy itself; "" where nothing.
    pace : str
        A sentence, behind a space, for who has it in place of a faster one.
    """

    module: str
    engine: str
    about: str
    extra: str = ""
    pace: str = ""


# "auto" takes the first that is installed and computes in the dtype that is asked for.
TABLE = {
    "native": Row(
        "sloy.engines.native",
        "NativeEngine",
        "C++ on oneDNN, float32 or mixed with bfloat16, all cores",
    ),
    "reference": Row(
        "sloy.engines.reference",
        "ReferenceEngine",
        "NumPy, float32 or float64: the definitions of all operations; slow",
        pace=" Training takes 10 to 20 times as long with it.",
    ),
}

NAMES = ("auto", *TABLE)
DETERMINISTIC = get_args(Determinism)
PRECISIONS = ("auto", *get_args(Arithmetic))
