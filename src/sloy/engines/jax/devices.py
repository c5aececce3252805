"""Where JAX computes here, and how its compiler is asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sloy.engines.processes import here
from sloy.errors import InvalidArgument, NotAvailable
from sloy.text import many

SAMPLES = "samples"  # the axis of the mesh: what is split between devices


def platform() -> str:
    """ "cpu", "gpu" or "tpu": what JAX computes on here."""
    return str(jax.default_backend())


def compiler_options() -> dict[str, bool]:
    """Of each program, so that those of the user's own keep theirs: what is rounded to bfloat16 stays so, and the
    same machine gives the same bits."""
    options = {"xla_allow_excess_precision": False}
    if platform() == "gpu":
        options["xla_gpu_deterministic_ops"] = True
    return options


@cache
def keep_compiled() -> None:
    """Keep compiled programs of accelerators on disk, unless the user has told JAX where, or not to.

    JAX runs what it reads there, so that the folder is the user's alone.
    """
    config: Any = jax.config  # its values are made at run time
    unset = config.jax_compilation_cache_dir is None and config.jax_enable_compilation_cache
    if not unset or platform() == "cpu":
        return
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "sloy" / f"jax-{jax.__version__}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # it only saves time
    jax.config.update("jax_compilation_cache_dir", str(folder))


@contextmanager
def in_words() -> Iterator[None]:
    """Say what XLA refuses, or which process of several failed, in one sentence of ours."""
    try:
        yield
    except ValueError:  # of collectives of processors
        here().blame()
        raise
    except jax.errors.JaxRuntimeError as error:
        here().blame()
        (first, *_) = str(error).splitlines() or ["no reason given"]
        raise NotAvailable(f"the jax engine cannot run this graph ({first[:200]}).") from error


@dataclass(frozen=True)
class Devices:
    """Some of the devices, in a mesh of one axis.

    Parameters
    ----------
    count : int
        How many, from the first on, of each process as many; 0 takes all.
    alone : bool
        Whether those of this process alone, where it is one of several.
    """

    count: int
    alone: bool = False

    def __post_init__(self) -> None:
        there, processes = len(self._there), self._processes
        if not 0 <= self.count <= there:
            raise InvalidArgument(
                f"engine: `devices` (={self.count}) must lie from 0 (all) to {there}: JAX sees"
                f" {many(there, 'device')} here ({jax.devices()[0].device_kind})."
            )
        if self.count % processes:
            raise InvalidArgument(
                f"engine: `devices` (={self.count}) are those of all {processes} processes, of each as many:"
                f" {self.count // processes * processes or processes} or {-(-self.count // processes) * processes}."
            )

    @property
    def _there(self) -> list[Any]:
        return jax.local_devices() if self.alone else jax.devices()

    @property
    def _processes(self) -> int:
        return 1 if self.alone else int(jax.process_count())

    @cached_property
    def mesh(self) -> Mesh:
        """The devices in a row, those of a process beside each other."""
        each = self.count // self._processes
        own: dict[int, list[Any]] = {}
        for device in self._there:
            own.setdefault(device.process_index, []).append(device)
        chosen = [device for rank in sorted(own) for device in own[rank][: each or None]]
        return Mesh(np.array(chosen), (SAMPLES,))

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.mesh.size)

    @cached_property
    def everywhere(self) -> NamedSharding:
        """A copy on each."""
        return NamedSharding(self.mesh, PartitionSpec())

    @cached_property
    def by_samples(self) -> NamedSharding:
        """The first axis split between them."""
        return NamedSharding(self.mesh, PartitionSpec(SAMPLES))
