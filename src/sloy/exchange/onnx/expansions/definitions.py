"""Operators that ONNX itself defines by others: read by that definition, as the installed onnx package has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sloy.exchange.onnx.expansion import Together, Walk, expansion
from sloy.exchange.onnx.nodes import Body, Node, Unsupported
from sloy.exchange.onnx.reading import node_of, onnx

DEFINED = (
    "Attention", "BlackmanWindow", "CausalConvWithState", "CenterCropPad", "DynamicQuantizeLinear", "HammingWindow",
    "HannWindow", "LinearAttention", "RotaryEmbedding", "SwiGLU",
)  # fmt: skip


@expansion(*DEFINED)
def _by_definition(walk: Walk[Any], node: Node) -> Iterator[Node]:
    if node.op == "DynamicQuantizeLinear" and walk.trains and not walk.apart:
        raise Together("a scale that all samples share")
    results = yield from walk.inlined(_body(walk, node), node.inputs, node.outputs)
    for name, made in zip(node.outputs, results, strict=False):
        walk.alias(name, made)


def _body(walk: Walk[Any], node: Node) -> Body:
    package = onnx()
    schema = package.defs.get_schema(node.op, walk.opset)
    proto = package.FunctionProto()
    if schema.has_function:
        version = max(v for v in schema.function_opset_versions if v <= walk.opset)
        found = schema.get_function_with_opset_version(version)
    elif schema.has_context_dependent_function:
        versions = schema.context_dependent_function_opset_versions
        version = max(v for v in versions if v <= walk.opset)
        call, types = _call(walk, node)
        found = schema.get_context_dependent_function_with_opset_version(version, call, types)
    else:
        raise Unsupported("sloy has no ops for it")
    proto.ParseFromString(found) if isinstance(found, bytes) else proto.CopyFrom(found)
    make = package.helper.make_attribute
    given = {key: make(key, value) for key, value in node.attributes.items()}
    for key, attribute in schema.attributes.items():
        if key not in given and attribute.default_value.name:
            given[key] = attribute.default_value
    for inner in proto.node:
        _bind(inner, given)
    nodes = tuple(node_of(inner) for inner in proto.node)
    return Body(tuple(proto.input), tuple(proto.output), nodes, {})


def _call(walk: Walk[Any], node: Node) -> tuple[bytes, list[bytes]]:
    """The node, and the types of what it is given, as the package takes them."""
    helper = onnx().helper
    call = helper.make_node(node.op, node.inputs, node.outputs, **node.attributes)
    types = []
    for name in node.inputs:
        if not name:
            types.append(onnx().TypeProto().SerializeToString())
            continue
        value = walk.value(name)
        dtype = "float32" if value.dtype == "bfloat16" else value.dtype
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        types.append(helper.make_tensor_type_proto(kind, value.shape).SerializeToString())
    return call.SerializeToString(), types


def _bind(node: Any, given: Mapping[str, Any]) -> None:
    """Put the call's attributes where a definition refers to them."""
    for i in range(len(node.attribute) - 1, -1, -1):
        attribute = node.attribute[i]
        if attribute.ref_attr_name:
            name = attribute.name
            if attribute.ref_attr_name not in given:
                del node.attribute[i]
                continue
            attribute.CopyFrom(given[attribute.ref_attr_name])
            attribute.name = name
        for inner in attribute.g.node:
            _bind(inner, given)
