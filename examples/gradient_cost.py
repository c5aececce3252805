"""What a gradient costs: P + 1 forward passes, or backpropagation (L8).

python examples/gradient_cost.py [--widths 4 8 16 32 64 128 256 512] [--out .]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import sloy
from sloy.layers import Dense, Tanh


def main() -> None:
    parser = argparse.ArgumentParser(description="Count and time two ways to a gradient.")
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 8, 16, 32, 64, 128, 256, 512])
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    # Both ways give one gradient: the naive one with the error of a difference.
    network = sloy.Network((8,), [Dense(16), Tanh(), Dense(4)])
    parameters = network.initialize(0, "float64")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(10, 8)), random.normal(size=(10, 4))
    start = time.perf_counter()
    naive = sloy.theory.naive_gradients(network, parameters, x, y)
    middle = time.perf_counter()
    exact = sloy.gradients(network, parameters, x, y, "squared_error")
    end = time.perf_counter()
    apart = max(np.abs(naive[name] - exact[name]).max() for name in exact)
    print(f"{network.parameter_count} parameters: the gradients differ by at most {apart:.1e}")
    print(
        f"naive {middle - start:.3g} s, backprop {end - middle:.3g} s (both with their preparations)"
    )

    cost = sloy.theory.gradient_cost(options.widths)
    print(cost)
    sloy.theory.gradient_cost_figure(cost).savefig(options.out / "gradient-cost.png")


if __name__ == "__main__":
    main()
