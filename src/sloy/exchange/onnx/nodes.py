"""`Node`: an operator of a graph, as plain values; `Body`: the graph inside one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.errors import FileFormatError, NotAvailable, SloyError
from sloy.text import shown


class Unsupported(NotAvailable):
    """An operator, or a use of one, that sloy has no ops for."""


@dataclass(frozen=True)
class Node:
    """One node: an operator with the names of what it reads (empty where left out) and makes.

    Attributes
    ----------
    captured : tuple of str
        What the graphs inside read from outside, beside the inputs.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    captured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Body:
    """A graph inside a node (the branches of If, the body of Loop), or a function; it may read what is outside.

    Attributes
    ----------
    inputs, outputs : tuple of str
    nodes : tuple of Node
    initializers : mapping
        Name → array.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    initializers: Mapping[str, np.ndarray]


@contextmanager
def blamed(node: Node) -> Iterator[None]:
    """Errors inside name the node; what is raised of Python itself is a file that cannot be understood."""
    label = f"node {shown(node.name or node.outputs[0], 60)} ({node.op})"
    try:
        yield
    except Unsupported as error:
        raise type(error)(f"{label}: {error}") from error
    except SloyError as error:
        raise FileFormatError(f"{label}: {error}") from error
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"{label}: cannot be understood ({str(error)[:120]}).") from error
