"""Make the bundled digits from the four published IDX files: python tools/make_mnist.py FOLDER

Writes src/sloy/data/bundled/mnist.zip and prints the SHA-256 that src/sloy/data/mnist.py must hold.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sloy.data.idx import load_idx_folder
from sloy.data.mnist import BUNDLE, pack, unpack


def main() -> None:
    digits = load_idx_folder(sys.argv[1])
    splits = {"train": digits.train, "test": digits.test}
    images = {split: data.x[..., 0] for split, data in splits.items()}
    labels = {split: data.y.astype(np.uint8) for split, data in splits.items()}
    packed = pack(images, labels)
    again = unpack(packed)
    for ours, theirs in ((again.train, digits.train), (again.test, digits.test)):
        np.testing.assert_array_equal(ours.x, theirs.x)
        np.testing.assert_array_equal(ours.y, theirs.y)
        for name, values in (("x", theirs.x), ("y", theirs.y.astype(np.uint8))):
            print(f"{name} {values.shape}: sha256 {hashlib.sha256(values.tobytes()).hexdigest()}")
    target = Path(__file__).parents[1] / "src/sloy/data" / BUNDLE
    target.write_bytes(packed)
    print(f"{target.name}: {len(packed)} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")


if __name__ == "__main__":
    main()
