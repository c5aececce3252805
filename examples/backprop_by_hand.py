"""Backpropagation on XOR, object after object: every number of the first steps, then full speed; then a step
through a small convolutional network (L9, L10, L20, L22).

python examples/backprop_by_hand.py [--steps 2] [--rate 1.0] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sigmoid, Softmax, Tanh

X = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)
Y = np.array([[1], [0], [1], [0]], float)
CROSS = np.array(
    [[9, 0, 0, 0, 8], [0, 8, 1, 9, 0], [0, 1, 9, 0, 0], [0, 9, 0, 8, 1], [8, 0, 0, 0, 9]], float
)


def main() -> None:
    parser = argparse.ArgumentParser(description="The algorithm, step by step.")
    parser.add_argument("--steps", type=int, default=2, help="how many to show in full")
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    network = sloy.Network((2,), [Dense(3), Tanh(), Dense(1), Sigmoid()])
    parameters = network.initialize(seed=1, dtype="float64")
    for step in range(options.steps):
        place = step % len(X)
        trace = sloy.theory.trace_step(
            network, X[place], Y[place], parameters=parameters, learning_rate=options.rate
        )
        print(f"--- step {step + 1}\n{trace}\n")
        sloy.theory.trace_figure(trace).savefig(options.out / f"step-{step + 1}.png")
        parameters = trace.updated  # the next step begins where this one ended

    # The gradients by hand are those of the library.
    found = sloy.gradients(network, parameters, X[:1], Y[:1], sloy.theory.half_squared_error)
    again = sloy.theory.trace_step(network, X[0], Y[0], parameters=parameters)
    apart = max(np.abs(found[name] - again.gradients[name]).max() for name in found)
    print(f"library and hand differ by {apart:.0e}")

    run = sloy.theory.learn_per_object(network, (X, Y), learning_rate=options.rate)
    print(run)
    print("XOR:", run.model.predict(X).ravel().round(2), "for", Y.ravel())
    through_a_convolution(options.out)


def through_a_convolution(out: Path) -> None:
    """A picture of 5 × 5, a filter, pooling, two classes: where each number and each gradient goes."""
    layers = [Conv2D(1, 2), ReLU(), MaxPool2D(2), Flatten(), Dense(2), Softmax()]
    network = sloy.Network((5, 5, 1), layers)
    trace = sloy.theory.trace_step(
        network,
        CROSS[..., None] / 10,
        [1, 0],  # the first class
        parameters=network.initialize(seed=3, dtype="float64"),
        loss=sloy.theory.log_loss,
        learning_rate=0.5,
    )
    print(f"--- a convolutional network\n{trace}")
    print(f"{len(trace.table().rows)} rows of numbers in the table")
    sloy.theory.trace_figure(trace).savefig(out / "convolutional.png")


if __name__ == "__main__":
    main()
