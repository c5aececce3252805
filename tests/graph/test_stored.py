"""Functions of symbolic tensors as JSON and back; what cannot be stored; what must not be read."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from op_cases import CASES
from sloy import ops
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.graph import REGISTRY, Graph, Spec, Tensor, evaluate
from sloy.graph.stored import (
    StoredFunction,
    function_from_config,
    function_to_config,
    is_elementwise,
)
from sloy.graph.stored.reading import MAX_NODES, check_storable

Function = Callable[..., Tensor]


def spec(*shape: int, dtype: str = "float32") -> Spec:
    return Spec(shape, dtype)


def gated(z: Tensor) -> Tensor:
    half = z.shape[-1] // 2
    value = ops.slice(z, (0, 0), (z.shape[0], half))
    return value * ops.sigmoid(ops.slice(z, (0, half), z.shape))


def cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    return ops.softmax_cross_entropy(output, ops.one_hot(labels, output.shape[1], output.dtype))


# name → (function, specs of its arguments, whether it treats each element alike)
FUNCTIONS: dict[str, tuple[Function, list[Spec], bool]] = {
    "swish": (lambda z: z * ops.sigmoid(z), [spec(1, 10)], True),
    "constant": (lambda z: 0.1 * z + 1e-300, [spec(1, 4, 4, 3)], True),
    "clip": (lambda z: ops.clip(z, float("-inf"), 0.5), [spec(1, 3)], True),
    "where": (lambda z: ops.where(z > 0.0, z, ops.expm1(z)), [spec(1, 3)], True),
    "nan": (lambda z: ops.where(ops.equal(z, 0.0), float("nan"), z), [spec(1, 3)], True),
    "cast": (lambda z: ops.cast(ops.cast(z, "int32"), z.dtype), [spec(1, 3)], True),
    "over the batch": (lambda z: z - ops.reduce_max(z, 0, keepdims=True), [spec(1, 3)], False),
    "identity": (lambda z: z, [spec(1, 3)], True),
    "log_cosh": (lambda a, y: ops.softplus(2.0 * (a - y)) - (a - y), [spec(1, 3)] * 2, True),
    "centred": (lambda z: z - ops.reduce_mean(z, -1, keepdims=True), [spec(1, 4, 3)], False),
    "by channel": (lambda z: z * np.arange(3.0), [spec(1, 3)], False),
    "flat": (lambda z: ops.reshape(ops.reshape(z, (-1,)) * 2.0, z.shape), [spec(1, 3)], False),
    "transposed": (lambda z: ops.transpose(z, (0, 2, 1)), [spec(1, 2, 5)], False),
    "gated": (gated, [spec(1, 6)], False),
    "pooled": (lambda z: ops.max_pool2d(z, 2) + ops.average_pool2d(z, 2), [spec(1, 4, 4, 2)], False),
    "filtered": (
        lambda z: ops.conv2d(z, ops.constant(np.ones((3, 3, 2, 1)), z.dtype), padding="same"),
        [spec(1, 4, 4, 2)],
        False,
    ),
    "labels": (cross_entropy, [spec(1, 4), spec(1, dtype="int32")], False),
}  # fmt: skip


def text(function: Function, specs: list[Spec], n: int, dtype: str) -> str:
    arguments = [
        ops.input(str(i), (n, *s.shape[1:]), dtype if s.is_float else s.dtype)
        for i, s in enumerate(specs)
    ]
    return str(Graph.of({"y": function(*arguments)}))


def through_json(function: Function, specs: list[Spec]) -> StoredFunction:
    return function_from_config(json.loads(json.dumps(function_to_config(function, specs))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_graph_at_any_batch_size(name: str, n: int, dtype: str) -> None:
    function, specs, _ = FUNCTIONS[name]
    assert text(through_json(function, specs), specs, n, dtype) == text(function, specs, n, dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_stored_again_it_is_the_same(name: str) -> None:
    function, specs, elementwise = FUNCTIONS[name]
    config = function_to_config(function, specs)
    stored = function_from_config(config)
    assert function_to_config(stored, specs) == config
    assert (config["inputs"][0]["shape"] == "any") == elementwise
    for again in (
        function_from_config(config),
        pickle.loads(pickle.dumps(stored)),
        copy.deepcopy(stored),
    ):
        assert again == stored
        assert hash(again) == hash(stored)
    assert repr(stored).startswith("<stored function")


def test_an_elementwise_function_fits_every_shape() -> None:
    function = FUNCTIONS["constant"][0]
    stored = through_json(function, [spec(1, 3)])
    for shape in ((), (5,), (2, 3, 4, 5)):
        x = ops.input("0", shape)
        assert str(Graph.of({"y": stored(x)})) == str(Graph.of({"y": function(x)}))


def test_constants_keep_every_bit() -> None:
    values = np.array([0.1, 1 / 3, 1e-310, np.pi, -0.0, np.inf, -np.inf, np.nan])
    stored = through_json(lambda z: z * values, [spec(1, 8)])
    product = stored(ops.input("z", (1, 8), "float64"))
    found = product.inputs[1].inputs[0].attributes["value"]
    assert found.tobytes() == values.tobytes()


def test_a_function_of_float32_constants_stays_float32() -> None:
    stored = through_json(lambda z: z * ops.constant(0.1), [spec(1, 3)])
    assert stored.config["inputs"] == [{"shape": "any", "dtype": "float32"}]
    assert stored(ops.input("z", (2, 3))).dtype == "float32"
    with pytest.raises(InvalidArgument, match="made for float32"):
        stored(ops.input("z", (2, 3), "float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "function",
    [
        lambda z: z * ops.cast(ops.constant(0.1), z.dtype),
        lambda z: z + float(np.finfo(z.dtype).eps),
        lambda z: z - ops.reduce_max(z, -1, keepdims=True) * float(np.finfo(z.dtype).eps),
    ],
    ids=["cast", "eps", "mixed"],
)
def test_a_function_that_differs_between_dtypes(function: Function, dtype: str) -> None:
    stored = through_json(function, [spec(1, 3)])
    assert set(stored.config) == {"float32", "float64"}
    assert text(stored, [spec(1, 3)], 4, dtype) == text(function, [spec(1, 3)], 4, dtype)
    assert function_to_config(stored, [spec(1, 3)]) == stored.config


def test_values() -> None:
    z = np.linspace(-2, 2, 12).reshape(2, 6)
    tensor = ops.input("z", (2, 6), "float64")
    graph = Graph.of({"y": through_json(gated, [spec(1, 6)])(tensor)})
    expected = z[:, :3] / (1 + np.exp(-z[:, 3:]))
    assert np.allclose(evaluate(graph, {"z": z})[graph.outputs["y"]], expected, rtol=1e-15)


def test_is_elementwise() -> None:
    for name, (function, specs, elementwise) in FUNCTIONS.items():
        if len(specs) == 1 and specs[0].rank == 2:
            assert is_elementwise(function) == elementwise, name
    assert not is_elementwise(lambda z: z * ops.variable("w", ()))


# --- what cannot be stored ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: z * ops.variable("w", (), z.dtype), "reads the variable `w`"),
        (lambda z: z + ops.input("t", z.shape, z.dtype), "reads the input `t`"),
        (lambda z: z * (1.0 / z.shape[0]), "constant that changes with the batch size"),
        (lambda z: z if z.shape[0] == 2 else ops.exp(z), "other ops for another batch size"),
        (lambda z: ops.clip(z, 0.0, float(z.shape[0])), "clip: an attribute changes"),
        (lambda z: ops.pad(z, (z.shape[0] + 1, 0), (0, 0)), "pad: an attribute changes"),
        (lambda z: 3, "returned a int"),
        (lambda z: z + np.ones(4), "cannot be broadcast"),
    ],
)
def test_refused(function: Function, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        function_to_config(function, [spec(1, 3)])


def test_too_many_ops() -> None:
    def long(z: Tensor) -> Tensor:
        for _ in range(MAX_NODES + 1):
            z = ops.tanh(z)
        return z

    with pytest.raises(InvalidArgument, match=f"at most {MAX_NODES}"):
        function_to_config(long, [spec(1, 3)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "takes 1 tensors, got 0"),
        ([ops.input("x", (2, 4, 4))], r"made for float32\[2, 4, 3\], the argument is float32\[2, 4, 4\]"),
        ([ops.input("x", (2, 4, 3), "int32")], "the argument is int32"),
    ],
    ids=["none", "shape", "dtype"],
)  # fmt: skip
def test_called_wrongly(arguments: list[Tensor], message: str) -> None:
    function, specs, _ = FUNCTIONS["centred"]
    with pytest.raises(InvalidArgument, match=message):
        through_json(function, specs)(*arguments)


# --- what must not be read ------------------------------------------------------------------------


def config(nodes: list[Any], output: int = 1, shape: Any = "any") -> dict[str, Any]:
    return {"inputs": [{"shape": shape, "dtype": "float"}], "nodes": nodes, "output": output}


def node(op: str, *inputs: int, **attributes: Any) -> dict[str, Any]:
    return {"op": op, "inputs": list(inputs), "attributes": attributes}


IMAGE = [{"N": 1}, 5, 5, 2]
FILTER = {"op": "constant", "shape": [3, 3, 2, 1], "dtype": "float", "values": [1.0] * 18}
WINDOW = {"window": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0]}
CONVOLUTION = {"stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}

WRONG: list[tuple[Any, str]] = [
    (None, "it is no object"),
    ([], "it is no object"),
    (7, "it is no object"),
    ({"float32": {}, "float64": {}}, "its keys are"),
    ({"float32": config([node("tanh", 0)]), "float64": 3}, "cannot be read"),
    ({"float32": config([node("tanh", 0)]), "float64": config([node("tanh", 7)])}, "must come before"),
    ({}, "its keys are"),
    ({**config([node("tanh", 0)]), "more": 1}, "its keys are"),
    ({**config([node("tanh", 0)]), "inputs": []}, "`inputs` must be a list"),
    ({**config([node("tanh", 0)]), "inputs": [3]}, "cannot be read"),
    ({**config([node("tanh", 0)]), "nodes": {}}, "`nodes` must be a list"),
    (config([node("tanh", 0)], output=2), "no value 2"),
    (config([node("tanh", 0)], output=-1), "no value -1"),
    (config([node("tanh", 0)], output=True), "no value True"),
    (config([node("tanh", 0)] * (MAX_NODES + 1)), "at most"),
    (config([node("eval", 0)]), "'eval' is no op"),
    (config([node("variable")]), "'variable' is no op"),
    (config([node("input")]), "'input' is no op"),
    (config([node("tanh", 1)]), "must come before"),
    (config([node("tanh", -1)]), "must come before"),
    (config([node("tanh", 0, 0)]), "takes 1 operands"),
    (config([node("tanh")]), "takes 1 operands"),
    (config([node("tanh", 0, axis=1)]), "attributes are"),
    (config([node("clip", 0, low=0.0)]), "attributes are"),
    (config([node("clip", 0, low="zero", high=1.0)]), "cannot be read"),
    (config([node("clip", 0, low=1.0, high=0.0)]), "`low`"),
    (config([node("cast", 0, dtype="object")]), "cast: `dtype`"),
    (config([node("cast", 0, dtype=3)]), "dtype"),
    (config([{"op": "constant", "shape": [2], "dtype": "float", "values": [1.0]}]), "reshape"),
    (config([{"op": "constant", "shape": [], "dtype": "float", "values": ["x"]}]), "cannot be read"),
    (config([{"op": "constant", "shape": [1], "dtype": "float", "values": [[1.0, 2.0]]}]), "reshape"),
    (config([{"op": "constant", "shape": [-1], "dtype": "float", "values": [1.0]}]), "extent -1"),
    (config([{"op": "constant", "shape": [1], "dtype": "O", "values": [1.0]}]), "dtype"),
    (config([node("reshape", 0, shape=[2**40])], shape=IMAGE), "extent"),
    (config([node("broadcast_to", 0, shape=[2**30, {"N": 1}])], shape=[{"N": 1}]), "larger than allowed"),
    (config([node("broadcast_to", 0, shape=[1] * 9 + [{"N": 1}])], shape=[{"N": 1}]), "larger than allowed"),
    (config([node("broadcast_to", 0, shape=[{"M": 1}])], shape=[{"N": 1}]), "an extent is"),
    (config([node("reduce_sum", 0, axes=[7], keepdims=False)], shape=IMAGE), "must lie within"),
    (config([node("reduce_sum", 0, axes=[1, 0], keepdims=False)], shape=IMAGE), "not of kind 'axes'"),
    (config([node("reduce_sum", 0, axes=[1], keepdims=1)], shape=IMAGE), "not of kind 'flag'"),
    (config([node("max_pool2d", 0, **{**WINDOW, "stride": [0, 1]})], shape=IMAGE), "positive integers"),
    (config([node("max_pool2d", 0, **{**WINDOW, "stride": [2]})], shape=IMAGE), "cannot be read"),
    (config([FILTER, node("conv2d", 0, 1, **{**CONVOLUTION, "dilation": [-1, 1]})], 2, IMAGE), "extent -1"),
    (config([FILTER, node("conv2d", 0, 1, **{**CONVOLUTION, "groups": 0})], 2, IMAGE), "`groups`"),
    (config([FILTER, node("conv2d", 0, 1, **{**CONVOLUTION, "padding": [0]})], 2, IMAGE), "cannot be read"),
    ({"inputs": [{"shape": "any", "dtype": "float"}, {"shape": IMAGE, "dtype": "float"}],
      "nodes": [], "output": 0}, "either all inputs"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[f"{i}" for i in range(len(WRONG))])
def test_wrong_json_is_one_clear_error(wrong: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        function_from_config(wrong)


def test_right_json_is_read() -> None:
    """The pieces of which the wrong ones are made."""
    function_from_config(config([node("tanh", 0)]))
    function_from_config(config([node("max_pool2d", 0, **WINDOW)], shape=IMAGE))
    function_from_config(config([FILTER, node("conv2d", 0, 1, **CONVOLUTION)], 2, IMAGE))


def test_deep_json() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FileFormatError):
        function_from_config(config([node("reshape", 0, shape=deep)]))


def test_constants_are_bounded() -> None:
    many = {"op": "constant", "shape": [1 << 19], "dtype": "float", "values": [0] * (1 << 19)}
    with pytest.raises(FileFormatError, match="more than allowed"):
        function_from_config(config([many, many, many]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from([0.5, -1.0, "any", "float", "nan", "x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["N", "shape"]), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
def test_damaged_json_either_reads_or_is_refused(data: st.DataObject) -> None:
    """One place of a good configuration is replaced by anything."""
    name = data.draw(st.sampled_from(sorted(FUNCTIONS)))
    function, specs, _ = FUNCTIONS[name]
    damaged: Any = json.loads(json.dumps(function_to_config(function, specs)))
    place, key = damaged, data.draw(st.sampled_from(sorted(damaged)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
    place[key] = data.draw(json_values)
    try:
        stored = function_from_config(damaged)
    except FileFormatError:
        return
    try:
        graph = text(stored, specs, 2, "float32")
    except SloyError:
        return
    assert graph


# --- attributes ------------------------------------------------------------------------------------


NOT_STORED = {"augmentation": "belongs to training steps", "sparse": "sparse rows belong to runs"}


def test_every_op_of_the_table_can_be_stored_but_those_of_samples() -> None:
    """Its attributes are those of its schema, each of its kind."""
    for case in CASES:
        attributes = case.attributes_in("float64")
        if refused := NOT_STORED.get(REGISTRY[case.op].kind):
            with pytest.raises(InvalidArgument, match=refused):
                check_storable(case.op, attributes)
        else:
            check_storable(case.op, attributes)
