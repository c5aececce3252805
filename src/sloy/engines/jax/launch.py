"""`distributed`: this process becomes one of several that compute together."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sloy.engines import processes
from sloy.engines.jax import coordinator
from sloy.engines.jax.cluster import Cluster, first_line, say
from sloy.engines.jax.devices import Devices, in_words
from sloy.engines.processes import Processes, numbered
from sloy.errors import InvalidArgument, LostProcess, NotAvailable, SloyError
from sloy.text import many, shown
from sloy.version import __version__

CONNECTS = 50  # seconds for all processes to be there
BEATS = 100  # seconds of JAX's own patience, longer than ours


@contextmanager
def joined(where: str = "auto") -> Iterator[Processes]:
    """See `sloy.engines.distributed`."""
    if processes.here().count > 1:
        raise InvalidArgument("distributed: this process is one of several already.")
    given = _address(where)
    client, count, rank = _connected(given, where)
    cluster = Cluster(client, count, rank)
    processes.enter(cluster)
    try:
        _check_versions(cluster)
        _check_devices(cluster)
        yield cluster
        cluster.close()  # who is done waits for the others: their failure is its own
    except BaseException as error:
        cluster.ended(error)
        raise
    finally:
        processes.leave()
        _left(cluster)


def _left(cluster: Cluster) -> None:
    """Go together where all do; else alone, without waiting for any."""
    if cluster.together:
        with suppress(LostProcess, jax.errors.JaxRuntimeError):
            cluster.close()
            jax.distributed.shutdown()
            return
    cluster.drop()
    _severed()


def _severed() -> None:
    """Let nothing of JAX's wait for the others when this process ends."""
    from jax._src import distributed as state

    found = state.global_state
    kept = found.client, found.service
    found.client = found.service = None
    processes.sever(kept)


def _address(where: str) -> dict[str, Any]:
    """What `jax.distributed.initialize` is told of "HOST:PORT,N,RANK"; nothing of "auto"."""
    if where == "auto":
        return {}
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:,\[\]]+):(\d{1,5}),(\d{1,6}),(\d{1,6})", where)
    if not found or not 0 < int(found[2]) < 65536 or not int(found[4]) < int(found[3]):
        raise InvalidArgument(
            f"`distributed` (={shown(where)}) must be HOST:PORT,N,RANK: where process 0 listens, how many"
            " processes there are, and which this is, from 0 to N - 1; or nothing, where a launcher says it."
        )
    return {
        "coordinator_address": f"{found[1]}:{found[2]}",
        "num_processes": int(found[3]),
        "process_id": int(found[4]),
        "cluster_detection_method": "deactivate",
    }


def _connected(given: dict[str, Any], where: str) -> tuple[Any, int, int]:
    """The client of JAX's coordination service once all are there, how many they are, and which this is."""
    from jax._src import distributed as state

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from us
    ids = None if given else local_devices(os.environ)
    own: dict[str, Any] = {} if ids is None else {"local_device_ids": ids}
    inside: Any = vars(state)["_jax"]
    made = inside.get_distributed_runtime_service
    inside.get_distributed_runtime_service = Service

    def connect() -> None:
        jax.distributed.initialize(
            **given,
            **own,
            initialization_timeout=BEATS,
            heartbeat_timeout_seconds=BEATS,
            shutdown_timeout_seconds=BEATS,
        )

    try:
        _within(CONNECTS, connect, lambda: _unconnected(given, where))
    except SloyError:
        raise
    except ValueError as error:
        raise NotAvailable(
            "distributed: no launcher that JAX knows (SLURM, Open MPI, Kubernetes, Cloud TPU) has started this process;"
            f" give HOST:PORT,N,RANK ({first_line(error).rstrip('.')})."
        ) from None
    except jax.errors.JaxRuntimeError as error:
        _severed()
        said = _unconnected(given, where)
        raise NotAvailable(f"distributed: {said} ({first_line(error)[:120]}).") from None
    except RuntimeError as error:
        raise InvalidArgument(
            f"distributed: is entered before JAX computes anything ({first_line(error)[:120]})."
        ) from None
    finally:
        inside.get_distributed_runtime_service = made
    found = state.global_state
    return found.client, found.num_processes, found.process_id


def _within(seconds: float, do: Callable[[], object], late: Callable[[], str]) -> None:
    """Do what waits for other processes, in a thread, so that Ctrl-C is heard; JAX would wait on, or end in C++.

    Raises
    ------
    NotAvailable
        Where it takes longer than some seconds; `late` says it.
    """
    raised: list[BaseException] = []

    def doing() -> None:
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=doing, name="sloy-connecting", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
        if thread.is_alive():
            raise NotAvailable(f"distributed: {late()}.")
    except BaseException:
        _severed()
        raise
    if raised:
        raise raised[0]


def _unconnected(given: dict[str, Any], where: str) -> str:
    who = "this process"
    if given:
        who = numbered([given["process_id"]], given["num_processes"])
    return (
        f"{who} has not found the others within {CONNECTS} s ({shown(where)}){_why(given)}: all must be started, with"
        " the same HOST:PORT and N, each with its own RANK, and reach it"
    )


def _why(given: dict[str, Any]) -> str:
    """What stands in the way of reaching process 0, as far as a look tells; nothing where that takes long."""
    found: list[str] = []
    host, _, port = str(given.get("coordinator_address", "")).rpartition(":")

    def look() -> None:
        try:
            socket.create_connection((host.strip("[]"), int(port)), 2).close()
        except socket.gaierror:
            found.append(f"; no host {host} is known here")
        except OSError as error:
            found.append(f"; {host}:{port} does not answer ({error.strerror or error})")

    if host:
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        looking.join(3)
    return "".join(found)


class Service:
    """JAX's coordination service in a process of its own, see `coordinator`; made as JAX makes its own."""

    def __init__(self, address: str, count: int, **_: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, coordinator.__file__, address, str(count), str(BEATS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            heard = self._process.communicate()[1]
            last = (heard.strip().splitlines() or ["it says nothing"])[-1]
            why = _taken(int(address.rpartition(":")[2])) or last[:160]
            raise NotAvailable(f"distributed: process 0 cannot listen at {address} ({why}).")

    def shutdown(self) -> None:
        """End it."""
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):  # it ends, soon or late
            self._process.communicate(coordinator.DONE, timeout=5)


def _taken(port: int) -> str:
    """Why nothing can listen at a port; nothing where that could."""
    try:
        with socket.create_server(("", port)):
            return ""
    except OSError as error:
        return os.strerror(error.errno or 0)


def _check_versions(cluster: Cluster) -> None:
    own = [__version__, jax.__version__]
    theirs = cluster.of_leader(own)
    if own != theirs:
        raise NotAvailable(
            f"distributed: {numbered([cluster.rank], cluster.count)} has sloy {own[0]} and JAX {own[1]}, process 0"
            f" {theirs[0]} and {theirs[1]}."
        )


def _check_devices(cluster: Cluster) -> None:
    """Add up a number over all devices, within a time: they may reach the first process, but not each other."""
    late = f"the devices of {cluster.count} processes did not reach each other within {CONNECTS} s"

    def add_up() -> None:
        with in_words():
            devices = Devices(0)
            ones = jax.make_array_from_callback(
                (devices.size,), devices.by_samples, lambda index: np.ones(1, np.float32)
            )
            total = float(jax.jit(jnp.sum, out_shardings=devices.everywhere)(ones))
        assert total == devices.size

    with _unheard(b"[Gloo] "):
        _within(CONNECTS, add_up, lambda: late)


@contextmanager
def _unheard(beginning: bytes) -> Iterator[None]:
    """Lines that C++ writes on standard output meanwhile come after it, but for those that begin so."""
    try:
        own = os.dup(1)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(own, 1)
            os.close(own)
            kept.seek(0)
            os.write(1, b"".join(line for line in kept if not line.startswith(beginning)))


def local_devices(environment: Mapping[str, str]) -> list[int] | None:
    """Which GPUs of a node a process of a launcher takes: its share of those that it sees; None leaves it to JAX.

    JAX gives each process one, the GPU of its number on the node, so that one process that sees eight would leave seven
    idle. GPUs that nobody takes, as their number is no multiple of the processes', are said.
    """
    launchers = [(own, all_) for own, all_ in _LOCAL if own in environment]
    seen = gpus(environment)
    if not launchers or not seen or "JAX_LOCAL_DEVICE_IDS" in environment:
        return None
    ((own, all_), *_) = launchers
    number, tasks = int(environment[own]), tasks_here(environment, all_)
    if "SLURM_GPUS_PER_TASK" in environment or seen < tasks:
        return list(range(seen))  # all it sees are its own
    share, rest = divmod(seen, tasks)
    if rest and not number:
        say(
            f"{rest} of the {many(seen, 'GPU')} of this node: not used, {tasks} processes do not divide them"
        )
    return list(range(number * share, (number + 1) * share))


_LOCAL = (  # the number of a process on its node, and how many are there
    ("SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
)


def gpus(environment: Mapping[str, str]) -> int:
    """How many GPUs of NVIDIA this process sees."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name])
    given = environment.get("SLURM_GPUS_ON_NODE", "")
    return int(given) if given.isdecimal() else len(list(Path("/dev").glob("nvidia[0-9]*")))


def tasks_here(environment: Mapping[str, str], name: str) -> int:
    """How many processes run on this node, of a variable such as "8", "8(x4)" or "2(x3),1": a number for each node."""
    counts: list[int] = []
    for part in environment.get(name, "1").split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part.strip())
        counts += [int(found[1])] * int(found[2] or 1) if found else [1]
    node = int(environment.get("SLURM_NODEID", "0"))
    return max(1, counts[min(node, len(counts) - 1)])
