"""Signs that a network expects prepared pictures, where it would be given bytes as they are.

The first layer with weights answers pictures like photographs, of bytes from 0 to 255. Where a batch normalisation
follows, its running moments tell how far that layer's outputs spread in training; else that spread is about one in
networks whose normalisation was folded into the weights, as exporters do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy import ops
from sloy.engines import engine
from sloy.graph import Graph
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Shape
from sloy.layers import Imported
from sloy.layers.base import Scope
from sloy.layers.imported import handlers
from sloy.problem import Problem
from sloy.problem.network import Network

TIMES = 10.0  # how much farther the answers to bytes must spread; x / 255 and then ImageNet's deviations make it 57
LOUD = 10.0  # the spread of folded ones that is taken for a sign


@dataclass(frozen=True)
class _First:
    """The first product of a graph with its bias, and the running variance of a normalisation behind it."""

    value: int
    variance: str | None


def expects_prepared(problem: Problem, parameters: Mapping[str, np.ndarray]) -> str | None:
    """The sign, in words; None where there is none, as where the graph scales its input itself."""
    network = problem.network
    layer = network.layers[0]
    if not isinstance(layer, Imported):
        return None
    first = _first(layer)
    if first is None:
        return None
    path = network.layer_names[0]
    response = _response(network, layer, path, first.value, parameters, problem.dtype)
    spread = response.std(axis=tuple(range(response.ndim - 1)))  # of each channel
    if first.variance is not None:
        known = np.sqrt(parameters[f"{path}/{first.variance}"].astype(np.float64))
        times = float(np.median(spread / np.maximum(known, 1e-6)))
        if times < TIMES:
            return None
        return (
            f"its first layer's answers to bytes spread {times:.0f} times as far as the normalisation behind it"
            " met in training"
        )
    typical = float(np.median(spread))
    return (
        None
        if typical < LOUD
        else f"its first layer answers bytes with numbers of about {typical:.0f}"
    )


def _first(layer: Imported) -> _First | None:
    """None where something is done to the pixels before, or there is no product."""
    config = layer.function.config
    nodes = config.get("nodes") or config["float32"]["nodes"]
    pixels, product = {0}, None
    for number, node in enumerate(nodes, 1):
        if node["op"] == "constant" or not pixels & set(node["inputs"]):
            continue
        kind = REGISTRY[node["op"]].kind if node["op"] in REGISTRY else ""
        if kind == "movement" or node["op"] in ("pad", "cast"):
            pixels.add(number)
        elif kind == "product":
            product = number
            break
        else:
            return None
    if product is None:
        return None
    found = product
    while True:
        readers = [i for i, node in enumerate(nodes, 1) if found in node.get("inputs", ())]
        if len(readers) == 1 and nodes[readers[0] - 1]["op"] == "add":  # the bias
            found = readers[0]
            continue
        behind = [nodes[i - 1] for i in readers]
        if [node["op"] for node in behind] == ["batch_normalization"]:
            moments = [nodes[i - 1] for i in behind[0]["inputs"][1:3]]
            known = all(node["op"] == "state" for node in moments)
            return _First(found, moments[1]["attributes"]["name"]) if known else None
        kinds = {REGISTRY[node["op"]].kind for node in behind if node["op"] in REGISTRY}
        # A normalisation of another kind takes any scale.
        return _First(found, None) if kinds <= {"elementwise", "comparison", "window"} else None


def _response(
    network: Network, layer: Imported, path: str, value: int,
    parameters: Mapping[str, np.ndarray], dtype: str,
) -> np.ndarray:  # fmt: skip
    """What a value inside is for pictures of bytes, channels last."""
    x = photographs(network.input_shape)
    scope = Scope(dtype=dtype, path=path)
    values, _ = layer.function.evaluate([ops.input("x", x.shape, dtype)], handlers(scope))
    graph = Graph.of({"y": values[value]})
    needed = {n.attributes["name"] for n in graph.nodes if n.op == "variable"}
    given = {name: np.asarray(parameters[name]) for name in needed}
    return engine("auto", dtype=dtype).compile(graph, given).run({"x": x.astype(dtype)})["y"]


def photographs(shape: Shape, n: int = 2) -> np.ndarray:
    """Noise whose amplitudes fall as 1 / frequency, like those of photographs: uint8 (n, H, W, C), about 120 ± 60."""
    height, width, channels = shape
    draw = np.random.default_rng(0).normal(size=(n, channels + 1, height, width))
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    frequency = np.sqrt(down**2 + across**2)
    frequency[0, 0] = np.inf
    grain = np.fft.ifft2(np.fft.fft2(draw) / frequency).real
    colours = 2 * grain[:, :1] + grain[:, 1:]  # channels of photographs are much alike
    colours = (colours - colours.mean()) / colours.std()
    found: Any = np.clip(120 + 60 * colours, 0, 255)
    return np.moveaxis(found, 1, -1).astype(np.uint8)
