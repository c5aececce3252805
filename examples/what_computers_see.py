"""A picture as numbers, filters slid over it, and pooling (L16-L19, L22).

python examples/what_computers_see.py [--picture cat.jpg] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.theory import (
    CURVE_FILTER,
    CURVE_PATCH,
    EDGE_FILTER,
    EXAMPLE_MATRIX,
    OTHER_PATCH,
    convolve,
)

FILTERS = {
    "vertical edges": EDGE_FILTER,
    "horizontal edges": EDGE_FILTER.T,
    "blur": np.ones((5, 5)) / 25,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Look at a picture as a computer does.")
    parser.add_argument("--picture", help="a picture file; by default a digit of MNIST")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    if (
        options.picture
    ):  # its numbers in colour, 20 along the longer side; filters and pooling see its greys
        picture = sloy.data.read_image(options.picture, channels=1)[..., 0]
        seen, size = options.picture, 20
    else:
        picture = sloy.data.mnist().test.x[0, ..., 0]
        seen, size = picture[4:24, 4:24], None
    print(sloy.theory.numeric_grid(seen, size=size))
    sloy.theory.numeric_grid_figure(seen, size=size).savefig(options.out / "grid.png")
    for name, kernel in FILTERS.items():
        figure = sloy.theory.response_figure(picture, kernel, name)
        figure.savefig(options.out / f"{name.replace(' ', '-')}.png")

    print("curve detector:", convolve(CURVE_PATCH, CURVE_FILTER, edges="valid"), "and on another patch:",
          convolve(OTHER_PATCH, CURVE_FILTER, edges="valid"))  # fmt: skip
    print(sloy.theory.explain_convolution(EXAMPLE_MATRIX, EDGE_FILTER, at=(1, 2)))
    figure = sloy.theory.convolution_figure(EXAMPLE_MATRIX, EDGE_FILTER, at=(1, 2))
    figure.savefig(options.out / "by-hand.png")
    figure = sloy.theory.convolution_steps_figure(EXAMPLE_MATRIX, EDGE_FILTER)
    figure.savefig(options.out / "step-by-step.png")

    pooled = sloy.theory.max_pool(picture)
    print(f"pooling: {picture.size} numbers become {pooled.size}")
    errors = np.ones((6, 6))  # from the layer behind
    figure = sloy.theory.pooling_figure(picture[8:20, 8:20], gradient=errors)
    figure.savefig(options.out / "pooling.png")


if __name__ == "__main__":
    main()
