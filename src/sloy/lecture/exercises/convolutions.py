"""Exercises to L16–L20: pictures as numbers, convolution."""

from __future__ import annotations

import numpy as np

from sloy.language import say
from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake
from sloy.lecture.exercises.learner import Wrong, numbers, shown
from sloy.lecture.exercises.values import Numbers, Part

__all__ = ["EXERCISES"]

GRID = np.array([
    [12, 40, 77, 130, 64, 1],
    [31, 88, 201, 146, 90, 17],
    [53, 119, 172, 233, 61, 28],
    [24, 254, 97, 105, 49, 9],
    [5, 36, 71, 58, 22, 3],
])  # fmt: skip


def _in_rows(matrix: np.ndarray) -> str:
    """Numbers in columns."""
    return "\n".join("".join(f"{value:5}" for value in row) for row in matrix)


READ = Numbers(
    (
        Part("brightness", int(GRID[2, 3]), (
            (int(GRID[3, 2]), "row and column are exchanged: the row comes first."),
            (int(GRID[1, 2]), "rows and columns are counted from 0, not from 1."),
            (int(GRID[1, 3]), "rows are counted from 0, not from 1."),
            (int(GRID[2, 2]), "columns are counted from 0, not from 1."),
            (254, "this is the brightest pixel, not the one that is asked for."),
        )),
        Part("row", 3, (
            (4, "rows are counted from 0."),
            (1, "this is its column, or its row counted from below: rows are counted from the top."),
            (0, "the brightest pixel has the largest number; 1 is the darkest."),
            (2, "the brightest pixel has the largest number of the whole grid."),
        )),
        Part("column", 1, (
            (2, "columns are counted from 0."),
            (3, "this is the column of the pixel of the first question, or the row of the brightest one; its column is asked for."),
            (4, "columns are counted from the left."),
            (5, "the brightest pixel has the largest number; 1 is the darkest."),
        )),
    ),
)  # fmt: skip


def _convolved(F: np.ndarray, G: np.ndarray) -> np.ndarray:
    """Σₖ Σₗ F(i + k, j + l) G(k, l) wherever G fits."""
    rows, columns = F.shape[0] - G.shape[0] + 1, F.shape[1] - G.shape[1] + 1
    found = np.zeros((rows, columns))
    for k in range(G.shape[0]):
        for m in range(G.shape[1]):
            found += F[k : k + rows, m : m + columns] * G[k, m]
    return found


def _padded(F: np.ndarray, G: np.ndarray) -> np.ndarray:
    return np.pad(F, [(size // 2, size // 2) for size in G.shape])


def _picture_cases(random: np.random.Generator) -> list[Case]:
    shapes = (((5, 5), (3, 3)), ((6, 8), (3, 5)), ((7, 6), (5, 3)))
    return [tuple(random.integers(-4, 5, shape).astype(float) for shape in pair) for pair in shapes]


CONVOLUTION = FunctionOf(
    ("F", "G"),
    _convolved,
    _picture_cases,
    (
        Mistake(lambda F, G: _convolved(F, G[::-1, ::-1]), "You turn the filter over, F(i − k, j − l): the lecture's formula, like every library's layer, does not."),
        Mistake(lambda F, G: _convolved(F, G[::-1]), "The rows of the filter are upside down."),
        Mistake(lambda F, G: _convolved(F, G[:, ::-1]), "The columns of the filter are turned over."),
        Mistake(lambda F, G: _convolved(_padded(F, G), G), "You fill up with zeros at the edges; places where the filter does not fit are left out here."),
        Mistake(lambda F, G: _convolved(_padded(F, G), G[::-1, ::-1]), "You fill up with zeros at the edges and turn the filter over."),
        Mistake(lambda F, G: _convolved(F, G) / G.size, "This is the mean of the products; they are summed."),
        Mistake(lambda F, G: _convolved(F, np.ones_like(G)), "The window is summed without the filter's numbers."),
        Mistake(lambda F, G: _convolved(F, G)[:-1, :-1], "The last row and the last column of places are missing: there are H − KH + 1 rows."),
        Mistake(lambda F, G: _convolved(F, G)[:-1], "The last row of places is missing: there are H − KH + 1 rows."),
        Mistake(lambda F, G: _convolved(F, G)[:, :-1], "The last column of places is missing: there are W − KW + 1 columns."),
        Mistake(lambda F, G: np.maximum(_convolved(F, G), 0), "Negative values are lost: there is no ReLU in the convolution."),
        Mistake(lambda F, G: np.abs(_convolved(F, G)), "Negative values have lost their sign: no absolute value here."),
        Mistake(lambda F, G: _convolved(F, G)[:: G.shape[0], :: G.shape[1]], "You move by the size of the filter; it is moved by 1."),
        Mistake(lambda F, G: _convolved(F, G)[::2, ::2], "You move by 2; the filter is moved by 1."),
        Mistake(lambda F, G: _convolved(F, G)[0, 0], "This is the value of the first place only; the filter goes over all of them."),
        Mistake(lambda F, G: np.stack([[[v * u for u in G] for v in row] for row in F]), "The products are not summed."),
        Mistake(lambda F, G: _convolved(F, G).T, "Yours is the transpose of the right answer: rows and columns are exchanged."),
    ),
)  # fmt: skip

SEEN = 50 * np.eye(3, dtype=int)
UNSEEN = SEEN[:, ::-1]


def _filter(answer: object) -> None:
    G = numbers(answer)
    if G.shape != (3, 3):
        raise Wrong(
            say("A filter of 3 × 3 numbers is asked for; this is {value}.", value=shown(answer))
        )
    if not np.isfinite(G).all():
        raise Wrong(say("The numbers of a filter must be finite."))
    seen, unseen = float((SEEN * G).sum()), float((UNSEEN * G).sum())
    if seen > 1e-9 and abs(unseen) <= 1e-9:
        return
    fact = say("It answers {seen} to the first patch and {unseen} to the second.", seen=shown(seen), unseen=shown(unseen))  # fmt: skip
    raise Wrong(f"{fact} {_why_not_filter(G, seen, unseen)}")


def _why_not_filter(G: np.ndarray, seen: float, unseen: float) -> str:
    if not G.any():
        return say("Zeros answer 0 to everything.")
    if np.ptp(G) == 0:
        return say("The same number everywhere only measures how bright a patch is: both are alike.")  # fmt: skip
    if abs(seen) <= 1e-9 and unseen > 0:
        return say("This is the filter for the other patch.")
    if abs(unseen) <= 1e-9 and seen < 0:
        return say("Turn the signs of the filter.")
    if abs(unseen) <= 1e-9:
        return say("Where the first patch is bright, your numbers add up to 0: nothing of it is found.")  # fmt: skip
    if (G * (SEEN == 0) == 0).all() and np.ptp(np.diag(G)) == 0:
        return say("It is the first patch itself; but both patches are bright in the middle, so it finds that of the second: put 0 there, or take away elsewhere.")  # fmt: skip
    there = ", ".join(shown(float(value)) for value in np.diag(G[:, ::-1]))
    return say("Where the second patch is bright, your filter has {numbers}: they must add up to 0.", numbers=there)  # fmt: skip


MATRIX = np.array(
    [[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]]
)
EDGE = np.array([[1, 0, -1]] * 3)
RESULT = _convolved(MATRIX, EDGE)


def _place(name: str, i: int, j: int) -> Part:
    """A value of the result; the mistakes are those of its window."""
    window = MATRIX[i : i + 3, j : j + 3]
    right = int(RESULT[i, j])
    mistakes: list[tuple[float, str]] = [
        (-right, "the sign is the other way round: the left column counts positive."),
        (int(window.sum()), "this is the sum of the window without the filter."),
        (int(window[:, 0].sum()), "this is the left column alone; the right one is taken away."),
        (int(window[:, 0].sum() + window[:, 2].sum()), "the right column is added; it counts −1."),
        (int(window[1, 0] - window[1, 2]), "this is the middle row of the window alone; all three count."),
        (int(window[0, 0] - window[0, 2]), "this is the upper row of the window alone; all three count."),
        (int(window[0].sum() - window[2].sum()), "the filter is laid on its side: its columns are 1, 0, −1."),
        *((int(v), "this is the value of another place.") for v in RESULT.ravel()),
        *((int(v), "this is a number of the matrix itself.") for v in window.ravel()),
    ]  # fmt: skip
    known = dict(reversed(mistakes))  # of two explanations the first
    return Part(name, right, tuple(pair for pair in known.items() if pair[0] != right))


BY_HAND = Numbers((_place("second of the first row", 0, 1), _place("last", 2, 2)))

SIZE = Numbers(
    (
        Part("side", 16, (
            (14, "the padding is missing: it adds 2 on each side."),
            (15, "the last + 1 is missing, or padding was added on one side only: (32 + 2·2 − 5) / 2, rounded down, + 1."),
            (32, "the stride is missing: only every second place counts."),
            (17, "rounded up; a filter that does not fit is left out: round down."),
            (28, "both padding and stride are missing."),
            (31, "the stride is missing: only every second place counts."),
            (18, "the size of the filter is not taken away."),
        )),
        Part("parameters", 16 * (5 * 5 * 3 + 1), (
            (1200, "each filter has a free term too."),
            (16 * (5 * 5 + 1), "a filter goes through all 3 channels of the input: it has 5 · 5 · 3 weights."),
            (16 * 5 * 5, "a filter goes through all 3 channels of the input, and has a free term."),
            (5 * 5 * 3 + 1, "this is one filter; there are 16."),
            (5 * 5 * 3, "this is one filter, without its free term; there are 16."),
            (16 * 16 * 16 * 76, "the same filter is used at every place: its weights are counted once."),
            (16 * 16 * 16, "these are the outputs, not the parameters."),
            (1200 + 1, "each of the 16 filters has a free term of its own."),
            (16 * (5 * 3 + 1), "a filter is 5 × 5, not 5 numbers."),
        )),
    ),
)  # fmt: skip

EXERCISES = (
    Exercise(
        name="L16",
        title="Read a picture in numbers",
        task="This is a picture of 5 rows and 6 columns; 0 is black, 255 white. Rows and columns are counted from 0, from the upper left. Which number stands in row 2, column 3? In which row and column is the brightest pixel?",
        formula=_in_rows(GRID),
        form="answer = (brightness, row, column)",
        judge=READ,
        tips=(
            "The first row is row 0, and the row is named before the column.",
            "The brightest pixel is the one with the largest number.",
        ),
        solution="answer = (233, 3, 1)\n",
    ),
    Exercise(
        name="L17",
        title="Write convolution",
        task="Write the convolution of a picture F with a filter G (both arrays of two axes, the sides of G odd), as the lecture does, at the places where G fits inside F. The result of H × W with KH × KW is (H − KH + 1) × (W − KW + 1).",
        formula="f(i, j) = Σₖ Σₗ F(i + k, j + l) · G(k, l)",
        form="def answer(F, G):\n    return ...",
        judge=CONVOLUTION,
        tips=(
            "Two loops over places; at each of them cut out a window as large as G.",
            "The value of a place is `(F[i : i + KH, j : j + KW] * G).sum()`.",
        ),
        solution="""\
import numpy as np


def answer(F, G):
    rows, columns = F.shape[0] - G.shape[0] + 1, F.shape[1] - G.shape[1] + 1
    found = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            found[i, j] = (F[i : i + G.shape[0], j : j + G.shape[1]] * G).sum()
    return found
""",
    ),
    Exercise(
        name="L18",
        title="A filter of your own",
        task="Find a filter of 3 × 3 numbers that answers more than 0 to the first patch and exactly 0 to the second. (Its answer is the sum of the products, place by place.)",
        formula="\n\n".join(map(_in_rows, (SEEN, UNSEEN))),
        form="answer = [[..., ..., ...], [..., ..., ...], [..., ..., ...]]",
        judge=_filter,
        tips=(
            "Begin with the first patch itself. What does it answer to the second, and where does that come from?",
            "Both patches are bright in the middle.",
        ),
        solution="answer = [[1, 0, 0], [0, 0, 0], [0, 0, 1]]\n",
    ),
    Exercise(
        name="L19",
        title="Two values by hand",
        task="The lecture's matrix and its filter, [1 0 −1] in three rows, give 3 × 3 values, of which the first is 6. Find the second value of the first row and the last value of all (lower right) by hand.",
        formula=_in_rows(MATRIX),
        form="answer = (second, last)",
        judge=BY_HAND,
        tips=(
            "For the second value of the first row the filter lies over rows 0 to 2 and columns 1 to 3.",
            "Left column of the window minus its right column.",
        ),
        solution="answer = ((2 + 5 + 3) - (3 + 8 + 8), (2 + 7 + 4) - (4 + 7 + 4))\n",
    ),
    Exercise(
        name="L20",
        title="The size of a layer",
        task="A convolutional layer has 16 filters of 5 × 5 with free terms, stride 2 and a padding of 2 on each side; its input is 32 × 32 with 3 channels. How long is the side of its output, and how many parameters has it?",
        form="answer = (side, parameters)",
        judge=SIZE,
        tips=(
            "How many places are there for a filter of 5 in a row of 32 + 2 + 2, if it moves by 2?",
            "(length + 2 · padding − filter) / stride, rounded down, + 1.",
            "Each filter has 5 · 5 · 3 weights and a free term.",
        ),
        solution="answer = ((32 + 2 * 2 - 5) // 2 + 1, 16 * (5 * 5 * 3 + 1))\n",
    ),
)  # fmt: skip
