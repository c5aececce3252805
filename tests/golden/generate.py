"""Write the golden files with PyTorch: trajectories, losses and schedules, all in float64.

Run from the repository's root in an environment with PyTorch (no dependency of sloy):

    PYTHONPATH=src:tests python tests/golden/generate.py
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import lr_scheduler

from golden.problems import (
    BATCH,
    DESCENTS,
    FIGURES,
    LABELS,
    MIXTURE,
    OUTPUTS,
    PROBLEMS,
    SNAPSHOTS,
    STEPS,
    TOTAL_STEPS,
    VALUES,
    YES,
    Arrays,
    Descent,
    Problem,
)

FOLDER = Path(__file__).parent
Forward = Callable[[dict[str, Tensor], Tensor], Tensor]


# --- trajectories ---------------------------------------------------------------------------------


def to_torch(name: str, weights: np.ndarray) -> Tensor:
    """Weights in PyTorch's layout: (O, I, KH, KW) and (O, I)."""
    order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[weights.ndim]
    return torch.tensor(weights.transpose(order).copy(), requires_grad=True)


def from_torch(weights: Tensor) -> np.ndarray:
    """Weights in sloy's layout: (KH, KW, I, O) and (I, O)."""
    order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[weights.ndim]
    return weights.detach().numpy().transpose(order).copy()


def mlp(w: dict[str, Tensor], x: Tensor) -> Tensor:
    hidden = torch.tanh(functional.linear(x, w["dense_1/weight"], w["dense_1/bias"]))
    return functional.linear(hidden, w["dense_2/weight"], w["dense_2/bias"])


def cnn(w: dict[str, Tensor], x: Tensor) -> Tensor:
    images = x.permute(0, 3, 1, 2)  # NHWC → NCHW
    maps = functional.conv2d(images, w["conv2d_1/weight"], w["conv2d_1/bias"], padding=1)
    pooled = functional.relu(functional.max_pool2d(maps, 2))
    flat = pooled.permute(0, 2, 3, 1).flatten(1)  # in the order of NHWC
    return functional.linear(flat, w["dense_1/weight"], w["dense_1/bias"])


FORWARD: dict[str, Forward] = {"mlp": mlp, "cnn": cnn}


def trajectory(problem: Problem, descent: Descent) -> Arrays:
    """Losses and gradient norms of all steps, (STEPS,), and all weights after those of `SNAPSHOTS`, (3, P)."""
    weights = {name: to_torch(name, w) for name, w in problem.weights.items()}
    optimizer = getattr(torch.optim, descent.torch)(
        list(weights.values()), **descent.torch_arguments
    )
    losses, norms, kept = [], [], []
    for step in range(STEPS):
        rows = problem.batch(step)
        x, y = torch.tensor(problem.x[rows]), torch.tensor(problem.y[rows].astype(np.int64))
        importance = torch.tensor(problem.sample_weight[rows])
        each = functional.cross_entropy(FORWARD[problem.name](weights, x), y, reduction="none")
        loss = (importance * each).sum() / importance.sum()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.get_total_norm([w.grad for w in weights.values()]).item())
        if "clip_value" in descent.clip:
            torch.nn.utils.clip_grad_value_(list(weights.values()), descent.clip["clip_value"])
        if "clip_norm" in descent.clip:
            torch.nn.utils.clip_grad_norm_(list(weights.values()), descent.clip["clip_norm"])
        optimizer.step()
        if step + 1 in SNAPSHOTS:
            kept.append(np.concatenate([from_torch(w).ravel() for w in weights.values()]))
    return {
        "loss": np.array(losses),
        "gradient_norm": np.array(norms),
        "weights": np.array(kept),
    }


def trajectories() -> Arrays:
    """All problems with all optimisers: ``<problem>/<descent>/<what>``."""
    found: Arrays = {}
    for problem in PROBLEMS.values():
        for name, descent in DESCENTS.items():
            results = trajectory(problem, descent)
            found |= {f"{problem.name}/{name}/{key}": value for key, value in results.items()}
    return found


# --- losses ---------------------------------------------------------------------------------------


def crammer_singer(z: Tensor) -> Tensor:
    y = torch.tensor(LABELS.astype(np.int64))[:, None]
    rival = z.scatter(1, y, -torch.inf).amax(dim=1)  # ties share the gradient
    return functional.relu(1 + rival - z.gather(1, y)[:, 0])


def loss_functions() -> dict[str, Callable[[Tensor], Tensor]]:
    """Each loss as a function of the outputs (8, 4), giving (8,)."""
    values, yes, mixture = torch.tensor(VALUES), torch.tensor(YES), torch.tensor(MIXTURE)
    labels, smooth = torch.tensor(LABELS.astype(np.int64)), 0.9 * torch.tensor(YES) + 0.05
    entropy = functional.binary_cross_entropy_with_logits
    return {
        "squared_error": lambda z: functional.mse_loss(z, values, reduction="none").mean(1),
        "absolute_error": lambda z: functional.l1_loss(z, values, reduction="none").mean(1),
        "huber": lambda z: functional.huber_loss(z, values, reduction="none").mean(1),
        "huber_2.5": lambda z: functional.huber_loss(z, values, reduction="none", delta=2.5).mean(
            1
        ),
        "binary": lambda z: entropy(z, yes, reduction="none").mean(1),
        "binary_smooth": lambda z: entropy(z, smooth, reduction="none").mean(1),
        "labels": lambda z: functional.cross_entropy(z, labels, reduction="none"),
        "labels_smooth": lambda z: functional.cross_entropy(
            z, labels, reduction="none", label_smoothing=0.1
        ),
        "mixture": lambda z: functional.cross_entropy(z, mixture, reduction="none"),
        "hinge": crammer_singer,
        "hinge_binary": lambda z: (
            functional.hinge_embedding_loss(  # max(0, 1 - s z), by its branch for -1
                z[:, 0] * (2 * yes[:, 0] - 1), torch.full((8,), -1.0), reduction="none"
            )
        ),
    }


def losses() -> Arrays:
    """Values (8,) and the gradient of their sum (8, 4): ``<loss>/value`` and ``<loss>/gradient``."""
    found: Arrays = {}
    for name, function in loss_functions().items():
        z = torch.tensor(OUTPUTS, requires_grad=True)
        value = function(z)
        value.sum().backward()
        found |= {f"{name}/value": value.detach().numpy(), f"{name}/gradient": z.grad.numpy()}
    return found


# --- schedules ------------------------------------------------------------------------------------


def rates(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], lr: float
) -> np.ndarray:
    """The rates of TOTAL_STEPS steps, (TOTAL_STEPS,)."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler, found = make(optimizer), []
    for _ in range(TOTAL_STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(found)


def plateau_rates(sign: float, **arguments: object) -> np.ndarray:
    """The rate of each epoch, and of the one after the last, (len(FIGURES) + 1,)."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **arguments)
    found = [0.5]
    for figure in FIGURES:
        scheduler.step(float(sign * figure + (2.0 if sign < 0 else 0.0)))
        found.append(optimizer.param_groups[0]["lr"])
    return np.array(found)


def schedules() -> Arrays:
    """The rates of each schedule."""
    total = TOTAL_STEPS
    return {
        "step": rates(lambda o: lr_scheduler.StepLR(o, 7, gamma=0.3), 0.5),
        "exponential": rates(lambda o: lr_scheduler.ExponentialLR(o, 0.93), 0.5),
        "cosine": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, total, eta_min=0.01), 0.5),
        "one_cycle": rates(
            lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=total + 1, cycle_momentum=False),
            0.5,
        ),
        "one_cycle_other": rates(
            lambda o: lr_scheduler.OneCycleLR(
                o,
                0.5,
                total_steps=total + 1,
                pct_start=0.45,
                div_factor=10,
                final_div_factor=50,
                cycle_momentum=False,
            ),
            0.5,
        ),
        "warm_up": rates(lambda o: lr_scheduler.LinearLR(o, 0.2, total_iters=9), 0.5),
        "warm_up_step": rates(
            lambda o: lr_scheduler.ChainedScheduler(
                [
                    lr_scheduler.LinearLR(o, 1 / 3, total_iters=5),
                    lr_scheduler.StepLR(o, 7, gamma=0.3),
                ],
                optimizer=o,
            ),
            0.5,
        ),
        "plateau": plateau_rates(1.0, factor=0.5, patience=2),
        "plateau_cooldown": plateau_rates(
            1.0, factor=0.2, patience=1, cooldown=3, threshold=0.01, min_lr=0.01
        ),
        "plateau_max": plateau_rates(-1.0, mode="max", factor=0.5, patience=1),
    }


def write(name: str, arrays: Arrays) -> None:
    """One compressed file, with PyTorch's version in it."""
    path = FOLDER / f"{name}.npz"
    np.savez_compressed(path, torch_version=np.array(torch.__version__), **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    assert STEPS % BATCH == 0
    write("trajectories", trajectories())
    write("losses", losses())
    write("schedules", schedules())
