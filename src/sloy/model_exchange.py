"""Models taken in from other tools' files, and written for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sloy import __version__, losses, ops
from sloy.arguments import file_to_write, flag, with_n
from sloy.data.readers import Reader, reader_from_config, reader_to_config
from sloy.engines import Engine
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.files.atomic import write_atomically
from sloy.graph import Graph
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers import Imported
from sloy.losses import Loss
from sloy.model import Model
from sloy.network import Network
from sloy.steps.graphs import StepSpec, evaluation_graph, inference_graph

METADATA = "sloy"  # the key under which exported files say what ONNX has no place for
CLASS_NAMES = "class_names"  # a JSON list of strings


def from_onnx(
    path: str | Path,
    *,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
    channels_last: bool = False,
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
        found = convert(
            graph,
            input_shape=input_shape,
            output=output,
            takes_channels_last=flag("from_onnx", "channels_last", channels_last),
        )
        layer = Imported.from_config({"function": found.function, "values": _lists(found.values)})
        network = Network(found.input_shape, [layer])
        said, names = _metadata(graph.metadata)
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
        evaluation_graph(spec, 1)  # raises where the loss does not go with what the graph ends in
    except SloyError as error:
        error.args = (f"{path}: {error}", *error.args[1:])
        raise
    arrays = {f"{network.layer_names[0]}/{name}": array for name, array in found.arrays.items()}
    return Model(
        spec,
        {name: arrays[name] for name in network.shapes},
        class_names=class_names or names,
        reader=reader or reader_from_config(said.get("reader")),
        engine=engine,
        threads=threads,
    )


SUFFIXES = (".onnx", ".c", ".h")


def export(
    model: Model, path: str | Path, *, opset: int, channels_first: bool, name: str | None
) -> None:
    """See `Model.export`."""
    path = file_to_write("export", "path", path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InvalidArgument(
            f"export: `path` (={str(path)!r}) must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    if kind == ".onnx":
        to_onnx(model, path, opset=opset, channels_first=channels_first)
    else:
        to_c(model, path, name=name)


def to_onnx(
    model: Model, path: str | Path, *, opset: int = 18, channels_first: bool = False
) -> None:
    """Write a model as an ONNX file, its preprocessing inside the graph; see docs/exchange.md.

    The graph takes raw data as the model does and has the outputs ``output``, what the model gives, and, where the loss
    makes probabilities of that, ``probabilities``.

    Parameters
    ----------
    model : Model
    path : str or Path
    opset : int
        At least 18.
    channels_first : bool
        Whether pictures are (N, C, H, W) there; by default they are (N, H, W, C), as here.

    Raises
    ------
    NotAvailable
        Where an op of the network has no form in ONNX, or the onnx package is missing.
    """
    from sloy.exchange.onnx.writing import write

    path = file_to_write("to_onnx", "path", path)
    whole = written(model, reads=not channels_first)
    write(whole, path, opset=opset, channels_first=channels_first)


def written(model: Model, *, reads: bool = True) -> Any:
    """What an ONNX file says of a model; its reader only where it `reads` what the file takes."""
    from sloy.exchange.onnx.writing import Written

    spec = model.spec
    said = {
        "loss": loss_name(spec.loss),
        "reader": reader_to_config(model.reader if reads else None),
    }
    metadata = {METADATA: json.dumps(said, sort_keys=True)}
    if model.class_names:
        metadata[CLASS_NAMES] = json.dumps(list(model.class_names), ensure_ascii=False)
    return Written(
        lambda n: exported_graph(model, n),
        dict(model.parameters),
        metadata,
        __version__,
        f"Input: raw data {with_n(spec.network.input_shape)} {spec.data_dtype}; the preprocessing is in the graph.",
    )


def exported_graph(model: Model, n: int) -> Graph:
    """Inference on n samples: ``output``, ``probabilities`` where they differ, and every layer's output."""
    graph = inference_graph(model.spec, n, list(_activations(model)))
    outputs = dict(graph.outputs)
    prediction = outputs.pop("prediction")
    if prediction != outputs["output"]:
        outputs["probabilities"] = prediction
    return Graph(graph.nodes, outputs, {})


def _activations(model: Model) -> Sequence[str]:
    network = model.network
    return list(network.build(ops.input("x", (1, *network.input_shape))).activations)


def loss_name(loss: Loss) -> str:
    """The name of a loss with its default arguments; empty for others."""
    return next((name for name, kind in losses.NAMES.items() if loss == kind()), "")


def target_of(loss: Loss, output_shape: Shape, dtype: str) -> tuple[Shape, str]:
    """Shape and dtype of one target, as a loss takes it beside an output of that shape."""
    task = loss.task(output_shape)
    example = np.zeros(1, np.int64) if task == "classification" else np.zeros((1, *output_shape))
    target = loss.target(example, output_shape, dtype)
    return target.shape[1:], target.dtype.name


def _lists(values: Sequence[tuple[str, int]]) -> list[list[Any]]:
    return [list(value) for value in values]


def _metadata(metadata: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What an exported file says of itself, and its class names; nothing where it is another tool's."""
    try:
        said = json.loads(metadata.get(METADATA, "{}"))
        names = json.loads(metadata.get(CLASS_NAMES, "[]")) if METADATA in metadata else []
        if not isinstance(said, dict) or not isinstance(names, list):
            raise TypeError("an object and a list are needed")
        if not all(isinstance(name, str) for name in names):
            raise TypeError("class names must be strings")
    except (ValueError, TypeError, RecursionError) as error:
        raise FileFormatError(f"its metadata cannot be read ({error}).") from error
    return said, tuple(names)


def _loss(given: Any, said: Mapping[str, Any]) -> Loss:
    """The loss that is asked for, else the one that the file names, else the squared error."""
    if given is not None:
        return losses.loss(given)
    name = said.get("loss")
    return losses.NAMES[name]() if name in losses.NAMES else losses.SquaredError()


def to_c(model: Model, path: str | Path, *, name: str | None = None) -> None:
    """Write a model as one C file with ``void NAME_predict(const float *x, float *y)``; see docs/exchange.md.

    The function does what `Model.predict_proba` does with one sample. A path that ends in ``.h`` becomes a header,
    whose definitions stand behind ``#ifdef NAME_IMPLEMENTATION``.

    Parameters
    ----------
    model : Model
    path : str or Path
    name : str, optional
        What the file's names begin with; the file's own by default.

    Raises
    ------
    NotAvailable
        Where the network has more than `sloy.exchange.c_source.LARGEST` numbers, or an op has no C.
    """
    from sloy.exchange.c_source import c_name, source

    path = file_to_write("to_c", "path", path)
    if name is not None and c_name(name) != name:
        raise InvalidArgument(f"to_c: `name` (={name!r}) must be a name in C.")
    graph = exported_graph(model, 1)
    text = source(
        graph,
        "probabilities" if "probabilities" in graph.outputs else "output",
        dict(model.parameters),
        name or c_name(path.stem),
        class_names=model.class_names,
        comment=f"A network trained with sloy {__version__}, for raw data {model.network.input_shape}.",
        header=path.suffix == ".h",
    )
    write_atomically(path, text.encode())
