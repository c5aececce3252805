"""What sources that may be streamed have in common: the option, when it is taken by itself, what is said of it."""

from __future__ import annotations

from typing import Any

from sloy import text
from sloy.data import Dataset
from sloy.data.streams.rows import StreamRows
from sloy.experiments.sources.base import Loaded, Row
from sloy.options import option

SHARE = 0.5  # of the memory that is available, which samples may take
CHOICES = ("auto", "on", "off")


def streamed(default: str) -> Any:
    """The option ``stream``."""
    return option(
        default,
        "read samples, decode pictures, while they are used, in every epoch again, instead of once before; auto does so"
        " where memory does not hold them",
        kind="text",
        choices=CHOICES,
    )


def used(loaded: Loaded) -> str:
    """What the option comes to; kept in a run, so that a resumed one does the same whatever memory there is then."""
    return "on" if isinstance(loaded.train.x, StreamRows) else "off"


def of_stream(data: Dataset) -> list[Row]:
    """What is said of a stream: what it would take, and what it holds."""
    if not isinstance(data.x, StreamRows):
        return []
    source = data.x.source
    words = (
        f"{text.size(source.nbytes)} as an array: read while they are used, in every epoch again"
    )
    if source.held:
        words += f"; {text.size(source.held)} held"
    said = [("stream", words)]
    if source.delay is not None:
        said.append(("", "what is kept apart to validate or test on are whole blocks of the files"))
    return said
