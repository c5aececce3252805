"""A convolution and the max-pooling of its result in one kernel.

Winograd's method makes tiles of 2 × 2 outputs, which are a pooling's windows; so can a first layer's kernel. Where
nothing but a pooling and its gradient reads the result, the kernel writes the maxima alone, and for the gradient the
place of each in its window, one byte. Neither the convolution's result nor its gradient is ever in memory:

    max_pool2d(y) with y = activation(conv2d(x, w) + b)    conv2d_pooled(x, w, b) : (N, OH, OW, O)
                                                           conv2d_places(of it) : the same shape, uint8
    conv2d_input_grad(max_pool2d_grad(y, p, g), w)         conv2d_pooled_input_grad(g, w, places)
    conv2d_weight_grad(x, max_pool2d_grad(y, p, g))        conv2d_pooled_weight_grad(x, g, places)
    reduce_sum(max_pool2d_grad(y, p, g)) by channel        reduce_sum(g)

A place is 0 to 3, row by row, of the first maximum, as max_pool2d_grad has it. A ReLU of the maxima is the maximum of
ReLUs; their places differ only where it is 0 and lets no gradient through. One kernel writes maxima and places
(`sloy.engines.native.plan.fusion`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sloy.engines.native.fused import fused, tiles
from sloy.engines.native.instruction import Instruction, Takes, instruction
from sloy.engines.native.plan.fusion import EPILOGUES
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor

GRADIENTS = {  # op → which operand is the pooling's gradient
    "conv2d_input_grad": 0,
    "conv2d_weight_grad": 1,
    "reduce_sum": 0,
}


@dataclass(frozen=True)
class Pooling:
    """Numbers of nodes: a convolution, what is added to it, a pooling of the activation of both, its gradients, and a
    ReLU behind it that takes the place of an activation before it."""

    convolution: int
    bias: int | None
    activation: str
    pool: int
    gradients: tuple[int, ...]
    relu: int | None


def pooled(graph: Graph, takes: Takes) -> Graph:
    """The graph with all such convolutions and poolings in one; `takes` tells whether there is a kernel."""
    found = [
        pooling
        for i, node in enumerate(graph.nodes)
        if node.op == "max_pool2d"
        and (pooling := _pooling_at(graph, i)) is not None
        and all(map(takes, _instructions(graph, pooling)))
    ]
    return graph.rebuild(_Rewrite(graph, found)) if found else graph


# --- where ---------------------------------------------------------------------------------------------------------


def _pooling_at(graph: Graph, pool: int) -> Pooling | None:
    """What belongs to the pooling, where nothing else reads what lies between it and a convolution."""
    nodes = graph.nodes
    (y,) = nodes[pool].inputs
    if not tiles(nodes[pool].attributes, nodes[y].spec, nodes[pool].spec):
        return None
    gradients = tuple(i for i in graph.users[y] if i != pool)
    if not all(_is_gradient(graph, i, y, pool) for i in gradients):
        return None
    between, activation, bias, i = [y], "", None, y
    if nodes[i].op in EPILOGUES:
        activation = nodes[i].op
        i = nodes[i].inputs[0]
        between.append(i)
    if nodes[i].op == "add":
        i, bias = sorted(nodes[i].inputs, key=lambda k: nodes[k].op != "conv2d")
        between.append(i)
        if not _is_bias(nodes, bias):
            return None
    alone = all(len(graph.users[k]) == 1 for k in between[1:])
    results = {*graph.outputs.values(), *graph.updates.values()}
    if nodes[i].op != "conv2d" or not alone or results & {*between, *gradients}:
        return None
    others = [user for user in graph.users[pool] if user not in gradients]
    relu = None
    if not activation and pool not in results and [nodes[user].op for user in others] == ["relu"]:
        activation, (relu,) = "relu", others
    return Pooling(i, bias, activation, pool, gradients, relu)


def _is_bias(nodes: Sequence[Node], i: int) -> bool:
    """Whether a node repeats one number per channel."""
    if nodes[i].op != "broadcast_to":
        return False
    vector, channels = nodes[nodes[i].inputs[0]].spec, nodes[i].spec.shape[-1]
    return vector.shape[-1:] == (channels,) and vector.size == channels


def _is_gradient(graph: Graph, i: int, y: int, pool: int) -> bool:
    """Whether a node is the pooling's gradient, and read by the convolution's gradients alone."""
    node = graph.nodes[i]
    return (
        node.op == "max_pool2d_grad"
        and node.inputs[:2] == (y, pool)
        and node.inputs[2] != y
        and dict(node.attributes) == dict(graph.nodes[pool].attributes)
        and all(_reads_as_gradient(graph.nodes[user], i) for user in graph.users[i])
    )


def _reads_as_gradient(user: Node, gradient: int) -> bool:
    if user.op == "reduce_sum":
        return tuple(user.attributes["axes"]) == (0, 1, 2)
    place = GRADIENTS.get(user.op)
    return place is not None and [k == gradient for k in user.inputs] == [place == 0, place == 1]


def _instructions(graph: Graph, found: Pooling) -> Iterator[Instruction]:
    """All that a kernel must be there for."""
    nodes = graph.nodes
    maxima = nodes[found.pool].spec
    places = Spec(maxima.shape, "uint8")
    x, w = (nodes[k].spec for k in nodes[found.convolution].inputs)
    attributes = dict(nodes[found.convolution].attributes)
    yield instruction("conv2d_pooled", [x, w], [maxima, places], attributes)
    for user in {user for i in found.gradients for user in graph.users[i]}:
        node = nodes[user]
        if node.op == "reduce_sum":
            continue
        operands = [maxima if k in found.gradients else nodes[k].spec for k in node.inputs]
        yield instruction(_pooled_name(node.op), [*operands, places], [node.spec], node.attributes)


def _pooled_name(op: str) -> str:
    return op.replace("conv2d", "conv2d_pooled")


# --- how -----------------------------------------------------------------------------------------------------------


class _Rewrite:
    def __init__(self, graph: Graph, found: Sequence[Pooling]) -> None:
        nodes = graph.nodes
        self._poolings = {nodes[pooling.pool]: pooling for pooling in found}
        self._gradients = {nodes[i] for pooling in found for i in pooling.gradients}
        self._relus = {nodes[pooling.relu] for pooling in found if pooling.relu is not None}
        self._places: dict[int, Tensor] = {}  # id of such a gradient as a tensor → places

    def __call__(self, node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if node in self._poolings:
            return self._maxima(node, operands[0], self._poolings[node])
        if node in self._relus:
            return operands[0]
        if node in self._gradients:
            spread, maxima = copy_node(node, operands), operands[1]
            self._places[id(spread)] = fused("conv2d_places", (maxima,), {})
            return spread
        spread_at = GRADIENTS.get(node.op)
        places = None if spread_at is None else self._places.get(id(operands[spread_at]))
        if spread_at is None or places is None:
            return copy_node(node, operands)
        g = operands[spread_at].inputs[2]
        if node.op == "reduce_sum":
            return reduce_sum(g, node.attributes["axes"], keepdims=node.attributes["keepdims"])
        inputs = [g if k == spread_at else x for k, x in enumerate(operands)]
        return fused(_pooled_name(node.op), (*inputs, places), node.attributes)

    def _maxima(self, node: Node, y: Tensor, found: Pooling) -> Tensor:
        attributes: dict[str, object] = {"has_bias": int(found.bias is not None)}
        if found.activation:
            attributes["activation"] = found.activation
        if found.activation and found.relu is None:
            (y,) = y.inputs
        bias: tuple[Tensor, ...] = ()
        if found.bias is not None:
            first, second = y.inputs
            y, repeated = (first, second) if first.op == "conv2d" else (second, first)
            bias = repeated.inputs
        return fused("conv2d_pooled", (*y.inputs, *bias), {**y.attributes, **attributes})
