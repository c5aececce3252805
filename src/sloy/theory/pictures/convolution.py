"""Convolution and max pooling of one picture, as the lecture writes them (L16–L19, L22).

Both run through the graph's own operations, the ones that convolutional networks are made of.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sloy import ops
from sloy.arguments import finite_array, integer, one_of
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor, backprop
from sloy.graph.ops.window import Padding
from sloy.text import Text, shown
from sloy.theory.notation import factor_text
from sloy.theory.pictures.numbers import Picture, as_picture, value_text

__all__ = [
    "CURVE_FILTER",
    "CURVE_PATCH",
    "EDGE_FILTER",
    "EXAMPLE_MATRIX",
    "OTHER_PATCH",
    "convolve",
    "curve_drawing",
    "explain_convolution",
    "max_pool",
    "max_pool_gradient",
]

Edges = Literal["zero", "valid"]
MOST = 100  # values that are written out one after another


def _constant(rows: list[list[int]]) -> np.ndarray:
    array = np.array(rows, np.float64)
    array.setflags(write=False)
    return array


# The slides' numbers. Where they multiply, the filter has one more 30, in its last row; the sums that they give
# (6600 and 0) are those of the filter as it was shown first, which is taken here.
CURVE_FILTER = _constant(
    [
        [0, 0, 0, 0, 0, 30, 0],
        [0, 0, 0, 0, 30, 0, 0],
        [0, 0, 0, 30, 0, 0, 0],
        [0, 0, 0, 30, 0, 0, 0],
        [0, 0, 0, 30, 0, 0, 0],
        [0, 0, 0, 30, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
CURVE_PATCH = _constant(
    [
        [0, 0, 0, 0, 0, 0, 30],
        [0, 0, 0, 0, 50, 50, 50],
        [0, 0, 0, 20, 50, 0, 0],
        [0, 0, 0, 50, 50, 0, 0],
        [0, 0, 0, 50, 50, 0, 0],
        [0, 0, 0, 50, 50, 0, 0],
        [0, 0, 0, 50, 50, 0, 0],
    ]
)
OTHER_PATCH = _constant(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 40, 0, 0, 0, 0, 0],
        [40, 0, 40, 0, 0, 0, 0],
        [40, 20, 0, 0, 0, 0, 0],
        [0, 50, 0, 0, 0, 0, 0],
        [0, 0, 50, 0, 0, 0, 0],
        [25, 25, 0, 50, 0, 0, 0],
    ]
)
EXAMPLE_MATRIX = _constant(
    [[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]]
)
EDGE_FILTER = _constant([[1, 0, -1], [1, 0, -1], [1, 0, -1]])


def convolve(image: Picture, kernel: ArrayLike, *, edges: Edges = "zero") -> np.ndarray:
    """Lay a filter over every place of a picture: f(i, j) = Σ_k Σ_l F(i + k, j + l) · G(k, l).

    k runs from -s to s and l from -t to t, so that G(0, 0) is the kernel's middle; the kernel is not turned
    round. Of pictures with channels, the products are summed over the channels too.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C), or path
        F; real numbers. A file is read in colour for a kernel of three channels, else in greys.
    kernel : array, shape (2s + 1, 2t + 1) or (2s + 1, 2t + 1, C)
        G; both sizes odd, so that there is a middle.
    edges : "zero" or "valid"
        What happens where the kernel sticks out: "zero" takes F as 0 outside, the result has the picture's size;
        "valid" leaves such places out, the result is (H - 2s, W - 2t).

    Returns
    -------
    float64 array, shape (H, W) or (H - 2s, W - 2t)

    Examples
    --------
    >>> convolve(CURVE_PATCH, CURVE_FILTER, edges="valid").tolist()
    [[6600.0]]
    >>> convolve(OTHER_PATCH, CURVE_FILTER, edges="valid").tolist()
    [[0.0]]
    >>> convolve(EXAMPLE_MATRIX, EDGE_FILTER, edges="valid").tolist()
    [[6.0, -9.0, -8.0], [-3.0, -2.0, -3.0], [-3.0, 0.0, -2.0]]
    """
    G = _kernel("convolve", kernel)
    F = as_picture("convolve", "image", image, colour=G.shape[2] == 3)
    if F.shape[2] != G.shape[2]:
        raise ShapeError(
            f"convolve: `kernel` has {G.shape[2]} channels, the image has {F.shape[2]}; they must be equal."
        )
    one_of("convolve", "edges", edges, ("zero", "valid"))
    if edges == "valid" and (G.shape[0] > F.shape[0] or G.shape[1] > F.shape[1]):
        raise ShapeError(
            f"convolve: `kernel` ({G.shape[0]} × {G.shape[1]}) is larger than the image"
            f" ({F.shape[0]} × {F.shape[1]}); with `edges`='valid' nothing would be left."
        )
    x = ops.input("image", (1, *F.shape), "float64")
    w = ops.constant(G[..., None], "float64")  # (KH, KW, C, 1)
    padding: Padding = (G.shape[0] // 2, G.shape[1] // 2) if edges == "zero" else "valid"
    return _run(ops.conv2d(x, w, padding=padding), F)[..., 0]


def max_pool(image: Picture, size: int = 2, stride: int | None = None) -> np.ndarray:
    """The largest number of each window of a picture (L22).

    Parameters
    ----------
    image : array, shape (H, W)
    size : int
        Of the window, size × size.
    stride : int, optional
        From window to window; `size` by default, so that windows do not overlap. A rest that does not fill a
        window is left out.

    Returns
    -------
    float64 array, shape ((H - size) // stride + 1, (W - size) // stride + 1)

    Examples
    --------
    >>> max_pool(np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])).tolist()
    [[6.0, 8.0], [3.0, 4.0]]
    """
    _, u, F = _pooled("max_pool", image, size, stride)
    return _run(u, F)[..., 0]


def max_pool_gradient(
    image: Picture, gradient: ArrayLike, size: int = 2, stride: int | None = None
) -> np.ndarray:
    """Where the gradient of `max_pool` goes: each window's share to its largest number alone (L22).

    Parameters
    ----------
    image : array, shape (H, W)
    gradient : array, of the shape of ``max_pool(image, size, stride)``
        ∂L/∂u of the smaller picture; in the lecture's words, ε of each of its numbers.
    size, stride
        See `max_pool`.

    Returns
    -------
    float64 array, shape (H, W)
        0 where a number wins no window; the sum over the windows that it wins. Of equal largest numbers the first
        wins, row by row.

    Examples
    --------
    >>> picture = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> max_pool_gradient(picture, [[0.1, 0.2], [0.3, 0.4]]).tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 0.1, 0.0, 0.2], [0.3, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.4]]
    """
    where = "max_pool_gradient"
    x, u, F = _pooled(where, image, size, stride)
    given = finite_array(where, "gradient", gradient)
    if given.shape != u.shape[1:3]:
        raise ShapeError(
            f"{where}: `gradient` has shape {given.shape}; it must be that of the pooled picture,"
            f" {u.shape[1:3]}."
        )
    share = ops.constant(given[None, ..., None], "float64")
    return _run(backprop(ops.reduce_sum(u * share), [x])[0], F)[..., 0]


def explain_convolution(
    image: Picture,
    kernel: ArrayLike,
    at: tuple[int, int] | Literal["all"] = (0, 0),
    *,
    edges: Edges = "valid",
) -> Text:
    """Values of a convolution written out, product by product, a line for each row of the kernel.

    Parameters
    ----------
    image, kernel, edges
        As `convolve` takes them; one channel.
    at : (int, int) or "all"
        Row and column of the value in the result of `convolve`, or all of them, one after another.

    Returns
    -------
    Text
        A str that a notebook shows as it prints.

    Examples
    --------
    >>> print(explain_convolution(EXAMPLE_MATRIX, EDGE_FILTER))
    f(0, 0) = 7·1 + 2·0 + 3·(−1)
            + 4·1 + 5·0 + 3·(−1)
            + 3·1 + 3·0 + 2·(−1)
            = 6
    """
    where = "explain_convolution"
    result = convolve(image, kernel, edges=edges)
    F, G = one_channel(where, "image", image), one_channel(where, "kernel", kernel)
    places = list(np.ndindex(*result.shape)) if isinstance(at, str) and at == "all" else [at]
    if len(places) > MOST:
        raise InvalidArgument(
            f'{where}: the result has {len(places)} values; `at`="all" writes at most {MOST}.'
        )
    found = []
    for place in places:
        i, j = window_start(where, place, result.shape)
        rows = [
            " + ".join(products) for products in products_of(padded(F, G.shape, edges), G, (i, j))
        ]
        head = f"f({i}, {j})"
        lines = [f"{head} = {rows[0]}", *(f"{' ' * len(head)} + {row}" for row in rows[1:])]
        found.append("\n".join([*lines, f"{' ' * len(head)} = {value_text(result[i, j])}"]))
    return Text("\n\n".join(found))


def padded(F: np.ndarray, kernel: tuple[int, ...], edges: Edges) -> np.ndarray:
    """A picture (H, W) as the kernel sees it: with "zero" edges, zeros around it."""
    sides = [(extent // 2, extent // 2) for extent in kernel]
    return np.pad(F, sides) if edges == "zero" else F


def products_of(F: np.ndarray, G: np.ndarray, at: tuple[int, int]) -> list[list[str]]:
    """The products of one value, "7·(−1)", row by row of the kernel."""
    i, j = at
    seen = F[i : i + G.shape[0], j : j + G.shape[1]]
    return [
        [
            f"{factor_text(value_text(f))}·{factor_text(value_text(g))}"
            for f, g in zip(*pair, strict=True)
        ]
        for pair in zip(seen, G, strict=True)
    ]


def one_channel(where: str, name: str, value: Picture) -> np.ndarray:
    """A picture or kernel (H, W)."""
    found = as_picture(where, name, value)
    if found.shape[2] != 1:
        raise ShapeError(
            f"{where}: `{name}` has {found.shape[2]} channels; it must have one (of a picture in colour, take one"
            " channel: `picture[..., 0]`)."
        )
    return found[..., 0]


def curve_drawing() -> np.ndarray:
    """A drawn mouse (after the lecture's), lines of 50 on 0, for the curve detector to search.

    Returns
    -------
    float64 array, shape (56, 56), from 0 to 50

    Examples
    --------
    >>> response = convolve(curve_drawing(), CURVE_FILTER)
    >>> [int(k) for k in np.unravel_index(response.argmax(), response.shape)]  # the back of the mouse
    [30, 11]
    """
    size = 56
    strokes = [
        _arc((0.46, 0.60), (0.26, 0.205), 147, 322),  # the body: centre, radii (x, y), degrees
        _arc((0.76, 0.60), (0.16, 0.12), 238, 372),  # forehead and nose
        _arc((0.69, 0.42), (0.05, 0.05), 130, 410),  # ear
        _arc((0.13, 0.71), (0.09, 0.08), 10, 180),  # tail
        _arc((0.82, 0.57), (0.01, 0.01), 0, 360),  # eye
        np.array([(x, 0.71) for x in np.linspace(0.22, 0.93, 200)]),  # ground
    ]
    points = np.concatenate(strokes) * size  # (P, 2) as x, y
    rows, columns = np.mgrid[:size, :size] + 0.5
    away = np.hypot(columns[..., None] - points[:, 0], rows[..., None] - points[:, 1]).min(axis=-1)
    return np.round(50.0 * np.clip(1.3 - away, 0.0, 1.0))


def window_start(where: str, at: object, shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of a value of a result, checked."""
    if not isinstance(at, tuple | list) or len(at) != 2:
        raise InvalidArgument(f"{where}: `at` (={shown(at)}) must be (row, column).")
    i = integer(where, "at", at[0], 0, shape[0] - 1)
    return i, integer(where, "at", at[1], 0, shape[1] - 1)


def _arc(
    centre: tuple[float, float], radii: tuple[float, float], first: float, last: float
) -> np.ndarray:
    angle = np.radians(np.linspace(first, last, 200))
    return np.stack(
        [centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1
    )


def _kernel(where: str, kernel: ArrayLike) -> np.ndarray:
    """(KH, KW, C), float64, both sizes odd."""
    found = as_picture(where, "kernel", kernel)
    if found.shape[0] % 2 == 0 or found.shape[1] % 2 == 0:
        raise InvalidArgument(
            f"{where}: `kernel` is {found.shape[0]} × {found.shape[1]}; both sizes must be odd, so that it has"
            " a middle."
        )
    return found


def _pooled(
    where: str, image: Picture, size: int, stride: int | None
) -> tuple[Tensor, Tensor, np.ndarray]:
    """The input, its maxima, and the picture (H, W, 1) for `_run`."""
    F = as_picture(where, "image", image)
    size = integer(where, "size", size)
    stride = size if stride is None else integer(where, "stride", stride)
    if F.shape[2] != 1:
        raise ShapeError(f"{where}: `image` has shape {F.shape}; it must be (H, W): one channel.")
    if size > min(F.shape[:2]):
        raise ShapeError(
            f"{where}: `size` (={size}) is larger than the image ({F.shape[0]} × {F.shape[1]})."
        )
    x = ops.input("image", (1, *F.shape), "float64")
    return x, ops.max_pool2d(x, size, stride=stride), F


def _run(y: Tensor, image: np.ndarray) -> np.ndarray:
    """The value of a tensor made of the input ``image``, without N."""
    return computed({"y": y}, {"image": image[None]})["y"][0]
