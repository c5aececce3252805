"""ONNX nodes that prepare raw columns: one named input (N, 1) for each column of a table, doubles or strings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, pi
from typing import Any

import numpy as np

from sloy.data.tables import TableReader
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.exchange.raw import COLUMNS, Raw, codes, described, numbers_for_missing, taken
from sloy.preprocessing import Preprocessing
from sloy.text import Names

ML = "ai.onnx.ml"  # the domain of LabelEncoder
ML_VERSION = 2

Key = tuple[str, str]  # a column, and which of its prepared columns
Piece = tuple[str, list[Key]]  # a tensor (N, k), and what its columns are


def put_before(package: Any, model: Any, raw: Raw) -> None:
    """Let a model of the onnx package take raw data in place of its input, which the new nodes make."""
    head = _Head(package, model)
    if isinstance(raw, TableReader):
        columns = _table(head, raw)
        entry = model.metadata_props.add()
        entry.key, entry.value = COLUMNS, json.dumps(columns, ensure_ascii=False)
    else:
        _numbers(head, raw)
    del model.graph.input[:]
    model.graph.input.extend(head.inputs)
    own = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*head.nodes, *own])
    package.checker.check_model(model, full_check=True)


@dataclass
class _Head:
    """The nodes before a network."""

    package: Any
    model: Any
    nodes: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        graph = self.model.graph
        taken = {name for node in graph.node for name in (*node.input, *node.output)}
        self.names = Names(taken | {each.name for each in (*graph.initializer, *graph.output)})

    def input(self, wanted: str, dtype: str, width: int | None, what: str) -> str:
        """A new input (N, width)."""
        tensor = self.package.TensorProto
        kind = tensor.STRING if dtype == "string" else tensor.DOUBLE
        name = self.names.new(wanted)
        made = self.package.helper.make_tensor_value_info
        self.inputs.append(made(name, kind, ["N", width], doc_string=what))
        return name

    def emit(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The result of a new node."""
        name = self.names.new(f"prepare/{op}")
        make = self.package.helper.make_node
        node = make(op, list(inputs), [name], name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return name

    def constant(self, values: Any, dtype: str = "float64") -> str:
        """An array."""
        value = self.package.numpy_helper.from_array(np.array(values, dtype))
        return self.emit("Constant", value=value)

    def cast(self, name: str, dtype: str) -> str:
        """In another dtype."""
        to = self.package.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.emit("Cast", name, to=int(to))

    def joined(self, names: Sequence[str]) -> str:
        """Columns side by side."""
        return names[0] if len(names) == 1 else self.emit("Concat", *names, axis=1)

    def chosen(self, name: str, places: Sequence[int]) -> str:
        """Some columns (N, k) of many."""
        return self.emit("Gather", name, self.constant(places, "int64"), axis=1)

    def divided(self, x: str, by: float) -> str:
        """⌊x / by⌋."""
        return self.emit("Floor", self.emit("Div", x, self.constant(by)))

    def linear(self, start: str, *terms: tuple[str, float], plus: float = 0.0) -> str:
        """start + Σ factor · term + plus."""
        found = start
        for name, factor in terms:
            found = self.emit("Add", found, self.emit("Mul", name, self.constant(factor)))
        return self.emit("Add", found, self.constant(plus)) if plus else found

    def found(self, condition: str) -> str:
        """1 where a condition holds, else 0."""
        return self.cast(condition, "float64")

    def ends(self, prepared: str) -> None:
        """Let the network take what was prepared."""
        old = self.model.graph.input[0].name
        for node in self.model.graph.node:
            for place, name in enumerate(node.input):
                if name == old:
                    node.input[place] = prepared


def _numbers(head: _Head, scale: Preprocessing) -> None:
    """(x − mean) / deviation in double precision."""
    given = head.package.ValueInfoProto()
    given.CopyFrom(head.model.graph.input[0])
    given.type.tensor_type.elem_type = head.package.TensorProto.DOUBLE
    given.doc_string = "raw data in double precision"
    centred = head.emit("Sub", given.name, head.constant(scale.mean))
    divided = head.emit("Div", centred, head.constant(scale.deviation))
    head.inputs.append(given)
    head.ends(head.cast(divided, "float32"))


def _table(head: _Head, reader: TableReader) -> list[dict[str, Any]]:
    """The prepared rows of a table's columns; what is said of each input, in the order of the inputs."""
    said: list[dict[str, Any]] = []
    given: dict[str, str] = {}
    for column in reader.columns:
        dtype = "string" if isinstance(column, Category) else "double"
        empty = '""' if dtype == "string" else "NaN"
        what = f"{taken(column)}; {empty} where missing"
        given[column.name] = name = head.input(column.name or "column", dtype, 1, what)
        said.append({"input": name, "type": dtype, **described(column, reader.missing)})
    pieces: list[Piece] = []
    numbers = [c for c in reader.columns if isinstance(c, Numeric)]
    dates = [c for c in reader.columns if isinstance(c, Date)]
    if numbers:
        x = head.joined([given[c.name] for c in numbers])
        pieces += _numeric(head, x, numbers, numbers_for_missing(reader.missing))
    if dates:
        pieces += _dates(head, head.joined([given[c.name] for c in dates]), dates)
    for column in reader.columns:
        if isinstance(column, Category):
            words, other = codes(column, reader.missing)
            code = head.emit(
                "LabelEncoder", given[column.name], domain=ML, keys_strings=list(words),
                values_int64s=list(words.values()), default_int64=other,
            )  # fmt: skip
            pieces.append((head.cast(code, "float64"), [(column.name, "")]))
            _import_ml(head)
    there = {key: place for place, key in enumerate(key for _, keys in pieces for key in keys)}
    places = [there[key] for column in reader.arranged for key in _keys(column)]
    prepared = head.joined([name for name, _ in pieces])
    if places != list(range(len(there))):
        prepared = head.chosen(prepared, places)
    head.ends(head.cast(prepared, "float32"))
    return said


def _keys(column: Column) -> list[Key]:
    """The prepared columns of a column, in their order."""
    parts = [part for part, _, _ in column.parts] if isinstance(column, Date) else [""]
    marked = not isinstance(column, Category) and getattr(column, "missing", False)
    return [(column.name, part) for part in [*parts, *["missing"] * marked]]


def _numeric(
    head: _Head, x: str, columns: Sequence[Numeric], missing: Sequence[float]
) -> list[Piece]:
    """Numbers (N, k) scaled, and where they are missing."""
    gaps = head.emit("IsNaN", x)
    for number in missing:
        gaps = head.emit("Or", gaps, head.emit("Equal", x, head.constant(number)))
    mean = head.constant([c.mean for c in columns])
    known = head.emit("Where", gaps, mean, x)
    if any(c.ends for c in columns):
        none = ((-inf, -inf), (inf, inf))
        for side, outside in enumerate(("Less", "Greater")):
            beyond, end = ([(c.ends or none)[side][k] for c in columns] for k in (0, 1))
            far = head.emit(outside, known, head.constant(beyond))
            known = head.emit("Where", far, head.constant(end), known)
    deviation = head.constant([c.deviation for c in columns])
    scaled = head.emit("Div", head.emit("Sub", known, mean), deviation)
    return [(scaled, [(c.name, "") for c in columns]), *_marked(head, gaps, columns)]


def _dates(head: _Head, t: str, columns: Sequence[Date]) -> list[Piece]:
    """The parts of dates, given as seconds (N, k), scaled, and where they are missing."""
    gaps = head.emit("IsNaN", t)
    parts = _civil(head, t)
    pieces = []
    for part in parts:
        own = [
            (place, c, mean, deviation)
            for place, c in enumerate(columns)
            for name, mean, deviation in c.parts
            if name == part
        ]
        if not own:
            continue
        places = [place for place, *_ in own]
        mean, deviation = (head.constant([each[k] for each in own]) for k in (2, 3))
        centred = head.emit("Sub", head.chosen(parts[part], places), mean)
        scaled = head.emit("Div", centred, deviation)
        scaled = head.emit("Where", head.chosen(gaps, places), head.constant(0.0), scaled)
        pieces.append((scaled, [(c.name, part) for _, c, _, _ in own]))
    return [*pieces, *_marked(head, gaps, columns)]


def _marked(head: _Head, gaps: str, columns: Sequence[Numeric | Date]) -> list[Piece]:
    marked = [place for place, c in enumerate(columns) if c.missing]
    if not marked:
        return []
    flags = head.found(head.chosen(gaps, marked))
    return [(flags, [(columns[place].name, "missing") for place in marked])]


def _civil(head: _Head, t: str) -> dict[str, str]:
    """Parts of the date and time t seconds after 1970-01-01, in the Gregorian calendar.

    Years are counted from March, so that the day that comes and goes is their last: 146 097 days make 400 years, and
    month m of such a year begins at day ⌊(153 m + 2) / 5⌋.
    """
    days = head.divided(t, 86400.0)
    seconds = head.linear(t, (days, -86400.0))
    since = head.linear(days, plus=719468.0)  # days since 0000-03-01
    era = head.divided(since, 146097.0)
    day = head.linear(since, (era, -146097.0))
    leaps = [head.divided(day, by) for by in (1460.0, 36524.0, 146096.0)]
    year = head.divided(
        head.linear(day, (leaps[0], -1.0), (leaps[1], 1.0), (leaps[2], -1.0)), 365.0
    )
    before = [head.divided(year, by) for by in (4.0, 100.0)]
    of_year = head.linear(day, (year, -365.0), (before[0], -1.0), (before[1], 1.0))
    five = head.linear(head.constant(2.0), (of_year, 5.0))
    month = head.divided(five, 153.0)  # 0 is March
    starts = head.divided(head.linear(head.constant(2.0), (month, 153.0)), 5.0)
    late = head.found(head.emit("GreaterOrEqual", month, head.constant(10.0)))
    week = head.linear(days, plus=3.0)  # 1970-01-01 was a Thursday
    minutes = head.divided(seconds, 60.0)
    angle = head.emit("Mul", minutes, head.constant(2 * pi / (24 * 60)))
    return {
        "year": head.linear(year, (era, 400.0), (late, 1.0)),
        "month": head.linear(month, (late, -12.0), plus=3.0),
        "day": head.linear(of_year, (starts, -1.0), plus=1.0),
        "weekday": head.linear(week, (head.divided(week, 7.0), -7.0), plus=1.0),
        "hour sin": head.emit("Sin", angle),
        "hour cos": head.emit("Cos", angle),
    }


def _import_ml(head: _Head) -> None:
    imports = head.model.opset_import
    if all(each.domain != ML for each in imports):
        imports.add(domain=ML, version=ML_VERSION)
