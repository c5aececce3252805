"""A model of any size by hand: of each layer the units that matter most, and of one unit all that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import sloy
from sloy.app.hand import MOST_UNITS, told
from sloy.app.samples import samples_of
from sloy.app.shelf import Shelf
from sloy.data import Dataset
from sloy.data.readers import Reader
from sloy.data.tables import TableReader
from sloy.errors import InvalidArgument
from sloy.inspection.synthesis import data_range
from sloy.language import speak
from sloy.losses import CategoricalCrossentropy
from sloy.model import Model
from sloy.preprocessing import Preprocessing
from sloy.theory.gradients.trace import (
    AveragePoolTrace,
    ConvolutionTrace,
    DenseTrace,
    LayerTrace,
    MaxPoolTrace,
    StepTrace,
    trace_step,
)
from sloy.training.stages import layered

SHOWN = 12  # units of a layer that are told first
PARTS = 40  # products of a unit that are told one by one
MOST_NUMBERS = 5_000_000  # of a network that goes by hand
SMALL = 2_000  # numbers of a network that is told whole


@dataclass(eq=False)
class Opened:
    """A model whose steps are looked at, with samples where there are some."""

    name: str
    model: Model
    data: Dataset | None
    columns: tuple[str, ...] = ()
    last: tuple[tuple[int, float], StepTrace] | None = None

    def step(self, sample: int, learning_rate: float) -> StepTrace:
        """A step on a sample; the last one is kept."""
        last = self.last
        if last is not None and last[0] == (sample, learning_rate):
            return last[1]
        x, y = _sample(self, sample)
        model = self.model
        trace = trace_step(
            model.network,
            (model.problem.preprocessing or Preprocessing()).compute(x[None])[0],
            y,
            parameters={n: np.asarray(v, np.float64) for n, v in model.parameters.items()},
            loss=model.loss,
            learning_rate=learning_rate,
        )
        self.last = (sample, learning_rate), trace
        return trace


@dataclass(eq=False)
class Hands:
    """The models that were taken in hand, and the last step of each."""

    shelf: Shelf
    threads: int = 1
    _opened: dict[str, Opened] = field(default_factory=dict)

    def models(self) -> list[dict[str, str]]:
        """What may be taken."""
        self.shelf.refresh()
        return [{"id": one.id, "name": one.name} for one in self.shelf.models()]

    def step(self, id: str, sample: int, learning_rate: float, language: str) -> dict[str, Any]:
        """A step of a model on one sample: whole where it is small, else the units of each layer that give most."""
        found = self._of(id)
        with speak(language):
            trace = found.step(sample, learning_rate)
            names = {
                "names": list(found.columns),
                "classes": _classes(found.model, trace),
                "samples": 0 if found.data is None else len(found.data),
            }
            if _is_small(trace):
                return {**names, "whole": True, **told(trace, language)}
            return {**names, "whole": False, **_selected(trace)}

    def unit(
        self, id: str, sample: int, learning_rate: float, layer: int, unit: int
    ) -> dict[str, Any]:
        """What a unit of a step is made of and where its error comes from, the largest parts first."""
        trace = self._of(id).step(sample, learning_rate)
        if not 0 <= layer < len(trace.layers):
            raise InvalidArgument(f"by hand: `layer` must be from 0 to {len(trace.layers) - 1}.")
        own = trace.layers[layer]
        if not 0 <= unit < own.u.size:
            raise InvalidArgument(f"by hand: `unit` must be from 0 to {own.u.size - 1}.")
        return _unit(trace, layer, np.unravel_index(unit, own.u.shape))

    def _of(self, id: str) -> Opened:
        if id not in self._opened:
            thing = self.shelf.named(id, "run", "model")
            model = layered(sloy.load(thing.path, engine="auto", threads=self.threads))
            columns = _columns(model.reader)
            if columns:
                model = model.prepared
            numbers = sum(np.asarray(v).size for v in model.parameters.values())
            if numbers > MOST_NUMBERS:
                raise InvalidArgument(
                    f"{thing.name}: has {numbers} numbers; by hand go networks of at most {MOST_NUMBERS}."
                )
            self._opened = {id: Opened(thing.name, model, samples_of(thing, model), columns)}
        return self._opened[id]


def _sample(found: Opened, number: int) -> tuple[np.ndarray, Any]:
    """A sample with its target; without data noise, and the target that the model itself answers."""
    model = found.model
    if found.data is not None:
        if not 0 <= number < len(found.data):
            raise InvalidArgument(
                f"by hand: `sample` (={number}) must be from 0 to {len(found.data) - 1}."
            )
        row = found.data.take(np.array([number]))
        if row.has_labels:
            return np.asarray(row.x)[0], np.asarray(row.y)[0]
        x = np.asarray(row.x)[0]
    else:
        low, high = data_range(model)
        drawn = np.random.default_rng(number).uniform(low, high, model.network.input_shape)
        x = drawn.astype(model.problem.data_dtype)
    if model.loss.task(model.network.output_shape) == "regression":
        return x, np.zeros(model.network.output_shape)
    return x, model.predict(x[None])[0]


def _columns(reader: Reader | None) -> tuple[str, ...]:
    """Of a table, the column that each number of a prepared row is of."""
    if not isinstance(reader, TableReader):
        return ()
    places = {place: name for name, own in reader.parts.items() for place in own}
    return tuple(places[k] for k in sorted(places))


def _classes(model: Model, trace: StepTrace) -> list[str]:
    if not isinstance(model.loss, CategoricalCrossentropy):
        return []
    return list(model.class_names) or [str(k) for k in range(len(np.ravel(trace.prediction)))]


def _is_small(trace: StepTrace) -> bool:
    """Whether all numbers fit on a page: of a vector through dense layers, or of a small picture."""
    numbers = sum(one.value.size for layer in trace.layers for one in layer.parameters.values())
    units = [trace.x.size, *(layer.u.size for layer in trace.layers)]
    flat = trace.x.ndim == 1 and all(layer.u.ndim == 1 for layer in trace.layers)
    fits = max(units) <= MOST_UNITS if flat else sum(units) <= 400 and trace.x.ndim == 3
    kinds = all(_kind(layer) != "other" for layer in trace.layers)
    return numbers <= SMALL and fits and kinds


def _kind(layer: LayerTrace) -> str:
    return type(layer).__name__.removesuffix("Trace").lower()


def _selected(trace: StepTrace) -> dict[str, Any]:
    return {
        "shape": list(trace.x.shape),
        "y": np.ravel(trace.y).astype(float).tolist(),
        "output": np.ravel(trace.output).tolist(),
        "prediction": np.ravel(trace.prediction).tolist(),
        "loss": trace.loss,
        "new_loss": trace.new_loss,
        "learning_rate": trace.learning_rate,
        "layers": [_layer(layer) for layer in trace.layers],
    }


def _layer(layer: LayerTrace) -> dict[str, Any]:
    largest = np.argsort(-np.abs(layer.u), axis=None, kind="stable")[:SHOWN]
    return {
        "name": layer.name,
        "title": layer.title(),
        "kind": _kind(layer),
        "shape": list(layer.u.shape),
        "units": [_brief(layer, int(k)) for k in sorted(largest)],
    }


def _brief(layer: LayerTrace, k: int) -> dict[str, Any]:
    return {"unit": k, "u": float(layer.u.flat[k]), "error": float(layer.error.flat[k])}


# --- one unit -------------------------------------------------------------------------------------


def _unit(trace: StepTrace, k: int, place: tuple[Any, ...]) -> dict[str, Any]:
    layer = trace.layers[k]
    place = tuple(int(i) for i in place)
    found: dict[str, Any] = {
        "layer": k,
        "unit": int(np.ravel_multi_index(place, layer.u.shape)),
        "place": list(place),
        "kind": _kind(layer),
        "u": float(layer.u[place]),
        "error": float(layer.error[place]),
        "slope": float(layer.slope[place]),
        "bias": None,
        "activation": "",
    }
    parts = _inputs(layer, place)
    if isinstance(layer, DenseTrace | ConvolutionTrace):
        found["z"] = float(layer.z[place])
        found["activation"] = " ".join(one.kind for one in layer.activation)
        bias = layer.parameters.get("bias")
        if bias is not None:
            o = place[-1]
            found["bias"] = [float(a[o]) for a in (bias.value, bias.gradient, bias.new)]
    following = trace.layers[k + 1] if k + 1 < len(trace.layers) else None
    outs = [] if following is None else _outputs(following, place)
    found["through"] = "" if following is None else following.name
    found["parts"], found["rest"] = _largest(parts)
    found["outs"], found["outs_rest"] = _largest(outs)
    return found


def _largest(parts: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The largest in size, in their own order; how many others there are, and their sum."""
    order = sorted(range(len(parts)), key=lambda i: -abs(parts[i]["product"]))[:PARTS]
    kept = set(order)
    rest = [part["product"] for i, part in enumerate(parts) if i not in kept]
    return [parts[i] for i in sorted(order)], {"count": len(rest), "sum": float(sum(rest))}


def _inputs(layer: LayerTrace, place: tuple[int, ...]) -> list[dict[str, Any]]:
    """The inputs of a unit, each with its weight and their product."""
    if isinstance(layer, DenseTrace) and layer.inputs.ndim == 1:
        weight, o = layer.parameters["weight"], place[-1]
        columns = (a[:, o] for a in (weight.value, weight.gradient, weight.new))
        rows = zip(layer.inputs, *columns, strict=True)
        return [_part([i], *map(float, row)) for i, row in enumerate(rows)]
    if isinstance(layer, ConvolutionTrace):
        weight, o = layer.parameters["weight"], place[2]
        inside = weight.value.shape[2]
        first = o // (weight.value.shape[3] // layer.groups) * inside
        return [
            _part(
                [row, column, first + c],
                float(layer.inputs[row, column, first + c]),
                *(float(a[a_, b, c, o]) for a in (weight.value, weight.gradient, weight.new)),
            )
            for a_, b, row, column in layer.windows.seen(*place[:2])
            for c in range(inside)
        ]
    if isinstance(layer, MaxPoolTrace | AveragePoolTrace):
        seen = [(row, column) for _, _, row, column in layer.windows.seen(*place[:2])]
        values = [float(layer.inputs[row, column, place[2]]) for row, column in seen]
        won = int(np.argmax(values))
        largest = isinstance(layer, MaxPoolTrace)
        return [
            {"place": [*at, place[2]], "x": x, "product": x, "won": largest and i == won}
            for i, (at, x) in enumerate(zip(seen, values, strict=True))
        ]
    return []


def _part(place: list[int], x: float, w: float, gradient: float, new: float) -> dict[str, Any]:
    return {"place": place, "x": x, "w": w, "product": x * w, "gradient": gradient, "new": new}


def _outputs(layer: LayerTrace, place: tuple[int, ...]) -> list[dict[str, Any]]:
    """What comes back to a unit from the units behind it: ε σ′ w of each."""
    if isinstance(layer, DenseTrace) and len(place) == 1:
        weights = layer.parameters["weight"].value[place[0]]
        return [_back([m], layer.error[m], layer.slope[m], weights[m]) for m in range(len(weights))]
    if isinstance(layer, ConvolutionTrace):
        weight = layer.parameters["weight"].value
        each, (group, c) = weight.shape[3] // layer.groups, divmod(place[2], weight.shape[2])
        return [
            _back([i, j, o], layer.error[i, j, o], layer.slope[i, j, o], weight[a, b, c, o])
            for i, j, a, b in layer.windows.seeing(*place[:2])
            for o in range(group * each, (group + 1) * each)
        ]
    return []


def _back(place: list[int], error: float, slope: float, w: float) -> dict[str, Any]:
    found = {"error": float(error), "slope": float(slope), "w": float(w)}
    return {"place": place, **found, "product": found["error"] * found["slope"] * found["w"]}
