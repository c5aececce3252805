"""A recipe of `jobs.RECIPES` in PyTorch, from process start to the printed test accuracy.

The digits come as one uncompressed .npz of uint8 arrays ``x_train``, ``y_train``, ``x_test``, ``y_test``, which is
read faster than any published form of MNIST. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

import numpy as np

from jobs import DIGIT, RECIPES, Job, Recipe

torch: Any = importlib.import_module("torch")


def train(recipe: Recipe, data: dict[str, Any], seed: int) -> float:
    """Train and validate; the test accuracy."""
    from peers.torch_worker import network

    net = network(Job("recipe", DIGIT, recipe.layers, recipe.batch))
    for module in net:
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # PyTorch's default, which the recipe asks for
    net = net.to(memory_format=torch.channels_last)
    x, y = _tensors(data["x_train"], data["y_train"])
    kept = int(len(x) * recipe.validation)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
    held, rows = order[:kept], order[kept:]
    steps = -(-len(rows) // recipe.batch)
    optimizer = torch.optim.Adam(
        net.parameters(), lr=recipe.highest_rate, betas=(recipe.beta1, recipe.beta2), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.highest_rate, total_steps=recipe.epochs * steps, cycle_momentum=False
    )
    for _ in range(recipe.epochs):
        net.train()
        for batch in rows[torch.randperm(len(rows))].split(recipe.batch):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(
                net(x[batch]), y[batch], label_smoothing=recipe.smoothing
            ).backward()
            optimizer.step()
            schedule.step()
        if kept:
            accuracy(net, x[held], y[held])
    return accuracy(net, *_tensors(data["x_test"], data["y_test"]))


def accuracy(net: Any, x: Any, y: Any) -> float:
    """The share of right answers, 256 samples at a time."""
    net.eval()
    with torch.inference_mode():
        right = sum(
            int((net(part).argmax(1) == labels).sum())
            for part, labels in zip(x.split(256), y.split(256), strict=True)
        )
    return right / len(x)


def _tensors(x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """x (N, 28, 28, 1) uint8 → float32 (N, 1, 28, 28) in channels-last memory; y int64."""
    pictures = torch.from_numpy(x).permute(0, 3, 1, 2)
    return pictures.to(torch.float32).div_(255), torch.from_numpy(y.astype(np.int64))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--network", choices=tuple(RECIPES), default="cnn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    with np.load(options.data) as data:
        found = train(RECIPES[options.network], dict(data), options.seed)
    print(json.dumps({"test_accuracy": found}), flush=True)


if __name__ == "__main__":
    main()
