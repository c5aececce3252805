"""How the cost of training grows: with samples, parameters, layers. python benchmarks/scaling.py --out scaling.png

Each figure is the least of several epochs, so that other programs on the machine disturb it little. The slopes are
those of straight lines through the logarithms: 0 means constant, 1 linear.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.inspection import png
from sloy.layers import Dense, Layer, ReLU
from sloy.losses import CategoricalCrossentropy
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph

FEATURES, CLASSES, BATCH = 784, 10, 128
SAMPLES = (1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536)
WIDTHS = (32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
DEPTHS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Curve:
    """Seconds per sample against a size.

    Attributes
    ----------
    title, label : str
    sizes, seconds : sequence of numbers
    slope : float
        Of the logarithms, over the larger half of the sizes.
    """

    title: str
    label: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def slope(self) -> float:
        half = len(self.sizes) // 2
        logs = np.log(self.sizes[half:]), np.log(self.seconds[half:])
        return float(np.polyfit(*logs, 1)[0])


def network(hidden: Sequence[int]) -> Network:
    """A multi-layer perceptron."""
    layers: list[Layer] = []
    for units in hidden:
        layers += [Dense(units), ReLU()]
    return Network((FEATURES,), [*layers, Dense(CLASSES)])


def seconds_per_sample(made: Network, samples: int, engine: Engine, epochs: int) -> float:
    """The least over epochs of training in batches."""
    problem, recipe = Problem(made, CategoricalCrossentropy()), Recipe(optimizer="sgd")
    graph, variables = training_graph(problem, recipe, BATCH), initial_variables(problem, recipe)
    executable = engine.compile(graph, variables)
    random = np.random.default_rng(0)
    columns = {
        "x": random.random((samples, FEATURES), np.float32),
        "y": random.integers(0, CLASSES, samples).astype(np.int32),
        "sample_weight": np.ones(samples, np.float32),
    }
    steps = samples // BATCH
    fed = {
        "learning_rate": np.full(steps, 1e-3, np.float32),
        "step": np.arange(steps, dtype=np.uint32),
    }
    fed = {name: values for name, values in fed.items() if name in executable.graph.inputs}
    times = [
        engine.run_batches(
            {BATCH: executable}, columns, random.permutation(samples), BATCH, fed
        ).seconds
        for _ in range(epochs)
    ]
    return min(times) / samples


def curves(engine: Engine, epochs: int) -> list[Curve]:
    """The three of them."""

    def measure(sizes: Sequence[int], cost: Callable[[int], float]) -> tuple[float, ...]:
        return tuple(cost(size) for size in sizes)

    plain, few = network([128]), 2_048
    wide = {width: network([width]) for width in WIDTHS}
    deep = {depth: network([256] * depth) for depth in DEPTHS}
    return [
        Curve(
            "Samples in an epoch (784-128-10)",
            "samples",
            SAMPLES,
            measure(SAMPLES, lambda n: seconds_per_sample(plain, n, engine, epochs)),
        ),
        Curve(
            "Parameters (784-H-10)",
            "parameters",
            tuple(made.parameter_count for made in wide.values()),
            measure(WIDTHS, lambda n: seconds_per_sample(wide[n], few, engine, epochs)),
        ),
        Curve(
            "Layers of 256 neurons",
            "hidden layers",
            DEPTHS,
            measure(DEPTHS, lambda n: seconds_per_sample(deep[n], few, engine, epochs)),
        ),
    ]


def figure(found: Sequence[Curve]) -> bytes:
    """Microseconds per sample against each size, logarithmic, with the slope."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, curve in zip(drawn.subplots(1, len(found), sharey=False), found, strict=True):
        axes.loglog(curve.sizes, 1e6 * np.array(curve.seconds), "o-", color="#0072b2")
        axes.set(title=curve.title, xlabel=curve.label, ylabel="µs per sample")
        axes.text(0.05, 0.92, f"slope {curve.slope:.2f}", transform=axes.transAxes, va="top")
        low, high = axes.get_ylim()
        middle = np.sqrt(low * high)
        if high / low < 30:
            axes.set_ylim(middle / 6, middle * 6)
        axes.grid(visible=True, which="major", alpha=0.3)
    return png(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=0, help="0: the cores of this process")
    parser.add_argument("--epochs", type=int, default=7, help="of which the fastest counts")
    parser.add_argument("--out", type=Path, help="file for the figure")
    options = parser.parse_args()
    found = curves(find_engine("auto", options.threads), options.epochs)
    for curve in found:
        print(f"{curve.title}: slope {curve.slope:.2f}")
        for size, seconds in zip(curve.sizes, curve.seconds, strict=True):
            print(f"  {size:>9,} {1e6 * seconds:10.2f} µs per sample")
    print(json.dumps({curve.label: curve.slope for curve in found}))
    if options.out:
        options.out.write_bytes(figure(found))


if __name__ == "__main__":
    main()
