"""One float32 training step of a small CNN, sloy against PyTorch (eager, CPU), in turn on the same threads.

The network is 32c3-64c3-pool-dropout ¼-dense 128-dropout ½-10, ReLU after convolutions and dense layer, valid
convolutions, plain gradient descent. Rounds alternate sloy, PyTorch contiguous, PyTorch channels-last; a round's figure
is its mean over `--steps` steps; medians and minima over the rounds are printed in milliseconds. PyTorch's faster
layout counts. Before that, without dropout, both train a few steps from the same weights on the same batches, and the
losses must agree.

PyTorch runs in a worker process of its own, so it may live in another environment:

    python benchmarks/mnist_cnn_step.py --torch-python ../venv-torch/bin/python
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

LEARNING_RATE = 0.05
CLASSES = 10
CHECKED_STEPS = 10
LOSS_TOLERANCE = 1e-4  # relative; both are float32 sums of a few thousand terms in different orders
LAYOUTS = ("contiguous", "channels_last")
REST_SECONDS = 0.1  # lets the other side's idle threads stop spinning


# --- PyTorch: the worker ---------------------------------------------------------------------------------------------


class TorchSide:
    """The peer; its process imports torch, sloy's never does."""

    def __init__(self, path: str, threads: int) -> None:
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.arrays = dict(np.load(path))

    def network(self, dropout: bool) -> Any:
        """The network with the given parameters; (KH, KW, I, O) → (O, I, KH, KW)."""
        nn, arrays = self.torch.nn, self.arrays
        network = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Dropout(0.25 if dropout else 0.0), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(),
            nn.Dropout(0.5 if dropout else 0.0), nn.Linear(128, CLASSES),
        )  # fmt: skip
        dense = arrays["dense_1/weight"].reshape(12, 12, 64, 128).transpose(3, 2, 0, 1)
        weights = {
            0: arrays["conv2d_1/weight"].transpose(3, 2, 0, 1),
            2: arrays["conv2d_2/weight"].transpose(3, 2, 0, 1),
            7: dense.reshape(128, 9216),  # PyTorch flattens (C, H, W)
            10: arrays["dense_2/weight"].T,
        }
        names = {0: "conv2d_1", 2: "conv2d_2", 7: "dense_1", 10: "dense_2"}
        with self.torch.no_grad():
            for index, weight in weights.items():
                network[index].weight.copy_(self.torch.from_numpy(weight.copy()))
                network[index].bias.copy_(self.torch.from_numpy(arrays[f"{names[index]}/bias"]))
        return network.train()

    def run(self, layout: str, steps: int, dropout: bool) -> dict[str, Any]:
        """Train from the start; a few unmeasured steps first when `dropout`."""
        torch = self.torch
        memory_format = (
            torch.channels_last if layout == "channels_last" else torch.contiguous_format
        )
        network = self.network(dropout).to(memory_format=memory_format)
        x = torch.from_numpy(self.arrays["x"].transpose(0, 3, 1, 2).copy())
        x = x.contiguous(memory_format=memory_format)
        y = torch.from_numpy(self.arrays["y"].astype(np.int64))
        batch = int(self.arrays["batch"])
        optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
        losses = []

        def step(k: int) -> None:
            rows = slice(k * batch % len(x), k * batch % len(x) + batch)
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())

        for k in range(2 if dropout else 0):
            step(k)
        start = time.perf_counter()
        for k in range(steps):
            step(k)
        seconds = time.perf_counter() - start
        return {"seconds": seconds / steps, "losses": [float(loss) for loss in losses[-steps:]]}


def worker(path: str, threads: int) -> None:
    """Answer one JSON line for each JSON line on standard input."""
    side = TorchSide(path, threads)
    print(json.dumps({"version": side.torch.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(side.run(**json.loads(line))), flush=True)


# --- sloy ------------------------------------------------------------------------------------------------------------


class SloySide:
    """The same training by the native engine, in one call of `run_batches`."""

    def __init__(self, batch: int, batches: int, threads: int) -> None:
        from sloy.engines.native import NativeEngine

        self.engine = NativeEngine(threads)
        self.batch = batch
        rng = np.random.default_rng(0)
        rows = batch * batches
        self.x = rng.random((rows, 28, 28, 1), np.float32)
        self.y = rng.integers(0, CLASSES, rows).astype(np.int32)
        self.spec = {dropout: self._spec(dropout) for dropout in (False, True)}

    @staticmethod
    def _spec(dropout: bool) -> Any:
        from sloy.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
        from sloy.losses import CategoricalCrossentropy
        from sloy.network import Network
        from sloy.optimizers import SGD
        from sloy.steps.graphs import StepSpec

        masks = [Dropout(0.25)] if dropout else [], [Dropout(0.5)] if dropout else []
        layers = [
            Conv2D(32, 3), ReLU(), Conv2D(64, 3), ReLU(), MaxPool2D(2), *masks[0],
            Flatten(), Dense(128), ReLU(), *masks[1], Dense(CLASSES),
        ]  # fmt: skip
        return StepSpec(Network((28, 28, 1), layers), CategoricalCrossentropy(), SGD(LEARNING_RATE))

    def variables(self, dropout: bool) -> dict[str, np.ndarray]:
        from sloy.steps.graphs import initial_variables

        return initial_variables(self.spec[dropout], seed=1)

    def compile(self, dropout: bool) -> Any:
        from sloy.steps.graphs import training_graph

        graph = training_graph(self.spec[dropout], self.batch)
        return self.engine.compile(graph, self.variables(dropout), guard=("loss",))

    def run(self, executable: Any, steps: int) -> dict[str, Any]:
        """Train on; the order of the batches is PyTorch's."""
        rows = len(self.x)
        step_inputs = {
            "learning_rate": np.full(steps, LEARNING_RATE, np.float32),
            "step": np.arange(steps, dtype=np.uint32),
        }
        wanted = {
            name: step_inputs[name] for name in executable.graph.inputs if name in step_inputs
        }
        columns = {"x": self.x, "y": self.y, "sample_weight": np.ones(rows, np.float32)}
        order = np.arange(steps * self.batch) % rows
        result = self.engine.run_batches(
            {self.batch: executable}, columns, order, self.batch, wanted
        )
        return {"seconds": result.seconds / steps, "losses": list(result.outputs["loss"])}


# --- both ------------------------------------------------------------------------------------------------------------


class Peer:
    """The worker process."""

    def __init__(self, python: str, path: Path, threads: int) -> None:
        command = [python, __file__, "--worker", str(path), "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._answer()["version"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the PyTorch worker has died; see its message above.")
        return dict(json.loads(line))

    def run(self, layout: str, steps: int, *, dropout: bool) -> dict[str, Any]:
        assert self.process.stdin is not None
        request = {"layout": layout, "steps": steps, "dropout": dropout}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare_losses(sloy: SloySide, peer: Peer) -> float:
    """The greatest relative difference of the losses of the first steps, without dropout."""
    ours = np.array(sloy.run(sloy.compile(dropout=False), CHECKED_STEPS)["losses"])
    theirs = np.array(peer.run("contiguous", CHECKED_STEPS, dropout=False)["losses"])
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


def measure(sloy: SloySide, peer: Peer, rounds: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds per step of each round."""
    executable = sloy.compile(dropout=True)
    sloy.run(executable, 2)
    times: dict[str, list[float]] = {"sloy": [], **{layout: [] for layout in LAYOUTS}}
    for _ in range(rounds):
        time.sleep(REST_SECONDS)
        times["sloy"].append(1e3 * sloy.run(executable, steps)["seconds"])
        for layout in LAYOUTS:
            time.sleep(REST_SECONDS)
            times[layout].append(1e3 * peer.run(layout, steps, dropout=True)["seconds"])
    return times


def report(times: dict[str, list[float]], version: str, batch: int) -> None:
    print(f"CNN 32c3-64c3-pool-128-10, batch {batch}, float32, one training step, milliseconds")
    print(f"{'':28}{'median':>9}{'minimum':>9}")
    for name, values in times.items():
        label = name if name == "sloy" else f"PyTorch {version} {name}"
        print(f"{label:28}{statistics.median(values):9.1f}{min(values):9.1f}")
    for title, summary in (("medians", statistics.median), ("minima", min)):
        best = min(summary(times[layout]) for layout in LAYOUTS)
        print(f"PyTorch / sloy, {title}: {best / summary(times['sloy']):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter that has torch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=5, help="per round")
    parser.add_argument("--worker", metavar="ARRAYS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.threads)
        return
    sloy = SloySide(options.batch_size, batches=4, threads=options.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        variables = sloy.variables(dropout=False)
        arrays: dict[str, Any] = {
            name: value for name, value in variables.items() if name.startswith(("conv", "dense"))
        }
        np.savez(path, x=sloy.x, y=sloy.y, batch=options.batch_size, **arrays)
        peer = Peer(options.torch_python, path, options.threads)
        try:
            difference = compare_losses(sloy, peer)
            print(f"losses of {CHECKED_STEPS} steps without dropout differ by {difference:.1e}")
            if not difference <= LOSS_TOLERANCE:
                raise SystemExit(f"that is more than {LOSS_TOLERANCE}: not the same training.")
            times = measure(sloy, peer, options.rounds, options.steps)
        finally:
            peer.close()
    report(times, peer.version, options.batch_size)


if __name__ == "__main__":
    main()
