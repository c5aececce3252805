"""One object through a network and back, as the page writes it on the edges: the numbers of `trace_step`."""

from __future__ import annotations

from typing import Any

import numpy as np

from sloy.app.line import Line
from sloy.app.scenes import Scene
from sloy.arguments import instance, integer, one_of, sequence
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from sloy.problem import Network
from sloy.theory.gradients.trace import (
    AveragePoolTrace,
    ConvolutionTrace,
    DenseTrace,
    LayerTrace,
    MaxPoolTrace,
    StepTrace,
    trace_step,
)  # fmt: skip

MOST_UNITS = 32  # of a dense layer whose numbers are all told
SIDE = 8  # of the small pictures
SHAPES = ("cross", "frame", "slash")


def of_line(line: Line, sample: int, learning_rate: float, language: str) -> dict[str, Any]:
    """A sample of a playground's scene through its network."""
    instance("of_line", "line", line, Line)
    scene: Scene = line.scene
    sample = integer("by hand", "sample", sample, 0, len(scene.x) - 1)
    parameters = {name: np.asarray(value) for name, value in line.model.parameters.items()}
    loss = "categorical_crossentropy" if scene.classes else "squared_error"
    trace = trace_step(
        line.model.network,
        scene.x[sample].astype(np.float64),
        scene.y[sample],
        parameters=parameters,
        loss=loss,
        learning_rate=learning_rate,
    )
    names = {"names": list(scene.columns), "classes": list(scene.classes)}
    return {**names, **told(trace, language)}


def picture(name: str) -> np.ndarray:
    """A small picture, float64 (8, 8, 1) of 0 and 1."""
    one_of("by hand", "name", name, SHAPES)
    x = np.zeros((SIDE, SIDE, 1))
    if name == "cross":
        x[3:5, 1:7] = x[1:7, 3:5] = 1
    elif name == "frame":
        x[1:7, 1:7] = 1
        x[2:6, 2:6] = 0
    else:
        x[np.arange(1, 7), np.arange(6, 0, -1)] = x[np.arange(2, 7), np.arange(6, 1, -1)] = 1
    return x


def of_picture(
    name: str, pixels: list[int] | None, learning_rate: float, seed: int, language: str
) -> dict[str, Any]:
    """A small picture, one of three or a drawn one, through a small convolutional network that is drawn by a seed."""
    x = picture(name)
    if pixels is not None:
        if len(sequence("by hand", "pixels", pixels)) != SIDE * SIDE:
            raise InvalidArgument(f"by hand: `pixels` must be {SIDE * SIDE} numbers.")
        x = np.clip(np.array(pixels, np.float64), 0, 255).reshape(SIDE, SIDE, 1) / 255
    network = Network(
        (SIDE, SIDE, 1), [Conv2D(2, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(len(SHAPES))]
    )
    trace = trace_step(
        network,
        x,
        SHAPES.index(name),
        loss="categorical_crossentropy",
        learning_rate=learning_rate,
        seed=seed,
    )
    return {"names": [], "classes": list(SHAPES), **told(trace, language)}


def told(trace: StepTrace, language: str) -> dict[str, Any]:
    """JSON values of a step: of each layer all numbers, its words in a language."""
    instance("told", "trace", trace, StepTrace)
    with speak(language):
        return _told(trace)


def _told(trace: StepTrace) -> dict[str, Any]:
    return {
        "x": _numbers(trace.x),
        "shape": list(trace.x.shape),
        "y": _numbers(np.asarray(trace.y, np.float64)),
        "output": _numbers(trace.output),
        "prediction": _numbers(trace.prediction),
        "loss": trace.loss,
        "new_loss": trace.new_loss,
        "learning_rate": trace.learning_rate,
        "text": str(trace),
        "layers": [_layer(layer) for layer in trace.layers],
    }


def _layer(layer: LayerTrace) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": layer.name,
        "title": layer.title(),
        "kind": type(layer).__name__.removesuffix("Trace").lower(),
        "inputs": _numbers(layer.inputs),
        "u": _numbers(layer.u),
        "slope": _numbers(layer.slope),
        "error": _numbers(layer.error),
        "input_error": _numbers(layer.input_error),
        "parameters": {
            name: {
                "value": _numbers(one.value),
                "gradient": _numbers(one.gradient),
                "new": _numbers(one.new),
            }
            for name, one in layer.parameters.items()
        },
    }
    if isinstance(layer, DenseTrace | ConvolutionTrace):
        found["z"] = _numbers(layer.z)
        found["activation"] = " ".join(one.kind for one in layer.activation)
    if isinstance(layer, ConvolutionTrace | MaxPoolTrace | AveragePoolTrace):
        window = layer.windows.window
        found["window"] = {
            "size": list(window.size),
            "stride": list(window.stride),
            "padding": list(window.padding),
            "dilation": list(window.dilation),
        }
    return found


def _numbers(values: np.ndarray) -> Any:
    """Nested lists; numbers as JSON writes doubles, so that nothing is lost."""
    return np.asarray(values, np.float64).tolist()
