"""Write what the tests of networks of blocks compare with: torchvision and timm at work, in float64.

Run from the repository's root in an environment with torch, torchvision and timm (no dependencies of sloy); with torch
2.13.0, torchvision 0.28.0 and timm 1.0.31 it was:

    PYTHONPATH=tests python tests/golden/make_blocked.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn
from torchvision import models, transforms

from golden.pretrained_problems import (
    BLOCKED,
    BLOCKED_SIZE,
    Arrays,
    blocked_weight,
    digest,
    picture,
)

FOLDER = Path(__file__).parent / "pretrained"
# Of ResNet-18 at 224 × 224: the zoo's layer → torchvision's.
STEPS = {"pool1": "maxpool"} | {f"relu{stage}_2": f"layer{stage}" for stage in range(1, 5)}


def fill(model: nn.Module) -> nn.Module:
    """The weights of `pretrained_problems.blocked_weight`, by name."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(blocked_weight(name, tuple(tensor.shape))))
    return model.eval().double()


def normalized(x: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) as torchvision's presets have it, float64 (N, 3, H, W)."""
    values = torch.from_numpy(x).permute(0, 3, 1, 2).double() / 255
    return transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(values)


def layouts() -> dict[str, dict[str, dict[str, list[int]]]]:
    """Source → network → name of each tensor → its shape."""
    found: dict[str, dict[str, dict[str, list[int]]]] = {"torchvision": {}, "timm": {}}
    for name, its in BLOCKED.items():
        with torch.device("meta"):
            pair = getattr(models, name)(), timm.create_model(its)
        for source, model in zip(found, pair, strict=True):
            shapes = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
            found[source][name] = shapes
    return found


def outputs() -> Arrays:
    """Logits of every network for one array, by source; timm's where its names are others."""
    found: Arrays = {}
    x = normalized(picture(*BLOCKED_SIZE))
    for name, its in BLOCKED.items():
        made = {"torchvision": fill(getattr(models, name)())}
        if not name.startswith("resnet"):
            made["timm"] = fill(timm.create_model(its))
        for source, model in made.items():
            found[f"{source} {name}"] = model(x).numpy()
    return found


def resnet18_at_224() -> Arrays:
    """Digests of each stage's output, and all logits."""
    model = fill(models.resnet18())
    kept: Arrays = {}
    for ours, theirs in STEPS.items():

        def keep(_: nn.Module, __: object, y: torch.Tensor, ours: str = ours) -> None:
            kept[f"at 224 {ours}"] = digest(y.permute(0, 2, 3, 1).numpy())

        model.get_submodule(theirs).register_forward_hook(keep)
    logits = model(normalized(picture(224, 224))).numpy()
    return {**kept, "at 224 logits": logits}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.no_grad():
        text = json.dumps(layouts(), separators=(",", ":")).replace('},"', '},\n"')
        (FOLDER / "blocked.json").write_text(text + "\n")
        np.savez(FOLDER / "blocked.npz", **outputs(), **resnet18_at_224())
