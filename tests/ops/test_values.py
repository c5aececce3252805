"""The reference of every op against its independent definition, in float64 and float32."""

from __future__ import annotations

import numpy as np
import pytest

from op_cases import CASES, Case
from sloy.graph import REGISTRY, Spec, evaluate, lower
from tolerances import SAME_FORMULA, assert_close

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
every_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])
EXPANDED = [case for case in CASES if REGISTRY[case.op].expand is not None]


@every_dtype
@every_case
def test_reference_equals_the_definition(case: Case, dtype: str) -> None:
    with np.errstate(all="ignore"):
        result = REGISTRY[case.op].reference(case.arrays(dtype), case.attributes_in(dtype))
    assert isinstance(result, np.ndarray)
    case.compare(result)


@every_dtype
@every_case
def test_reference_gives_the_inferred_spec(case: Case, dtype: str) -> None:
    graph = case.graph(dtype)
    result = evaluate(graph, case.feeds(dtype))[graph.outputs["y"]]
    assert Spec(result.shape, result.dtype.name) == graph.nodes[graph.outputs["y"]].spec


@every_case
def test_reference_leaves_its_operands_alone(case: Case) -> None:
    arrays = case.arrays("float32")
    before = [array.copy() for array in arrays]
    with np.errstate(all="ignore"):
        REGISTRY[case.op].reference(arrays, case.attributes_in("float32"))
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("case", EXPANDED, ids=lambda case: case.id)
def test_expansion_equals_the_reference(case: Case) -> None:
    definition = REGISTRY[case.op]
    graph = lower(case.graph("float64"), set(REGISTRY) - {case.op}, "test")
    assert case.op not in {node.op for node in graph.nodes}
    with np.errstate(all="ignore"):
        expanded = evaluate(graph, case.feeds("float64"))[graph.outputs["y"]]
        direct = definition.reference(case.arrays("float64"), case.attributes)
    assert_close(expanded, direct, SAME_FORMULA, scale=case.sizes, name=case.id)


def test_some_ops_have_expansions() -> None:
    assert {case.op for case in EXPANDED} >= {"softmax", "batch_norm", "sigmoid_cross_entropy"}


def test_a_gradient_kernel_is_the_transpose_of_its_op() -> None:
    """Σ g · conv2d(x, w) = Σ x · conv2d_input_grad(g, w) = Σ w · conv2d_weight_grad(x, g)."""
    for case in CASES:
        if case.op != "conv2d" or "normal" not in case.name:
            continue
        x, w = case.arrays("float64")
        g = np.random.default_rng(1).standard_normal(case.expected.shape)
        inputs = {**case.attributes, "extents": x.shape[1:3]}
        weights = {**case.attributes, "kernel_size": w.shape[:2]}
        forward = float(np.sum(g * REGISTRY["conv2d"].reference([x, w], case.attributes)))
        dx = REGISTRY["conv2d_input_grad"].reference([g, w], inputs)
        dw = REGISTRY["conv2d_weight_grad"].reference([x, g], weights)
        size = float(np.sum(np.abs(g))) + 1
        assert_close(np.sum(x * dx), forward, SAME_FORMULA, scale=size, name=case.id)
        assert_close(np.sum(w * dw), forward, SAME_FORMULA, scale=size, name=case.id)
