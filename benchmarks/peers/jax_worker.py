"""JAX: a round of training steps in one compiled `lax.scan`, or one compiled step at a time; inference compiled."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from jobs import Job, samples, weights
from peers.protocol import Run, Worker, serve

os.environ["JAX_PLATFORMS"] = "cpu"
jax: Any = importlib.import_module("jax")
jnp, lax = jax.numpy, jax.lax


def variants(job: Job) -> dict[str, str]:
    """Compiled; in training also with the steps in a scan."""
    known = (
        "convolution",
        "max_pool",
        "average_pool",
        "relu",
        "tanh",
        "flatten",
        "dense",
        "dropout",
    )
    if not all(layer[0] in known and len(layer) < 5 for layer in job.layers):
        return {}
    names = ("scan", "jit") if job.task == "training" else ("jit",)
    return dict.fromkeys(names, "float32")


def logits(job: Job, parameters: Any, x: Any, key: Any) -> Any:
    """The network; dropout where there is a key."""
    pairs = iter(parameters)
    for layer in job.layers:
        match layer:
            case ("convolution", _, _, padding):
                weight, bias = next(pairs)
                letters = ("NHWC", "HWIO", "NHWC")
                pads = [(padding, padding)] * 2
                x = lax.conv_general_dilated(x, weight, (1, 1), pads, dimension_numbers=letters)
                x = x + bias
            case ("dense", _):
                weight, bias = next(pairs)
                x = x @ weight + bias
            case ("dropout", rate) if key is not None:
                key, own = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(own, 1 - rate, x.shape), x / (1 - rate), 0)
            case ("max_pool", size):
                x = _pool(x, size, -jnp.inf, lax.max)
            case ("average_pool", size):
                x = _pool(x, size, 0.0, lax.add) / size**2
            case ("relu",):
                x = jax.nn.relu(x)
            case ("tanh",):
                x = jnp.tanh(x)
            case ("flatten",):
                x = x.reshape(len(x), -1)
    return x


def _pool(x: Any, size: int, initial: float, reduce: Any) -> Any:
    window = (1, size, size, 1)
    return lax.reduce_window(x, initial, reduce, window, window, "VALID")


def build(job: Job, variant: str, threads: int) -> Run:
    """The job; `threads` is set by the environment of the worker."""
    parameters = [tuple(map(jnp.asarray, pair)) for pair in weights(job)]
    x, y = samples(job)
    x = jnp.asarray(x.reshape(job.batches, job.batch, *job.input_shape))
    y = jnp.asarray(y.reshape(job.batches, job.batch))
    if job.task == "inference":
        return _inference(job, parameters, list(x))
    return _training(job, parameters, x, y, scanned=variant == "scan")


def _training(job: Job, parameters: Any, x: Any, y: Any, *, scanned: bool) -> Run:
    def objective(parameters: Any, k: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(0), k) if job.random else None
        output = logits(job, parameters, x[k % job.batches], key)
        picked = jnp.take_along_axis(output, y[k % job.batches][:, None], 1)[:, 0]  # (N,)
        return (jax.nn.logsumexp(output, axis=-1) - picked).mean()

    def step(state: Any, k: Any) -> Any:
        parameters, velocity = state
        loss, gradient = jax.value_and_grad(objective)(parameters, k)
        if job.momentum:
            velocity = jax.tree.map(lambda v, g: job.momentum * v + g, velocity, gradient)
            gradient = velocity
        rate = job.learning_rate
        return (jax.tree.map(lambda w, g: w - rate * g, parameters, gradient), velocity), loss

    scan = jax.jit(lambda state, order: lax.scan(step, state, order), donate_argnums=0)
    single = jax.jit(step, donate_argnums=0)
    state = parameters, jax.tree.map(jnp.zeros_like, parameters) if job.momentum else None
    done = 0

    def run(steps: int) -> Any:
        nonlocal state, done
        span = range(done, done + steps)
        done += steps
        if scanned:
            state, losses = scan(state, jnp.arange(span.start, span.stop))
            return np.asarray(losses)
        losses = []
        for k in span:
            state, loss = single(state, k)
            losses.append(loss)
        return jax.block_until_ready(losses)

    return run


def _inference(job: Job, parameters: Any, batches: list[Any]) -> Run:
    forward = jax.jit(lambda x: logits(job, parameters, x, None))
    done = 0

    def run(steps: int) -> list[Any]:
        nonlocal done
        outputs = [forward(batches[k % len(batches)]) for k in range(done, done + steps)]
        done += steps
        return jax.block_until_ready(outputs)

    return run


if __name__ == "__main__":
    serve(Worker("jax", jax.__version__, variants, build))
