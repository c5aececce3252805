"""`Design`: a small network and how it is trained, as the page tells and changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy import losses
from sloy.arguments import integer, one_of, real
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.documents import hold
from sloy.graph.tensor import Tensor
from sloy.layers import (
    ELU,
    GELU,
    Activation,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    PerNeuron,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)  # fmt: skip
from sloy.optimizers import NAMES as OPTIMIZERS
from sloy.problem import Network
from sloy.regularizers import L1, L1L2, L2, Regularizer

MOST_LAYERS, MOST_UNITS = 6, 16
MOST_BATCH = 1_000
SCHEMA = {
    "layers": [{"key": int, "units": int, "activation": str, "own?": {"*": str}}],
    "dropout": float,
    "optimizer": str,
    "learning_rate": float,
    "l1": float,
    "l2": float,
    "batch_size": int,
    "seed": int,
}


def linear(z: Tensor) -> Tensor:
    """The identity, as an activation."""
    return z * 1.0


ACTIVATIONS: dict[str, Layer] = {
    "tanh": Tanh(),
    "relu": ReLU(),
    "sigmoid": Sigmoid(),
    "leaky_relu": LeakyReLU(),
    "elu": ELU(),
    "softplus": Softplus(),
    "gelu": GELU(),
    "silu": SiLU(),
    "linear": Activation(linear),
}


@dataclass(frozen=True)
class Hidden:
    """A hidden layer.

    Attributes
    ----------
    key : int
        What it is known by when others come before it or go.
    units : int
    activation : str
    own : mapping of int to str
        Of units that have another one.
    """

    key: int
    units: int
    activation: str
    own: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        integer("layer", "units", self.units, 1, MOST_UNITS)
        for name in (self.activation, *self.own.values()):
            one_of("layer", "activation", name, tuple(ACTIVATIONS))

    @property
    def layer(self) -> Layer:
        """The activation of its units."""
        names = [self.own.get(unit, self.activation) for unit in range(self.units)]
        if len(set(names)) == 1:
            return ACTIVATIONS[names[0]]
        return PerNeuron([ACTIVATIONS[name] for name in names])


@dataclass(frozen=True)
class Design:
    """Hidden layers, and how they learn.

    Attributes
    ----------
    layers : tuple of Hidden
    dropout : float
        Behind each of them.
    optimizer : str
    learning_rate, l1, l2 : float
    batch_size, seed : int

    Examples
    --------
    >>> Design((Hidden(1, 8, "tanh"), Hidden(2, 4, "relu"))).network(2, 3).layer_names
    ('dense_1', 'tanh_1', 'dense_2', 'relu_1', 'dense_3')
    """

    layers: tuple[Hidden, ...] = (Hidden(1, 8, "tanh"), Hidden(2, 8, "tanh"))
    dropout: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 0.01
    l1: float = 0.0
    l2: float = 0.0
    batch_size: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.layers) > MOST_LAYERS:
            raise InvalidArgument(
                f"design: has {len(self.layers)} hidden layers; there may be {MOST_LAYERS}."
            )
        if len({layer.key for layer in self.layers}) < len(self.layers):
            raise InvalidArgument("design: two layers have one `key`.")
        real("design", "dropout", self.dropout, least=0, below=1)
        one_of("design", "optimizer", self.optimizer, tuple(OPTIMIZERS))
        real("design", "learning_rate", self.learning_rate, above=0, most=100)
        real("design", "l1", self.l1, least=0, most=10)
        real("design", "l2", self.l2, least=0, most=10)
        integer("design", "batch_size", self.batch_size, 1, MOST_BATCH)
        integer("design", "seed", self.seed, 0, 2**31)

    @classmethod
    def of(cls, given: Any) -> Design:
        """What the page sent.

        Raises
        ------
        InvalidArgument
            Where it is none.
        """
        try:
            hold(given, SCHEMA)
        except FileFormatError as error:
            raise InvalidArgument(f"design: {error}") from None
        layers = []
        for one in given["layers"]:
            own = {int(k): v for k, v in one.get("own", {}).items() if k.isdecimal()}
            units = one["units"]
            kept = {k: v for k, v in own.items() if k < units and v != one["activation"]}
            layers.append(Hidden(one["key"], units, one["activation"], kept))
        return cls(**{**given, "layers": tuple(layers)})

    def told(self) -> dict[str, Any]:
        """JSON values; `of` takes them."""
        layers = [
            {"key": h.key, "units": h.units, "activation": h.activation, "own": {str(k): v for k, v in h.own.items()}}
            for h in self.layers
        ]  # fmt: skip
        return {
            "layers": layers,
            "dropout": self.dropout,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "l1": self.l1,
            "l2": self.l2,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }

    @property
    def _regularizer(self) -> Regularizer | None:
        if self.l1 and self.l2:
            return L1L2(self.l1, self.l2)
        return L1(self.l1) if self.l1 else L2(self.l2) if self.l2 else None

    def network(self, columns: int, outputs: int) -> Network:
        """The network for samples of so many columns."""
        layers: list[Layer] = []
        for hidden in self.layers:
            layers += [Dense(hidden.units, weight_regularizer=self._regularizer), hidden.layer]
            layers += [Dropout(self.dropout)] if self.dropout else []
        layers.append(Dense(outputs, weight_regularizer=self._regularizer))
        return Network((columns,), layers)

    @property
    def activation_places(self) -> list[int]:
        """The places of the hidden layers' activations among the network's layers."""
        step = 3 if self.dropout else 2
        return [step * k + 1 for k in range(len(self.layers))]

    @staticmethod
    def loss(classes: int) -> losses.LossLike:
        """What is made small."""
        return "categorical_crossentropy" if classes else "squared_error"


def carried(
    old: Design, parameters: Mapping[str, np.ndarray], new: Design, drawn: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The parameters of another design of the same data, where layers stayed: a wider layer answers as it did before.

    Units that are new have drawn weights, and none of them reaches the next layer yet; a layer behind one that came or
    went is drawn anew.

    Parameters
    ----------
    parameters : mapping
        Of `old`.
    drawn : mapping
        Of `new`, as its seed gives them.
    """
    before = [0, *(hidden.key for hidden in old.layers), -1]  # the samples, the layers, the answer
    after = [0, *(hidden.key for hidden in new.layers), -1]
    found = {name: value.copy() for name, value in drawn.items()}
    for k in range(1, len(after)):
        if after[k] not in before:
            continue
        place = before.index(after[k])
        source, target = f"dense_{place}", f"dense_{k}"
        bias, weight = parameters[f"{source}/bias"], parameters[f"{source}/weight"]
        if before[place - 1] != after[k - 1]:
            continue
        own = found[f"{target}/weight"]
        rows, columns = np.minimum(own.shape, weight.shape)
        own[rows:] = 0 if before[place - 1] == after[k - 1] else own[rows:]
        own[:rows, :columns] = weight[:rows, :columns]
        found[f"{target}/bias"][:columns] = bias[:columns]
    return found
