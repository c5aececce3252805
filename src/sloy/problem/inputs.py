"""What a user gives to train and evaluate on, checked and in the form that the graphs take."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from sloy.arguments import array, real, sample_array, with_n
from sloy.data.dataset import Dataset
from sloy.data.sparse import Entries, SparseRows
from sloy.data.streams.rows import StreamRows
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph
from sloy.graph.sparse import by_entries, entry_names
from sloy.graph.spec import Shape
from sloy.losses import Loss
from sloy.preprocessing import Preprocessing
from sloy.problem.network import Network
from sloy.text import shown

Data = Dataset | tuple[Any, Any]
Validation = float | Dataset | tuple[Any, Any] | None
ClassWeight = Literal["balanced"] | Mapping[int | str, float] | None

_BLOCK = 1 << 20  # numbers looked at together


@dataclass(frozen=True, eq=False)
class Columns:
    """Samples as the step graphs take them.

    Attributes
    ----------
    x : array, shape (N, …)
        uint8, or the computing dtype; C-contiguous.
    y : array, shape (N,) or (N, …)
        What the loss made of the targets.
    weight : array, shape (N,)
        Sample weights in the computing dtype.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return self.x.nbytes + self.y.nbytes + self.weight.nbytes

    def feeds(self, inputs: Container[str]) -> dict[str, np.ndarray]:
        """The arrays by the names of the graphs' inputs, those that there are."""
        arrays = {**samples_fed(self.x, inputs), "y": self.y, "sample_weight": self.weight}
        return {name: array for name, array in arrays.items() if name in inputs}


def entries_of(x: object) -> int:
    """How many entries of each sample a graph takes, where samples are sparse rows and that is less work; else 0."""
    return x.most if isinstance(x, SparseRows) and x.is_worth_it else 0


def on_entries(graph: Graph, entries: int) -> Graph:
    """The graph that takes so many entries of each sample, where it can; of 0 itself."""
    return (by_entries(graph, "x", entries) if entries else None) or graph


def samples_fed(x: np.ndarray, inputs: Container[str]) -> dict[str, np.ndarray]:
    """Samples by the names of a graph's inputs, as `on_entries` has them."""
    names = entry_names("x")
    if isinstance(x, SparseRows) and names[0] in inputs:
        return {
            name: cast(np.ndarray, Entries(x, of))  # whoever takes rows of it gets arrays
            for name, of in zip(names, ("places", "values"), strict=True)
        }
    return {"x": x}


def as_dataset(data: Data, argument: str = "data") -> Dataset:
    """A data set, or a pair (x, y) as one; never empty."""
    if isinstance(data, Dataset):
        found = data
    elif isinstance(data, tuple | list) and len(data) == 2:
        found = Dataset(array(argument, "x", data[0]), array(argument, "y", data[1]))
    else:
        raise InvalidArgument(
            f"`{argument}` is of type {type(data).__name__}; it must be a Dataset or a pair (x, y) of"
            " arrays."
        )
    if not len(found):
        raise InvalidArgument(f"`{argument}` holds no sample.")
    return found


def split(data: Dataset, validation: Validation, seed: int) -> tuple[np.ndarray, Dataset | None]:
    """Rows to train on, and the data to validate on.

    Parameters
    ----------
    data : Dataset
    validation : None, float in (0, 1), Dataset or (x, y)
        A fraction is taken out of `data`: shuffled, and of labels the same share of each class; of a stream that
        is read in blocks, whole blocks.
    seed : int
        The split is a function of it.
    """
    rows = np.arange(len(data))
    if validation is None:
        return rows, None
    if isinstance(validation, float | int | np.floating):
        if isinstance(validation, bool) or not 0 < validation < 1:
            raise InvalidArgument(
                f"`validation` (={shown(validation)}) must be a fraction between 0 and 1, a Dataset, a"
                " pair (x, y), or None."
            )
        # The rows themselves are split as data, so that the weights of the samples follow.
        numbered = Dataset(rows[:, None].astype(np.float64), data.y)
        if (
            isinstance(data.x, StreamRows)
            and (some := data.x.in_blocks(validation, seed)) is not None
        ):
            return np.setdiff1d(rows, some, assume_unique=True), data.take(some)
        try:
            kept, taken = numbered.split(float(validation), seed)
        except InvalidArgument as error:
            raise InvalidArgument(f"`validation` (={shown(validation)}): {error}") from None
        return kept.x[:, 0].astype(np.int64), data.take(taken.x[:, 0].astype(np.int64))
    return rows, as_dataset(validation, "validation")


def divided(data: Dataset, validation: Validation, seed: int) -> tuple[Dataset, Dataset | None]:
    """The data to train on, and those to validate on, as `split` has them."""
    rows, held_out = split(data, validation, seed)
    return data if len(rows) == len(data) else data.take(rows), held_out


def samples(
    x: Any, sample_shape: Shape, dtype: str, where: str, data_dtype: str | None = None,
    ahead: Preprocessing | None = None,
) -> np.ndarray:  # fmt: skip
    """Inputs of a network: finite, of its shape, in the dtype that its graphs take.

    Parameters
    ----------
    x : array, shape (N, *sample_shape)
        Real numbers, see `sample_array`; `SparseRows` and `StreamRows` stay such.
    sample_shape : tuple of int
        The network's input shape.
    dtype : str
        The computing dtype.
    where : str
        Who asks, for the messages.
    data_dtype : str, optional
        What the graphs take: "uint8" or `dtype`. By default uint8 stays, all else becomes `dtype`.
    ahead : Preprocessing, optional
        Done here, in float64, rather than in the graphs.

    Returns
    -------
    C-contiguous array, shape (N, *sample_shape)
    """
    if isinstance(x, SparseRows) and (x.width,) == sample_shape:
        found = x.astype(dtype)
        _check_finite(x.values, found.values, where)
        return cast(np.ndarray, found)  # whoever takes rows of it gets arrays
    if isinstance(x, StreamRows) and x.shape[1:] == sample_shape:
        target = data_dtype or ("uint8" if x.dtype == np.uint8 else dtype)
        later = x.changed(
            lambda rows, of: samples(rows, sample_shape, dtype, of, target, ahead), target
        )
        return cast(np.ndarray, later)
    lazy = isinstance(x, StreamRows)  # of another shape, which is refused
    given = cast(np.ndarray, x) if lazy else sample_array(where, "x", x)
    if given.shape[1:] != sample_shape or given.ndim == 0:
        raise ShapeError(
            f"{where}: `x` has shape {given.shape}; the network takes"
            f" {with_n(sample_shape)}{_hint(given.shape, sample_shape)}."
        )
    target = data_dtype or ("uint8" if given.dtype == np.uint8 else dtype)
    if target == "uint8" and given.dtype != np.uint8:
        return _back_to_bytes(given, where)
    result = given
    if ahead is not None:
        result = ahead.compute(given, target)
    elif given.dtype != target or not given.flags.c_contiguous:
        with np.errstate(over="ignore"):
            result = np.ascontiguousarray(given, target)
    if target != "uint8":
        _check_finite(given, result, where)
    return result


def columns(
    data: Dataset, network: Network, loss: Loss, dtype: str, where: str,
    weight: np.ndarray | None = None, data_dtype: str | None = None,
    ahead: Preprocessing | None = None,
) -> Columns:  # fmt: skip
    """A data set as the graphs of a network and a loss take it; see `Columns` and `samples`."""
    x = samples(data.x, network.input_shape, dtype, where, data_dtype, ahead)
    y = loss.target(data.y, network.output_shape, dtype)
    return Columns(x, y, np.ones(len(x), dtype) if weight is None else weight.astype(dtype))


def weights(
    data: Dataset, sample_weight: Any, class_weight: ClassWeight, dtype: str = "float32"
) -> np.ndarray:
    """The weight of each sample, (N,): its own times that of its class.

    Parameters
    ----------
    data : Dataset
    sample_weight : array, shape (N,), optional
        Finite, at least 0, not all 0.
    class_weight : mapping of label or class name to number, "balanced", or None
        A class that is missing has 1. "balanced": N / (K · samples of the class), K the number of
        classes that have samples.
    dtype : str
        The computing dtype, in which they must be finite.
    """
    result: np.ndarray = np.ones(len(data))
    if sample_weight is not None:
        result = result * sample_weights("fit", sample_weight, len(data))
    if class_weight is not None:
        result = result * _by_class(data, class_weight)
    if not result.any():
        raise InvalidArgument("`sample_weight`, `class_weight`: all samples have weight 0.")
    if len(result) * result.max() > np.finfo(dtype).max:
        raise InvalidArgument(
            f"`sample_weight`, `class_weight`: weights up to {result.max():g} are too large: their"
            f" sum may not be finite in {dtype}."
        )
    return result.astype(dtype)


def sample_weights(where: str, values: Any, count: int) -> np.ndarray:
    """Sample weights as float64 (N,): finite and at least 0."""
    given = array(where, "sample_weight", values)
    if given.dtype.kind not in "biuf" or given.shape != (count,):
        raise ShapeError(
            f"{where}: `sample_weight` is {given.dtype} of shape {given.shape}; it must be numbers"
            f" of shape ({count},), one for each sample."
        )
    result = given.astype(np.float64)
    good = np.isfinite(result) & (result >= 0)
    if not good.all():
        row = int(np.argmin(good))
        raise InvalidArgument(
            f"{where}: `sample_weight`[{row}] is {result[row]}; weights must be finite and at"
            " least 0."
        )
    return result


def _by_class(
    data: Dataset, class_weight: Literal["balanced"] | Mapping[int | str, float]
) -> np.ndarray:
    if not data.has_labels:
        raise InvalidArgument("`class_weight` needs integer labels; the data have targets.")
    counts = np.bincount(data.y)
    if class_weight == "balanced":
        present = np.count_nonzero(counts)
        with np.errstate(divide="ignore"):
            of_class: np.ndarray = len(data) / (present * counts)
        return of_class[data.y]
    of_class = np.ones(max(len(counts), data.classes))
    for label, value in class_weight.items():
        number = _label(data, label, len(of_class))
        of_class[number] = real("fit", f"class_weight[{label}]", value, least=0)
    return of_class[data.y]


def _label(data: Dataset, label: Any, classes: int) -> int:
    """The label of a class that is given by it or by its name."""
    if isinstance(label, str):
        names = tuple(data.class_names) or tuple(map(str, range(classes)))
        if label not in names:
            shown = ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")
            raise InvalidArgument(f"`class_weight`: {label!r} is none of the classes {shown}.")
        return names.index(label)
    known = isinstance(label, int | np.integer) and not isinstance(label, bool)
    if not known or not 0 <= label < classes:
        raise InvalidArgument(
            f"`class_weight`: {label!r} is no label of the data (0 to {classes - 1})."
        )
    return int(label)


def _check_finite(given: np.ndarray, converted: np.ndarray, where: str) -> None:
    """Raise at the first number that is not finite; looked for in blocks, which take little memory."""
    step = max(1, _BLOCK // max(1, converted[:1].size))
    for first in range(0, len(converted), step):
        good = np.isfinite(converted[first : first + step])
        if np.count_nonzero(good) == good.size:
            continue
        row, *rest = np.unravel_index(int(np.argmin(good)), good.shape)
        index = (first + int(row), *map(int, rest))
        reason = (
            f"too large for {converted.dtype}" if np.isfinite(given[index]) else "it must be finite"
        )
        position = ", ".join(map(str, index))
        raise InvalidArgument(f"{where}: x[{position}] is {given[index]}; {reason}.")


def _back_to_bytes(x: np.ndarray, where: str) -> np.ndarray:
    """Floats for a model that was trained on bytes: whole numbers from 0 to 255, nothing else."""
    good = (x >= 0) & (x <= 255) & (x == np.floor(x))
    if not good.all():
        row = np.unravel_index(int(np.argmin(good)), good.shape)
        raise InvalidArgument(
            f"{where}: x[{', '.join(map(str, row))}] is {x[row]}; the model was trained on uint8"
            " data and scales them itself, so `x` must hold whole numbers from 0 to 255."
        )
    return np.ascontiguousarray(x, np.uint8)


def _hint(given: Shape, needed: Shape) -> str:
    if given == needed:
        return "; for a single sample write x[None]"
    if given[1:] == needed[:-1] and needed[-1] == 1:
        return "; add the channel axis with x[..., None]"
    if len(needed) == 1 and int(np.prod(given[1:])) == needed[0]:
        return "; flatten the samples with x.reshape(len(x), -1)"
    if int(np.prod(given[1:])) == int(np.prod(needed)):
        return f"; reshape it with x.reshape(-1, {', '.join(map(str, needed))})"
    return ""
