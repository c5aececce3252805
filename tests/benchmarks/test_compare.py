"""The comparison runs with sloy alone, counts operations right, and refuses a side that computes something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import sloy as sloy_module
from sloy import losses, ops, zoo
from sloy.experiments import Experiment
from sloy.graph.spec import Shape
from sloy.problem import Network

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = ("jobs", "peers", "peers.protocol", "report", "startup", "compare")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of benchmarks/, which is a folder of scripts and no package."""
    import importlib

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return {name: importlib.import_module(name) for name in MODULES}


def worker_environment() -> dict[str, str]:
    """Where a worker finds the sloy that is tested."""
    found = find_spec("sloy")
    assert found is not None
    assert found.origin is not None
    return {**os.environ, "PYTHONPATH": str(Path(found.origin).parents[1])}


def test_sloy_alone(tmp_path: Path) -> None:
    """One small job from the command line: figures in JSON, tables on the output."""
    out = tmp_path / "results.json"
    alone = [f"--peer={name}=none" for name in ("torch", "jax", "onnxruntime", "sklearn")]
    quick = ["--rounds", "2", "--round-seconds", "0.01", "--threads", "1", "--json", str(out)]
    command = [sys.executable, str(BENCHMARKS / "compare.py"), "--jobs", "mlp-32", *quick, *alone]
    done = subprocess.run(
        command, env=worker_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    sides = results["jobs"]["mlp-32"]["sides"]
    assert [side["precision"] for side in sides] in (["float32"], ["float32", "bfloat16"])
    for side in sides:
        assert side["failure"] == ""
        assert len(side["seconds"]) == 2
        assert all(0 < seconds < 1 for seconds in side["seconds"])
        assert 0 < side["first_step"] < side["from_start"]
        assert side["memory"] > 10 << 20
        assert len(side["losses"]) == 10
    assert results["ceiling"]["float32"] > 1e8
    assert "| mlp-32 | float32 |" in done.stdout
    sloy = results["peers"]["sloy"]
    package = Path(sloy_module.__file__).parent
    largest = sum(f.stat().st_size for f in (package / "data/bundled").iterdir())
    assert largest < sloy["size"] < sloy["size_with_dependencies"] < 500 << 20
    assert done.stdout.count("\n| sloy |") == 1


def test_sizes_from_source_are_those_of_the_package_and_what_it_requires(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "src" / "little_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_bytes(b"#" * 100)
    (folder / "data" / "table").write_bytes(b"#" * 23)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / f"x.{sys.implementation.cache_tag}.pyc").write_bytes(b"#" * 7)
    (folder / "__pycache__" / "x.cpython-20.pyc").write_bytes(b"#" * 1000)
    requires = '["numpy>=2", "missing_package; python_version < \'3\'"]'
    (tmp_path / "pyproject.toml").write_text(f"[project]\ndependencies = {requires}\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = dict(modules["peers.protocol"].installed("little_package"))
    numpy = dict(modules["peers.protocol"].installed("numpy"))
    assert found == {"little_package": 130, **numpy}
    assert numpy["numpy"] > 10 << 20


def test_the_time_to_the_output_is_not_that_to_the_end(modules: dict[str, ModuleType]) -> None:
    code = "import time; print('first', flush=True); time.sleep(1); print('then')"
    done = modules["startup"]._run([sys.executable, "-c", code], 1)
    assert done.output == "first\nthen\n"
    assert done.to_end - done.to_output > 0.9
    with pytest.raises(subprocess.CalledProcessError):
        modules["startup"]._run([sys.executable, "-c", "raise SystemExit(3)"], 1)


def test_losses_are_those_of_a_plain_numpy_training(modules: dict[str, ModuleType]) -> None:
    """The worker's losses are those of gradient descent by hand on the job's weights and samples."""
    jobs = modules["jobs"]
    job = jobs.JOBS["mlp-32"]
    client = modules["peers.protocol"].Client("sloy", sys.executable, 1, 60.0)
    try:
        offered = client("variants", job=job.name)
        (variant,) = [name for name, precision in offered.items() if precision == "float32"]
        losses = client("prepare", job=job.name, variant=variant, threads=1, dropout=True)["losses"]
    finally:
        client.close()
    (w1, b1), (w2, b2) = [(w.astype(float), b.astype(float)) for w, b in jobs.weights(job)]
    x, y = jobs.samples(job)
    for k, loss in enumerate(losses):
        rows = slice(k * job.batch, (k + 1) * job.batch)
        hidden = np.maximum(x[rows] @ w1 + b1, 0)  # (N, 128)
        logits = hidden @ w2 + b2
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)  # (N, 10)
        right = np.eye(10)[y[rows]]
        assert loss == pytest.approx(-np.log((p * right).sum(1)).mean(), rel=1e-5)
        g = (p - right) / job.batch
        gh = g @ w2.T * (hidden > 0)
        w2, b2 = w2 - job.learning_rate * hidden.T @ g, b2 - job.learning_rate * g.sum(0)
        w1, b1 = w1 - job.learning_rate * x[rows].T @ gh, b1 - job.learning_rate * gh.sum(0)


def test_a_side_with_other_losses_does_not_count(modules: dict[str, ModuleType]) -> None:
    compare, report = modules["compare"], modules["report"]
    side = compare.Side
    own = side("sloy", "native", "float32", losses=[2.0, 1.9], seconds=[3.0])
    same = side("torch", "eager", "float32", losses=[2.0, 1.90001], seconds=[6.0])
    lazy = side("jax", "jit", "float32", losses=[2.0, 2.0], seconds=[1.0])
    rough = side("torch", "autocast", "bfloat16", losses=[2.01, 1.91], seconds=[2.0])
    compare._check([(s, None) for s in (own, same, lazy, rough)])
    assert [bool(s.failure) for s in (own, same, lazy, rough)] == [False, False, True, False]
    ((first, best),) = report.ratios([vars(s) for s in (own, same, lazy, rough)])
    assert (first["peer"], best["variant"]) == ("sloy", "eager")


def test_a_worker_that_fails_says_why(modules: dict[str, ModuleType]) -> None:
    protocol = modules["peers.protocol"]
    client = protocol.Client("sloy", sys.executable, 1, 60.0)
    try:
        with pytest.raises(protocol.Failed, match="nothing is prepared"):
            client("run", steps=1)
        assert client("memory")["bytes"] > 0  # it goes on
    finally:
        client.close()


def test_a_worker_that_is_late_is_ended(modules: dict[str, ModuleType]) -> None:
    protocol = modules["peers.protocol"]
    client = protocol.Client("sloy", sys.executable, 1, 0.01)
    with pytest.raises(protocol.Failed, match=r"over 0\.01 s"):
        client("about")


def test_operations_of_a_step(modules: dict[str, ModuleType]) -> None:
    """Counts done by hand: dense 784·128 + 128·10; VGG-16 has 15.47 · 10⁹ multiplications in its forward pass."""
    jobs = modules["jobs"].JOBS
    products = 2 * 32 * (784 * 128 + 128 * 10)
    assert jobs["mlp-32"].flops == 3 * products - 2 * 32 * 784 * 128
    assert jobs["vgg16-1-inference"].flops == pytest.approx(2 * 15.47e9, rel=1e-3)


@pytest.mark.parametrize(("name", "parameters"), [("vgg16-8", 138_357_544), ("cnn-128", 1_199_882)])
def test_published_parameter_counts(
    name: str, parameters: int, modules: dict[str, ModuleType]
) -> None:
    jobs = modules["jobs"]
    job = jobs.JOBS[name]
    found = jobs.weighted_layers(job)
    assert sum(int(np.prod(weight)) + weight[-1] for weight, _ in found) == parameters
    assert jobs.sloy_network(job).parameter_count == parameters


@pytest.mark.parametrize("name", ["cnn", "fast"])
def test_recipes_are_those_of_sloy_train(name: str, modules: dict[str, ModuleType]) -> None:
    """What PyTorch runs beside `sloy train mnist` is the same network in the same plan."""
    jobs = modules["jobs"]
    recipe = jobs.RECIPES[name]
    job = jobs.Job(name, (28, 28, 1), recipe.layers, recipe.batch)
    assert shapes(jobs.sloy_network(job)) == shapes(zoo.make(name, (28, 28, 1), 10))
    experiment = Experiment.of("mnist", network=name)
    own = experiment.recipe
    assert (own.optimizer, own.schedule) == ("adam", "one-cycle")
    assert (own.batch_size, own.learning_rate) == (recipe.batch, recipe.highest_rate)
    assert (experiment.validation, own.epochs) == (recipe.validation, recipe.epochs)
    assert (own.momentum or 0.9, own.beta2 or 0.999) == (recipe.beta1, recipe.beta2)
    assert losses.loss(experiment.loss or "cross_entropy") == losses.CategoricalCrossentropy(
        recipe.smoothing
    )


def shapes(network: Network) -> list[tuple[str, Shape, Shape | None]]:
    """Each layer's name (its kind), output shape and weight shape."""
    built = network.build(ops.input("x", (1, *network.input_shape)))
    found = []
    for name, value in built.activations.items():
        weight = built.parameters.get(f"{name}/weight")
        found.append((name, value.shape, weight.tensor.shape if weight else None))
    return found
