"""What learners hand in to the exercises of L11–L25: right answers, and wrong ones with what must be said of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from exercise_answers import Answers, Wrong, s


def early(losses: Any, patience: int) -> tuple[int, int]:
    best, best_loss = 0, float("inf")
    for epoch, loss in enumerate(losses, 1):
        if loss < best_loss:
            best, best_loss = epoch, loss
        if epoch - best >= patience:
            return (epoch, best)
    return (epoch, best)


def late(losses: Any, patience: int) -> tuple[int, int]:
    """Counts an equal loss as a new best."""
    best, best_loss = 0, float("inf")
    for epoch, loss in enumerate(losses, 1):
        if loss <= best_loss:
            best, best_loss = epoch, loss
        if epoch - best >= patience:
            return (epoch, best)
    return (epoch, best)


def in_a_row(losses: Any, patience: int) -> tuple[int, int]:
    rises = 0
    for e in range(1, len(losses)):
        rises = rises + 1 if losses[e] > losses[e - 1] else 0
        if rises == patience:
            return e + 1, int(np.argmin(losses[: e + 1])) + 1
    return len(losses), int(np.argmin(losses)) + 1


def naive_loss(z: Any, y: Any) -> float:
    return -sum(y * np.log(s(z)) + (1 - y) * np.log(1 - s(z)))


def by_math(z: Any, y: Any) -> float:
    return sum(math.log(1 + math.exp(-one if label else one)) for one, label in zip(z, y, strict=True))  # fmt: skip


def stable(z: Any, y: Any) -> list[float]:
    """Object by object."""
    found = []
    for one, label in zip(z, y, strict=True):
        m = -one if label == 1 else one  # log(1 + e^m)
        found.append(m + math.log1p(math.exp(-m)) if m > 0 else math.log1p(math.exp(m)))
    return found


def clipped(z: Any, y: Any) -> float:
    a = np.clip(s(z), 1e-7, 1 - 1e-7)
    return float(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))


def slide(F: Any, G: Any, *, move: int = 1, edge: int = 0) -> Any:
    """The formula as it stands, s and t from the middle of G."""
    a, b = G.shape[0] // 2, G.shape[1] // 2
    F = np.pad(F, ((edge * a, edge * a), (edge * b, edge * b)))
    return np.array(
        [
            [
                sum(F[i + k, j + m] * G[k + a, m + b] for k in range(-a, a + 1) for m in range(-b, b + 1))
                for j in range(b, F.shape[1] - b, move)
            ]
            for i in range(a, F.shape[0] - a, move)
        ]
    )  # fmt: skip


def back(kernels: Any, strides: Any) -> int:
    """From the last layer to the first: n outputs need (n − 1) · stride + kernel inputs."""
    seen = 1
    for kernel, stride in zip(reversed(list(kernels)), reversed(list(strides)), strict=True):
        seen = (seen - 1) * stride + kernel
    return seen


def own_stride(kernels: Any, strides: Any) -> int:
    seen, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step = step * stride
        seen = seen + step * (kernel - 1)
    return seen


def route(picture: Any, g: Any, pick: Any = max, value: Any = None) -> Any:
    found = np.zeros(picture.shape)
    for i, j in np.ndindex(*picture.shape):
        window = picture[i // 2 * 2 : i // 2 * 2 + 2, j // 2 * 2 : j // 2 * 2 + 2]
        if picture[i, j] == pick(window.ravel()):
            found[i, j] = g[i // 2, j // 2] if value is None else value(picture[i, j], g[i // 2, j // 2])  # fmt: skip
    return found


def enlarged(g: Any) -> Any:
    return g.repeat(2, axis=0).repeat(2, axis=1)


def pooled(picture: Any) -> Any:
    return np.maximum.reduce([picture[i::2, j::2] for i in (0, 1) for j in (0, 1)])


SHAPES = [(26, 26, 8), (13, 13, 8), (11, 11, 16), (5, 5, 16), (400,), (10,)]


def shapes(place: int, shape: Any) -> list[Any]:
    """With one shape changed."""
    return [*SHAPES[:place], shape, *SHAPES[place + 1 :]]


NAN = float("nan")

RIGHT: Answers = {
    "L11": ["CDAB", "СДАВ", "СDАВ", "c, d, a, b", ["C", "D", "A", "B"], ("c", "d", "a", "b")],
    "L12": [early, lambda losses, patience: np.array(early(list(losses), patience))],
    "L12b": [0.125, math.sqrt(2 / 128), [0.125]],
    "L13": [
        lambda z, y: sum(stable(z, y)),
        lambda z, y: np.logaddexp(0, np.where(y == 1, -z, z)).sum(),
        lambda z, y: [np.sum(np.maximum(z, 0) - y * z + np.log1p(np.exp(-abs(z))))],
    ],
    "L14": [
        lambda u, kept, p: u * kept / (1 - p),
        lambda u, kept, p: [a / (1 - p) if k else 0.0 for a, k in zip(u, kept, strict=True)],
    ],
    "L15": [lambda z: z if z >= 0 else z / 10, lambda z: np.where(z > 0, z, 0.1 * z), lambda z: [max(z, 0.1 * z)]],
    "L15b": [
        lambda x, w1, b1, w2, b2: np.maximum(w1 @ x + b1, w2 @ x + b2),
        lambda x, w1, b1, w2, b2: max(np.stack([w1, w2]) @ x + [b1, b2]),
    ],
    "L16": [(233, 3, 1), [233.0, 3.0, 1.0], np.array([233, 3, 1])],
    "L17": [slide, lambda F, G: slide(F, G).tolist()],
    "L18": [[[1, 0, 0], [0, 0, 0], [0, 0, 1]], np.array([[1, 2, -1], [0, 0.5, 3], [0.5, 0, 1]])],
    "L19": [(-9, -2), [-9.0, -2.0]],
    "L20": [(16, 1216), [16.0, 1216], np.array([16, 1216])],
    "L21": [back, lambda k, s: 1 + sum((k - 1) * np.cumprod([1, *s[:-1]]))],
    "L22": [route, lambda picture, g: (picture == enlarged(pooled(picture))) * enlarged(g)],
    "L23": [lambda c: c.diagonal().sum() / c.sum(), lambda c: np.average(np.eye(len(c)), weights=c)],
    "L24": [SHAPES, tuple(SHAPES), [list(shape) for shape in SHAPES], [*SHAPES[:4], 400, 10]],
    "L25": [132863336, 132863336.0, [132_863_336]],
}  # fmt: skip

WRONG: Wrong = {
    "L11": [
        ("ADCB", "A is not the one that is paralysed: its σ′ is as large as it can be"),
        ("DCAB", "D is not the one that is paralysed: its Q falls in training while"),
        ("BDAC", "B is not the one that is paralysed: both its Q fall together"),
        ("CADB", "A is not the one that is overfitted: .*0.005"),
        ("CBAD", "B is not the one that is overfitted: .*fine"),
        ("CDBA", "B is not the one that is slow"),
        (["C", "A", "B", "D"], "A is not the one that is overfitted"),
        ("CDA", "Four letters"),
        ("CDAA", "a letter comes twice in CDAA"),
        ("CDEB", "There is no run E"),
        (("overfitted", "D", "A", "B"), "There is no run OVERFITTED"),
        ({"C": "paralysed"}, "Four letters"),
        (3, "Four letters are asked for, such as ABCD; this is 3"),
    ],
    "L12": [
        (lambda v, p: tuple(e - 1 for e in early(v, p)), "from 1, not from 0"),
        (lambda v, p: early(v, p)[::-1], "order is \\(stopped, best\\)"),
        (lambda v, p: early(v, p + 1), "one epoch too long"),
        (lambda v, p: early(v, p - 1), "one epoch too early"),
        (late, "equal loss is no new best"),
        (lambda v, p: (len(v), np.argmin(v) + 1), "You never stop"),
        (lambda v, p: (early(v, p)[0], np.argmin(v) + 1), "later ones never happen"),
        (in_a_row, "You count rises in a row"),
        (lambda v, p: (early(v, p)[0],) * 2, "its weights are restored"),
        (lambda v, p: (early(v, p)[0], min(v[: early(v, p)[0]])), "as an epoch, not as its loss"),
        (lambda v, p: early(v, p)[0], "Two numbers are asked for"),
        (lambda v, p: (early(v, p)[1] + p, early(v, p)[1]), "not `patience` later"),
        (lambda v, p: (v.index(min(v)), p), "AttributeError"),
    ],
    "L12b": [
        (0.015625, "this is the variance 2/n"),
        (0.0884, "√\\(1/n\\), right for a σ that lets all through"),
        (0.0078125, "variance 1/n"),
        (0.1768, "number of inputs, 128, not of neurons"),
        (0.03125, "and this is a variance"),
        (0.1021, "made for tanh"),
        (0.2165, "end of a uniform distribution"),
        (16, "turned over"),
        (0, "all neurons stay the same"),
        (1, "explodes"),
        (12.5, "in per cent"),
        (0.3, "too large"),
        (-0.125, "sign is the other way"),
        ("1/8", "is text"),
        (NAN, "not a finite number"),
    ],
    "L13": [
        (naive_loss, "right for moderate logits, but e\\^1000 overflows"),
        (by_math, "OverflowError: math range error.*right for moderate logits"),
        (lambda z, y: sum(stable(z, y)) / len(z), "This is the mean"),
        (lambda z, y: -sum(stable(z, y)), "minus before the sum"),
        (clipped, "Probabilities are clipped"),
        (lambda z, y: sum(np.logaddexp(0, -z) * y), "Only objects of class 1"),
        (lambda z, y: sum(np.logaddexp(0, z) * (1 - y)), "Only objects of class 0"),
        (lambda z, y: sum(stable(z, 1 - y)), "classes are exchanged"),
        (lambda z, y: sum(stable(z, y)) / math.log(2), "base 2"),
        (lambda z, y: sum(stable(z, y)) / math.log(10), "base 10"),
        (stable, "losses of the objects are not summed"),
        (lambda z, y: sum((s(z) - y) ** 2), "squared error"),
        (lambda z, y: naive_loss(z, y) / len(z), "This is the mean"),
    ],
    "L14": [
        (lambda u, kept, p: u * kept, "Not scaled"),
        (lambda u, kept, p: u * kept * (1 - p), "divide by 1 − p. \\(Times"),
        (lambda u, kept, p: u * kept / p, "divide by 1 − p, not by p"),
        (lambda u, kept, p: u * kept * p, "p is the share that is dropped"),
        (lambda u, kept, p: u * (kept == 0) / (1 - p), "mask is the other way round: 1"),
        (lambda u, kept, p: u * (kept == 0), "and nothing is scaled"),
        (lambda u, kept, p: u / (1 - p), "Nothing is dropped"),
        (lambda u, kept, p: u, "This is the layer in use"),
        (lambda u, kept, p: u[kept == 1] / (1 - p), "do not disappear"),
        (lambda u, kept, p: sum(u * kept / (1 - p)), "nothing may be summed away"),
        (lambda u, kept, p: u * kept / kept.mean(), "happens to keep"),
        (lambda u, kept, p: -u * kept / (1 - p), "always minus"),
        (lambda u, kept, p: u * np.random.binomial(1, 1 - p), "For u ="),  # noqa: NPY002
    ],
    "L15": [
        (lambda z: max(z, 0), "This is ReLU"),
        (lambda z: min(z, 0.1 * z), "slope 0.1 is on the wrong side"),
        (lambda z: max(z, 0.01 * z), "leak here is 0.01"),
        (abs, "This is \\|z\\|"),
        (lambda z: z if z > 0 else -0.1 * z, "0.1 z, not −0.1 z"),
        (lambda z: max(z, 0.1), "not a constant"),
        (lambda z: z, "This is z itself"),
        (lambda z: 1 if z > 0 else 0.1, "This is the derivative"),
        (lambda z: z if z > 0 else math.exp(z) - 1, "This is ELU"),
        (lambda z: 0.1 * z, "Above 0 it is z itself"),
        (math.tanh, "This is tanh"),
        (lambda z: z[z < 0], "your function stops with TypeError"),
        (lambda z: "big", "'big' is text"),
        (lambda z: -max(z, 0.1 * z), "always minus"),
    ],
    "L15b": [
        (lambda x, w1, b1, w2, b2: min(w1 @ x + b1, w2 @ x + b2), "smaller of the two"),
        (lambda x, w1, b1, w2, b2: (w1 + w2) @ x + b1 + b2, "are added"),
        (lambda x, w1, b1, w2, b2: max(w1 @ x, w2 @ x), "free terms are missing"),
        (lambda x, w1, b1, w2, b2: max(w1 @ x, w2 @ x) + b1 + b2, "its own sum"),
        (lambda x, w1, b1, w2, b2: sum(np.maximum(w1 * x + b1, w2 * x + b2)), "product by product"),
        (lambda x, w1, b1, w2, b2: np.maximum(w1 * x + b1, w2 * x + b2), "not summed"),
        (lambda x, w1, b1, w2, b2: max(0, w1 @ x + b1, w2 @ x + b2), "There is no 0"),
        (lambda x, w1, b1, w2, b2: max(0, w1 @ x + b1), "ReLU of the first sum"),
        (lambda x, w1, b1, w2, b2: w1 @ x + b1, "Only the first piece"),
        (lambda x, w1, b1, w2, b2: w2 @ x + b2, "Only the second piece"),
        (lambda x, w1, b1, w2, b2: np.mean([w1 @ x + b1, w2 @ x + b2]), "mean of the two"),
        (lambda x, w1, b1, w2, b2: np.maximum(w1, w2) @ x + max(b1, b2), "larger weights"),
        (lambda x, w1, w2, b1, b2: max(w1 @ x + b1, w2 @ x + b2), "For x = "),
    ],
    "L16": [
        ((97, 3, 1), "row and column are exchanged"),
        ((201, 3, 1), "rows and columns are counted from 0"),
        ((146, 3, 1), "Brightness: 146 — rows are counted from 0"),
        ((172, 3, 1), "Brightness: 172 — columns are counted from 0"),
        ((254, 3, 1), "brightest pixel, not the one"),
        ((233, 4, 2), "Row: 4 — rows are counted from 0.\nColumn: 2 — columns are counted"),
        ((233, 1, 3), "in another order; the order is: brightness, row, column"),
        ((233, 0, 5), "1 is the darkest"),
        ((233, 3, 3), "or the row of the brightest one.*\nRight: brightness, row"),
        ((233, 2, 3), "largest number of the whole grid"),
        ((233, 3), "3 numbers asked for"),
        ((233, 3, -1), "sign is the other way round"),
        ((233.5, 3, 1), "whole number"),
        (233, "3 numbers asked for \\(brightness, row, column\\); you give 1"),
    ],
    "L17": [
        (lambda F, G: slide(F, G[::-1, ::-1]), "You turn the filter over"),
        (lambda F, G: slide(F, G[::-1]), "upside down"),
        (lambda F, G: slide(F, G[:, ::-1]), "columns of the filter are turned"),
        (lambda F, G: slide(F, G, edge=1), "fill up with zeros at the edges; places"),
        (lambda F, G: slide(F, G) / G.size, "mean of the products"),
        (lambda F, G: slide(F, 0 * G + 1), "without the filter's numbers"),
        (lambda F, G: slide(F, G)[:-1, :-1], "last row and the last column"),
        (lambda F, G: np.maximum(slide(F, G), 0), "no ReLU"),
        (lambda F, G: slide(F, G, move=2), "You move by 2"),
        (lambda F, G: slide(F, G)[0, 0], "first place only"),
        (lambda F, G: slide(F, G).T, "transpose"),
        (lambda F, G: abs(slide(F, G)), "lost their sign"),
        (lambda F, G: F * G, "ValueError"),
        (lambda F, G: -slide(F, G), "always minus"),
    ],
    "L18": [
        (np.eye(3), "It is the first patch itself; but both patches are bright in the middle"),
        (50 * np.eye(3), "It is the first patch itself"),
        ([[0, 0, 1], [0, 0, 0], [1, 0, 0]], "filter for the other patch"),
        ([[-1, 0, 0], [0, 0, 0], [0, 0, -1]], "Turn the signs"),
        (np.zeros((3, 3)), "Zeros answer 0"),
        (np.ones((3, 3)), "how bright a patch is"),
        ([[0, 1, 0], [1, 0, 1], [0, 1, 0]], "your numbers add up to 0"),
        ([[1, 0, 0], [0, 1, 0], [1, 0, 1]], r"your filter has 0, 1, 1: they must add up to 0"),
        (np.eye(3)[::-1], r"Where the second patch is bright, your filter has 1, 1, 1"),
        ([[1, 0], [0, 1]], "3 × 3 numbers is asked for"),
        ([[1, 0, 0], [0, 0], [0, 0, 1]], "not of one length"),
        ([[NAN, 0, 0], [0, 0, 0], [0, 0, 1]], "must be finite"),
        ([[1, 0, 0], [0, 0, 0], [0, 0, -1]], "your numbers add up to 0"),
    ],
    "L19": [
        ((9, -2), "sign is the other way round: the left column"),
        ((-9, 2), "Last: 2 — the sign.*\nRight: second of the first row"),
        ((10, -2), "left column alone"),
        ((29, -2), "right column is added"),
        ((37, -2), "sum of the window without the filter"),
        ((-1, -2), "upper row of the window alone"),
        ((6, -2), "value of another place"),
        ((-2, -9), "in another order"),
        ((-9, 0), "middle row of the window alone"),
        ((5, -2), "number of the matrix"),
        ((-9, 13), "left column alone"),
        ((-9, 28), "right column is added"),
        (-9, "2 numbers asked for"),
        ((-9.5, -2), "whole number"),
        ((100, 100), "too large.*\n.*too large"),
    ],
    "L20": [
        ((14, 1216), "padding is missing"),
        ((15, 1216), "last \\+ 1 is missing"),
        ((32, 1216), "stride is missing"),
        ((17, 1216), "rounded up"),
        ((28, 1216), "both padding and stride"),
        ((16, 1200), "each filter has a free term too"),
        ((16, 416), "goes through all 3 channels of the input: it has"),
        ((16, 400), "through all 3 channels of the input, and has"),
        ((16, 76), "this is one filter; there are 16"),
        ((16, 75), "one filter, without its free term"),
        ((16, 4096), "these are the outputs"),
        ((1216, 16), "in another order; the order is: side, parameters"),
        ((15, 1200), "last \\+ 1.*\n.*free term too"),
        (16, "2 numbers asked for"),
    ],
    "L21": [
        (lambda k, s: 1 + sum(k - 1), "Strides are not used"),
        (lambda k, s: sum(k), "fields are summed"),
        (lambda k, s: math.prod(int(v) for v in k), "sizes are multiplied"),
        (own_stride, "own stride does not widen"),
        (lambda k, s: max(k), "largest window alone"),
        (lambda k, s: k[-1], "last layer's window on its own input"),
        (lambda k, s: k[0], "first layer's window"),
        (lambda k, s: back(k, s) - 1, "the field begins with 1"),
        (lambda k, s: 1 + sum((k - 1) * s), "Strides multiply up"),
        (lambda k, s: math.prod(int(v) for v in s), "product of strides"),
        (lambda k, s: back(k, s) ** 2, "not its area"),
        (lambda k, s: back(k, s) + 5, "always 5 more"),
        (lambda k, s: back(s, k), r"You take the arguments as \(strides, kernels\)"),
        (lambda k, s: k, "Several numbers came where one is asked"),
    ],
    "L22": [
        (lambda p, g: enlarged(g), "whole gradient; only the largest"),
        (lambda p, g: enlarged(g) / 4, "mean pooling"),
        (lambda p, g: route(p, g, value=lambda x, d: 1), "winners get 1"),
        (lambda p, g: route(p, g, value=lambda x, d: x), "keep their own numbers"),
        (lambda p, g: route(p, g, value=lambda x, d: x * d), "slope of the maximum at the winner is 1"),
        (lambda p, g: route(p, g, pick=min), "smallest number of each window"),
        (lambda p, g: enlarged(g) * (p == p.max()), "largest number of the whole picture"),
        (lambda p, g: enlarged(g) - route(p, g), "all but the winners"),
        (lambda p, g: pooled(p), "This is the pooled picture"),
        (lambda p, g: g, "must have the shape of the picture"),
        (lambda p, g: 0 * p, "All zeros"),
        (lambda p, g: -route(p, g), "always minus"),
        (lambda p, g: p * enlarged(g), "not times the pixel"),
        (lambda p, g: p * g, "ValueError"),
    ],
    "L23": [
        (lambda c: 1 - c.trace() / c.sum(), "share of wrong answers"),
        (lambda c: np.mean([c[k][k] / sum(c[k]) for k in range(len(c))]), "balanced accuracy"),
        (lambda c: np.mean([c[k][k] / sum(c[:, k]) for k in range(len(c))]), "mean precision"),
        (lambda c: 100 * c.trace() / c.sum(), "In per cent"),
        (lambda c: c.trace(), "number of right answers; divide"),
        (lambda c: c.trace() / len(c) ** 2, "number of cells"),
        (lambda c: c.trace() / len(c), "number of classes"),
        (lambda c: c[::-1].trace() / c.sum(), "other diagonal"),
        (lambda c: c.diagonal() / c.sum(), "diagonal is not summed"),
        (lambda c: [c[k][k] / sum(c[k]) for k in range(len(c))], "shares class by class"),
        (lambda c: c[0][0] / c.sum(), "first class alone"),
        (lambda c: c.max(axis=1).sum() / c.sum(), "take the diagonal"),
        (lambda c: c.sum() / c.trace(), "Turned over"),
        (lambda c: c.trace() / (c.sum() - c.trace()), "right to wrong"),
    ],
    "L24": [
        (shapes(0, (28, 28, 8)), "without padding a filter of 3 loses"),
        (shapes(0, (27, 27, 8)), "loses 2 pixels in all"),
        (shapes(0, (25, 25, 8)), r"\+ 1 is missing"),
        (shapes(0, (26, 26, 1)), "as many channels as it has filters"),
        (shapes(0, (8, 26, 26)), "channels come last"),
        (shapes(0, (26, 26)), "three sides"),
        (shapes(1, (26, 26, 8)), "MaxPool2D.*pooling by 2 halves the sides"),
        (shapes(1, (13, 13, 4)), "channel by channel"),
        (shapes(3, (6, 6, 16)), "rounded up"),
        (shapes(4, (25,)), "channels count too"),
        (shapes(4, (5, 5, 16)), "one axis, with all numbers"),
        (shapes(5, (400, 10)), "a number for each neuron"),
        (shapes(5, (400,)), "as many outputs as neurons"),
        (SHAPES[:5], "Six shapes are asked for"),
        (shapes(2, (11, 11, 24)), "as many channels as it has filters"),
        (shapes(2, None), "nothing \\(None\\)"),
    ],
    "L25": [
        (132_851_392, "the free terms are missing: one for each"),
        (9_220_480, "convolutions alone; most"),
        (123_642_856, "dense layers alone"),
        (132_860_584, "free terms of the filters"),
        (132_854_144, "free terms of the dense layers"),
        (138_357_544, "VGG-16"),
        (133_047_848, "VGG-13"),
        (143_667_240, "VGG-19"),
        (128_766_336, "the last layer, 4096 to 1000"),
        (132_862_184, "3 channels, not 1"),
        (132_863_335, "too small"),
        (133e6, "too large"),
        ("132863336", "is text"),
        (32_200_040, "sees 7 · 7 · 512 numbers, not 512"),
        (132_868_840, "batch normalisation is not asked for"),
    ],
}  # fmt: skip
