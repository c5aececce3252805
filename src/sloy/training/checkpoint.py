"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file.

The file is a sloy container (see docs/model-file.md): tensors ``variables/…``, ``partial/…`` (what
the steps of an unfinished epoch measured) and ``callbacks/…``; the rest is JSON. A new checkpoint
is written whole before it takes the place of the last one, and the last one is kept beside it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from sloy.arguments import path_of
from sloy.data.lazy_rows import LazyRows
from sloy.engines.processes import Processes
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.atomic import link_over
from sloy.files.container import check_kind, naming, read_container, write_container
from sloy.files.documents import hold
from sloy.files.lock import Lock
from sloy.text import reason, shown
from sloy.training.history import Row

KIND = "sloy.checkpoint"
_START = 1 << 24  # bytes of a file in which its kind is looked for
VERSION = 2  # of the configuration in it: 1 did not have the whole recipe
SCHEMA = {  # of what is no tensor
    "kind": str,
    "version": int,
    "config": {"epochs?": int, "*": (str, int)},
    "machine": {"engine": str, "precision": str, "*": (int, str)},
    "epoch": int,
    "step": int,
    "seconds": float,
    "history": [{"epoch": int, "*": (float, str)}],
    "columns?": [str],  # of the history, in their order
    "callbacks": [{"class": str, "*": (None, bool, float, str)}],
}


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run saves its checkpoints.

    Parameters
    ----------
    path : str or Path
        The file; the one before it is kept as ``….previous``. Its folder is made where missing.
    seconds : float
        Beside the end of every epoch, save within long epochs when this much time has passed.
    epoch_seconds : float
        Pass over the end of an epoch, but for the last, when the last save is younger than this: a save waits for
        the disk, some 10 ms, which is much beside short epochs.
    """

    path: str | Path
    seconds: float = 60.0
    epoch_seconds: float = 0.0

    def __post_init__(self) -> None:
        if path_of("Checkpoint", "path", self.path).is_dir():
            raise InvalidArgument(
                f"Checkpoint: `path` (={shown(str(self.path))}) is a folder; give a file's path, such"
                f" as {str(Path(self.path) / 'checkpoint.sloy')!r}."
            )
        for name in ("seconds", "epoch_seconds"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= inf:
                raise InvalidArgument(
                    f"Checkpoint: `{name}` (={shown(value)}) must be a number of at least 0."
                )


@dataclass
class Snapshot:
    """The whole state of a run between two steps.

    Attributes
    ----------
    config : dict
        What the run does, in JSON values; a resumed run must have the same.
    machine : dict
        What computes it, an engine and its settings; another one may round otherwise.
    epoch, step : int
        Epochs done, and steps done in the unfinished epoch.
    seconds : float
        Training time in the unfinished epoch.
    history : list of rows
    variables, partial : mapping of arrays
        Parameters, states, optimiser slots, the random key; scalars (steps,) of the unfinished epoch.
    callbacks : list of dicts
        What each callback remembers.
    """

    config: dict[str, Any]
    machine: dict[str, Any]
    epoch: int
    step: int
    seconds: float
    history: list[Row]
    variables: Mapping[str, np.ndarray]
    partial: dict[str, np.ndarray]
    callbacks: list[dict[str, Any]] = field(default_factory=list)


class Store:
    """The last two checkpoints of a run.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.previous = self.path.with_name(f"{self.path.name}.previous")
        self._newest_is_sound = True

    def alone(self) -> Lock:
        """A context in which no other process saves there; its folder is made where missing.

        `InvalidArgument` where that cannot be made; entering it raises `InUse` where another run saves there.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidArgument(
                f"Checkpoint: `path` (={shown(str(self.path))}): its folder cannot be made:"
                f" {error.strerror}."
            ) from error
        return Lock(self.path.with_name(f".{self.path.name}.lock"), str(self.path))

    def save(self, snapshot: Snapshot) -> None:
        """Write a checkpoint; the one before it stays, unless it is known to be damaged."""
        if self._newest_is_sound and self.path.exists():
            link_over(self.path, self.previous)
        write_container(self.path, *_pack(snapshot))
        self._newest_is_sound = True

    def load(self) -> Snapshot | None:
        """The newest sound checkpoint, None where there is no file.

        Where the newest is damaged, a warning says so and the one before it is read; where no
        sound one is left, `FileFormatError`.
        """
        paths = [path for path in (self.path, self.previous) if path.exists()]
        failures: list[FileFormatError] = []
        for path in paths:
            try:
                snapshot = _unpack(path, *read_container(path))
            except FileFormatError as error:
                failures.append(error)
                self._newest_is_sound &= path != self.path
                continue
            if failures:
                warnings.warn(
                    f"{failures[0]} The checkpoint before it is taken: epoch {snapshot.epoch + 1},"
                    f" after {snapshot.step} steps.",
                    UserWarning,
                    stacklevel=2,
                )
            return snapshot
        if failures:
            raise failures[0]
        return None

    def clear(self) -> None:
        """Remove the checkpoints of an earlier run; `InvalidArgument` where something else is there."""
        paths = [path for path in (self.path, self.previous) if path.exists()]
        for path in paths:
            if not _is_checkpoint(path):
                raise InvalidArgument(
                    f"{path}: is there and is not a checkpoint; it stays as it is; give another path."
                )
        for path in paths:
            path.unlink(missing_ok=True)


def _is_checkpoint(path: Path) -> bool:
    """Whether a file is one, sound or damaged, or empty."""
    with naming(path), path.open("rb") as file:
        start = file.read(_START)
    return not start or KIND.encode() in start


def fingerprint(arrays: Iterable[np.ndarray | LazyRows | None]) -> str:
    """SHA-256 of the arrays' dtypes, shapes and bytes; of streams what tells their files apart."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        if isinstance(array, LazyRows) and array.fingerprint is not None:
            digest.update(array.fingerprint.encode())
            continue
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _pack(snapshot: Snapshot) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors = {f"variables/{name}": value for name, value in snapshot.variables.items()}
    tensors |= {f"partial/{name}": value for name, value in snapshot.partial.items()}
    remembered: list[dict[str, Any]] = []
    for i, state in enumerate(snapshot.callbacks):
        arrays = {n: v for n, v in state.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks/{i}/{name}": value for name, value in arrays.items()}
        remembered.append({n: v for n, v in state.items() if n not in arrays})
    return tensors, {
        "kind": KIND,
        "version": VERSION,
        "config": snapshot.config,
        "machine": snapshot.machine,
        "epoch": snapshot.epoch,
        "step": snapshot.step,
        "seconds": snapshot.seconds,
        "history": [{n: _encoded(v) for n, v in row.items()} for row in snapshot.history],
        "columns": list(dict.fromkeys(name for row in snapshot.history for name in row)),
        "callbacks": remembered,
    }


def _unpack(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> Snapshot:
    check_kind(path, metadata, KIND, VERSION)
    try:
        hold(metadata, SCHEMA)
        callbacks = [dict(state) for state in metadata["callbacks"]]
        for name, value in _under("callbacks", tensors).items():
            number, _, key = name.partition("/")
            callbacks[int(number)][key] = value
        return Snapshot(
            config=dict(metadata["config"]),
            machine=dict(metadata["machine"]),
            epoch=metadata["epoch"],
            step=metadata["step"],
            seconds=float(metadata["seconds"]),
            history=[_decoded_row(row, metadata.get("columns", ())) for row in metadata["history"]],
            variables=_under("variables", tensors),
            partial=_under("partial", tensors),
            callbacks=callbacks,
        )
    except (ValueError, LookupError, OverflowError) as error:
        raise FileFormatError(
            f"{path}: the checkpoint cannot be understood ({reason(error)})."
        ) from error


def shared(snapshot: Snapshot | None, processes: Processes) -> Snapshot | None:
    """The leader's snapshot in every process; that of the others is not looked at."""
    if processes.count == 1:
        return snapshot
    tensors, metadata = _pack(snapshot) if snapshot else ({}, {})
    specs = [[name, list(value.shape), value.dtype.str] for name, value in tensors.items()]
    specs, metadata = processes.of_leader([specs, metadata])
    if not metadata:
        return None
    places = [np.zeros(shape, dtype) for _, shape, dtype in specs]
    own = [tensors.get(name, place) for (name, *_), place in zip(specs, places, strict=True)]
    sent = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in own]
    whole = processes.array_of_leader(np.concatenate(sent))
    for (name, *_), place in zip(specs, places, strict=True):
        part, whole = whole[: place.nbytes], whole[place.nbytes :]
        tensors[name] = part.copy().view(place.dtype).reshape(place.shape)
    return _unpack(Path("the leader's checkpoint"), tensors, metadata)


def _under(folder: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = f"{folder}/"
    return {n.removeprefix(start): v for n, v in tensors.items() if n.startswith(start)}


def _encoded(value: float) -> Any:
    return value if isfinite(value) else repr(value)  # JSON has no NaN


def _decoded_row(row: Mapping[str, Any], columns: Sequence[str]) -> Row:
    names = dict.fromkeys([*(name for name in columns if name in row), *row])
    return {n: row[n] if type(row[n]) is int else float(row[n]) for n in names}
