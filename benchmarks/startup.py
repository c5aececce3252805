"""What a user waits for before the first step and until the last: import, and the shell prompt to 99 % on MNIST."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs import RECIPES
from peers.protocol import BENCHMARKS, environment

MODULES = {"sloy": "sloy", "torch": "torch", "jax": "jax", "onnxruntime": "onnxruntime"}
MODULES["sklearn"] = "sklearn.neural_network"
DIGITS = """
import sys, numpy, sloy
d = sloy.data.mnist()
numpy.savez(sys.argv[1], x_train=d.train.x, y_train=d.train.y, x_test=d.test.x, y_test=d.test.y)
"""


def imports(pythons: Mapping[str, str], threads: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a process that imports a peer and ends, in turn; "nothing" imports nothing."""
    commands = {"nothing": [pythons["sloy"], "-c", "pass"]}
    commands |= {name: [pythons[name], "-c", f"import {MODULES[name]}"] for name in pythons}
    found: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():  # the files are read once
        _run(command, threads)
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(_run(command, threads).to_end)
    return found


def prompt(
    pythons: Mapping[str, str], network: str, threads: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Seconds from starting the process to its output and to its end, and the test accuracy that it prints.

    Of each seed, sloy and PyTorch in turn. Both print results alone; sloy's process then draws the pictures of the run.
    """
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        digits = str(Path(folder) / "mnist.npz")
        _run([pythons["sloy"], "-c", DIGITS, digits], threads)
        for seed in range(rounds):
            for name, command in _commands(pythons, network, digits, folder).items():
                options = ["--seed", str(seed), "--threads", str(threads)]
                done = _run([*command, *options], threads)
                accuracy = float(json.loads(done.output)["test_accuracy"])
                result = {"seconds": done.to_output, "to_end": done.to_end, "accuracy": accuracy}
                found.setdefault(name, []).append(result)
    return found


def _commands(
    pythons: Mapping[str, str], network: str, digits: str, folder: str
) -> dict[str, list[str]]:
    epochs = str(RECIPES[network].epochs)
    train = ["-m", "sloy", "train", "mnist", "--network", network, "--epochs", epochs]
    out = ["--quiet", "--json", "--overwrite", "--out", str(Path(folder) / "run")]
    commands = {"sloy": [pythons["sloy"], *train, *out]}
    if "torch" in pythons:
        script = str(BENCHMARKS / "mnist_torch.py")
        commands["torch"] = [pythons["torch"], script, digits, "--network", network]
    return commands


@dataclass(frozen=True)
class _Done:
    """A process: seconds from its start to the first byte that it printed and to its end, and what it printed."""

    to_output: float
    to_end: float
    output: str


def _run(command: list[str], threads: int) -> _Done:
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=environment(threads), stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        to_output = time.perf_counter() - start
        output = first + b"".join(process.stdout)
    to_end = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return _Done(to_output, to_end, output.decode())
