"""One neuron, what it can be, what it cannot, and how two layers can be any Boolean function (L1-L4).

python examples/neuron_and_logic.py [--expression "(a & ~b) | (b & c)"] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.theory import AND, NOT, OR, Neuron


def main() -> None:
    parser = argparse.ArgumentParser(description="Neurons as logic.")
    parser.add_argument("--expression", default="(a & ~b) | (b & c)")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    # A neuron that learns AND by the perceptron rule; the lecture's weights are others, the function is one.
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    learned, run = Neuron([0, 0], 0, "heaviside").train(inputs, AND(inputs))
    print("learned:", learned.equation(), "| the lecture's:", AND.equation())
    print(run)
    sloy.theory.neuron_figure(learned).savefig(options.out / "and.png")

    # What every table of two variables needs: one neuron, or two layers.
    for number in range(16):
        table = [number >> 3 & 1, number >> 2 & 1, number >> 1 & 1, number & 1]
        if not (found := sloy.theory.separable(table)).separable:
            print(table, "is beyond one neuron:", found)

    # De Morgan's law, by neurons: x1 or x2 = not (not x1 and not x2).
    x1, x2 = inputs[:, :1], inputs[:, 1:]
    both = AND(np.stack([NOT(x1), NOT(x2)], axis=1))
    print("De Morgan:", np.array_equal(NOT(both[:, None]), OR(inputs)))

    # Any expression becomes a network, drawn and read back.
    model = sloy.theory.network_from_expression(options.expression)
    names = ["a", "b", "c", "d", "e", "f"][: model.network.input_shape[0]]
    print(options.expression, "=", sloy.theory.to_expression(model, names))
    sloy.theory.wiring_figure(model, names).savefig(options.out / "network.png")


if __name__ == "__main__":
    main()
