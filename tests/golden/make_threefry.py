"""Writes `threefry.npz`: random bits and Bernoulli masks as JAX draws them, for tests/graph/test_threefry.py.

Run it where JAX is installed (`pip install jax`), then commit the file:

    python tests/golden/make_threefry.py
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

SEEDS = (0, 1, 42, 2**32 - 1)
SHAPES = ((), (7,), (3, 17), (2, 3, 5, 3))
KEEPS = (0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0)


def main() -> None:
    """Draw, and write the file beside this script."""
    found: dict[str, np.ndarray] = {"jax_version": np.array(jax.__version__)}
    for seed in SEEDS:
        key = jax.random.key(np.uint32(seed), impl="threefry2x32")
        raw = np.asarray(jax.random.key_data(key))
        found[f"key/{seed}"] = raw
        found[f"fold/{seed}"] = np.asarray(jax.random.key_data(jax.random.fold_in(key, 12345)))
        for shape in SHAPES:
            name = "x".join(map(str, shape)) or "scalar"
            bits = jax.random.bits(key, shape, jnp.uint32)
            found[f"bits/{seed}/{name}"] = np.asarray(bits)
        for keep in KEEPS:
            mask = jax.random.bernoulli(key, jnp.float32(keep), (50, 23))
            found[f"mask/{seed}/{keep}"] = np.packbits(np.asarray(mask))
    np.savez_compressed(Path(__file__).with_name("threefry.npz"), **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
