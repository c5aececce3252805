"""Exercises to L21–L25: what a neuron sees, pooling, accuracy, shapes and parameters of convolutional networks."""

from __future__ import annotations

import numpy as np

from sloy import text
from sloy.language import say
from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake
from sloy.lecture.exercises.learner import Wrong, numbers, shown
from sloy.lecture.exercises.values import Numbers, Part

__all__ = ["EXERCISES"]


def _field(kernels: np.ndarray, strides: np.ndarray) -> int:
    """Pixels that a neuron of the last layer sees along a side: each layer adds (k − 1) of its inputs' steps."""
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field, step = field + (kernel - 1) * step, step * stride
    return field


def _own_stride(kernels: np.ndarray, strides: np.ndarray) -> int:
    """Mistaken: a layer's own stride counts for it already."""
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        field += (kernel - 1) * step
    return field


def _layer_cases(random: np.random.Generator) -> list[Case]:
    del random  # networks that one meets: two convolutions, with pooling between, with strides
    lists = (([3, 5], [1, 1]), ([3, 2, 3], [1, 2, 1]), ([5, 2, 5, 2], [1, 2, 1, 2]), ([7, 3, 3, 2, 3], [2, 1, 1, 2, 1]))  # fmt: skip
    return [(np.array(kernels), np.array(strides)) for kernels, strides in lists]


FIELD = FunctionOf(
    ("kernels", "strides"),
    _field,
    _layer_cases,
    (
        Mistake(lambda k, s: 1 + np.sum(k - 1), "Strides are not used: behind a stride of 2 neighbours are 2 pixels apart."),
        Mistake(lambda k, s: np.sum(k), "The fields are summed; neighbouring windows overlap: a layer adds k − 1, not k."),
        Mistake(lambda k, s: np.prod(k), "The sizes are multiplied; windows overlap: a layer adds (k − 1) steps of its inputs."),
        Mistake(_own_stride, "A layer's own stride does not widen its own window: only the strides before it do."),
        Mistake(lambda k, s: _field(k[::-1], s[::-1]), "The layers are taken from the last to the first; with this rule begin at the first."),
        Mistake(lambda k, s: np.max(k), "This is the largest window alone."),
        Mistake(lambda k, s: k[-1], "This is the last layer's window on its own input, not on the picture."),
        Mistake(lambda k, s: k[0], "This is the first layer's window; deeper neurons see more."),
        Mistake(lambda k, s: _field(k, s) - 1, "One too few: before the first layer a neuron is one pixel, the field begins with 1."),
        Mistake(lambda k, s: 1 + np.sum((k - 1) * s), "Strides multiply up: what counts for a layer is the product of all strides before it."),
        Mistake(lambda k, s: 1 + np.sum((k - 1) * np.concatenate([[1], s[:-1]])), "Only the stride just before a layer is used; they multiply up, layer by layer."),
        Mistake(lambda k, s: np.prod(s), "This is the product of strides: how far apart neighbours are, not how much each sees."),
        Mistake(lambda k, s: _field(k, s) ** 2, "The side of the field is asked for, not its area."),
        Mistake(lambda k, s: 1 + np.sum(k * np.concatenate([[1], np.cumprod(s)[:-1]])), "A layer adds k − 1 steps, not k: its first input is there already."),
    ),
)  # fmt: skip


def _windows(picture: np.ndarray) -> np.ndarray:
    """2 × 2 windows, (H/2, W/2, 4)."""
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    return (
        picture.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows, columns, 4)
    )  # (rows, columns, 4)


def _whole(windows: np.ndarray) -> np.ndarray:
    """The picture of windows."""
    rows, columns, _ = windows.shape
    return windows.reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3).reshape(2 * rows, 2 * columns)


def _winners(picture: np.ndarray) -> np.ndarray:
    """1 at the largest number of each window, elsewhere 0."""
    windows = _windows(picture)
    return _whole((windows == windows.max(axis=-1, keepdims=True)).astype(float))


def _spread(g: np.ndarray) -> np.ndarray:
    return np.kron(g, np.ones((2, 2)))


def _pool_cases(random: np.random.Generator) -> list[Case]:
    return [
        (random.permutation(np.arange(1.0, h * w + 1)).reshape(h, w), random.normal(size=(h // 2, w // 2)).round(1))
        for h, w in ((2, 4), (4, 4), (6, 4))
    ]  # fmt: skip


POOLING = FunctionOf(
    ("picture", "g"),
    lambda x, g: _winners(x) * _spread(g),
    _pool_cases,
    (
        Mistake(lambda x, g: _spread(g), "Every pixel of a window gets the whole gradient; only the largest one went on."),
        Mistake(lambda x, g: _spread(g) / 4, "The gradient is shared out, as mean pooling does; here the largest takes it all."),
        Mistake(lambda x, g: _winners(x), "The winners get 1; they get the gradient of their window."),
        Mistake(lambda x, g: _winners(x) * x, "The winners keep their own numbers; it is the gradient that goes back."),
        Mistake(lambda x, g: _winners(x) * x * _spread(g), "The gradient is multiplied with the pixel; the slope of the maximum at the winner is 1."),
        Mistake(lambda x, g: _winners(-x) * _spread(g), "It goes to the smallest number of each window; the largest one went on."),
        Mistake(lambda x, g: (x == x.max()) * _spread(g), "It goes to the largest number of the whole picture; each window has a winner of its own."),
        Mistake(lambda x, g: (1 - _winners(x)) * _spread(g), "It goes to all but the winners."),
        Mistake(lambda x, g: _windows(x).max(axis=-1), "This is the pooled picture, the way forward; the gradient goes back to the picture's pixels."),
        Mistake(lambda x, g: g, "The gradient must have the shape of the picture: one number for each pixel."),
        Mistake(lambda x, g: _winners(x) * np.tile(g, (2, 2)), "The gradients are laid out over the wrong windows: pixel (i, j) is in window (i // 2, j // 2)."),
        Mistake(lambda x, g: _winners(x) * np.abs(_spread(g)), "The gradient keeps its sign."),
        Mistake(lambda x, g: x * _spread(g), "Only the winners get it, and as it is: not times the pixel."),
        Mistake(lambda x, g: np.zeros_like(x), "All zeros: the winners get the gradient of their window."),
        Mistake(lambda x, g: _whole(np.eye(4)[np.zeros(g.shape, int)]) * _spread(g), "It always goes to the upper left pixel; the largest one of the window gets it."),
    ),
)  # fmt: skip


def _count_cases(random: np.random.Generator) -> list[Case]:
    first = np.array([[8.0, 2.0], [1.0, 4.0]])
    more = [random.integers(0, 30, (K, K)) + np.diag(random.integers(20, 200, K)) for K in (3, 4)]
    more[0][0, 1] = more[0][0, 0] + 15  # a class that is mostly mistaken
    return [(first,), *((counts.astype(float),) for counts in more)]


ACCURACY = FunctionOf(
    ("counts",),
    lambda c: np.trace(c) / c.sum(),
    _count_cases,
    (
        Mistake(lambda c: 1 - np.trace(c) / c.sum(), "This is the share of wrong answers."),
        Mistake(lambda c: np.mean(np.diag(c) / c.sum(axis=1)), "This is the mean of the classes' shares (balanced accuracy): rare classes count as much as common ones."),
        Mistake(lambda c: np.mean(np.diag(c) / c.sum(axis=0)), "This is the mean precision of the classes."),
        Mistake(lambda c: 100 * np.trace(c) / c.sum(), "In per cent; a share between 0 and 1 is asked for."),
        Mistake(lambda c: np.trace(c), "This is the number of right answers; divide by that of all."),
        Mistake(lambda c: c.sum(), "This is the number of all objects."),
        Mistake(lambda c: np.trace(c) / c.size, "Divided by the number of cells; divide by the number of objects, the sum of all counts."),
        Mistake(lambda c: np.trace(c) / len(c), "Divided by the number of classes; divide by the number of objects, the sum of all counts."),
        Mistake(lambda c: c.max() / c.sum(), "Only the largest cell counts here; right answers are the whole diagonal."),
        Mistake(lambda c: np.trace(c[::-1]) / c.sum(), "This is the other diagonal; right answers lie on the main one, where class and answer are the same."),
        Mistake(lambda c: np.trace(c) / (c.sum() - np.trace(c)), "This is right to wrong; divide by all, right and wrong."),
        Mistake(lambda c: c.max(axis=1).sum() / c.sum(), "The largest count of each row is not always the right class: take the diagonal."),
        Mistake(lambda c: np.diag(c) / c.sum(axis=1), "These are the shares class by class (recall); one number for all objects is asked for."),
        Mistake(lambda c: np.diag(c) / c.sum(axis=0), "These are the precisions class by class; one number for all objects is asked for."),
        Mistake(lambda c: np.diag(c) / c.sum(), "The diagonal is not summed."),
        Mistake(lambda c: c[0, 0] / c.sum(), "This is the first class alone."),
        Mistake(lambda c: c[0, 0] / c[0].sum(), "This is the first class alone."),
        Mistake(lambda c: c.sum() / np.trace(c), "Turned over: right answers are divided by all, not all by right ones."),
    ),
)  # fmt: skip

LAYERS = ("Conv2D(8, 3)", "MaxPool2D(2)", "Conv2D(16, 3)", "MaxPool2D(2)", "Flatten()", "Dense(10)")
SHAPES: tuple[tuple[int, ...], ...] = (
    (26, 26, 8), (13, 13, 8), (11, 11, 16), (5, 5, 16), (400,), (10,),
)  # fmt: skip


def _shapes(answer: object) -> None:
    if not isinstance(answer, tuple | list | np.ndarray) or len(answer) != len(SHAPES):
        raise Wrong(
            say("Six shapes are asked for, one behind each layer; this is {value}.", value=shown(answer))
        )  # fmt: skip
    for place, (layer, right) in enumerate(zip(LAYERS, SHAPES, strict=True)):
        given = numbers(answer[place]).ravel()
        if not np.isfinite(given).all() or (given != given.astype(int)).any():
            raise Wrong(say("{layer}: sides are whole numbers.", layer=layer))
        shape = tuple(int(side) for side in given)
        if shape != right:
            before = (28, 28, 1) if place == 0 else SHAPES[place - 1]
            fact = say("{layer} makes something else than {shape} of {before}:", layer=layer, shape=text.shape(shape), before=text.shape(before))  # fmt: skip
            raise Wrong(f"{fact} {_why_not_shape(layer, shape, right, before)}")


def _why_not_shape(
    layer: str, shape: tuple[int, ...], right: tuple[int, ...], before: tuple[int, ...]
) -> str:
    if len(shape) != len(right):
        if layer == "Flatten()":
            return say("behind it there is one axis, with all numbers in it.")
        if layer.startswith("Dense"):
            return say("behind it there is one axis: a number for each neuron.")
        return say("a picture has three sides: height, width, channels.")
    if layer == "Flatten()":
        if shape[0] == before[0] * before[1]:
            return say("channels count too: height times width times channels.")
        return say("it keeps all numbers: height times width times channels.")
    if layer.startswith("Dense"):
        return say("it has as many outputs as neurons.")
    if shape[::-1] == right or shape[1:] + shape[:1] == right:
        return say("channels come last.")
    if shape[:2] == right[:2]:
        if layer.startswith("Conv"):
            return say("a convolution makes as many channels as it has filters.")
        return say("pooling goes channel by channel, and keeps their number.")
    if layer.startswith("Conv"):
        if shape[:2] == before[:2]:
            return say("without padding a filter of 3 loses a pixel on each side.")
        if shape[0] == before[0] - 1:
            return say("a filter of 3 loses 2 pixels in all, one on each side.")
        if shape[0] == before[0] - 3:
            return say("a filter of 3 has 28 − 3 + 1 places: + 1 is missing.")
        return say("a side of n becomes n − 3 + 1.")
    if shape[:2] == before[:2]:
        return say("pooling by 2 halves the sides.")
    if shape[0] == right[0] + 1:
        return say("rounded up; a window that does not fit is left out: round down.")
    return say("pooling by 2 halves the sides, rounded down.")


VGG11 = ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512))
DENSE = ((7 * 7 * 512, 4096), (4096, 4096), (4096, 1000))
CONVOLUTIONS = sum(9 * i * o + o for i, o in VGG11)
TOTAL = CONVOLUTIONS + sum(i * o + o for i, o in DENSE)
TERMS = sum(o for _, o in (*VGG11, *DENSE))

VGG = Numbers(
    (
        Part("parameters", TOTAL, (
            (TOTAL - TERMS, "the free terms are missing: one for each filter and each neuron."),
            (CONVOLUTIONS, "these are the convolutions alone; most of the parameters are in the dense layers."),
            (TOTAL - CONVOLUTIONS, "these are the dense layers alone."),
            (CONVOLUTIONS - sum(o for _, o in VGG11), "these are the convolutions alone, and without free terms."),
            (TOTAL - sum(o for _, o in VGG11), "the free terms of the filters are missing."),
            (TOTAL - sum(o for _, o in DENSE), "the free terms of the dense layers are missing."),
            (TOTAL - 4096 * 1000 - 1000, "the last layer, 4096 to 1000, is missing."),
            (TOTAL - 4096 * 4096 - 4096, "the second dense layer, 4096 to 4096, is missing."),
            (TOTAL - (7 * 7 - 1) * 512 * 4096, "the first dense layer sees 7 · 7 · 512 numbers, not 512."),
            (TOTAL + (14 * 14 - 7 * 7) * 512 * 4096, "there are five poolings: 224 becomes 7, not 14."),
            (TOTAL - 9 * 64 * 2, "the picture has 3 channels, not 1."),
            (138_357_544, "this is VGG-16."),
            (133_047_848, "this is VGG-13."),
            (143_667_240, "this is VGG-19."),
            (TOTAL + 2 * sum(o for _, o in VGG11), "batch normalisation is not asked for."),
            (CONVOLUTIONS / 9, "a filter of 3 × 3 has nine weights for each channel."),
        )),
    ),
)  # fmt: skip

EXERCISES = (
    Exercise(
        name="L21",
        title="The receptive field",
        task="Write a function that says how many pixels along a side a neuron of the last layer sees. The layers, convolutions and poolings, come from the first to the last: kernels are the sides of their windows, strides how far they move (two arrays of one length).",
        formula="kernels = [3, 2, 3], strides = [1, 2, 1]:   3, then 4, then 8 pixels",
        form="def answer(kernels, strides):\n    return ...",
        judge=FIELD,
        tips=(
            "A neuron of a layer sees k inputs of it. How far apart are these inputs, in pixels?",
            "Keep two numbers: the field, first 1, and the step between neighbours, first 1.",
            "Each layer: field += (k − 1) · step, and after that step *= stride.",
        ),
        solution="""\
def answer(kernels, strides):
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides):
        field += (kernel - 1) * step
        step *= stride
    return field
""",
    ),
    Exercise(
        name="L22",
        title="Where the gradient of max pooling goes",
        task="Max pooling by 2 × 2 windows makes H/2 × W/2 numbers of an H × W picture. g holds the gradient by these; return the gradient by the picture's pixels, H × W. (No two pixels are equal.)",
        form="def answer(picture, g):\n    return ...",
        judge=POOLING,
        tips=(
            "If a pixel that is not the largest of its window changes a little, what changes behind the pooling?",
            "The slope of the maximum is 1 at the largest and 0 at the others.",
        ),
        solution="""\
import numpy as np


def answer(picture, g):
    found = np.zeros(picture.shape)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            window = picture[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            k, l = np.unravel_index(window.argmax(), (2, 2))
            found[2 * i + k, 2 * j + l] = g[i, j]
    return found
""",
    ),
    Exercise(
        name="L23",
        title="Accuracy from a confusion matrix",
        task="In a confusion matrix, row k and column m count the objects of class k that were taken for m. Write a function that finds the accuracy: the share of right answers among all.",
        form="def answer(counts):\n    return ...",
        judge=ACCURACY,
        tips=(
            "Where do the right answers stand?",
            "The sum of the diagonal is `np.trace(counts)`.",
        ),
        solution="def answer(counts):\n    return sum(counts[k][k] for k in range(len(counts))) / sum(map(sum, counts))\n",
    ),
    Exercise(
        name="L24",
        title="Shapes through a network",
        task="A picture of 28 × 28 × 1 goes through these layers; the convolutions have no padding and stride 1. Which shape has it behind each of them?",
        formula="\n".join(LAYERS),
        form="answer = [(..., ..., ...), (..., ..., ...), (..., ..., ...), (..., ..., ...), (...,), (...,)]",
        judge=_shapes,
        tips=(
            "A filter of 3 has 28 − 3 + 1 places along a side of 28.",
            "A convolution makes as many channels as it has filters; pooling keeps them and halves the sides, rounded down.",
        ),
        solution="answer = [(26, 26, 8), (13, 13, 8), (11, 11, 16), (5, 5, 16), (400,), (10,)]\n",
    ),
    Exercise(
        name="L25",
        title="Count the parameters of VGG-11",
        task="VGG-11 takes pictures of 224 × 224 × 3. Its convolutions are 3 × 3 with padding, the numbers of their filters stand below, M is max pooling by 2; then come dense layers of 4096, 4096 and 1000 neurons. Filters and neurons have free terms. How many parameters has it?",
        formula="64 M 128 M 256 256 M 512 512 M 512 512 M   4096 4096 1000",
        form="answer = ...",
        judge=VGG,
        tips=(
            "A convolution from I to O channels has 9 · I · O weights and O free terms; pooling has none.",
            "Padding keeps the sides and five poolings halve them: 224, 112, 56, 28, 14, 7.",
            "The first dense layer sees 7 · 7 · 512 numbers.",
        ),
        solution="""\
channels = [3, 64, 128, 256, 256, 512, 512, 512, 512]
units = [7 * 7 * 512, 4096, 4096, 1000]
answer = sum(9 * i * o + o for i, o in zip(channels, channels[1:]))
answer += sum(i * o + o for i, o in zip(units, units[1:]))
""",
    ),
)  # fmt: skip
