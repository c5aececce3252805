"""How many drawn photographs of digits a model names, by kind of photograph: prepared as MNIST's, and as they are.

sloy train mnist --out runs/mnist
python benchmarks/photographed_digits.py runs/mnist/model.sloy --count 400
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

import sloy
from sloy.data import PictureReader
from sloy.errors import FileFormatError

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from draw_digits import photo

AS_IT_IS = PictureReader((28, 28), 1, resampling="box")


def main() -> None:
    """Print a line for each kind, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=400, help="photographs; default: 400")
    parser.add_argument("--seed", type=int, default=20_000, help="of the first; default: 20000")
    arguments = parser.parse_args()
    model = sloy.load(arguments.model, threads=1)
    all_of, right, plain = Counter[str](), Counter[str](), Counter[str]()
    for number in range(arguments.count):
        drawn = photo(arguments.seed + number, str(number % 10))
        label = int(drawn.digits)
        kinds = ("all", f"{drawn.kind.split(',')[0]}{', lined' if 'lined' in drawn.kind else ''}")
        try:
            found = model.predict(drawn.picture).tolist() == [label]
        except FileFormatError:
            found = False
        x = AS_IT_IS.read(drawn.picture)
        if not x.mean() < 128:  # what --invert does
            x = np.uint8(255) - x
        for kind in kinds:
            all_of[kind] += 1
            right[kind] += found
            plain[kind] += int(model.predict(x)[0]) == label
    for kind in sorted(all_of, key=lambda k: (k == "all", k)):
        n = all_of[kind]
        print(
            f"{kind:<14} {n:5}   prepared {right[kind] / n:7.2%}   as it is {plain[kind] / n:7.2%}"
        )


if __name__ == "__main__":
    main()
