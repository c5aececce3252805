"""Make the bundled digits from the four published IDX files: python tools/make_mnist.py FOLDER

Writes src/sloy/data/bundled/mnist.zip and prints the SHA-256 that src/sloy/data/mnist.py must hold.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sloy.data import TrainTest
from sloy.data.idx import load_idx_folder
from sloy.data.mnist import BUNDLE, PART, unpack


def pack(digits: TrainTest) -> bytes:
    """The bundled file's bytes, without times: the same every time."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for split, data in (("train", digits.train), ("test", digits.test)):
            for start in range(0, len(data), PART):
                pixels = data.x[start : start + PART].tobytes()
                archive.writestr(ZipInfo(f"{split}-{start}.images"), pixels, ZIP_DEFLATED, 9)
            labels = data.y.astype(np.uint8).tobytes()
            archive.writestr(ZipInfo(f"{split}.labels"), labels, ZIP_DEFLATED, 9)
    return buffer.getvalue()


def main() -> None:
    digits = load_idx_folder(sys.argv[1])
    packed = pack(digits)
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
