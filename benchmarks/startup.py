"""What a user waits for before the first step and until the last: import, and the shell prompt to 99 % on MNIST."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
            found[name].append(_run(command, threads)[0])
    return found


def prompt(
    pythons: Mapping[str, str], network: str, threads: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Seconds from starting the process to its end, and the test accuracy, of each seed; sloy and PyTorch in turn."""
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        digits = str(Path(folder) / "mnist.npz")
        _run([pythons["sloy"], "-c", DIGITS, digits], threads)
        for seed in range(rounds):
            for name, command in _commands(pythons, network, digits, folder).items():
                options = ["--seed", str(seed), "--threads", str(threads)]
                seconds, output = _run([*command, *options], threads)
                accuracy = float(json.loads(output)["test_accuracy"])
                result = {"seconds": seconds, "accuracy": accuracy}
                found.setdefault(name, []).append(result)
    return found


def _commands(
    pythons: Mapping[str, str], network: str, digits: str, folder: str
) -> dict[str, list[str]]:
    epochs = str(RECIPES[network].epochs)
    train = ["-m", "sloy.cli.main", "train", "mnist", "--network", network, "--epochs", epochs]
    out = ["--quiet", "--json", "--overwrite", "--out", str(Path(folder) / "run")]
    commands = {"sloy": [pythons["sloy"], *train, *out]}
    if "torch" in pythons:
        script = str(BENCHMARKS / "mnist_torch.py")
        commands["torch"] = [pythons["torch"], script, digits, "--network", network]
    return commands


def _run(command: list[str], threads: int) -> tuple[float, str]:
    """Seconds of wall time and what was printed."""
    start = time.perf_counter()
    done: Any = subprocess.run(
        command, env=environment(threads), check=True, stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - start, done.stdout
