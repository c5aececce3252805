"""`sloy predict` for models that read handwriting: the marks of a picture, and doubt about what is none."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from sloy.data.handwriting import HandwritingReader, Written
    from sloy.model import Model

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


def say_prepared(marks: Mapping[str, Written]) -> None:
    """A line on what was done with the pictures."""
    done = [one for one in marks.values() if one.mark is not None]
    if not done:
        return
    light = {one.light for one in done}
    ink = "light or dark" if len(light) > 1 else "light" if light == {True} else "dark"
    print(
        f"sloy predict: {ink} ink was found, cut out, scaled and centred as the digits that the model learned;"
        " --as-is takes pictures as they are",
        file=sys.stderr,
    )


def doubts(
    model: Model, marks: Mapping[str, Written], answers: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """Why a mark may be none of the classes, by its name: its ink, or answers that change with little."""
    import numpy as np

    found = {}
    for answer in answers:
        one = marks.get(answer["file"])
        if one is None or "class" not in answer:
            continue
        names = model.class_names or tuple(map(str, range(model.network.output_shape[-1])))
        label = list(names).index(answer["class"])
        sure = float(np.mean(model.predict_proba(one.variants())[:, label]))
        if one.doubt:
            found[answer["file"]] = one.doubt
        elif sure < SURE:
            found[answer["file"]] = "turned or thickened a little, it is taken for something else"
    return found
