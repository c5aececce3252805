"""One run, under ten minutes, that says what the JAX engine does on one GPU: python benchmarks/gpu.py --json gpu.json

Its parts, each with a share of the time; one that fails or takes too long says so, and the others go on:

    ops      the op table of the tests on the device, float32 and float64, against its independent definitions
    loops    the forms of a loop on the device: known and unknown numbers of steps, with a guard, one call each
    mnist    the network `fast` on MNIST, one epoch: accuracy, and seconds once all is compiled (target: 99 %, 0.05 s)
    cnn      training steps of the CNN, beside PyTorch with `torch.compile`
    vgg      training steps of VGG-16 at 224 × 224 in mixed precision (target: 55 % of the peak), beside PyTorch

PyTorch comes from an interpreter of its own, `--torch PYTHON`, or from this one. ``--small`` goes through all of it
on a processor, in forms that say nothing of speed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jobs import JOBS, Job, samples, sloy_parameters, sloy_problem, sloy_recipe

HERE = Path(__file__).parent
PARTS = {"loops": 40, "mnist": 90, "cnn": 100, "vgg": 210, "ops": 140}  # seconds: 580 of 600
Said = Callable[..., None]


def best(run: Callable[[], Any], times: int = 5) -> float:
    """The least seconds of several runs, after one that compiles."""
    run()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return min(found)


# --- parts ----------------------------------------------------------------------------------------


def ops(said: Said, end: float, *, small: bool) -> None:
    """Rows of the op table, several of an op in one program, until the time is over."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from op_cases import CASES
    from sloy.engines import engine
    from sloy.graph import Graph, input
    from sloy.graph.tensor import apply

    device = engine("jax")
    names = sorted({case.op for case in CASES})[:: 8 if small else 1]
    most, rows, failed, missed = (2, 0, 0, 0) if small else (6, 0, 0, 0)
    for name in names:
        cases = [case for case in CASES if case.op == name]
        cases = cases[:: -(-len(cases) // most)]
        if time.perf_counter() > end:
            missed += 1
            continue
        for dtype in ("float32", "float64"):
            results, fed = {}, {}
            for number, case in enumerate(cases):
                arrays = {f"{number} {i}": array for i, array in enumerate(case.arrays(dtype))}
                operands = [input(n, a.shape, a.dtype.name) for n, a in arrays.items()]
                results[str(number)] = apply(name, operands, case.attributes_in(dtype))
                fed |= arrays
            try:
                outputs = device.compile(Graph.of(results), {}).run(fed)
            except Exception as error:
                failed += len(cases)
                said(f"{name} {dtype}", f"{type(error).__name__}: {str(error)[:200]}")
                continue
            for number, case in enumerate(cases):
                rows += 1
                try:
                    case.compare(outputs[str(number)])
                except AssertionError as error:
                    failed += 1
                    said(f"{case.id} {dtype}", " ".join(str(error).split())[:200])
    said("rows", rows)
    said("failed", failed)
    said("ops without time", missed)


def loops(said: Said, end: float, *, small: bool) -> None:
    """Microseconds of an iteration beside its product."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    n = 10 if small else 2000
    a = jnp.eye(256, dtype=jnp.bfloat16)

    def guarded(carried: Any) -> Any:
        k, x, _ = carried
        return k + 1, x @ x, jnp.isfinite(x[0, 0])

    known = jax.jit(lambda x: lax.fori_loop(0, n, lambda _, y: y @ y, x))
    unknown = jax.jit(
        lambda x, m: lax.while_loop(lambda c: c[0] < m, lambda c: (c[0] + 1, c[1] @ c[1]), (0, x))
    )
    guard = jax.jit(
        lambda x, m: lax.while_loop(lambda c: (c[0] < m) & c[2], guarded, (0, x, jnp.array(True)))
    )
    masked = jax.jit(lambda x, m: lax.fori_loop(0, n, lambda k, y: jnp.where(k < m, y @ y, y), x))
    single = jax.jit(lambda x: x @ x)

    def one_by_one() -> Any:
        x = a
        for _ in range(n):
            x = single(x)
        return x

    forms: dict[str, Callable[[], Any]] = {
        "known number of steps": lambda: known(a),
        "unknown number": lambda: unknown(a, np.int32(n)),
        "unknown, with a guard, as the engine has it": lambda: guard(a, np.int32(n)),
        "known number, masked beyond the end": lambda: masked(a, np.int32(n)),
        "one call for each": one_by_one,
    }
    for name, form in forms.items():
        said(f"{name}, µs", 1e6 * best(lambda form=form: jax.block_until_ready(form())) / n)


def mnist(said: Said, end: float, *, small: bool) -> None:
    """`sloy.fit` twice: the second time all is compiled."""
    import sloy

    data = sloy.data.mnist()
    train = data.train.take(np.arange(32)) if small else data.train
    network = sloy.zoo.make("fast", train.sample_shape, 10)
    for size, rate in ((16, 0.001),) if small else ((256, 0.025), (512, 0.03)):
        for run in ("compiling", "compiled"):
            begun = time.perf_counter()
            model, history = sloy.fit(
                network, train, epochs=1, batch_size=size, optimizer=sloy.Adam(rate, beta2=0.95),
                schedule="one-cycle", loss="cross_entropy=0.1", engine="jax", verbose=False,
            )  # fmt: skip
            said(f"fast, batches of {size}, {run}, s of fit", time.perf_counter() - begun)
            said(f"fast, batches of {size}, {run}, s of its steps", float(history["seconds"].sum()))
        test = data.test.take(np.arange(32)) if small else data.test
        said(f"fast, batches of {size}, test accuracy", model.evaluate(test)["accuracy"])


def cnn(said: Said, end: float, *, small: bool) -> None:
    """Steps of the CNN, in float32 and mixed."""
    job = replace(JOBS["cnn-128"], batch=2) if small else JOBS["cnn-128"]
    for precision in ("emulated",) if small else ("float32", "mixed"):
        _steps(said, job, precision, 2 if small else 200)


def vgg(said: Said, end: float, *, small: bool) -> None:
    """Steps of VGG-16 in mixed precision."""
    job = JOBS["vgg16-8"]
    if small:
        narrow = tuple(("dense", 64) if layer == ("dense", 4096) else layer for layer in job.layers)
        job = replace(job, input_shape=(32, 32, 3), batch=1, layers=narrow)
        _steps(said, job, "float32", 1)
        return
    for size in (128, 256):
        if time.perf_counter() < end:
            _steps(said, replace(job, batch=size), "mixed", 10)


def _steps(said: Said, job: Job, precision: Any, steps: int) -> None:
    """Seconds of a step, and what share of the device's peak its products are."""
    from sloy.engines import engine
    from sloy.training.step import initial_variables, training_graph

    device = engine("jax:1", precision=precision)
    problem, recipe = sloy_problem(job), sloy_recipe(job)
    graph = training_graph(problem, recipe, job.batch)
    start = initial_variables(problem, recipe, sloy_parameters(job))
    executable = device.compile(graph, device.variables(start), guard=("loss", "gradient_norm"))
    x, y = samples(job)
    columns = {"x": x, "y": y, "sample_weight": np.ones(len(x), np.float32)}
    fed = {
        "learning_rate": np.full(steps, job.learning_rate, np.float32),
        "step": np.arange(steps, dtype=np.uint32),
    }
    fed = {name: values for name, values in fed.items() if name in graph.inputs}
    order = np.arange(steps * job.batch) % len(x)
    name = f"{job.name} in batches of {job.batch}, sloy {precision}"
    begun = time.perf_counter()
    with device.holding(columns):
        seconds = best(
            lambda: device.run_batches({job.batch: executable}, columns, order, job.batch, fed), 3
        )
    _told(said, name, job, seconds / steps)
    said(f"{name}, s of it all", time.perf_counter() - begun)


def _told(said: Said, name: str, job: Job, seconds: float) -> None:
    said(f"{name}, ms a step", 1e3 * seconds)
    said(f"{name}, samples/s", job.batch / seconds)
    said(f"{name}, TFLOP/s", job.flops / seconds / 1e12)


# --- PyTorch, in a process of its own -----------------------------------------------------------------


def torch_steps(name: str, *, small: bool) -> None:
    """The same steps by PyTorch; prints pairs of JSON."""
    import torch

    from peers.channels_first import channels_first_samples
    from peers.torch_worker import network

    device = "cuda" if torch.cuda.is_available() else "cpu"
    ways = [("float32", False, "eager"), ("bfloat16", True, "torch.compile")]
    sizes = [2 if name == "vgg" else 8] if small else [128, 256] if name == "vgg" else [128]
    for size in sizes:
        job = replace(JOBS["vgg16-8" if name == "vgg" else "cnn-128"], batch=size)
        job = replace(job, input_shape=(32, 32, 3)) if small and name == "vgg" else job
        for dtype, compiled, words in ways[:1] if small else ways[1:] if name == "vgg" else ways:
            net = network(job).to(device, memory_format=torch.channels_last).train()
            x, y = (torch.from_numpy(array).to(device) for array in channels_first_samples(job))
            options = {"lr": job.learning_rate, "momentum": job.momentum}
            optimizer = torch.optim.SGD(net.parameters(), **options, fused=True)

            def objective(x: Any, y: Any, net: Any = net, dtype: str = dtype) -> Any:
                with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
                    return torch.nn.functional.cross_entropy(net(x), y)

            loss_of = torch.compile(objective) if compiled else objective
            steps = 2 if small else 10 if name == "vgg" else 200

            def run(
                steps: int = steps, loss_of: Any = loss_of, optimizer: Any = optimizer,
                x: Any = x, y: Any = y,
            ) -> None:  # fmt: skip
                for k in range(steps):
                    optimizer.zero_grad(set_to_none=True)
                    part = x[k % len(x)].contiguous(memory_format=torch.channels_last)
                    loss_of(part, y[k % len(y)]).backward()
                    optimizer.step()
                if device == "cuda":
                    torch.cuda.synchronize()

            label = f"{job.name} in batches of {size}, PyTorch {torch.__version__} {words} {dtype}"
            _told(
                lambda n, v: print(json.dumps([n, v]), flush=True), label, job, best(run, 3) / steps
            )


def beside(said: Said, python: str, name: str, seconds: float, *, small: bool) -> None:
    """PyTorch's figures for a part, from its own interpreter."""
    words = [python, __file__, "--torch-steps", name, *(["--small"] if small else [])]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
        output, failed = done.stdout, done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired as late:
        output, failed = str(late.stdout or ""), f"not done within {seconds:.0f} s"
    for line in output.splitlines():
        if line.startswith("["):
            said(*json.loads(line))
    if failed:
        said("PyTorch", failed.strip().splitlines()[-1][:200])


# --- all ------------------------------------------------------------------------------------------


def main() -> int:
    """Run the parts, one after another, and write what they say as they say it."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--small", action="store_true", help="in forms that a processor can do")
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    parser.add_argument("--torch-steps", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go too")
    arguments = parser.parse_args()
    small = arguments.small
    if arguments.torch_steps:
        torch_steps(arguments.torch_steps, small=small)
        return 0
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"no part is named {unknown.pop()!r}; there are {', '.join(PARTS)}")
    import jax

    found: dict[str, dict[str, Any]] = {
        "device": {"jax": jax.__version__, "is": str(jax.devices())}
    }
    print(f"JAX {jax.__version__}: {jax.devices()}", flush=True)
    if not small and jax.default_backend() == "cpu":
        parser.error("JAX sees no GPU; --small goes through all of it on a processor")
    python = arguments.torch or (sys.executable if importlib.util.find_spec("torch") else None)
    for name, seconds in PARTS.items():
        if arguments.parts and name not in arguments.parts:
            continue
        figures: dict[str, Any] = found.setdefault(name, {})

        def said(
            what: str, value: Any, figures: dict[str, Any] = figures, name: str = name
        ) -> None:
            figures[what] = value
            shown = f"{value:.4g}" if isinstance(value, float) else value
            print(f"{name}: {what}: {shown}", flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(found, indent=1, ensure_ascii=False))

        begun = time.perf_counter()
        try:
            globals()[name](
                said, begun + seconds * (0.5 if name in ("cnn", "vgg") else 1), small=small
            )
        except Exception as error:  # the others go on
            said("failed with", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        if name in ("cnn", "vgg"):
            if python is None:
                said("PyTorch", "is not here: --torch PYTHON")
            else:
                left = max(30.0, begun + seconds - time.perf_counter())
                beside(said, python, name, left, small=small)
        said("seconds", time.perf_counter() - begun)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
