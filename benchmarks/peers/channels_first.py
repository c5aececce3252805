"""Weights and samples in the layout of PyTorch and ONNX: (N, C, H, W), (O, I, KH, KW), (O, I) over (C, H, W)."""

from __future__ import annotations

import numpy as np

from jobs import Job, samples, shapes, weights


def channels_first_weights(job: Job) -> list[tuple[np.ndarray, np.ndarray]]:
    """`jobs.weights` of a job, converted."""
    found = []
    flattened = next(
        (before for layer, before in zip(job.layers, shapes(job), strict=False) if layer[0] == "flatten"), ()
    )  # fmt: skip
    for weight, bias in weights(job):
        if weight.ndim == 4:
            weight = weight.transpose(3, 2, 0, 1)
        elif flattened:
            weight = weight.reshape(*flattened, -1)  # (H, W, C, O)
            weight = weight.transpose(3, 2, 0, 1).reshape(len(bias), -1)  # (O, C · H · W)
            flattened = ()
        else:
            weight = weight.T
        found.append((np.ascontiguousarray(weight), bias))
    return found


def channels_first_samples(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """x (batches, N, C, H, W) or (batches, N, I), y int64 (batches, N)."""
    x, y = samples(job)
    if x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    x = x.reshape(job.batches, job.batch, *x.shape[1:])
    return x, y.astype(np.int64).reshape(job.batches, job.batch)
