"""Models taken in from other tools' files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sloy import losses
from sloy.data.readers import Reader, reader_from_config
from sloy.engines import Engine
from sloy.errors import FileFormatError, SloyError
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers import Imported
from sloy.losses import Loss
from sloy.model import Model
from sloy.network import Network
from sloy.steps.graphs import StepSpec

METADATA = "sloy"  # the key under which exported files say what ONNX has no place for


def from_onnx(
    path: str | Path,
    *,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
    loss: str | Loss | Callable[[Tensor, Tensor], Tensor] | None = None,
    class_names: Sequence[str] = (),
    reader: Reader | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
) -> Model:
    """See `Model.from_onnx`."""
    from sloy.exchange.onnx.imported import convert
    from sloy.exchange.onnx.reading import read

    graph = read(path)
    try:
        found = convert(graph, input_shape=input_shape, output=output)
        layer = Imported.from_config({"function": found.function, "values": _lists(found.values)})
        network = Network(found.input_shape, [layer])
    except SloyError as error:
        error.args = (f"{path}: {error}", *error.args[1:])
        raise
    said = _metadata(path, graph.metadata)
    chosen = _loss(loss, said)
    shape, dtype = target_of(chosen, network.output_shape, found.dtype)
    spec = StepSpec(
        network,
        chosen,
        data_dtype=found.data_dtype,
        target_shape=shape,
        target_dtype=dtype,
        dtype=found.dtype,
    )
    arrays = {f"{network.layer_names[0]}/{name}": array for name, array in found.arrays.items()}
    return Model(
        spec,
        {name: arrays[name] for name in network.shapes},
        class_names=class_names or tuple(said.get("class_names", ())),
        reader=reader or reader_from_config(said.get("reader")),
        engine=engine,
        threads=threads,
    )


def target_of(loss: Loss, output_shape: Shape, dtype: str) -> tuple[Shape, str]:
    """Shape and dtype of one target, as a loss takes it beside an output of that shape."""
    task = loss.task(output_shape)
    example = np.zeros(1, np.int64) if task == "classification" else np.zeros((1, *output_shape))
    target = loss.target(example, output_shape, dtype)
    return target.shape[1:], target.dtype.name


def _lists(values: Sequence[tuple[str, int]]) -> list[list[Any]]:
    return [list(value) for value in values]


def _metadata(path: str | Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What an exported file says of itself; nothing where it is another tool's."""
    try:
        said = json.loads(metadata.get(METADATA, "{}"))
        names = said.get("class_names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("`class_names` must be a list of strings")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"{path}: its metadata cannot be read ({error}).") from error
    return said


def _loss(given: Any, said: Mapping[str, Any]) -> Loss:
    """The loss that is asked for, else the one that the file names, else the squared error."""
    if given is not None:
        return losses.loss(given)
    name = said.get("loss")
    return losses.NAMES[name]() if name in losses.NAMES else losses.SquaredError()
