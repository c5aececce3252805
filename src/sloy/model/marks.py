"""Models that read handwriting: the marks of pictures by name, and doubt about what is none of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from sloy.data.handwriting import HandwritingReader, Written
    from sloy.model.model import Model

SURE = 0.9  # mean probability of the answer when the mark is changed a little; of 99 digits in 100 it is more


def read_marks(
    files: Sequence[Path], reader: HandwritingReader, marks: dict[str, Written]
) -> list[tuple[str, np.ndarray]]:
    """The samples of pictures, each with what it is called; a picture of several marks has them numbered."""
    samples = []
    for file in files:
        found = reader.written(file)
        for number, one in enumerate(found):
            name = str(file) if len(found) == 1 else f"{file}[{number}]"
            marks[name] = one
            samples.append((name, one.sample))
    return samples


def doubts(model: Model, marks: Mapping[str, Written]) -> dict[str, str]:
    """Why a mark may be none of the classes, by its name: its ink, or answers that change with little."""
    if model.loss.task(model.network.output_shape) != "classification":
        return {}
    found = {}
    for name, one in marks.items():
        sure = model.predict_proba(one.variants()).mean(0)  # (K,)
        label = int(model.predict(one.sample[None])[0])
        if one.doubt:
            found[name] = one.doubt
        elif sure[label] < SURE:
            found[name] = "turned or thickened a little, it is taken for something else"
    return found
