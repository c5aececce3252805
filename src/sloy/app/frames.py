"""A line as the page draws it: planes of its units and of its answer, weights and curve, in few bytes.

A frame is a uint32 (little-endian) with the length of a JSON header, the header, and what it counts, in this order: for
each unit coarse × coarse bytes, 128 being 0; the answer's planes of fine × fine bytes; zeros up to a multiple of 4;
float32 weights (I, O) and biases (O,) of each dense layer; float32 rows of the curve. Rows of planes go from the top
down.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sloy.app.line import Line
from sloy.app.scenes import COARSE, FINE

COLUMNS = ("step", "train loss", "train score", "test loss", "test score")  # of a curve


def frame(line: Line, *, speed: float, units: bool = True) -> bytes:
    """A line as it stands now.

    Parameters
    ----------
    line : Line
    speed : float
        Steps per second, to be told.
    units : bool
        Whether planes of the units are in it.
    """
    kind, answer = _answer(line)
    layers, planes = _units(line) if units else ([], b"")
    dense, weights = _weights(line) if units else ([], b"")
    curve = np.asarray(line.curve.rows, np.float32)
    bytes_of_planes = planes + answer
    header: dict[str, Any] = {
        "line": line.key,
        "step": line.step,
        "epoch": round(line.epoch, 2),
        "first": line.first,
        "failed": line.failed,
        "speed": round(speed),
        "layers": layers,
        "answer": kind,
        "fine": FINE,
        "coarse": COARSE,
        "dense": dense,
        "curve": len(curve),
    }
    head = json.dumps(header).encode()
    head += b" " * (-(4 + len(head)) % 4)
    gap = b"\0" * (-len(bytes_of_planes) % 4)
    start = np.uint32(len(head)).astype("<u4").tobytes()
    return start + head + bytes_of_planes + gap + weights + curve.tobytes()


def _answer(line: Line) -> tuple[str, bytes]:
    """The kind of the answer, and its planes: a probability; class and how sure; or a number."""
    found = line.model.predict_proba(line.scene.fine, batch_size=FINE * FINE)
    if not line.scene.classes:
        y = line.scene.y
        low, high = float(y.min()), float(y.max())
        return "number", _bytes((found[:, 0] - low) / max(high - low, 1e-9))
    if len(line.scene.classes) == 2:
        return "two", _bytes(found[:, 1])
    best = found.argmax(1).astype(np.uint8)
    return "classes", best.tobytes() + _bytes(found.max(1))


def _units(line: Line) -> tuple[list[dict[str, Any]], bytes]:
    """What each unit of the hidden layers gives on the plane, the largest of a unit being 127 from 0."""
    names = [line.model.network.layer_names[k] for k in line.design.activation_places]
    if not names:
        return [], b""
    grid = line.scene.coarse
    found = line.model.activations(grid, names, batch_size=len(grid))
    told, planes = [], []
    for name in names:
        values = np.ascontiguousarray(found[name].T)  # (units, points)
        if not np.isfinite(scales := np.abs(values).max(1)).all():
            values = np.nan_to_num(values)
            scales = np.abs(values).max(1)
        steps = np.float32(127) / np.where(scales > 0, scales, np.float32(1))
        planes.append(np.rint(values * steps[:, None] + 128).astype(np.uint8).tobytes())
        told.append({"units": len(values), "scales": [float(f"{s:.3g}") for s in scales]})
    return told, b"".join(planes)


def _weights(line: Line) -> tuple[list[list[int]], bytes]:
    """Shapes and numbers of the dense layers."""
    shapes, parts = [], []
    parameters = line.model.parameters
    for k in range(1, len(line.design.layers) + 2):
        weight, bias = (
            np.asarray(parameters[f"dense_{k}/{name}"], "<f4") for name in ("weight", "bias")
        )
        shapes.append(list(weight.shape))
        parts += [weight.tobytes(), bias.tobytes()]
    return shapes, b"".join(parts)


def _bytes(share: np.ndarray) -> bytes:
    return (255 * np.clip(np.nan_to_num(share), 0, 1)).round().astype(np.uint8).tobytes()
