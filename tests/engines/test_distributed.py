"""Two processes that train one run: equal to one, resumed to the bit, and ended together whatever ends one of them."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sloy
from command_line import command, environment, stripes, write_idx
from sloy.layers import BatchNorm, Dense, Dropout, ReLU
from sloy.optimizers import SGD

pytest.importorskip("jax")

from sloy.engines import processes
from sloy.engines.jax import launch
from sloy.engines.jax.cluster import Cluster, Watch
from sloy.engines.jax.launch import local_devices
from sloy.engines.processes import Processes, started_with
from sloy.errors import InvalidArgument, InvalidOption, LostProcess, NotAvailable
from sloy.stopping import Terminated
from sloy.training.resume import check_alike

RNG = np.random.default_rng(7)
X = RNG.normal(size=(54, 6)).astype(np.float32)
Y = (X[:, :3].sum(1) > 0).astype(np.int64)
LAYERS = [Dense(8, use_bias=False), BatchNorm(), ReLU(), Dropout(0.2), Dense(2)]
WITHIN = 120  # seconds, of a machine that does other things too


class Read(list[tuple[np.ndarray, np.integer]]):
    """Samples that know which of them were taken."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.rows: list[int] = []

    def __getitem__(self, row: int) -> tuple[np.ndarray, np.integer]:
        self.rows.append(row)
        return super().__getitem__(row)


class Begins(sloy.Callback):
    """Forgets what was read before the first step."""

    def __init__(self, samples: Read) -> None:
        self.samples = samples

    def on_fit_begin(self, run: object) -> None:
        self.samples.rows.clear()


def streamed() -> tuple[list[float], list[int]]:
    """As `trained` in float64, of samples that are read when they are needed: and which of them were, to train on."""
    samples = Read(zip(X, Y, strict=True))
    data = sloy.data.stream(samples)
    _, losses = trained("jax", precision="float64", data=data, callbacks=[Begins(samples)])
    return losses, samples.rows


def trained(
    engine: str, *, data: sloy.Dataset | None = None, **options: object
) -> tuple[sloy.Model, list[float]]:
    """Epochs of 3 batches; in float64 and a part of one, validated. Each kind of step takes a second to compile."""
    words = {"epochs": 3, "batch_size": 16, "optimizer": SGD(0.1), "verbose": False, **options}
    whole = words.get("precision") == "float64"
    x, y, held_out = (X, Y, (X[:16], Y[:16])) if whole else (X[:48], Y[:48], None)
    network = sloy.Network((6,), LAYERS)
    model, history = sloy.fit(network, data or (x, y), validation=held_out, engine=engine, **words)
    return model, [row[name] for row in history for name in ("loss", "val_loss") if name in row]


class Killed(sloy.Callback):
    """Ends the process in the middle of a run, without a word."""

    def on_epoch_end(self, run: object, row: object) -> None:
        signal.raise_signal(signal.SIGKILL)


class Watching(sloy.Callback):
    """What `Killed` is in the other process."""

    def on_epoch_end(self, run: object, row: object) -> None:
        pass


PROGRAM = """
import json, sys
sys.path[:0] = [{tests!r}, {engines!r}]
import sloy, test_distributed
rank, folder = int(sys.argv[1]), {folder!r}
with sloy.engines.distributed(f"localhost:{port},2,{{rank}}") as processes:
    found = {{"leads": processes.leads, "engine": str(sloy.engines.engine("jax"))}}
    for dtype in ("float32", "float64"):
        model, found[dtype] = test_distributed.trained("jax", precision=dtype)
    kept = f"{{folder}}/{{rank}}.sloy"  # no disk is shared
    test_distributed.trained("jax", precision=dtype, epochs=1, checkpoint=kept)
    resumed, found["resumed"] = test_distributed.trained(
        "jax", precision=dtype, checkpoint=kept, resume=True
    )
    same = [resumed.parameters[n].tobytes() == v.tobytes() for n, v in model.parameters.items()]
    found["same bits"] = all(same)
    found["streamed"], found["read"] = test_distributed.streamed()
    if processes.leads:  # each asks its own model when it likes
        found["answers"] = model.predict(test_distributed.X).tolist()
    print(json.dumps(found), flush=True)
    watcher = test_distributed.Watching() if rank else test_distributed.Killed()
    test_distributed.trained("jax", precision=dtype, callbacks=[watcher])
"""


def free_port(least: int = 20_000) -> int:
    """One that nobody listens at now."""
    for port in range(least + int(time.time() * 1000) % 1000, 65_535):
        with socket.socket() as tried:
            if tried.connect_ex(("localhost", port)):
                return port
    raise AssertionError("no port is free")


Started = subprocess.Popen[str]


def started(arguments: list[str], **changes: str) -> Started:
    quick = {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_PLATFORMS": "cpu",
    }  # to compile
    return subprocess.Popen(
        arguments, env=environment(**quick, OMP_NUM_THREADS="1", **changes),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(both: list[Started]) -> list[tuple[int, str, str]]:
    """Exit code, output and messages of each; none is left behind."""
    end, told = time.monotonic() + WITHIN, []
    for one in both:
        try:
            told.append(one.communicate(timeout=max(1, end - time.monotonic())))
        except subprocess.TimeoutExpired:
            one.kill()
            told.append(one.communicate())
    return [(one.returncode, *words) for one, words in zip(both, told, strict=True)]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str, str]]:
    """Two processes, the first of which is killed at the end."""
    here, folder = Path(__file__).parent, tmp_path_factory.mktemp("together")
    words = {"tests": str(here.parent), "engines": str(here), "folder": str(folder)}
    code = PROGRAM.format(port=free_port(), **words)
    found = ended([started([sys.executable, "-c", code, str(rank)]) for rank in (0, 1)])
    assert sorted(path.name for path in folder.iterdir()) == ["0.sloy", "0.sloy.previous"]
    return found


def test_two_processes_lose_what_one_loses(together: list[tuple[int, str, str]]) -> None:
    """Every sample once, moments of the whole batch, the last part too; the same bits when resumed."""
    for _, output, messages in together:
        assert output, messages
    first, second = (json.loads(output) for _, output, _ in together)  # and nothing of JAX's
    assert first.pop("leads")
    assert not second.pop("leads")
    answers, read = first.pop("answers"), [first.pop("read"), second.pop("read")]
    assert first == second
    assert first["engine"] == "jax, 2 devices (cpu) in 2 processes, float32"
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-12)):
        model, one = trained("reference", precision=dtype)
        np.testing.assert_allclose(first[dtype], one, rtol=tolerance)
    assert (np.array(answers) == model.predict(X)).all()
    assert first["resumed"] == first["float64"]
    assert first["same bits"]
    assert first["streamed"] == first["float64"]
    assert [len(rows) for rows in read] == [3 * 30, 3 * 24]  # of batches of 16, and a part of one
    for epoch in range(3):
        once = [
            row
            for rows, each in zip(read, (30, 24), strict=True)
            for row in rows[each * epoch :][:each]
        ]
        assert sorted(once) == list(range(54))


def test_the_end_of_one_ends_the_other_with_a_sentence(
    together: list[tuple[int, str, str]],
) -> None:
    (killed, _, _), (code, _, messages) = together
    assert killed == -signal.SIGKILL
    assert code == 1
    assert re.search(r"process 0 of 2 ended without a word", messages)
    assert "Check failure stack trace" not in messages


def test_ctrl_c_in_one_saves_and_ends_both(tmp_path: Path) -> None:
    """As SLURM starts them, by the shell: the first alone writes and shows."""
    data = tmp_path / "data"
    data.mkdir()
    for part, samples in (("train", 64), ("t10k", 16)):
        x, y = stripes(samples, 3)
        write_idx(data / f"{part}-images-idx3-ubyte", x)
        write_idx(data / f"{part}-labels-idx1-ubyte", y)
    job = {
        "SLURM_JOB_ID": str(free_port(61_440) - 61_440),  # JAX makes the port of it
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
    }
    folder = tmp_path / "run"
    train = command(
        "train", data, "--network", "mlp", "--epochs", 100_000, "--batch-size", 16,
        "--validation", 0, "--out", folder, "--engine", "jax", "--distributed",
    )  # fmt: skip
    both = [
        started(train, **job, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank)) for rank in (0, 1)
    ]
    end = time.monotonic() + WITHIN
    history = folder / "history.csv"  # rows: its steps are compiled and done
    while time.monotonic() < end and not (
        history.exists() and len(history.read_text().splitlines()) > 20
    ):
        assert both[0].poll() is None, both[0].communicate()
        time.sleep(0.1)
    both[1].send_signal(signal.SIGINT)
    (leader, _, told), (other, output, messages) = ended(both)
    assert (leader, other) == (130, 130), told[-600:] + messages
    assert f"interrupted; continue with `sloy train --resume --out {folder}`" in told
    assert (folder / "checkpoint.sloy").is_file()
    assert re.search(
        r"engine +jax, 2 devices \(cpu\) in 2 processes, float32\n +8 samples each", told
    )
    assert not output
    assert "epoch" not in messages
    assert messages.splitlines()[-1].startswith("sloy train: interrupted")


@pytest.mark.parametrize("where", ["here", "here:9", "here:9,2", "here:9,2,2", "here:99999,2,0"])
def test_addresses_that_are_refused(where: str) -> None:
    with pytest.raises(InvalidArgument, match="must be HOST:PORT,N,RANK"):
        sloy.engines.distributed(where).__enter__()


def test_gpus_of_a_node_are_shared_by_its_tasks() -> None:
    """JAX would give each task one: the first of eight where there is one task."""
    eight = {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7", "SLURM_LOCALID": "0"}
    assert local_devices(eight) == list(range(8))
    assert local_devices({**eight, "SLURM_STEP_TASKS_PER_NODE": "8(x4)"}) == [0]
    two = {**eight, "SLURM_LOCALID": "1", "SLURM_NODEID": "2"}
    assert local_devices({**two, "SLURM_STEP_TASKS_PER_NODE": "8(x2),2"}) == [4, 5, 6, 7]
    own = {"CUDA_VISIBLE_DEVICES": "3", "SLURM_LOCALID": "3", "SLURM_STEP_TASKS_PER_NODE": "8"}
    assert local_devices(own) == [0]  # as --gpus-per-task shows each its own
    mpi = {"OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}
    assert local_devices({**mpi, "CUDA_VISIBLE_DEVICES": "0,1,2,3"}) == [2, 3]
    assert local_devices({"CUDA_VISIBLE_DEVICES": "0,1"}) is None


def test_gpus_that_nobody_takes_are_said(capfd: pytest.CaptureFixture[str]) -> None:
    seen = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "SLURM_STEP_TASKS_PER_NODE": "3"}
    assert local_devices({**seen, "SLURM_LOCALID": "0"}) == [0]
    assert (
        "1 of the 4 GPUs of this node: not used, 3 processes do not divide"
        in capfd.readouterr().err
    )


def test_tasks_that_train_the_same_are_noticed() -> None:
    tasks = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3"}
    assert started_with(tasks) == "process 3 of 8 that SLURM has started"
    assert started_with({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None


class Second(Processes):
    """The other of two, where the leader has other data."""

    count, rank = 2, 1

    def of_leader(self, value: dict[str, object]) -> dict[str, object]:
        return {**value, "data": "others"}


def test_processes_with_other_data_are_told() -> None:
    with pytest.raises(
        InvalidArgument, match=r"process 1 of 2 does not do what .*: its data differ"
    ):
        check_alike({"data": "own", "epochs": 3}, Second())


@pytest.fixture
def second() -> Iterator[Second]:
    """This process as the other of two."""
    processes.enter(Second())
    yield Second()
    processes.leave()


def test_what_is_no_run_of_several_processes(second: Second, tmp_path: Path) -> None:
    """It is refused before anything is read or written."""
    (tmp_path / "t.csv").write_text("a,y\n" + "1,no\n2,yes\n" * 30)
    folds = sloy.experiments.Experiment.of(tmp_path / "t.csv", target="y", folds=3)
    with pytest.raises(InvalidOption, match=r"`folds` \(=3\): .* not in several together"):
        sloy.experiments.run(folds, tmp_path / "run", engine="jax")
    with pytest.raises(InvalidArgument, match="tune: its trials are runs by themselves"):
        sloy.tune("mnist", out=tmp_path / "search", engine="jax")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_it_begins_before_jax_computes() -> None:
    import jax

    jax.devices()
    with pytest.raises(InvalidArgument, match="before JAX computes anything"):
        sloy.engines.distributed("localhost:9,2,0").__enter__()
    with pytest.raises((InvalidArgument, NotAvailable), match="distributed: "):
        sloy.engines.distributed().__enter__()


class Board:
    """The keys and values that processes share, in one."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def key_value_set(self, key: str, value: str, allow_overwrite: bool = False) -> None:
        self.values[key] = value

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str:
        return self.values[key]

    def key_value_dir_get(self, prefix: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self.values.items() if key.startswith(prefix)]

    def key_value_delete(self, key: str) -> None:
        del self.values[key]


def test_one_process_agrees_with_itself() -> None:
    """As of a launcher that was asked for one task."""
    alone = Cluster(Board(), 1, 0)
    assert [alone.largest(value) for value in (3, 0.5)] == [3, 0.5]
    alone.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, Terminated, ValueError])
def test_what_stops_one_before_the_first_step_stops_the_others(error: type[BaseException]) -> None:
    """A signal with the exit code that it has in the first one."""
    board = Board()
    first, second = Watch(board, 2, 0), Watch(board, 2, 1)
    first.tell(error("bad"))
    second._look()
    expected, why = {
        KeyboardInterrupt: (KeyboardInterrupt, "was interrupted"),
        Terminated: (Terminated, "was terminated"),
        ValueError: (LostProcess, "ended: bad"),
    }[error]
    with pytest.raises(expected) as raised:
        second.check()
    said = [str(raised.value), *getattr(raised.value, "__notes__", ())]
    assert f"process 0 of 2 {why}; this one ends with it" in "".join(said)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("", 0)) as taken, pytest.raises(NotAvailable) as raised:
        launch.Service(f"[::]:{taken.getsockname()[1]}", 2)
    assert "process 0 cannot listen at" in str(raised.value)
    assert "(Address already in use)" in str(raised.value)


def test_who_waits_for_the_others_does_so_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told what stands in the way, as far as a look tells."""
    monkeypatch.setattr(launch, "_severed", lambda: None)
    given = {"coordinator_address": "no.such.host.invalid:9", "num_processes": 2, "process_id": 1}
    never = threading.Event()
    with pytest.raises(
        NotAvailable, match=r"process 1 of 2 .*; no host no.such.host.invalid is known here"
    ):
        launch._within(0.1, never.wait, lambda: launch._unconnected(given, "there"))
    given["coordinator_address"] = f"localhost:{free_port()}"
    assert "does not answer (Connection refused)" in launch._unconnected(given, "there")
    never.set()
    with pytest.raises(ZeroDivisionError):
        launch._within(10, lambda: 1 / 0, lambda: "late")
