"""Depthwise convolutions and the convolutions of one pixel around them in one kernel: the numbers of each by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from instructions import run_instruction
from sloy.engines.native import NativeEngine
from sloy.engines.native.engine import NativeExecutable
from sloy.graph import Graph, Tensor, input
from sloy.graph.opdef import REGISTRY
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import clip, relu

ONE = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}


@dataclass(frozen=True)
class Case:
    """Channels of x, of the maps between and of y; None where the first or the last stage is missing."""

    size: tuple[int, int]
    channels: tuple[int | None, int, int | None]
    window: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (1, 1, 1, 1)
    residual: bool = False
    samples: int = 2


CASES = [
    Case((9, 11), (8, 48, 16)),
    Case((9, 11), (16, 96, 16), residual=True),
    Case((31, 12), (8, 40, 24), stride=(2, 2), padding=(0, 1, 0, 1)),
    Case((23, 5), (12, 37, 9), window=(5, 5), padding=(2, 2, 2, 2)),
    Case((14, 14), (None, 32, 16)),
    Case((14, 14), (24, 72, None), stride=(2, 1)),
    Case((40, 7), (8, 33, 17), window=(7, 3), stride=(3, 2), padding=(3, 0, 1, 2), samples=1),
    Case((6, 130), (9, 64, 8), samples=5),
    Case((1, 1), (8, 16, 8)),
    Case((64, 3), (16, 520, 16), samples=1, padding=(4, 4, 1, 1), window=(5, 3)),
    # lines of weights that fall into few cache sets, and fewer pixels at the end than a block of a product
    Case((28, 28), (32, 192, 64), stride=(2, 2)),
    Case((15, 13), (64, 384, 128)),
    Case((10, 10), (80, 256, 256), samples=1),
    Case((9, 9), (None, 640, 64), samples=3),
    Case((17, 11), (96, 512, None), samples=1),
]


def _expected(x: np.ndarray, stages: list[tuple[str, list[np.ndarray]]], case: Case) -> np.ndarray:
    """By the meaning of each op; small integers, whose sums are exact."""
    for name, (w, *vectors) in stages:
        attributes = ONE
        if name == "depthwise":
            attributes = {**ONE, "stride": case.stride, "padding": case.padding, "groups": w.shape[-1]}  # fmt: skip
        x = REGISTRY["conv2d"].reference([x, w], attributes)
        bias, scale, *residual = vectors
        x = x * scale + bias
        for added in residual:
            x = x + added
        if name != "project":
            x = np.clip(x, 0, 6)
    return np.asarray(x)


def _operands(case: Case) -> tuple[np.ndarray, list[tuple[str, list[np.ndarray]]]]:
    rng = np.random.default_rng(7)

    def numbers(*shape: int) -> np.ndarray:
        return rng.integers(-2, 3, shape).astype(np.float32)

    first, middle, last = case.channels
    x = numbers(case.samples, *case.size, first or middle)
    stages: list[tuple[str, list[np.ndarray]]] = []
    if first is not None:
        stages.append(("expand", [numbers(1, 1, first, middle), numbers(middle), numbers(middle)]))
    stages.append(("depthwise", [numbers(*case.window, 1, middle), numbers(middle), numbers(middle)]))  # fmt: skip
    if last is not None:
        stages.append(("project", [numbers(1, 1, middle, last), numbers(last), numbers(last)]))
        if case.residual:
            shape = _expected(x, stages, case).shape
            stages[-1][1].append(numbers(*shape))
    return x, stages


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_stages_give_the_numbers_of_each_by_itself(case: Case, threads: int) -> None:
    x, stages = _operands(case)
    expected = _expected(x, stages, case)
    words = [
        f"{name} bias scale" + (" residual" if len(operands) == 4 else "") + (" relu6" * (name != "project"))
        for name, operands in stages
    ]  # fmt: skip
    attributes = {"stride": case.stride, "padding": case.padding, "program": "; ".join(words)}
    operands = [x, *(operand for _, each in stages for operand in each)]
    (y,) = run_instruction(
        "conv2d_separable", operands, [(expected.shape, "float32")], attributes, threads=threads
    )
    np.testing.assert_array_equal(y, expected)


def _block(x: Tensor, case: Case, *, residual: bool) -> tuple[Tensor, list[Tensor]]:
    first, middle, last = case.channels
    assert first is not None
    assert last is not None
    weights = [
        input("expand", (1, 1, first, middle)),
        input("depthwise", (*case.window, 1, middle)),
        input("project", (1, 1, middle, last)),
    ]
    wide = clip(conv2d(x, weights[0]), 0.0, 6.0)
    middle_maps = relu(conv2d(wide, weights[1], padding="same", groups=middle))
    y = conv2d(middle_maps, weights[2])
    return (y + x if residual else y), [wide, middle_maps]


@pytest.mark.parametrize("outputs", ["none", "wide", "middle"])
def test_a_graph_is_joined_where_nothing_else_reads_what_lies_between(outputs: str) -> None:
    case = Case((64, 64), (16, 64, 16), samples=4)
    x = input("x", (case.samples, *case.size, 16))
    y, between = _block(x, case, residual=True)
    kept = {"none": {}, "wide": {"wide": between[0]}, "middle": {"middle": between[1]}}[outputs]
    graph, apart = Graph.of({"y": y, **kept}), Graph.of({"y": y, "a": between[0], "b": between[1]})
    rng = np.random.default_rng(3)
    values = {
        name: rng.standard_normal(spec.shape, np.float32) for name, spec in graph.inputs.items()
    }
    joined = NativeEngine(2).compile(graph, {})
    assert isinstance(joined, NativeExecutable)
    kernels = [step.kernel for step in joined.plan.steps]
    stages = {"none": 3, "wide": 2, "middle": 2}[outputs]
    assert kernels.count("conv2d_separable") == 1
    assert kernels.count("conv2d") == 3 - stages
    found = NativeEngine(2).compile(apart, {}).run(values)
    for name, value in joined.run(values).items():
        same = {"y": "y", "wide": "a", "middle": "b"}[name]
        np.testing.assert_array_equal(value, found[same])


def test_small_maps_stay_apart() -> None:
    case = Case((14, 14), (16, 64, 16), samples=4)
    y, _ = _block(input("x", (4, 14, 14, 16)), case, residual=False)
    executable = NativeEngine(1).compile(Graph.of({"y": y}), {})
    assert isinstance(executable, NativeExecutable)
    assert [step.kernel for step in executable.plan.steps] == ["conv2d"] * 3


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("widen; depthwise", "no stage is named `widen`"),
        ("expand", "operands are missing|do not fit"),
        ("depthwise bias", "operands are missing"),
        ("depthwise; depthwise", "operands are missing"),
    ],
)
def test_programs_that_fit_no_operands_are_refused(program: str, message: str) -> None:
    attributes = {"stride": (1, 1), "padding": (0, 0, 0, 0), "program": program}
    x, w = np.zeros((1, 4, 4, 16), np.float32), np.zeros((1, 1, 1, 16), np.float32)
    with pytest.raises(ValueError, match=message):
        run_instruction("conv2d_separable", [x, w], [(x.shape, "float32")], attributes)
