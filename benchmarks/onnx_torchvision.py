"""Networks of torchvision through ONNX into sloy: how far the outputs are apart, and how long reading takes.

    PYTHONPATH=src python benchmarks/onnx_torchvision.py [NAME …]

Needs torch, torchvision and onnx beside sloy. Weights are random, as nothing is downloaded; the statistics of batch
normalisations, and layers that start at 0, are drawn too, so that every weight counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

import sloy
from sloy.problem.graphs import inference_graph

NAMES = (
    "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet18", "densenet121", "googlenet",
    "shufflenet_v2_x0_5", "regnet_x_400mf", "mnasnet0_5", "convnext_tiny", "vit_b_32", "vgg11_bn",
)  # fmt: skip


def network(name: str) -> nn.Module:
    """The network, ready for use, with nothing in it that hides a mistake."""
    options = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
    found = getattr(torchvision.models, name)(weights=None, **options).eval()
    for part in found.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, nn.Linear) and not part.weight.any():
            nn.init.normal_(part.weight, 0, 0.02)
    return found


def compare(name: str, folder: Path) -> str:
    """A line of the table."""
    torch.manual_seed(0)
    net, x = network(name), torch.randn(2, 3, 224, 224)
    path = folder / f"{name}.onnx"
    torch.onnx.export(
        net, (x,), path, input_names=["input"], dynamic_axes={"input": {0: "N"}}, dynamo=False
    )
    started = time.perf_counter()
    model = sloy.Model.from_onnx(path, threads=1)
    seconds = time.perf_counter() - started
    with torch.no_grad():
        expected = net(x).numpy()
    error = np.abs(model(x.numpy()) - expected).max() / np.abs(expected).max()
    moved = Counter(node.op for node in inference_graph(model.problem, 1).nodes)["transpose"]
    path.unlink()
    return (
        f"{name:20} {error:9.1e} {moved:10d} {model.network.parameter_count:12,d} {seconds:8.2f} s"
    )


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"{'network':20} {'error':>9} {'transposes':>10} {'parameters':>12} {'reading':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or NAMES:
            print(compare(name, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
