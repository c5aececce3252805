"""What recipes of one epoch reach on training digits that are held out, and what a step of theirs costs.

python benchmarks/recipe_search.py "24:5 p 32:3 p d256" --momentum 0.7
python benchmarks/recipe_search.py "16:5:2 b 24:3 p b d96" --batch-size 128 --learning-rate 0.02 --momentum 0.9 \
    --beta2 0.95 --smoothing 0.1 --norm-momentum 0.97

Layers in words: ``16:5:2`` 16 channels, windows of 5 × 5, stride 2 (1 if it is left out), and ReLU; ``p`` maxima of
2 × 2 behind it; ``b`` batch normalisation; ``d128`` a dense layer of 128 and ReLU. The last layer gives the ten logits.
Seed s holds out the (s mod 6)-th of the six parts of the 60 000 training digits; the test digits are not looked at. One
thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import sloy
from sloy.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU

PARTS = 6
_BEHIND: dict[str, Callable[[float], Layer]] = {
    "p": lambda momentum: MaxPool2D(2),
    "b": lambda momentum: BatchNorm(momentum=momentum),
}


def network(words: str, initial: str, norm_momentum: float = 0.9) -> sloy.Network:
    """The network that the words say."""
    how = {
        "weight_initializer": initial,
        "bias_initializer": initial if initial == "fan_in_uniform" else "zeros",
    }
    layers: list[Layer] = []
    flat = False
    for word in words.split():
        if word in _BEHIND:  # before the ReLU that stands last
            layers.insert(len(layers) - 1, _BEHIND[word](norm_momentum))
        elif word.startswith("d"):
            layers += [] if flat else [Flatten()]
            flat = True
            layers += [Dense(int(word[1:]), **how), ReLU()]
        else:
            channels, size, *stride = map(int, word.split(":"))
            layers += [Conv2D(channels, size, stride=stride[0] if stride else 1, **how), ReLU()]
    layers += [] if flat else [Flatten()]
    return sloy.Network((28, 28, 1), [*layers, Dense(10, **how)])


def run(words: str, seed: int, given: argparse.Namespace) -> tuple[float, float, float]:
    """Wrong of the held-out digits in per cent, their loss, and seconds of the processor for the training."""
    digits = sloy.data.mnist().train
    held = np.arange(len(digits)) // (len(digits) // PARTS) == seed % PARTS
    optimizer = sloy.Adam(
        sloy.schedules.OneCycle(given.learning_rate, warm_up=given.warm_up),
        beta1=given.momentum,
        beta2=given.beta2,
    )
    start = time.process_time()
    model, _ = sloy.fit(
        network(words, given.initial, given.norm_momentum),
        digits.take(np.flatnonzero(~held)),
        optimizer=optimizer,
        loss=f"cross_entropy={given.smoothing}",
        epochs=given.epochs,
        batch_size=given.batch_size,
        seed=seed,
        threads=1,
        verbose=False,
    )
    seconds = time.process_time() - start
    found = model.evaluate(digits.take(np.flatnonzero(held)))
    return 100 * (1 - found["accuracy"]), found["loss"], seconds


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("networks", nargs="+", metavar="LAYERS")
    add("--seeds", type=int, default=PARTS, help="number of seeds, from 0 on")
    add("--epochs", type=int, default=1)
    add("--batch-size", type=int, default=256)
    add("--learning-rate", type=float, default=0.01)
    add("--momentum", type=float, default=0.7)
    add("--beta2", type=float, default=0.999)
    add("--warm-up", type=float, default=0.3)
    add("--smoothing", type=float, default=0.0, help="of the labels")
    add("--norm-momentum", type=float, default=0.9, help="of batch normalisation")
    add(
        "--initial",
        default="fan_in_uniform",
        help="he_uniform, he_normal, … of `sloy.initializers`",
    )
    given = parser.parse_args()
    print("| layers | wrong, % | its deviation | loss | multiply-adds | processor time, s |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for words in given.networks:
        wrong, losses, seconds = zip(
            *(run(words, seed, given) for seed in range(given.seeds)), strict=True
        )
        spread = statistics.stdev(wrong) if len(wrong) > 1 else 0.0
        operations = network(words, given.initial).summary(given.batch_size).multiply_adds
        print(
            f"| {words} | {statistics.mean(wrong):.3f} | {spread:.3f} | {statistics.mean(losses):.4f} |"
            f" {operations / 1e6:.2f} M | {min(seconds):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
