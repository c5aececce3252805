"""Models that read handwriting: the marks of pictures by name, and doubt about what is none of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sloy.errors import FileFormatError

if TYPE_CHECKING:
    from sloy.data.handwriting import HandwritingReader, Written
    from sloy.model.model import Model

SURE = 0.9  # mean probability of the answer when the mark is changed a little; of 99 digits in 100 it is more
AGREED = 0.4  # the same where the model knows what is unlike its samples


def read_marks(
    files: Sequence[Path],
    reader: HandwritingReader,
    marks: dict[str, Written],
    failures: dict[str, Exception],
) -> list[tuple[str, np.ndarray]]:
    """The samples of pictures, each with what it is called; a picture of several marks has them numbered.

    Pictures that cannot be read are put among the `failures`.
    """
    samples = []
    for file in files:
        try:
            found = reader.written(file)
        except (FileFormatError, OSError) as error:
            failures[str(file)] = error
            continue
        for number, one in enumerate(found):
            name = str(file) if len(found) == 1 else f"{file}[{number}]"
            marks[name] = one
            samples.append((name, one.sample))
    return samples


def prepared(marks: Mapping[str, Written]) -> str:
    """What was done with the pictures, in words; "" where nothing was."""
    light = {one.light for one in marks.values() if one.mark is not None}
    ink = "light or dark" if len(light) > 1 else "light" if light == {True} else "dark"
    done = f"{ink} ink was found, cut out, scaled and centred as the digits that the model learned"
    return done if light else ""


def doubts(model: Model, marks: Mapping[str, Written]) -> dict[str, str]:
    """Why a mark may be none of the classes, by its name.

    Its ink may tell; else it is turned, slanted, thinned and thickened a little, and either lies far from what the
    model learned, as far as that is stored in it, or is answered by something else.
    """
    if not marks or model.loss.task(model.network.output_shape) != "classification":
        return {}
    variants = [one.variants() for one in marks.values()]
    x, starts = np.concatenate(variants), np.cumsum([0, *map(len, variants[:-1])])
    probabilities, answers = model.predict_proba(x), model.predict(x)
    unlike = np.zeros(len(x))
    if (known := model.familiar) is not None:
        unlike = known.distances(model.activations(x, [known.layer])[known.layer])
    found = {}
    for (name, one), start, of_it in zip(marks.items(), starts, variants, strict=True):
        rows = slice(start, start + len(of_it))
        sure = probabilities[rows].mean(0)[answers[start]]
        if one.doubt:
            found[name] = one.doubt
        elif unlike[rows].mean() > 1:
            found[name] = "unlike what the model learned"
        elif sure < (SURE if known is None else AGREED):
            found[name] = "turned or thickened a little, it is taken for something else"
    return found
