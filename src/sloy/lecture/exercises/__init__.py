"""Exercises to the rows of the lecture: a task, hints, a check that says what is wrong, and a solution.

>>> print(exercise("L14").check(lambda u, kept, p: u * kept).message.split(". ")[-1])
Not scaled: on average the layer gives 1 − p of what it gives in use.
"""

from sloy.errors import UnknownName
from sloy.lecture.exercises import (
    convnets,
    convolutions,
    descent,
    learning,
    networks,
    neurons,
)
from sloy.lecture.exercises.base import Exercise, Verdict
from sloy.text import shown

__all__ = ["EXERCISES", "Exercise", "Verdict", "exercise"]

EXERCISES: tuple[Exercise, ...] = tuple(
    sorted(
        (
            *neurons.EXERCISES, *networks.EXERCISES, *descent.EXERCISES, *learning.EXERCISES,
            *convolutions.EXERCISES, *convnets.EXERCISES,
        ),
        key=lambda exercise: (int(exercise.row[1:]), exercise.name),
    )
)  # fmt: skip


def exercise(name: str) -> Exercise:
    """The exercise of a name such as ``L9`` or ``L9b``.

    Printed, it tells its task; ``.check(answer)`` says whether an answer is right and, if not, what is wrong
    with it; ``.hint(1)`` and ``.solution`` help.

    Parameters
    ----------
    name : str
        A row, and a letter for the second of its exercises.

    Returns
    -------
    Exercise

    Raises
    ------
    UnknownName
        Where there is none of that name.

    Examples
    --------
    >>> print(exercise("L2").check((2.5, -1, -1)))
    NAND at (1, 1) must be 0; your sum there is 0.5, so the neuron gives 1. The line lies beyond (1,
    1), so all corners are on one side: w0 is too large.
    >>> exercise("L2").check((1.5, -1, -1)).right
    True
    """
    for found in EXERCISES:
        if found.name.lower()[1:] == str(name).lower().removeprefix("l"):
            return found
    names = ", ".join(found.name for found in EXERCISES)
    raise UnknownName(f"exercise: `name` (={shown(name)}) must be one of {names}.")
