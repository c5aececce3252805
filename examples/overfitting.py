"""A network that learns its objects by heart, and what helps (L11, L12).

python examples/overfitting.py [--epochs 150] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.layers import Dense, Dropout, ReLU
from sloy.regularizers import L2, MaxNorm


def main() -> None:
    parser = argparse.ArgumentParser(description="Overfitting and its remedies.")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(3)
    x = random.normal(size=(1200, 10))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(0, 0.7, 1200) > 0).astype(int)
    few, unseen = (x[:120], y[:120]), (x[120:], y[120:])

    def network(**options: object) -> sloy.Network:
        return sloy.Network(
            (10,), [Dense(64, **options), ReLU(), Dense(64, **options), ReLU(), Dense(2)]
        )

    dropped = [Dense(64), ReLU(), Dropout(0.5), Dense(64), ReLU(), Dropout(0.5), Dense(2)]
    stop = sloy.EarlyStopping("val_loss", patience=10)
    runs = {
        "nothing": (network(), []),
        "L2": (network(weight_regularizer=L2(0.01)), []),
        "max-norm": (network(weight_constraint=MaxNorm(1.0)), []),
        "dropout": (sloy.Network((10,), dropped), []),
        "early stopping": (network(), [stop]),
    }
    for name, (chosen, callbacks) in runs.items():
        model, history = sloy.fit(
            chosen, few, validation=unseen, epochs=options.epochs, batch_size=20, optimizer=sloy.Adam(3e-3),
            callbacks=callbacks, threads=1, verbose=False,
        )  # fmt: skip
        seen, other = model.evaluate(few), model.evaluate(unseen)
        print(f"{name}: loss {seen['loss']:.2f} on its objects, {other['loss']:.2f} on others,"
              f" accuracy {other['accuracy']:.2f} after {len(history)} epochs")  # fmt: skip
        figure = sloy.inspection.curves_figure(history, name)
        figure.savefig(options.out / f"overfitting-{name.replace(' ', '-')}.png")


if __name__ == "__main__":
    main()
