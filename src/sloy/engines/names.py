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
    auto_needs : tuple of str
        Modules of which "auto" needs one installed before it looks at the engine at all; none by default.
    devices : bool
        Whether it computes on several.
    """

    module: str
    engine: str
    about: str
    extra: str = ""
    pace: str = ""
    auto_needs: tuple[str, ...] = ()
    devices: bool = False


# "auto" takes the first that is installed and computes in the dtype that is asked for.
TABLE = {
    "jax": Row(
        "sloy.engines.jax",
        "JaxEngine",
        "XLA by JAX, for GPUs and TPUs, one or several; on a processor the slowest for convolutions",
        extra="jax",
        auto_needs=("jax_plugins", "libtpu"),  # what brings JAX an accelerator
        devices=True,
    ),
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
