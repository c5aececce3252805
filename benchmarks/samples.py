"""How many of planted wrong labels `sloy.Margins` finds: a tenth of 4000 MNIST digits get another label.

    python benchmarks/samples.py [NETWORK …] [--seeds N]

A line for each run: of the 400 lowest mean margins, of the 400 highest mean losses, and of the 400 highest losses after
the last epoch, the share that has a wrong label.
"""

from __future__ import annotations

import argparse

import numpy as np

import sloy

SAMPLES, WRONG, EPOCHS = 4000, 400, 6


def main() -> None:
    """Plant, train, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["mlp", "cnn"])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    data = sloy.data.mnist().train.take(np.arange(SAMPLES))
    for name in arguments.networks:
        for seed in range(arguments.seeds):
            random = np.random.default_rng(seed)
            wrong = random.choice(SAMPLES, WRONG, replace=False)
            labels = data.y.copy()
            labels[wrong] = (labels[wrong] + random.integers(1, 10, WRONG)) % 10
            watch = sloy.Margins()
            model, _ = sloy.fit(
                sloy.zoo.make(name, (28, 28, 1), 10),
                (data.x, labels),
                epochs=EPOCHS,
                batch_size=64,
                learning_rate=0.01,
                schedule="one-cycle",
                seed=seed,
                callbacks=[watch],
                threads=1,
                verbose=False,
            )
            own = model.predict_proba(data.x)[np.arange(SAMPLES), labels]
            found = {"margins": watch.margins, "mean losses": -watch.losses, "last losses": own}
            shares = {
                what: float(np.isin(np.argsort(values)[:WRONG], wrong).mean())
                for what, values in found.items()
            }
            told = ", ".join(f"{what} {share:.3f}" for what, share in shares.items())
            print(f"{name}, seed {seed}: {told}", flush=True)


if __name__ == "__main__":
    main()
