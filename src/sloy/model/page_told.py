"""What the scripts of a model's page are told: its input, its answer, its layers, samples."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy.data.handwriting import HandwritingReader
from sloy.data.pictures import PictureReader
from sloy.data.tables import NumbersReader, TableReader
from sloy.data.tables.columns import Category, Date, Numeric
from sloy.exchange.source.javascript import has_gaps, table_json
from sloy.graph import Graph, Tensor
from sloy.language import say
from sloy.losses import Intervals
from sloy.model.parts import Parts
from sloy.ops import input as symbolic
from sloy.problem.problem import is_yes_or_no
from sloy.problem.receptive import receptive_field
from sloy.text import shortened, shortened_apart, visible

MOST_SLIDERS = 60
LONGEST = 60  # letters of a name of a class that are shown
_WINDOWS = ("conv2d", "max_pool2d", "average_pool2d")


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample that a button of the page loads.

    Attributes
    ----------
    x : array, shape input_shape
        As the model takes it; of a table prepared.
    label, answer : str, optional
        What it is, and what the model took it for.
    text : str, optional
        What stands on its button; for pictures the two above.
    """

    x: np.ndarray
    label: str | None = None
    answer: str | None = None
    text: str | None = None


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the data of a model beside the model.

    Attributes
    ----------
    samples, wrong : sequence of Sample
        Those offered, and mistakes.
    low, high : array, optional
        Of each number of the input, the range of the data.
    points : sequence of (x, y, class or number)
        Samples in the plane of `plane_of`, as the model takes them.
    told : mapping
        More for scripts.
    """

    samples: Sequence[Sample] = ()
    wrong: Sequence[Sample] = ()
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    points: Sequence[tuple[float, float, float]] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


def input_told(parts: Parts, known: Known, *, ahead: bool) -> dict[str, Any]:
    """What the network takes, and by what controls."""
    problem, shape = parts.problem, parts.problem.network.input_shape
    scale = problem.preprocessing
    found: dict[str, Any] = {
        "shape": list(shape),
        "scale": {
            "mean": list(scale.mean) if scale else [0.0],
            "deviation": list(scale.deviation) if scale else [1.0],
        },
        "range": [0, 255] if problem.data_dtype == "uint8" else _range(known),
        "ahead": ahead,
        "points": [list(point) for point in known.points],
    }
    reader = parts.reader
    if isinstance(reader, TableReader):
        flat = plane_of(parts) is not None
        if flat:
            found["points"] = [_raw_point(reader, point) for point in known.points]
        found |= {"table": table_json(reader), "columns": _raw_columns(reader), "plane": flat}
        return {**found, "kind": "table"}
    if isinstance(reader, PictureReader):
        config = {**reader.to_config(), "background": list(reader.background)}
        return {**found, "kind": "picture", "reader": config, "order": reader.order}
    if len(shape) == 3 and shape[2] == 1:
        box = reader.box if isinstance(reader, HandwritingReader) else 0
        return {**found, "kind": "ink", "box": box}
    if len(shape) == 3 and shape[2] == 3:
        plain = PictureReader((shape[0], shape[1])).to_config()
        return {**found, "kind": "picture", "reader": plain, "order": "RGB"}
    if len(shape) == 1 and shape[0] <= MOST_SLIDERS:
        columns = _numbers(parts, known)
        return {
            **found,
            "kind": "numbers" if plane_of(parts) is None else "plane",
            "columns": columns,
        }
    return {**found, "kind": "samples"}


def plane_of(parts: Parts) -> tuple[int, int] | None:
    """The two numbers of the input that are all there is to choose, of a table its two columns; else None."""
    reader = parts.reader
    if isinstance(reader, TableReader):
        numbers = all(isinstance(column, Numeric) for column in reader.columns)
        if len(reader.columns) != 2 or not numbers:
            return None
        a, b = (reader.parts[column.name][0] for column in reader.columns)
        return a, b
    return (0, 1) if parts.problem.network.input_shape == (2,) else None


def _raw_point(reader: TableReader, point: tuple[float, float, float]) -> list[float]:
    """A point of the plane of a table's two columns as its table has it."""
    raw = [
        value * column.deviation + column.mean
        for value, column in zip(point, reader.columns, strict=False)
        if isinstance(column, Numeric)
    ]
    return [float(f"{value:.6g}") for value in raw] + [point[2]]


def _range(known: Known) -> list[float]:
    if known.low is None or known.high is None:
        return [0.0, 1.0]
    return [float(known.low.min()), float(known.high.max())]


def _numbers(parts: Parts, known: Known) -> list[dict[str, Any]]:
    """A slider for each number of the input."""
    width, scale = parts.problem.network.input_shape[0], parts.problem.preprocessing
    mean = np.broadcast_to(scale.mean if scale else 0.0, width)
    deviation = np.broadcast_to(scale.deviation if scale else 1.0, width)
    names = (
        parts.reader.names
        if isinstance(parts.reader, NumbersReader) and parts.reader.named
        else None
    )
    low = mean - 3 * deviation if known.low is None else known.low
    high = mean + 3 * deviation if known.high is None else known.high
    return [
        {
            "name": names[k] if names else f"x{k + 1}" if width != 2 else f"x{'₁₂'[k]}",
            **_slider(low[k], high[k], mean[k]),
        }
        for k in range(width)
    ]


def _slider(low: float, high: float, value: float) -> dict[str, float]:
    low, high = float(low), float(high)
    if not high > low:
        low, high = low - 1, high + 1
    step = 10.0 ** np.floor(np.log10((high - low) / 100))
    low, high = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    middle = float(np.clip(np.round(value / step) * step, low, high))
    found = {"low": low, "high": high, "value": middle, "step": step}
    return {name: float(f"{number:.8g}") for name, number in found.items()}


def _raw_columns(reader: TableReader) -> list[dict[str, Any]]:
    """A control for each raw column."""
    found: list[dict[str, Any]] = []
    for column in reader.columns:
        missing = has_gaps(column)
        said: dict[str, Any] = {"name": column.name, "kind": column.kind, "missing": missing}
        if isinstance(column, Category):
            said |= {"words": list(column.words), "value": column.words[0] if column.words else ""}
        elif isinstance(column, Date):
            said |= {"value": _usual_time(column)}
        else:
            assert isinstance(column, Numeric)
            wide = 3 * column.deviation
            low, high = column.span or column.limits or (column.mean - wide, column.mean + wide)
            said |= _slider(low, high, column.mean)
        found.append(said)
    return found


def _usual_time(column: Date) -> float:
    """The first day of the mean year, or midnight, in seconds since 1970."""
    years = [mean for part, mean, _ in column.parts if part == "year"]
    return (
        0.0 if not years else float(np.datetime64(f"{round(years[0])}-01-01", "s").astype(np.int64))
    )


def answer_told(parts: Parts, output: str, graph: Graph) -> dict[str, Any]:
    """What the network's answer is, and from which scores its shares are made."""
    problem, names = parts.problem, list(parts.class_names)
    shape = problem.network.output_shape
    task: str = problem.loss.task(shape)
    reader = parts.reader if isinstance(parts.reader, TableReader) else None
    if task == "binary" and not is_yes_or_no(problem.loss, shape):
        task = "regression"  # several yes-or-no outputs: a number for each
    unit = ""
    if task == "regression" and reader is not None:
        names = list(reader.targets)
        if isinstance(problem.loss, Intervals):
            names = [names[0], say("from"), say("to")]
        unit = reader.written.unit
    scores = f"activation/{problem.network.layer_names[-1]}" if problem.loss.logits else None
    if task == "binary" and not names:
        names = [say("no"), say("yes")]
    return {
        "output": output,
        "task": task,
        "scores": scores if task != "regression" and scores in graph.outputs else None,
        "count": 2 if task == "binary" else shape[-1],
        "names": shortened_apart([visible(name) for name in names], LONGEST),
        "unit": unit,
        "threshold": problem.threshold,
    }


def sample_told(parts: Parts, sample: Sample) -> dict[str, Any]:
    """A sample as JSON; of a table with its raw values, as far as they can be told from the prepared ones."""
    x = np.asarray(sample.x)
    kind = "bytes" if x.dtype == np.uint8 else "floats"
    values = np.ascontiguousarray(x if kind == "bytes" else x.astype(np.float32))
    found: dict[str, Any] = {"x": b64encode(values.tobytes()).decode(), "kind": kind}
    for name in ("label", "answer", "text"):
        if (word := getattr(sample, name)) is not None:
            found[name] = shortened(visible(word), LONGEST)
    if isinstance(parts.reader, TableReader):
        found["row"] = _raw_row(parts.reader, values)
    return found


def _raw_row(reader: TableReader, prepared: np.ndarray) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in reader.columns:
        places = reader.parts[column.name]
        if isinstance(column, Category):
            code = int(prepared[places[0]])
            row[column.name] = column.words[code] if 0 <= code < len(column.words) else ""
        elif isinstance(column, Numeric):
            value = float(prepared[places[0]]) * column.deviation + column.mean
            row[column.name] = float(f"{value:.6g}")
        elif isinstance(column, Date):
            row[column.name] = _moment(column, prepared[list(places)])
    return row


def _moment(column: Date, prepared: np.ndarray) -> float | None:
    """The moment that a date's prepared parts stand for, in seconds since 1970; None where they do not tell it."""
    found = {
        part: float(value) * deviation + mean
        for (part, mean, deviation), value in zip(column.parts, prepared, strict=False)
    }
    if not {"year", "month", "day"} <= set(found) or (column.missing and prepared[-1]):
        return None
    year, month, day = (round(found[part]) for part in ("year", "month", "day"))
    seconds = np.datetime64(f"{year:04}-{month:02}-{day:02}", "s").astype(np.int64)
    angle = np.arctan2(found.get("hour sin", 0.0), found.get("hour cos", 1.0)) % (2 * np.pi)
    return float(seconds) + 60.0 * round(24 * 60 * angle / (2 * np.pi))


def layers_told(parts: Parts, graph: Graph) -> list[dict[str, Any]]:
    """Each layer of the network: its output, its window, what it sees."""
    network = parts.problem.network
    built = network.build(symbolic("x", (1, *network.input_shape)))
    before, found = symbolic("x", (1, *network.input_shape)), []
    summary = {row.name: row for row in network.summary().rows}
    for name in network.layer_names:
        tensor = built.activations[name]
        output = f"activation/{name}"
        if output not in graph.outputs:
            continue
        shape = list(tensor.shape[1:])
        layer: dict[str, Any] = {
            "output": output,
            "title": f"{name}: {summary[name].layer}" if name in summary else name,
            "shape": shape,
        }
        window = _window(tensor, before)
        if window is not None:
            layer["window"] = window
            layer["named"] = {"weights": f"{name}/weight", "bias": f"{name}/bias"}
        if len(network.input_shape) == 3 and len(shape) == 3:
            seen = receptive_field(network, name)
            layer["field"] = {
                "size": list(seen.size),
                "stride": list(seen.stride),
                "start": list(seen.start),
            }
        found.append(layer)
        before = tensor
    return found


def _window(tensor: Tensor, before: Tensor) -> dict[str, Any] | None:
    """The window of a layer that is one convolution, with or without a bias, or one pooling; None for others."""
    now = tensor
    if now.op == "add":
        inner = [x for x in now.inputs if x.op == "conv2d"]
        now = inner[0] if len(inner) == 1 else now
    if now.op not in _WINDOWS or now.inputs[0].shape != before.shape:
        return None
    a = now.attributes
    kernel = now.inputs[1].shape[:2] if now.op == "conv2d" else a["window"]
    return {
        "op": now.op,
        "kernel": list(kernel),
        "stride": list(a["stride"]),
        "padding": [a["padding"][0], a["padding"][2]],
        "dilation": list(a.get("dilation", (1, 1))),
        "groups": a.get("groups", 1),
    }
