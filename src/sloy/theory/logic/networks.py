"""Logic by threshold neurons: AND, OR, NOT, XOR, and networks for any Boolean function (L2-L4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sloy import ops
from sloy.arguments import instance
from sloy.engines import Engine
from sloy.errors import InvalidArgument, SloyError
from sloy.graph.tensor import Tensor
from sloy.layers import Activation, Dense, Heaviside, Layer
from sloy.model import Model
from sloy.problem.network import Network
from sloy.theory.logic.expression import parse
from sloy.theory.logic.minimization import OUT, Disjunction, minimize
from sloy.theory.logic.truth_table import FREE, MOST_VARIABLES, Table, TruthTable, all_inputs
from sloy.theory.neurons.neuron import Neuron
from sloy.theory.neurons.separation import Separation, separate
from sloy.theory.ready import ready_model

__all__ = [
    "AND",
    "NOT",
    "OR",
    "disjunction_network",
    "network_from_expression",
    "network_from_truth_table",
    "separable",
    "table_of",
    "to_expression",
    "xor_by_layers",
    "xor_by_product",
]

AND = Neuron([1, 1], -3 / 2, "heaviside")  # [x1 + x2 - 3/2 > 0]
OR = Neuron([1, 1], -1 / 2, "heaviside")  # [x1 + x2 - 1/2 > 0]
NOT = Neuron([-1], 1 / 2, "heaviside")  # [-x1 + 1/2 > 0]


def xor_by_product() -> Model:
    """XOR by one neuron that also sees the product of its inputs: [x1 + x2 - 2 x1 x2 - 1/2 > 0] (L3).

    Examples
    --------
    >>> xor_by_product()([[0, 0], [0, 1], [1, 0], [1, 1]])[:, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    network = Network((2,), [Activation(_with_product), Dense(1), Heaviside()])
    numbers = {"dense_1/weight": [[1], [1], [-2]], "dense_1/bias": [-1 / 2]}
    return ready_model(network, numbers)


def xor_by_layers() -> Model:
    """XOR by two layers: [(x1 or x2) - (x1 and x2) - 1/2 > 0] (L3).

    Examples
    --------
    >>> xor_by_layers()([[0, 0], [0, 1], [1, 0], [1, 1]])[:, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    hidden = np.array([[1, 1], [1, 1]]), np.array([-1 / 2, -3 / 2])
    return _two_layers(hidden, ([[1], [-1]], [-1 / 2]))


def separable(table: Table) -> Separation:
    """Whether one threshold neuron can have the values of a truth table, with a proof either way.

    Parameters
    ----------
    table : TruthTable, or what `TruthTable.of` takes

    Examples
    --------
    >>> print(separable([0, 1, 1, 1]))
    Linearly separable: x1 + x2 - 1/2 > 0 tells the classes apart; the nearest point is 0.3536 from the line.
    >>> print(separable([0, 1, 1, 0]))
    Not linearly separable: 1/2 (0, 1) + 1/2 (1, 0) = (1/2, 1/2) = 1/2 (0, 0) + 1/2 (1, 1); ...
    """
    truth = TruthTable.of(table)
    known = truth.values != FREE
    if not known.any():
        raise InvalidArgument("separable: no row of the truth table has a value.")
    return separate(truth.inputs[known], truth.values[known])


def network_from_truth_table(
    table: Table,
    *,
    time_limit: float = 10.0,
    engine: str | Engine = "auto",
) -> Model:
    """A two-layer threshold network that has exactly the values of a truth table (L4).

    The function is written as the shortest disjunction of conjunctions (`minimize`). Each conjunction is a
    hidden neuron, [Σ x_j - Σ x_k - (p - 1/2) > 0] over its p plain literals x_j and its negated ones x_k; the
    output is their disjunction, [Σ h - 1/2 > 0].

    Parameters
    ----------
    table : TruthTable, or what `TruthTable.of` takes
    time_limit : float
        Seconds, see `minimize`.
    engine : str or Engine

    Returns
    -------
    Model
        n inputs of 0 and 1, one output of 0 or 1, checked on all 2^n inputs. It is ordinary: its network trains
        (the thresholds pass gradients straight through), saves and exports. The constant 0 has no
        term; its network is one neuron.

    Examples
    --------
    >>> model = network_from_truth_table([0, 1, 1, 0])
    >>> model([[0, 0], [0, 1], [1, 0], [1, 1]])[:, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    truth = TruthTable.of(table)
    model = disjunction_network(minimize(truth, time_limit=time_limit), engine=engine)
    answers = model(truth.inputs)[:, 0]
    if not truth.agrees(answers).all():
        raise SloyError("network_from_truth_table: the network does not have the table's values.")
    return model


def network_from_expression(
    text: str,
    names: Sequence[str] | None = None,
    *,
    time_limit: float = 10.0,
    engine: str | Engine = "auto",
) -> Model:
    """A two-layer threshold network for a Boolean expression; see `parse` and `network_from_truth_table`.

    Parameters
    ----------
    text : str
        ``"(a & ~b) | c"``.
    names : sequence of str, optional
        The order of the inputs; by default the variables sorted.
    time_limit, engine
        As of `network_from_truth_table`.

    Examples
    --------
    >>> model = network_from_expression("(a & ~b) | c")
    >>> model.network.parameter_count, to_expression(model, ["a", "b", "c"])
    (11, '(a & ~b) | c')
    """
    table = parse(text, names).table()
    return network_from_truth_table(table, time_limit=time_limit, engine=engine)


def disjunction_network(disjunction: Disjunction, *, engine: str | Engine = "auto") -> Model:
    """The two-layer threshold network of a disjunction of conjunctions, a hidden neuron for each term."""
    instance("disjunction_network", "disjunction", disjunction, Disjunction)
    terms, n = disjunction.terms, disjunction.variables
    if not len(terms):
        layers: list[Layer] = [Dense(1), Heaviside(straight_through=True)]
        numbers = {"dense_1/weight": np.zeros((n, 1)), "dense_1/bias": [-1 / 2]}
        return ready_model(Network((n,), layers), numbers, engine=engine)
    weight = np.where(terms == OUT, 0, np.where(terms == 1, 1, -1)).T  # (n, T)
    bias = 1 / 2 - (terms == 1).sum(1)
    output = np.ones((len(terms), 1)), np.array([-1 / 2])
    return _two_layers((weight, bias), output, engine=engine)


def to_expression(model: Model, names: Sequence[str] | None = None) -> str:
    """The shortest disjunction of conjunctions that a threshold network computes.

    Parameters
    ----------
    model : Model
        n ≤ 16 inputs; one output, which is one of two values on all 2^n inputs of 0 and 1: 0 and 1, or -1
        and 1. (Between the two, what it is made of does not matter: a trained network will do.)
    names : sequence of n str, optional
        x1, x2, … by default.

    Examples
    --------
    >>> to_expression(xor_by_layers(), ["a", "b"])
    '(a & ~b) | (~a & b)'
    """
    return minimize(table_of(model)).text(names)


def table_of(model: Model) -> TruthTable:
    """The truth table of a threshold network; see `to_expression`."""
    instance("table_of", "model", model, Model)
    network = model.network
    n = network.input_shape[0]
    if len(network.input_shape) != 1 or n > MOST_VARIABLES or network.output_shape != (1,):
        raise InvalidArgument(
            f"table_of: the network is {network.input_shape} → {network.output_shape}; it must have"
            f" up to {MOST_VARIABLES} inputs (n,) and one output (1,)."
        )
    answers = model(all_inputs(n))[:, 0]
    strange = ~np.isin(answers, (-1, 0, 1))
    if strange.any() or (np.any(answers == 0) and np.any(answers == -1)):
        value = answers[strange][0] if strange.any() else 0
        raise InvalidArgument(
            f"table_of: the network gives {value:g}; a threshold network gives 0 and 1, or -1 and 1."
        )
    return TruthTable.of((answers == 1).astype(int))


def _with_product(x: Tensor) -> Tensor:
    """(x1, x2) → (x1, x2, x1 x2)."""
    rows = x.shape[0]
    first, second = (ops.slice(x, (0, j), (rows, j + 1)) for j in (0, 1))
    return ops.concatenate([x, first * second], 1)


def _two_layers(
    hidden: tuple[Any, Any], output: tuple[Any, Any], engine: str | Engine = "auto"
) -> Model:
    """Two layers of threshold neurons, each given as weight (I, O) and bias (O,)."""
    weight = np.asarray(hidden[0])
    through = Heaviside(straight_through=True)
    network = Network((weight.shape[0],), [Dense(weight.shape[1]), through, Dense(1), through])
    numbers = {"dense_1/weight": weight, "dense_1/bias": hidden[1]}
    numbers |= {"dense_2/weight": output[0], "dense_2/bias": output[1]}
    return ready_model(network, numbers, engine=engine)
