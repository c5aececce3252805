"""Convolution and pooling of one picture: the lecture's numbers, the formula in loops, bad input (L16–L19, L22)."""

from __future__ import annotations

import re

import numpy as np
import pytest

from legible import assert_legible, texts
from sloy import theory
from sloy.errors import InvalidArgument, ShapeError
from sloy.language import speak
from sloy.theory import convolve, max_pool

RANDOM = np.random.default_rng(4)


def formula(F: np.ndarray, G: np.ndarray, edges: str) -> np.ndarray:
    """f(i, j) = Σ_k Σ_l F(i + k, j + l) G(k, l), k from -s to s, l from -t to t, as it is written."""
    (H, W), s, t = F.shape, G.shape[0] // 2, G.shape[1] // 2
    rows, columns = (range(H), range(W)) if edges == "zero" else (range(s, H - s), range(t, W - t))
    f = np.zeros((len(rows), len(columns)))
    for a, i in enumerate(rows):
        for b, j in enumerate(columns):
            for k in range(-s, s + 1):
                for m in range(-t, t + 1):
                    if 0 <= i + k < H and 0 <= j + m < W:
                        f[a, b] += F[i + k, j + m] * G[k + s, m + t]
    return f


@pytest.mark.parametrize("edges", ["zero", "valid"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (1, 5), (5, 3), (7, 7)])
def test_the_formula(kernel: tuple[int, int], edges: str) -> None:
    F = RANDOM.integers(-9, 10, (8, 11))
    G = RANDOM.integers(1, 10, kernel)
    found = convolve(F, G, edges=edges)
    assert found.dtype == np.float64
    assert np.array_equal(found, formula(F, G, edges))  # small integers: exact
    assert np.count_nonzero(found) > found.size / 2


def test_a_kernel_larger_than_the_picture_needs_zero_edges() -> None:
    F, G = np.arange(6).reshape(2, 3), np.ones((5, 5))
    assert np.array_equal(convolve(F, G), formula(F, G, "zero"))
    with pytest.raises(ShapeError, match=r"`kernel` \(5 × 5\) is larger than the image \(2 × 3\)"):
        convolve(F, G, edges="valid")


def test_channels_are_summed() -> None:
    F = RANDOM.integers(0, 256, (6, 7, 3)).astype(np.uint8)
    G = RANDOM.integers(-3, 4, (3, 3, 3))
    expected = sum(formula(F[..., c].astype(float), G[..., c], "zero") for c in range(3))
    assert np.array_equal(convolve(F, G), expected)
    with pytest.raises(ShapeError, match=r"`kernel` has 1 channels, the image has 3"):
        convolve(F, G[..., 0])


def test_the_curve_detector() -> None:
    detect = lambda patch: convolve(patch, theory.CURVE_FILTER, edges="valid").tolist()  # noqa: E731
    assert detect(theory.CURVE_PATCH) == [[(50 * 30) * 4 + 20 * 30]] == [[6600]]
    assert detect(theory.OTHER_PATCH) == [[0]]
    longer = theory.CURVE_FILTER.copy()  # as the slides of the two sums print it
    longer[6, 3] = 30
    sums = [float((patch * longer).sum()) for patch in (theory.CURVE_PATCH, theory.OTHER_PATCH)]
    assert sums == [8100, 1500]  # not what they say it gives


def test_the_detector_finds_the_curve_in_the_drawing() -> None:
    drawing = theory.curve_drawing()
    response = convolve(drawing, theory.CURVE_FILTER)
    assert response.shape == drawing.shape
    i, j = np.unravel_index(response.argmax(), response.shape)
    assert (i, j) == (30, 11)  # on the back of the mouse
    window = drawing[i - 3 : i + 4, j - 3 : j + 4]
    assert response[i, j] == (window * theory.CURVE_FILTER).sum() > 6600
    assert (window[theory.CURVE_FILTER > 0] >= 25).all()  # the curve is there, all along


def test_the_example_in_full() -> None:
    found = convolve(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER, edges="valid")
    assert found[0, 0] == 7 + 4 + 3 - 3 - 3 - 2 == 6
    assert found.tolist() == [[6, -9, -8], [-3, -2, -3], [-3, 0, -2]]
    text = theory.explain_convolution(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER, (2, 2))
    assert "2·1 + 8·0 + 4·(−1)" in text
    assert text.endswith("= −2")


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, None), (3, 2), (2, 1)])
def test_pooling(size: int, stride: int | None) -> None:
    F, step = RANDOM.integers(-50, 50, (7, 9)), stride or size
    expected = [
        [F[i : i + size, j : j + size].max() for j in range(0, 9 - size + 1, step)]
        for i in range(0, 7 - size + 1, step)
    ]
    assert max_pool(F, size, stride).tolist() == expected


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, None), (3, 2), (2, 1)])
def test_the_gradient_of_pooling_goes_to_the_winners(size: int, stride: int | None) -> None:
    """By a loop over the windows: the first largest number of each, row by row; ties are frequent here."""
    F, step = RANDOM.integers(0, 5, (7, 9)), stride or size
    upstream = RANDOM.normal(size=max_pool(F, size, stride).shape)
    expected = np.zeros(F.shape)
    for i, j in np.ndindex(*upstream.shape):
        best = None
        for k in range(i * step, i * step + size):
            for m in range(j * step, j * step + size):
                if best is None or F[k, m] > F[best]:
                    best = (k, m)
        assert best is not None
        expected[best] += upstream[i, j]
    found = theory.max_pool_gradient(F, upstream, size, stride)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert found.sum() == pytest.approx(upstream.sum())
    figure = theory.pooling_figure(F, size, stride, gradient=upstream)
    drawn = np.array(
        [float(t.get_text().replace("−", "-")) for t in figure.axes[2].texts[: F.size]]
    )
    np.testing.assert_allclose(drawn, expected.ravel(), atol=0.005)


def test_all_positions_step_by_step() -> None:
    """Nine values, each the sum of the nine products that are written."""
    text = theory.explain_convolution(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER, at="all")
    parts = text.split("\n\n")
    assert len(parts) == 9
    for part, place in zip(parts, np.ndindex(3, 3), strict=True):
        assert part.startswith(f"f({place[0]}, {place[1]}) = ")
        products = re.findall(r"(\d+)·\(?(−?\d)\)?", part)
        assert len(products) == 9
        total = sum(int(a) * int(b.replace("−", "-")) for a, b in products)
        assert part.replace("−", "-").endswith(f"= {total}")
        window = theory.EXAMPLE_MATRIX[place[0] : place[0] + 3, place[1] : place[1] + 3]
        assert total == (window * theory.EDGE_FILTER).sum()
    assert text._repr_html_().startswith("<pre")
    figure = theory.convolution_steps_figure(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER)
    assert [axes.get_title() for axes in figure.axes] == [
        f"f({i}, {j}) = {v}".replace("-", "−")
        for (i, j), v in zip(np.ndindex(3, 3), (6, -9, -8, -3, -2, -3, -3, 0, -2), strict=True)
    ]


def test_pictures_with_colours_are_searched_in_their_greys() -> None:
    F = RANDOM.integers(0, 256, (12, 12, 3)).astype(float)
    figure = theory.response_figure(F, theory.EDGE_FILTER)
    grey = np.round(0.299 * F[..., 0] + 0.587 * F[..., 1] + 0.114 * F[..., 2])  # ITU-R BT.601
    response = formula(grey, theory.EDGE_FILTER, "zero")
    np.testing.assert_allclose(figure.axes[2].get_images()[0].get_array(), response)


BAD = {
    "even kernel": (
        lambda: convolve(np.eye(5), np.ones((2, 3))),
        r"`kernel` is 2 × 3; both sizes must be odd",
    ),
    "one axis": (lambda: convolve(np.ones(5), np.ones((3, 3))), r"`image` has shape \(5,\)"),
    "words": (lambda: convolve([["a"]], np.ones((1, 1))), r"`image` has dtype <U1"),
    "NaN": (lambda: convolve(np.full((3, 3), np.nan), np.ones((3, 3))), r"`image` holds NaN"),
    "NaN in the kernel": (
        lambda: convolve(np.eye(3), np.full((3, 3), np.nan)),
        r"`kernel` holds NaN",
    ),
    "edges": (lambda: convolve(np.eye(3), np.ones((3, 3)), edges="same"), r"`edges` \(='same'\)"),
    "ragged": (lambda: convolve([[1, 2], [3]], np.ones((1, 1))), r"`image` must be an array"),
    "empty": (lambda: convolve(np.ones((0, 3)), np.ones((1, 1))), r"`image` has shape \(0, 3\)"),
    "pool of 0": (lambda: max_pool(np.eye(3), 0), r"`size` \(=0\)"),
    "large pool": (lambda: max_pool(np.eye(3), 4), r"`size` \(=4\) is larger than the image"),
    "pool of colours": (lambda: max_pool(np.ones((4, 4, 3))), r"one channel"),
    "place": (
        lambda: theory.explain_convolution(np.eye(3), np.ones((3, 3)), (1, 0)),
        r"`at` \(=1\) must be an integer of at least 0 and at most 0",
    ),
    "gradient": (
        lambda: theory.max_pool_gradient(np.eye(4), np.ones((3, 2))),
        r"`gradient` has shape \(3, 2\); it must be that of the pooled picture, \(2, 2\)",
    ),
    "colours by hand": (
        lambda: theory.explain_convolution(np.ones((3, 3, 3)), np.ones((3, 3, 3))),
        r"`image` has 3 channels; it must have one",
    ),
    "too many steps": (
        lambda: theory.explain_convolution(np.ones((12, 12)), np.ones((1, 1)), "all"),
        r"the result has 144 values",
    ),
    "too many panels": (
        lambda: theory.convolution_steps_figure(np.ones((9, 9)), np.ones((3, 3))),
        r"49 values .* at most 16 values",
    ),
    "large figure": (
        lambda: theory.convolution_figure(np.ones((20, 20)), np.ones((3, 3))),
        r"at most 14",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((InvalidArgument, ShapeError), match=message):
        call()


FIGURES = {
    "example": lambda: theory.convolution_figure(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER),
    "zero edges": lambda: theory.convolution_figure(
        theory.EXAMPLE_MATRIX, theory.EDGE_FILTER, (4, 4), edges="zero"
    ),
    "patch": lambda: theory.convolution_figure(theory.CURVE_PATCH, theory.CURVE_FILTER),
    "response": lambda: theory.response_figure(
        theory.curve_drawing(), theory.CURVE_FILTER, "Curve"
    ),
    "no response": lambda: theory.response_figure(np.zeros((9, 9)), np.zeros((3, 3))),
    "pooling": lambda: theory.pooling_figure(RANDOM.integers(0, 100, (6, 8))),
    "gradient": lambda: theory.pooling_figure(
        RANDOM.integers(0, 100, (6, 8)), gradient=RANDOM.normal(size=(3, 4))
    ),
    "steps": lambda: theory.convolution_steps_figure(theory.EXAMPLE_MATRIX, theory.EDGE_FILTER),
    "steps with zero edges": lambda: theory.convolution_steps_figure(
        RANDOM.normal(size=(3, 4)), np.ones((5, 5)) / 25, edges="zero"
    ),
    "overlapping": lambda: theory.pooling_figure(RANDOM.integers(0, 100, (5, 5)), 3, 1),
}


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_legible(name: str, language: str) -> None:
    with speak(language):
        assert_legible(FIGURES[name]())


def test_figures_say_the_numbers() -> None:
    assert {"6600", "30", "50", "20"} <= set(texts(FIGURES["patch"]()))
    assert any("row 30, column 11" in text for text in texts(FIGURES["response"]()))
