"""Stop a training run and go on later: the weights are those of a run that never stopped, to the last bit.

python examples/resume.py [--samples 10000]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import sloy
from sloy.training.history import Row
from sloy.training.loop import Run


class StopAfter(sloy.Callback):
    """Stops the run after an epoch; a power cut or Ctrl-C would do."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Run, row: Row) -> bool:
        return row["epoch"] == self.epoch


def main() -> None:
    parser = argparse.ArgumentParser(description="Stop and go on.")
    parser.add_argument("--samples", type=int, default=10_000)
    options = parser.parse_args()

    train = sloy.data.mnist().train.take(range(options.samples))
    network = sloy.zoo.mlp((28, 28, 1), 10)

    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.sloy"
        sloy.fit(network, train, epochs=4, checkpoint=checkpoint, callbacks=[StopAfter(2)])
        print("stopped after epoch 2; going on")
        resumed, _ = sloy.fit(network, train, epochs=4, checkpoint=checkpoint, resume=True)

    print("the same without a stop")
    whole, _ = sloy.fit(network, train, epochs=4)
    equal = all(
        np.array_equal(whole.parameters[n], resumed.parameters[n]) for n in whole.parameters
    )
    print("same weights, bit for bit:", equal)


if __name__ == "__main__":
    main()
