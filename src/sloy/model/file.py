"""A model as one file: what the JSON document says; see docs/model-file.md."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sloy.data.readers import Reader, reader_from_config, reader_to_config
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.container import check_kind, read_container, write_container
from sloy.files.documents import hold
from sloy.graph.spec import DTYPES, FLOATS, Spec
from sloy.graph.stored import function_from_config, function_to_config
from sloy.losses import NAMES as LOSSES
from sloy.losses import CustomLoss, Intervals, Loss
from sloy.metrics import NAMES as METRICS
from sloy.metrics import BinaryAccuracy, Metric
from sloy.model.familiar import familiar_from
from sloy.model.parts import Parts
from sloy.preprocessing import Preprocessing
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.problem.parameters import check_names
from sloy.text import reason, shown

KIND = "sloy.model"
VERSION = 1
WITH_THRESHOLD = 2  # of files that hold what older readers would answer without
ADDED = {"threshold", "origin", "familiar"}

_LOSSES = {cls.__name__: cls for cls in LOSSES.values()}
_METRICS: dict[str, type[Metric]] = {
    cls.__name__: cls for cls in (BinaryAccuracy, *map(type, METRICS.values()))
}
_MOST_AXES = 8  # of a sample's target
SCHEMA = {  # of what is no tensor; layers, losses and readers know what they are made of
    "kind": str,
    "version": int,
    "network": {"input_shape": [int], "layers": [dict]},
    "loss": {"loss": str, "*": object},
    "metrics": [{"metric": str, "*": (None, float)}],
    "preprocessing": dict,
    "class_names": [str],
    "reader": (None, {"reader": str, "*": object}),
    "data_dtype": {"uint8", *FLOATS},
    "dtype": set(FLOATS),
    "target_shape": [int],
    "target_dtype": set(DTYPES),
    "threshold?": float,
    "origin?": [float],
    "familiar?": {"layer": str, "limit": float},
}


def write(parts: Parts, path: Path) -> None:
    """Write a model to one file, atomically; equal models make equal files.

    Raises
    ------
    InvalidArgument
        Where a part has no form that a file can hold.
    """
    more = parts.familiar.tensors() if parts.familiar else {}
    write_container(path, {**parts.parameters, **more}, _document(parts))


def read(path: str | Path) -> Parts:
    """What a model file holds, checked in full.

    Raises
    ------
    FileFormatError
        Where the file is damaged, foreign or of another version, or contradicts itself.
    """
    try:
        tensors, document = read_container(path)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from error
    check_kind(path, document, KIND, WITH_THRESHOLD if ADDED & set(document) else VERSION)
    try:
        problem, class_names, reader = _read_document(document)
        familiar = None
        if (config := document.get("familiar")) is not None:
            familiar = familiar_from(config, tensors, problem.network)
        _check_tensors(problem, tensors)
    except (FileFormatError, InvalidArgument) as error:
        raise FileFormatError(f"{path}: {reason(error)}.") from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise FileFormatError(
            f"{path}: the model cannot be understood ({reason(error)})."
        ) from error
    except (RecursionError, MemoryError) as error:
        raise FileFormatError(f"{path}: the model is too large to be one.") from error
    return Parts(problem, tensors, class_names, reader, familiar)


def _document(parts: Parts) -> dict[str, Any]:
    problem = parts.problem
    metrics = [_plain_config("metric", m) for m in problem.metrics if type(m).__name__ in _METRICS]
    if len(metrics) < len(problem.metrics):
        own = [m.name for m in problem.metrics if type(m).__name__ not in _METRICS]
        warnings.warn(
            f"Model.save: metrics of your own are not stored: {', '.join(own)}.", stacklevel=4
        )
    added: dict[str, Any] = {}
    if problem.threshold is not None:
        added["threshold"] = problem.threshold
    if problem.origin:
        added["origin"] = list(problem.origin)
    if parts.familiar is not None:
        added["familiar"] = parts.familiar.to_config()
    return {
        "kind": KIND,
        "version": WITH_THRESHOLD if added else VERSION,
        "network": problem.network.to_config(),
        "loss": _loss_config(problem.loss, problem),
        "metrics": metrics,
        "preprocessing": (problem.preprocessing or Preprocessing()).to_config(),
        "class_names": list(parts.class_names),
        "reader": reader_to_config(parts.reader),
        "data_dtype": problem.data_dtype,
        "dtype": problem.dtype,
        "target_shape": list(problem.target_shape),
        "target_dtype": problem.target_dtype,
        **added,
    }


def _read_document(
    document: Mapping[str, Any],
) -> tuple[Problem, tuple[str, ...], Reader | None]:
    hold(document, SCHEMA)
    names, metrics = document["class_names"], document["metrics"]
    data_dtype, dtype = document["data_dtype"], document["dtype"]
    if len(document["target_shape"]) > _MOST_AXES:
        raise FileFormatError(f"`target_shape` has {len(document['target_shape'])} extents.")
    if data_dtype not in ("uint8", dtype):
        raise FileFormatError(f"`dtype` is {dtype!r}, `data_dtype` {data_dtype!r}.")
    target_shape, target_dtype = document["target_shape"], document["target_dtype"]
    problem = Problem(
        Network.from_config(document["network"]),
        _loss(document["loss"]),
        preprocessing=Preprocessing.from_config(document["preprocessing"]),
        metrics=tuple(_known("metric", config, _METRICS) for config in metrics),
        data_dtype=data_dtype,
        target_shape=tuple(map(_extent, target_shape)),
        target_dtype=target_dtype,
        dtype=dtype,
        threshold=document.get("threshold"),
        origin=tuple(document.get("origin", ())),
    )
    assert problem.preprocessing is not None
    problem.preprocessing.check(problem.network.input_shape)
    inference_graph(problem, 1)
    evaluation_graph(problem, 1)
    return problem, tuple(names), reader_from_config(document["reader"])


def _check_tensors(problem: Problem, tensors: Mapping[str, np.ndarray]) -> None:
    """Exactly the parameters and states of the network, each of its shape and dtype."""
    check_names("the file", problem.network, tensors)
    for name, shape in problem.network.shapes.items():
        if tensors[name].shape != shape or tensors[name].dtype != problem.dtype:
            raise FileFormatError(
                f"tensor {name!r} is {tensors[name].dtype}{list(tensors[name].shape)}; its network"
                f" needs {problem.dtype}{list(shape)}."
            )


def _loss_config(loss: Loss, problem: Problem) -> dict[str, Any]:
    if isinstance(loss, Intervals):
        found = _plain_config("loss", loss)
        return {**found, "main": _loss_config(loss.main, problem)}
    if isinstance(loss, CustomLoss):
        inside = isinstance(problem.loss, Intervals)
        shape = problem.target_shape if inside else problem.network.output_shape
        output = Spec((1, *shape), "float32")
        target = Spec((1, *problem.target_shape), problem.target_dtype)
        function = function_to_config(loss.function, [output, target])
        return {"loss": "CustomLoss", "targets": loss.targets, "function": function}
    if type(loss) not in _LOSSES.values():
        raise InvalidArgument(
            f"Model.save: the loss {loss!r} is of a class of your own, which no file can hold; as a"
            " function(output, target) it could be stored."
        )
    return _plain_config("loss", loss)


def _loss(config: Any) -> Loss:
    if isinstance(config, dict) and config.get("loss") == "CustomLoss":
        if set(config) != {"loss", "targets", "function"}:
            raise FileFormatError(f"the loss has the keys {shown(sorted(map(str, config)))}.")
        return CustomLoss(function_from_config(config["function"]), config["targets"])
    if isinstance(config, dict) and isinstance(main := config.get("main"), dict):
        if main.get("loss") == Intervals.__name__:
            raise FileFormatError("a loss of intervals is made of another.")
        config = {**config, "main": _loss(main)}
    loss: Loss = _known("loss", config, _LOSSES)
    return loss


def _plain_config(kind: str, value: Any) -> dict[str, Any]:
    """A frozen dataclass of numbers: its class name under `kind`, its fields under their names."""
    return {kind: type(value).__name__} | {f.name: getattr(value, f.name) for f in fields(value)}


def _known(kind: str, config: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get(kind), str):
        raise FileFormatError(f"a {kind} is described by {str(config)[:80]}.")
    name, arguments = config[kind], {k: v for k, v in config.items() if k != kind}
    if name not in known:
        raise FileFormatError(f"no {kind} is named {name[:40]!r}.")
    if set(arguments) != {f.name for f in fields(known[name])}:
        raise FileFormatError(f"the {kind} {name} has the arguments {shown(sorted(arguments))}.")
    several = {key: tuple(v) if isinstance(v, list) else (v,) for key, v in arguments.items()}
    if not all(
        type(value) in (type(None), int, float) or isinstance(value, Loss)
        for values in several.values()
        for value in values
    ):
        raise FileFormatError(f"the {kind} {name}: arguments must be numbers.")
    return known[name](
        **{k: several[k] if isinstance(v, list) else v for k, v in arguments.items()}
    )


def _extent(value: Any) -> int:
    if type(value) is not int or not 0 < value < 2**31:
        raise FileFormatError(f"the extent {str(value)[:40]} must be an integer above 0.")
    return value
