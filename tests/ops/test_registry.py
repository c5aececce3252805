"""The registry and the op table belong together: no op without a row, no rule without a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sloy.ops
from op_cases import CASES, ERRORS, FLOAT, Case, ErrorCase
from sloy.errors import InvalidArgument
from sloy.graph import REGISTRY, Spec, Tensor, register
from sloy.graph.tensor import apply, input
from tolerances import EXACT

FLOAT_RESULT = {case.op for case in CASES if case.expected.dtype == np.float64}


def test_every_op_has_rows_and_every_row_an_op() -> None:
    assert {case.op for case in CASES} == set(REGISTRY)
    assert {error.op for error in ERRORS} <= set(REGISTRY)


def test_names_of_rows_are_unique() -> None:
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_every_op_has_enough_rows(op: str) -> None:
    rows = [case for case in CASES if case.op == op]
    assert len(rows) >= 5
    assert any(case.expected.size > 1 for case in rows)
    assert any(np.any(case.expected != 0) for case in rows)  # a result of zeros proves nothing
    if REGISTRY[op].differentiable:
        assert any(case.smooth and case.values[0].size > 1 for case in rows)


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_every_op_that_can_refuse_has_an_error_case(op: str) -> None:
    accepts_anything = {"neg", "abs", "sign", "stop_gradient"}
    assert (op in accepts_anything) != any(error.op == op for error in ERRORS)


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_every_op_is_documented(op: str) -> None:
    assert REGISTRY[op].doc
    assert REGISTRY[op].name == op


def test_most_elements_of_the_table_are_not_zero() -> None:
    """A kernel that writes zeros must fail nearly every row, not only some."""
    filled = [case for case in CASES if case.expected.size]
    nonzero = [case for case in filled if np.count_nonzero(case.expected)]
    assert len(nonzero) > 0.9 * len(filled)
    for case in filled:
        if case.op.startswith("conv2d") and all(array.size for array in case.values):
            assert np.count_nonzero(case.expected) > 0, case.id


def test_sums_of_integers_are_compared_exactly() -> None:
    products = [name for name, op in REGISTRY.items() if op.kind == "product"]
    for op in (*products, "reduce_sum"):
        exact = [case for case in CASES if case.op == op and case.tolerance is EXACT]
        assert exact, op
        for case in exact:
            assert np.nanmax(np.abs(case.expected), initial=0) < 2**24 or case.name == "special"


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_a_wrong_number_of_operands_is_refused(op: str) -> None:
    arity = REGISTRY[op].arity
    x = input("x", (2, 2))
    for count in {0, 1, 2, 3, 4, 6} - {arity}:
        if arity is None and count:
            continue
        with pytest.raises(InvalidArgument, match=f"{op}: takes .* operands, got {count}"):
            apply(op, (x,) * count, {})


def test_an_operand_must_be_a_tensor() -> None:
    with pytest.raises(InvalidArgument, match="neg: an operand is a float, it must be a Tensor"):
        apply("neg", (1.0,))  # type: ignore[arg-type]


def test_an_unknown_op_is_named() -> None:
    with pytest.raises(InvalidArgument, match="no op is named `sine`"):
        apply("sine", (input("x", ()),))


def test_a_name_is_registered_once() -> None:
    with pytest.raises(InvalidArgument, match="op `neg` is already registered"):
        register(**vars(REGISTRY["neg"]))


def test_an_op_needs_a_gradient_or_says_that_it_has_none() -> None:
    with pytest.raises(InvalidArgument, match="op `nothing` needs `vjp` or `expand`"):
        register("nothing", "elementwise", 1, lambda s, a: s[0], lambda x, a: x[0])
    assert "nothing" not in REGISTRY


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("", r"op `nothing`: `kind` \(=''\) must be one of elementwise, comparison, movement"),
        ("product", "op `nothing`: products have `multiply_adds`, and they alone"),
    ],
)
def test_an_op_has_a_kind_and_what_belongs_to_it(kind: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        register("nothing", kind, 1, lambda s, a: s[0], lambda x, a: x[0])
    assert "nothing" not in REGISTRY


PROMISES: dict[str, Callable[[Case], bool]] = {
    "elementwise": lambda case: {a.shape for a in case.values} == {case.expected.shape},
    "comparison": lambda case: bool(np.isin(case.expected, (0, 1)).all()),
    "movement": lambda case: bool(np.isin(case.expected, case.values[0]).all()),
    "window": lambda case: "window" in case.attributes and case.values[0].ndim == 4,
    "reduction": lambda case: "axes" in case.attributes,
    "composite": lambda case: REGISTRY[case.op].expand is not None,
}


@pytest.mark.parametrize("kind", PROMISES)
def test_an_op_is_what_its_kind_says(kind: str) -> None:
    for case in (case for case in CASES if REGISTRY[case.op].kind == kind):
        if not np.isnan(case.expected).any():
            assert PROMISES[kind](case), case.id


def test_an_idle_op_does_nothing_to_the_same_spec() -> None:
    for case in (case for case in CASES if REGISTRY[case.op].idle):
        x, attributes = case.arrays("float64"), case.attributes_in("float64")
        result = REGISTRY[case.op].reference(x, attributes)
        if (x[0].shape, x[0].dtype) == (result.shape, result.dtype):
            np.testing.assert_array_equal(result, x[0], err_msg=case.id)


def test_multiply_adds_by_counting() -> None:
    """Of each product the numbers that its reference multiplies and adds: operands of ones give their sum."""
    for case in CASES:
        count, attributes = REGISTRY[case.op].multiply_adds, case.attributes_in("float64")
        padded = any(attributes.get("padding", ()))  # there the definition counts the padding, too
        if count is None or padded or case.expected.size == 0:
            continue
        ones = [np.ones_like(array) for array in case.arrays("float64")]
        result = REGISTRY[case.op].reference(ones, attributes)
        specs = [Spec(array.shape, "float64") for array in ones]
        assert count(attributes, Spec(result.shape, "float64"), specs) == result.sum(), case.id


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.id)
def test_errors_name_what_is_wrong(error: ErrorCase) -> None:
    operands = [input(f"x{i}", spec.shape, spec.dtype) for i, spec in enumerate(error.specs)]
    with pytest.raises(error.error, match=error.match) as raised:
        apply(error.op, operands, error.attributes)
    assert type(raised.value) is error.error


def test_the_public_face_offers_every_op() -> None:
    """Ops that users write functions with are in `sloy.ops`; gradient kernels are not."""
    renamed = {"abs": "absolute"}
    for op in REGISTRY:
        if not op.endswith("_grad") and REGISTRY[op].kind != "gradient":
            assert hasattr(sloy.ops, renamed.get(op, op)), op


def test_the_float_mark_stands_for_both_floats() -> None:
    case = next(case for case in CASES if case.attributes.get("dtype") == FLOAT)
    assert case.attributes_in("float32")["dtype"] == "float32"
    assert case.graph("float64").nodes[-1].spec.dtype == "float64"
    assert isinstance(case.tensors("float64")[0], Tensor)
    assert case.tensors("float64")[0].spec == Spec(case.operands[0].shape, case.operands[0].dtype)
