"""What augmentation costs: microseconds for each picture, and its share of a training step.

python benchmarks/augmentation.py                 # networks for 28 × 28, on one thread
python benchmarks/augmentation.py --threads 2
"""

from __future__ import annotations

import argparse

import numpy as np

from sloy import Augment, Recipe, zoo
from sloy.engines import Engine
from sloy.engines.native import NativeEngine
from sloy.losses import CategoricalCrossentropy
from sloy.preprocessing import Preprocessing
from sloy.problem import Problem
from sloy.problem.inputs import Columns
from sloy.training.profile import Peak, profile

BATCH = 128
OPS = ("random_warp", "random_tone", "random_cutout", "random_mix", "random_order", "random_pick")
CHANGES = {
    "flip, crop": Augment(flip="horizontal", crop=2),
    "rotation, scale, shift": Augment(rotation=10, scale=0.1, shift=0.1),
    "brightness, contrast": Augment(brightness=0.2, contrast=0.2),
    "cutout": Augment(cutout=8),
    "mixup": Augment(mixup=0.2),
    "all": Augment(
        "horizontal", 10, 0.1, 0.1, 2, brightness=0.2, contrast=0.2, cutout=8, mixup=0.2
    ),
}
NETWORKS = ("cnn", "cnn_deep", "standard_cnn")
SHAPES = ((28, 28, 1), (32, 32, 3))


def measure(name: str, shape: tuple[int, int, int], augment: Augment, engine: Engine) -> str:
    """A row of the table."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (2 * BATCH, *shape)).astype(np.uint8)
    columns = Columns(x, (np.arange(len(x)) % 10).astype(np.int32), np.ones(len(x), np.float32))
    problem = Problem(
        zoo.make(name, shape, 10),
        CategoricalCrossentropy(),
        preprocessing=Preprocessing((33.0,), (79.0,)),
        data_dtype="uint8",
    )
    recipe = Recipe(augment=augment, batch_size=BATCH)
    found = profile(problem, columns, recipe, engine=engine, seconds=1.0, peak=Peak(1, 1))
    spent = sum(row.seconds for row in found.rows if row.op in OPS)
    whole = sum(row.seconds for row in found.rows)
    return f"{1e6 * spent / BATCH:8.2f} us {1e6 * whole / BATCH:8.1f} us {spent / whole:8.2%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    engine = NativeEngine(parser.parse_args().threads)
    print(f"batches of {BATCH}, {engine.threads} threads; microseconds for each picture")
    print(f"{'network':14}{'picture':14}{'change':26}{'change':>11} {'step':>11} {'share':>8}")
    for shape in SHAPES:
        words = " × ".join(map(str, shape))
        for what, augment in CHANGES.items():
            print(
                f"{'cnn':14}{words:14}{what:26}{measure('cnn', shape, augment, engine)}", flush=True
            )
    for name in NETWORKS[1:]:
        row = measure(name, SHAPES[0], CHANGES["all"], engine)
        print(f"{name:14}{'28 × 28 × 1':14}{'all':26}{row}", flush=True)


if __name__ == "__main__":
    main()
