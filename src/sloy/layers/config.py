"""Layers as JSON values and back.

A layer becomes ``{"layer": "Dense", "units": 10, …}``, an initialiser ``{"initializer": "HeNormal"}``, a regulariser
``{"regularizer": "L2", "strength": 0.01}``. Reading checks class names and arguments: such JSON comes from files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from sloy.arguments import instance, integer
from sloy.errors import FileFormatError, InvalidArgument
from sloy.initializers import INITIALIZERS, Initializer
from sloy.regularizers import CONSTRAINTS, REGULARIZERS, Constraint, Regularizer
from sloy.text import reason

if TYPE_CHECKING:
    from sloy.layers.base import Layer

LAYERS: dict[str, type[Layer]] = {}
MAX_DEPTH = 32  # of layers inside layers

_ARGUMENTS: tuple[tuple[str, type, dict[str, Any]], ...] = (
    ("initializer", Initializer, {cls.__name__: cls for cls in INITIALIZERS.values()}),
    ("regularizer", Regularizer, dict(REGULARIZERS)),
    ("constraint", Constraint, dict(CONSTRAINTS)),
)

_L = TypeVar("_L", bound="type[Layer]")


def register(layer: _L) -> _L:
    """Make a layer class known by its name, so that networks with it can be saved and loaded; a class decorator."""
    instance("register", "layer", layer, type)
    if LAYERS.setdefault(layer.__name__, layer) is not layer:
        raise InvalidArgument(f"a layer class named {layer.__name__} is already registered.")
    return layer


def encode(place: str, value: object) -> Any:
    """An argument of a layer as JSON values."""
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "__index__"):
        return int(value.__index__())
    if hasattr(value, "__float__") and isfinite(float(value)):
        return float(value)
    if isinstance(value, list | tuple):
        return [encode(place, item) for item in value]
    for key, kind, known in _ARGUMENTS:
        if isinstance(value, kind) and type(value).__name__ in known:
            names = [field.name for field in fields(value)]  # type: ignore[arg-type]
            arguments = {name: encode(place, getattr(value, name)) for name in names}
            return {key: type(value).__name__, **arguments}
    if hasattr(value, "to_config"):
        return value.to_config()
    raise InvalidArgument(f"{place}: the argument {value!r} has no form that a file can hold.")


def decode(value: Any, depth: int = 0) -> Any:
    """The argument that `encode` wrote."""
    if isinstance(value, list):
        return tuple(decode(item, depth) for item in value)
    if not isinstance(value, dict):
        return value
    if "layer" in value:
        return layer_from_config(value, depth + 1)
    for key, _, known in _ARGUMENTS:
        if key in value:
            arguments = {k: decode(v, depth) for k, v in value.items() if k != key}
            return _known(key, value[key], known)(**arguments)
    raise FileFormatError(f"an argument is {str(value)[:80]}.")


def layer_from_config(config: Mapping[str, Any], depth: int = 0) -> Layer:
    """The layer that `Layer.to_config` described.

    Raises
    ------
    FileFormatError
        Where the class is unknown or its arguments are not allowed; the message names them.
    """
    if integer("layer_from_config", "depth", depth, 0) > MAX_DEPTH:
        raise FileFormatError(f"layers are nested deeper than {MAX_DEPTH}.")
    if not isinstance(config, Mapping) or "layer" not in config:
        raise FileFormatError(f"a layer is described by {str(config)[:80]}.")
    layer = _known("layer", config["layer"], LAYERS)
    try:
        return layer.from_config(
            {key: value for key, value in config.items() if key != "layer"}, depth
        )
    except FileFormatError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        raise FileFormatError(
            f"the layer {layer.__name__} cannot be read: {reason(error)}"
        ) from error


def _known(kind: str, name: object, known: Mapping[str, Any]) -> Any:
    if not isinstance(name, str) or name not in known:
        hint = (
            "; a class of your own must be registered with `sloy.layers.register` before loading"
            if kind == "layer"
            else ""
        )
        raise FileFormatError(f"no {kind} is named {str(name)[:40]!r}{hint}.")
    return known[name]
