"""Activations and their slopes, one's own among them, each gradient checked; a network with several at once (L15, L12).

python examples/activations.py [--epochs 60] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy import ops
from sloy.layers import (
    ELU,
    Activation,
    Dense,
    Layer,
    LeakyReLU,
    Maxout,
    PerNeuron,
    ReLU,
    Sigmoid,
    Tanh,
)

SHOWN: dict[str, Layer] = {
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "ReLU": ReLU(),
    "Leaky ReLU": LeakyReLU(0.1),
    "ELU": ELU(),
    "a bump": Activation(lambda z: ops.exp(-z * z)),
    "a wave": Activation(lambda z: z * ops.tanh(z) / (1.0 + ops.absolute(z))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Look at activations.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    for name, activation in SHOWN.items():
        print(f"{name}: {sloy.theory.check_gradient(activation)}")
    sloy.theory.activations_figure(SHOWN).savefig(options.out / "activations.png")

    x = np.linspace(-3, 3, 300, dtype=np.float32)[:, None]
    y = np.sin(2 * x) * np.exp(-x * x / 4)
    middles: dict[str, list[Layer]] = {name: [Dense(24), layer] for name, layer in SHOWN.items()}
    middles["Maxout"] = [Maxout(24, 2)]
    middles["one for each neuron"] = [Dense(24), PerNeuron([(SHOWN["a bump"], 12), (Tanh(), 12)])]
    for name, layers in middles.items():
        network = sloy.Network((1,), [*layers, Dense(1)])
        model, _ = sloy.fit(
            network, (x, y), epochs=options.epochs, batch_size=30, optimizer=sloy.Adam(0.02), threads=1,
            verbose=False,
        )  # fmt: skip
        print(f"{name}: largest error {np.abs(model.predict(x) - y).max():.3f}")


if __name__ == "__main__":
    main()
