"""Numbers far from 0: learned less an origin, which is added to the answers in double precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sloy.data.dataset import Dataset
from sloy.problem import Problem

COARSE = 1e-3  # of the targets' deviation that two float32 numbers near their mean may lie apart


def origin_of(y: np.ndarray) -> tuple[float, ...]:
    """The means of targets (N,) or (N, K), where float32 holds one too coarsely there; else none.

    Examples
    --------
    >>> origin_of(np.array([1e9, 1e9 + 2])), origin_of(np.array([1.0, 3.0]))
    ((1000000001.0,), ())
    """
    numbers = y.reshape(len(y), -1).astype(np.float64)
    mean, deviation = numbers.mean(0), numbers.std(0)
    with np.errstate(over="ignore"):
        step = np.spacing(np.abs(mean).astype(np.float32)).astype(np.float64)
    far = (step > COARSE * deviation) & (deviation > 0)
    return tuple(np.where(far, np.round(mean), 0.0).tolist()) if far.any() else ()


def from_origin(origin: tuple[float, ...], data: Dataset) -> Dataset:
    """Data whose targets are less the origin."""
    if not origin or data.has_labels:
        return data
    y = data.y.astype(np.float64)
    less = y - np.array(origin[: y.shape[1]] if y.ndim == 2 else origin[0])
    return Dataset(data.x, less, data.class_names, data.name)


def answered(problem: Problem, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a graph, answers in float64 from the origin where the problem has one."""
    found = dict(outputs)
    if problem.origin:
        for name in {"output", "prediction"} & found.keys():
            width = found[name].shape[1]
            found[name] = found[name].astype(np.float64) + np.array(problem.origin[:width])
    return found


def with_origin(problem: Problem, origin: tuple[float, ...]) -> Problem:
    """The problem with an origin for each of its outputs; of an interval the one of its number."""
    if not origin:
        return problem
    outputs = problem.network.output_shape[0]
    return replace(problem, origin=origin if len(origin) == outputs else origin[:1] * outputs)
