"""Resize and Upsample: modes, grids and roundings, all with all, by scales and by sizes, in opsets that changed them.

onnxruntime is followed everywhere. Where ONNX's reference has other numbers, `differs` says why; nowhere else it may.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from available import available
from sloy import ops
from sloy.graph import Graph

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

X = np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype(np.float32)
CLOSE = 1e-5
OPSETS = (11, 13, 18, 19, 23)
GRIDS = (
    "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)  # fmt: skip
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
FACTORS = ((2.0, 2.0), (1.5, 0.6), (0.5, 3.0), (0.3, 1.0), (2.6, 0.8), (1 / 3, 2 / 3))
SIZES = ((10, 4), (3, 7), (1, 9), (5, 1))
REGION = (0.0, 0.0, 0.2, -0.1, 1.0, 1.0, 0.9, 0.8)


@dataclass(frozen=True)
class Case:
    """One node: scales or sizes of H and W."""

    opset: int
    attributes: dict[str, Any]
    scales: tuple[float, float] | None = None
    sizes: tuple[int, int] | None = None
    op: str = "Resize"
    region: tuple[float, ...] = field(default=())

    def node(self, k: int) -> tuple[Any, list[Any]]:
        """The k-th node of a graph, with its operands."""
        weights, inputs, said = [], ["x"], dict(self.attributes)

        def add(name: str, values: Any, dtype: Any) -> None:
            weights.append(numpy_helper.from_array(np.array(values, dtype), f"{name}{k}"))
            inputs.append(f"{name}{k}")

        scales = (1.0, 1.0, *self.scales) if self.scales else ()
        if self.op == "Upsample" and self.opset < 9:
            said["scales"] = list(scales)
        elif self.opset < 11:
            add("scales", scales, np.float32)
        else:
            add("region", self.region, np.float32)
            add("scales", scales, np.float32)
            if self.sizes:
                add("sizes", (*X.shape[:2], *self.sizes), np.int64)
        return helper.make_node(self.op, inputs, [f"y{k}"], **said), weights

    def __str__(self) -> str:
        said = " ".join(str(v) for v in self.attributes.values())
        return f"{self.op} {self.opset} {said} {self.scales or self.sizes}"


def old(opset: int) -> Iterator[Case]:
    """Before opset 11 there are no grids."""
    for scales in FACTORS:
        for mode in ("nearest", "linear"):
            if opset == 10:
                yield Case(10, {"mode": mode}, scales)
            elif min(scales) >= 1:
                yield Case(opset, {"mode": mode}, scales, op="Upsample")


def grids(opset: int) -> tuple[str, ...]:
    """Those of an opset."""
    unknown = (
        {"half_pixel_symmetric"}
        if opset < 19
        else {"tf_half_pixel_for_nn"}
        if opset > 11
        else set()
    )
    return tuple(g for g in GRIDS if g not in unknown)


def new(opset: int) -> Iterator[Case]:
    """The whole product from opset 11 on."""
    ways: list[dict[str, Any]] = [{"mode": "nearest", "nearest_mode": r} for r in ROUNDINGS]
    ways.append({"mode": "linear"})
    ways += [
        {"mode": "cubic", "exclude_outside": e, "cubic_coeff_a": a}
        for e in (0, 1)
        for a in (-0.75, -0.5)
    ]
    if opset >= 18:
        ways += [{**way, "antialias": 1} for way in ways if way["mode"] != "nearest"]
    for grid in grids(opset):
        region = REGION if grid == "tf_crop_and_resize" else ()
        for way in ways:
            said = {**way, "coordinate_transformation_mode": grid}
            for scales in FACTORS:
                yield Case(opset, said, scales, region=region)
            for sizes in SIZES:
                yield Case(opset, said, sizes=sizes, region=region)


def file(cases: list[Case]) -> Any:
    """One model of all cases, an output for each."""
    parts = [case.node(k) for k, case in enumerate(cases)]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node for node, _ in parts],
        "resize",
        [info("x", 1, X.shape)],
        [info(f"y{k}", 1, None) for k in range(len(parts))],
        [weight for _, weights in parts for weight in weights],
    )
    opset = helper.make_opsetid("", cases[0].opset)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def theirs(cases: list[Case]) -> list[np.ndarray]:
    session = runtime.InferenceSession(
        file(cases).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {"x": X}))


def ours(cases: list[Case]) -> list[np.ndarray]:
    import sloy.exchange.onnx.operators  # noqa: F401  fills the table
    from sloy.exchange.onnx.conversion import Conversion
    from sloy.exchange.onnx.reading import from_proto
    from sloy.exchange.onnx.values import held

    c = Conversion(from_proto(file(cases)), "float32")
    names = [f"y{k}" for k in range(len(cases))]
    values = c.run({"x": held(ops.input("x", X.shape, "float32"), "float32")}, names)
    graph = Graph.of({name: c.tensor(value) for name, value in values.items()})
    found = available("reference").compile(graph, {}).run({"x": X})
    return [found[name] for name in names]


def reference(case: Case) -> np.ndarray | None:
    """What ONNX's reference has; None where it cannot."""
    from onnx.reference import ReferenceEvaluator

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: np.ndarray = ReferenceEvaluator(file([case])).run(None, {"x": X})[0]
    except Exception:  # whatever it lacks
        return None
    return found


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() <= CLOSE * max(1.0, np.abs(b).max()))


def differs(case: Case) -> bool:
    """Where ONNX's reference may have other numbers, as docs/exchange.md says."""
    grid, sizes = case.attributes["coordinate_transformation_mode"], case.sizes or ()
    extents = [e * s for e, s in zip(X.shape[2:], case.scales or (), strict=False)]
    if case.attributes.get("antialias"):
        return True
    if (
        grid == "tf_crop_and_resize"
    ):  # an axis of scale 1 is not cropped; one of one element is its middle
        return 1.0 in (case.scales or ()) or 1 in sizes or 5 in sizes or bool(extents)
    if grid == "pytorch_half_pixel" and 1 in [*sizes, *map(int, extents)]:
        return True  # one element is the first, not the middle
    rounded = any(not e.is_integer() for e in extents)
    return case.scales == (2.6, 0.8) or (grid == "align_corners" and rounded)


@pytest.mark.parametrize("opset", [7, 9, 10, *OPSETS])
def test_as_onnxruntime(opset: int) -> None:
    cases = list(old(opset) if opset < 11 else new(opset))
    pairs = zip(cases, ours(cases), theirs(cases), strict=True)
    wrong = [str(case) for case, found, expected in pairs if not equal(found, expected)]
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong[:5]}"


def test_the_whole_product() -> None:
    assert [sum(1 for _ in new(opset)) for opset in OPSETS] == [540, 540, 840, 840, 840]


@pytest.mark.parametrize("opset", [11, 19])
def test_as_the_reference_where_it_is_not_said_to_differ(opset: int) -> None:
    """Of the nearest elements a few may be others: the last digit of a coordinate decides."""
    cases = [case for case in new(opset) if not differs(case)]
    unsaid, near, counted = [], 0, 0
    for case, found in zip(cases, ours(cases), strict=True):
        expected = reference(case)
        if expected is None:
            continue
        counted += 1
        if not equal(found, expected):
            nearest = case.attributes["mode"] == "nearest"
            near += nearest
            unsaid += [] if nearest else [str(case)]
    assert not unsaid, f"{len(unsaid)} of {counted}: {unsaid[:5]}"
    assert counted > 200
    assert near < counted / 8


def test_linear_before_opset_11_is_asymmetric() -> None:
    """By hand: positions i / 2, and beyond the last element that element."""
    (found,) = ours([Case(10, {"mode": "linear"}, (2.0, 1.0))])
    rows = np.array([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4])
    low = np.floor(rows).astype(int)
    part = (rows - low)[:, None]
    high = np.minimum(low + 1, 4)
    expected = X[:, :, low] * (1 - part) + X[:, :, high] * part
    assert np.abs(found - expected).max() < CLOSE


@pytest.mark.parametrize("wrong", [np.zeros_like, lambda y: y * 1.01], ids=["zeros", "1 %"])
def test_the_comparison_sees_wrong_values(wrong: Any) -> None:
    (y,) = theirs([Case(11, {"mode": "linear"}, (2.0, 2.0))])
    assert not equal(wrong(y), y)
