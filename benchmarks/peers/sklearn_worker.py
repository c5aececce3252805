"""scikit-learn: `MLPClassifier.partial_fit` over batches in order, gradient descent; dense ReLU networks only."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from jobs import Job, samples, weights
from peers.protocol import Run, Worker, serve

sklearn: Any = importlib.import_module("sklearn")
MLPClassifier: Any = importlib.import_module("sklearn.neural_network").MLPClassifier


def variants(job: Job) -> dict[str, str]:
    """None but for dense ReLU networks."""
    fits = all(layer[0] in ("dense", "relu") for layer in job.layers)
    return {"MLPClassifier": "float32"} if fits else {}


def build(job: Job, variant: str, threads: int) -> Run:
    """The job; `threads` is set by the environment of the worker."""
    pairs = weights(job)
    model = MLPClassifier(
        tuple(len(bias) for _, bias in pairs[:-1]),
        solver="sgd",
        alpha=0.0,
        batch_size=job.batch,
        learning_rate_init=job.learning_rate,
        momentum=job.momentum,
        nesterovs_momentum=False,
        shuffle=False,
    )
    x, y = samples(job)
    model.partial_fit(x[: job.batch], y[: job.batch], classes=np.arange(job.classes))
    for k, (weight, bias) in enumerate(pairs):
        model.coefs_[k][...] = weight
        model.intercepts_[k][...] = bias
    if job.task == "inference":
        return _inference(model, x.reshape(job.batches, job.batch, -1))
    return _training(job, model, x, y)


def _training(job: Job, model: Any, x: np.ndarray, y: np.ndarray) -> Run:
    done = 0

    def run(steps: int) -> list[float]:
        """As many batches in one call as follow one another; the loss is their mean."""
        nonlocal done
        losses, end = [], done + steps
        while done < end:
            first = done % job.batches
            count = min(end - done, job.batches - first)
            rows = slice(first * job.batch, (first + count) * job.batch)
            model.partial_fit(x[rows], y[rows])
            losses.append(model.loss_)
            done += count
        return losses

    return run


def _inference(model: Any, batches: np.ndarray) -> Run:
    done = 0

    def run(steps: int) -> list[np.ndarray]:
        nonlocal done
        span = range(done, done + steps)
        outputs = [model.predict_proba(batches[k % len(batches)]) for k in span]
        done += steps
        return [np.log(np.maximum(output, 1e-30)) for output in outputs]

    return run


if __name__ == "__main__":
    serve(Worker("scikit-learn", sklearn.__version__, variants, build))
