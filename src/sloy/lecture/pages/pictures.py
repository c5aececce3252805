"""The pages of L17–L19 and L22: a kernel over a picture, max pooling."""

from __future__ import annotations

import numpy as np

from sloy.language import say
from sloy.lecture.pages.content import Content
from sloy.pages import plain

BLUR = np.full((3, 3), 1 / 9)
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
HORIZONTAL = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])  # bright above, dark below, as in L17
IDENTITY = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def convolution() -> Content:
    """L17."""
    return _over_pictures(
        about=say(
            "f(i, j) = Σₖ Σₗ F(i + k, j + l)·G(k, l): the kernel G is laid over a place of the picture F, number on"
            " number, and the products are added up. Done at every place, this is the response."
        ),
        tries=(
            say(
                "Move the window along a stroke: which sign has the response above it, which below?"
            ),
            say("Change single numbers of the kernel and watch the whole response follow."),
            say("Turn the kernel's signs round: violet and orange change places."),
        ),
        picture="digit",
        kernel="horizontal",
        edges="zero",
        at=(7, 12),
    )


def curve_detector() -> Content:
    """L18."""
    return _over_pictures(
        about=say(
            "A kernel that looks like a piece of a curve gives a large response where the picture has that curve: 6600"
            " on the lecture's one patch, 0 on the other. Slid over the drawn mouse it finds the back."
        ),
        tries=(
            say(
                "Choose the two patches, as large as the kernel, and read their sums: (50·30)·4 + 20·30, and 0."
            ),
            say("Go to the largest response of the mouse. Where else is it large?"),
            say("Draw another curve into the kernel: what does it find?"),
        ),
        picture="mouse",
        kernel="curve",
        edges="zero",
        at=(30, 11),
    )


def by_hand() -> Content:
    """L19."""
    return _over_pictures(
        about=say(
            "The lecture's 5 × 5 numbers and its kernel for upright edges, place by place: the first is 6, and nine"
            " places make the 3 × 3 result."
        ),
        tries=(
            say("Compute a place by hand, then move the window there."),
            say("Let the kernel stick out over the edge, with zeros there: 5 × 5 answers."),
            say("Change a number of the picture: how many answers change?"),
        ),
        picture="matrix",
        kernel="upright",
        edges="valid",
        at=(0, 0),
    )


def pooling() -> Content:
    """L22."""
    random = np.random.default_rng(3)
    grids = {
        "lecture": [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]],
        "larger": random.integers(0, 10, (6, 6)).tolist(),
    }
    return Content(
        about=say(
            "Of every window the largest number goes on: fewer numbers, and a small shift of the picture often"
            " changes none of them. In learning the gradient goes to the winner alone."
        ),
        tries=(
            say("Change a number that did not win: nothing changes until it does."),
            say(
                "Point at a number of the result: its window turns blue, the winners are outlined."
            ),
            say(
                "Windows that overlap (3 × 3, stride 1): a number that wins twice gets both gradients."
            ),
        ),
        scripts=("grid", "pooling"),
        texts={
            "picture": say("picture"),
            "lecture": say("a small one, 4 × 4"),
            "larger": say("a larger one, 6 × 6"),
            "cell": say("row {i}, column {j}"),
            "size": say("window"),
            "stride": say("stride"),
            "random": say("random numbers"),
            "result": say("largest of each window"),
            "result_hint": say("With the mouse or the Tab key on a number its window is shown."),
            "winner": say("largest of window ({i}, {j}): {value}, from row {k}, column {l}"),
            "told": say("{before} numbers become {after}."),
            "gradient": say("gradient by the picture"),
            "incoming": say("gradient by the result"),
            "incoming_hint": say("Any numbers: see where each of them goes."),
            "map": say("picture"),
        },
        start={"grids": grids, "grid": "lecture", "size": 2, "stride": 2},
    )


# --- parts ----------------------------------------------------------------------------------------


def _over_pictures(
    *,
    about: str,
    tries: tuple[str, ...],
    picture: str,
    kernel: str,
    edges: str,
    at: tuple[int, int],
) -> Content:
    from sloy import theory
    from sloy.data import mnist

    pictures = {
        "digit": mnist().train.x[0, :, :, 0],
        "mouse": theory.curve_drawing(),
        "matrix": theory.EXAMPLE_MATRIX,
        "curve_patch": theory.CURVE_PATCH,
        "other_patch": theory.OTHER_PATCH,
    }
    kernels = {
        "horizontal": HORIZONTAL,
        "upright": theory.EDGE_FILTER,
        "blur": BLUR,
        "sharpen": SHARPEN,
        "curve": theory.CURVE_FILTER,
        "identity": IDENTITY,
    }
    start = {
        "pictures": {name: plain(np.asarray(array)) for name, array in pictures.items()},
        "picture": picture,
        "kernels": {name: plain(array) for name, array in kernels.items()},
        "kernel": kernel,
        "edges": edges,
        "at": list(at),
    }
    return Content(about, tries, ("grid", "drop", "kernel"), _kernel_texts(), start)


def _kernel_texts() -> dict[str, str]:
    return {
        "picture": say("picture"),
        "picture_caption": say("Picture F: drag the window, or use the arrow keys"),
        "response": say("response"),
        "response_caption": say("Response f: orange above zero, violet below"),
        "map": say("picture to be walked over with the arrow keys"),
        "kernel": say("kernel G"),
        "seen": say("under the window"),
        "products": say("products"),
        "presets": say("kernel"),
        "size": say("size"),
        "edges": say("at the edges"),
        "zero": say("zeros outside"),
        "valid": say("inside only"),
        "window": say("window"),
        "row": say("row i"),
        "column": say("column j"),
        "cell": say("row {i}, column {j}"),
        "place": say("row {i}, column {j}: response {value}"),
        "largest": say("Largest response: {value} at row {i}, column {j}."),
        "to_largest": say("go there"),
        "edit": say("the picture's numbers, to be changed"),
        "own": say("A picture of your own"),
        "own_short": say("your own"),
        "own_hint": say(
            "Choose a file or drop it here; it is read in this page and sent nowhere. Its numbers: 0 is"
            " black, 255 white."
        ),
        "unreadable": say("{name} cannot be read as a picture."),
        "digit": say("a digit of MNIST"),
        "mouse": say("the drawn mouse"),
        "matrix": say("the lecture's 5 × 5 numbers"),
        "curve_patch": say("the patch with the curve"),
        "other_patch": say("the other patch"),
        "horizontal": say("lying edges"),
        "upright": say("upright edges (the lecture's)"),
        "blur": say("blur"),
        "sharpen": say("sharpen"),
        "curve": say("a piece of a curve (the lecture's)"),
        "identity": say("the picture as it is"),
    }


SUBJECTS = {17: convolution, 18: curve_detector, 19: by_hand, 22: pooling}
