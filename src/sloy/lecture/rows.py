"""The table of the rows."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from sloy.arguments import instance, one_of, word
from sloy.errors import UnknownName
from sloy.language import LANGUAGES, say, speak
from sloy.lecture import learning, networks, neurons, pictures
from sloy.lecture.russian import PROGRAMS
from sloy.text import shown


@dataclass(frozen=True)
class Row:
    """One row of the lecture.

    Attributes
    ----------
    number : int
        3 of L3.
    english : str
        The title.
    function : callable
        The program: it prints, and writes pictures called after the row (``L3.png``) into the current folder.
    missing : str
        What of the row is not there yet; empty where all is.
    """

    number: int
    english: str
    function: Callable[[], None]
    missing: str = ""

    @property
    def name(self) -> str:
        """L3."""
        return f"L{self.number}"

    @property
    def title(self) -> str:
        """In the language that is spoken."""
        return say(self.english)

    def run(self, language: str = "en") -> None:
        """Run the program as `program` shows it, in a language."""
        with speak(language):
            code = compile(program(self, language), f"{self.name} of sloy.lecture", "exec")
            exec(code, {"__name__": "__main__"})


_ROWS: tuple[tuple[str, Callable[[], None], str], ...] = (
    ("A neuron", neurons.neuron, ""),
    ("AND, OR, NOT", neurons.logic, ""),
    ("XOR", neurons.xor, ""),
    ("Any Boolean function", neurons.boolean, ""),
    ("Any continuous function", neurons.approximation, ""),
    ("The fully connected network", networks.fully_connected, ""),
    ("Optimisation", networks.optimisation, ""),
    ("The cost of a gradient", networks.cost, ""),
    ("Backpropagation", networks.backpropagation, ""),
    (
        "Any σ, any L, online",
        networks.any_function,
        "threads, devices and several machines are there; no GPU was measured yet",
    ),
    ("What goes wrong", learning.drawbacks, ""),
    ("What helps", learning.remedies, ""),
    ("The loss of a classifier", learning.classification_loss, ""),
    ("Dropout", learning.dropout, ""),
    ("Activations", learning.activations, ""),
    ("What computers see", pictures.grid, ""),
    ("Convolution", pictures.convolution, ""),
    ("A curve detector", pictures.curve_detector, ""),
    ("A convolution by hand", pictures.by_hand, ""),
    ("The convolutional layer", pictures.layer, ""),
    ("Hierarchical features", pictures.features, ""),
    ("Max pooling", pictures.pooling, ""),
    ("Digits", pictures.digits, ""),
    ("The standard architecture", pictures.standard, ""),
    ("VGG", pictures.vgg, ""),
)
ROWS = tuple(Row(number, *row) for number, row in enumerate(_ROWS, 1))


def find(name: str) -> Row:
    """The row of a name such as ``L3``, ``l3`` or ``3``.

    Examples
    --------
    >>> find("L3").title
    'XOR'
    """
    word("find", "name", name)
    match = re.fullmatch(r"[Ll]?0*(\d+)", name)
    if not match or not 1 <= int(match[1]) <= len(ROWS):
        hint = " (`--exercise` shows exercises)" if re.fullmatch(r"[Ll]?\d+[b-z]", name) else ""
        raise UnknownName(f"no row is called {shown(name)}; there are L1 to L{len(ROWS)}{hint}.")
    return ROWS[int(match[1]) - 1]


def program(row: Row, language: str = "en") -> str:
    """The row's program, as the pages show it: what stands in its function, without the docstring.

    Its words (comments, what it prints, titles) are in the language; names are the same in all.

    Examples
    --------
    >>> print(program(find("L2")).splitlines()[0])
    import sloy
    """
    instance("program", "row", row, Row)
    one_of("program", "language", language, tuple(LANGUAGES))
    lines = inspect.getsource(row.function).split('"""', 2)[2]
    code = textwrap.dedent(lines.lstrip("\n")).strip() + "\n"
    for english, russian in PROGRAMS.get(row.number, ()) if language == "ru" else ():
        code = code.replace(english, russian)
    return code
