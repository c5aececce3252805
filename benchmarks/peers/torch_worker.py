"""PyTorch: eager in both memory layouts, compiled, and with bfloat16 autocast; the fused optimiser."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from jobs import Job
from peers.channels_first import channels_first_samples, channels_first_weights
from peers.protocol import PRODUCT, Run, Worker, serve

torch: Any = importlib.import_module("torch")
nn = torch.nn


def variants(job: Job) -> dict[str, str]:
    """Eager, compiled, autocast; for pictures channels-last too, which autocast takes at once."""
    pictures = len(job.input_shape) == 3
    names = {"eager": "float32", "compile": "float32", "autocast": "bfloat16"}
    return {**names, "channels_last": "float32"} if pictures else names


def network(job: Job) -> Any:
    """The network from its initial weights."""
    return nn.Sequential(*_modules(job.layers, iter(channels_first_weights(job))))


class Residual(nn.Module):  # type: ignore[misc, name-defined]
    """The sum of two ways, of which the second may be straight."""

    def __init__(self, inner: list[Any], shortcut: list[Any]) -> None:
        super().__init__()
        self.inner, self.shortcut = nn.Sequential(*inner), nn.Sequential(*shortcut)

    def forward(self, x: Any) -> Any:
        return self.inner(x) + self.shortcut(x)


def _modules(layers: tuple[Any, ...], pairs: Any) -> list[Any]:
    made: list[Any] = []
    for layer in layers:
        match layer:
            case ("conv_norm", _, kernel, stride, groups):
                weight, bias = next(pairs)
                outputs, inputs = weight.shape[0], weight.shape[1] * groups
                wide = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)  # fmt: skip
                norm = nn.BatchNorm2d(outputs)
                with torch.no_grad():
                    wide.weight.copy_(torch.from_numpy(weight))
                    norm.bias.copy_(torch.from_numpy(bias))
                made += [wide, norm]
            case ("residual", inner, shortcut):
                made.append(Residual(_modules(inner, pairs), _modules(shortcut, pairs)))
            case ("max_pool", size, stride, padding):
                made.append(nn.MaxPool2d(size, stride, padding))
            case ("global_average",):
                made += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            case ("convolution", _, kernel, padding):
                weight, bias = next(pairs)
                module = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, padding=padding)
                made.append(_filled(module, weight, bias))
            case ("convolution", _, kernel, padding, stride):
                outputs, inputs = next(pairs)[0].shape[:2]
                made.append(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False))
            case ("norm", momentum):
                of = next(m for m in reversed(made) if isinstance(m, nn.Conv2d))
                made.append(nn.BatchNorm2d(of.out_channels, momentum=1 - momentum))
            case ("dense", _):
                weight, bias = next(pairs)
                made.append(_filled(nn.Linear(*weight.shape[::-1]), weight, bias))
            case ("dropout", rate):
                made.append(nn.Dropout(rate))
            case ("max_pool", size):
                made.append(nn.MaxPool2d(size))
            case ("average_pool", size):
                made.append(nn.AvgPool2d(size))
            case _:
                made.append(_SIMPLE[layer[0]]())
    return made


_SIMPLE = {"relu": nn.ReLU, "relu6": nn.ReLU6, "tanh": nn.Tanh, "flatten": nn.Flatten}


def _filled(module: Any, weight: Any, bias: Any) -> Any:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weight))
        module.bias.copy_(torch.from_numpy(bias))
    return module


def build(job: Job, variant: str, threads: int) -> Run:
    """The job, compiled, in a memory layout, with or without autocast."""
    torch.set_num_threads(threads)
    pictures = len(job.input_shape) == 3
    layout = torch.contiguous_format
    if pictures and variant in ("channels_last", "autocast"):
        layout = torch.channels_last
    net = network(job).to(memory_format=layout)
    x, y = (torch.from_numpy(array) for array in channels_first_samples(job))
    batches = [(a.contiguous(memory_format=layout), b) for a, b in zip(x, y, strict=True)]
    precision = _autocast if variant == "autocast" else contextlib.nullcontext
    compiled = variant == "compile"
    if job.task == "inference":
        return _inference(net, [x for x, _ in batches], precision, compiled=compiled)
    return _training(job, net, batches, precision, compiled=compiled)


def _autocast() -> Any:
    return torch.autocast("cpu", torch.bfloat16)


def _training(job: Job, net: Any, batches: Any, precision: Any, *, compiled: bool) -> Run:
    def objective(x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(net(x), y)

    net.train()
    loss_of = torch.compile(objective) if compiled else objective
    rate, momentum = job.learning_rate, job.momentum
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum, fused=True)
    done = 0

    def run(steps: int) -> list[Any]:
        nonlocal done
        losses = []
        for k in range(done, done + steps):
            optimizer.zero_grad(set_to_none=True)
            with precision():
                loss = loss_of(*batches[k % len(batches)])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        done += steps
        return losses

    return run


def _inference(net: Any, batches: list[Any], precision: Any, *, compiled: bool) -> Run:
    net.eval()
    if compiled:
        settings: Any = importlib.import_module("torch._inductor.config")
        settings.freezing = True  # weights are constants of the compiled network
        net = torch.compile(net)
    done = 0

    def run(steps: int) -> list[Any]:
        nonlocal done
        outputs = []
        with torch.inference_mode():
            for k in range(done, done + steps):
                with precision():
                    outputs.append(net(batches[k % len(batches)]))
        done += steps
        return [output.float() for output in outputs]

    return run


def product(precision: str, threads: int) -> Any:
    """The matrix product of either precision."""
    torch.set_num_threads(threads)
    a = torch.rand(PRODUCT, PRODUCT).to(getattr(torch, precision))
    return lambda: a @ a


if __name__ == "__main__":
    serve(Worker("torch", torch.__version__, variants, build, product))
