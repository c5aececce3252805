"""Faults of many kinds, each planted once in one way, and healthy runs of many kinds: what `sloy.Diagnosis` says first.

Beside `diagnosis.py`, which plants eighteen faults into whole families of runs, and from which the limits come: other
data, other networks, other faults. A line for each run; `--words` prints the whole report.

    python benchmarks/diagnosis_kinds.py [--only NAME] [--words] [--seed N] [--try]
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets

import sloy
from sloy import layers, ops
from sloy.diagnosis import Report
from sloy.errors import NonFiniteError, SloyError
from sloy.initializers import Normal
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sigmoid, Tanh

Samples = tuple[np.ndarray, np.ndarray]
SEED = 0


# --- data ---------------------------------------------------------------------------------------------------------


def blobs(count: int = 800, classes: int = 4, *, spread: float = 1.2) -> Samples:
    """Points of eight numbers around a centre for each class."""
    x, y = datasets.make_blobs(
        count, 8, centers=classes, cluster_std=spread, center_box=(-2, 2), random_state=SEED
    )
    return x.astype(np.float32), y.astype(np.int64)


def clear(count: int = 800) -> Samples:
    """Points that are told apart."""
    return blobs(count, spread=0.8)


def friedman(count: int = 800) -> Samples:
    """Ten numbers, five of which matter, and an answer of mean 0 and deviation 1."""
    x, y = datasets.make_friedman1(count, noise=0.5, random_state=SEED)
    return (3.4 * (x - 0.5)).astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32)


def iris() -> Samples:
    """Four standardized measures of flowers."""
    x, y = datasets.load_iris(return_X_y=True)
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y.astype(np.int64)


def digits() -> Samples:
    """8 x 8 pictures of bytes."""
    x, y = datasets.load_digits(return_X_y=True)
    return (x.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8), y.astype(np.int64)


def stripes(count: int = 600) -> Samples:
    """12 x 12 pictures in colour: three colours and two directions of stripes make six classes."""
    rng = np.random.default_rng(SEED)
    y = rng.integers(6, size=count)
    wave = np.sin(np.arange(12) * 1.6 + rng.uniform(0, 6, (count, 1)))
    across = np.broadcast_to(wave[:, None, :], (count, 12, 12))
    picture = np.where((y % 2 == 0)[:, None, None], across, across.transpose(0, 2, 1))
    x = rng.normal(110, 25, (count, 12, 12, 3))
    x[np.arange(count), :, :, y // 2] += 60 * picture + 40
    return x.clip(0, 255).astype(np.uint8), y.astype(np.int64)


# --- runs ---------------------------------------------------------------------------------------------------------


def mlp(
    data: Samples, *hidden: int, act: Any = ReLU, ending: Any = (), outputs: int = 0, **options: Any
) -> Any:
    """A dense network for some samples."""
    x, y = data
    found = outputs or (int(y.max()) + 1 if y.dtype.kind == "i" else 1)
    parts = [part for n in hidden or (32, 32) for part in (Dense(n, **options), act())]
    front = [Flatten()] if x.ndim > 2 else []
    return sloy.Network(x.shape[1:], [*front, *parts, Dense(found), *ending])


def cnn(data: Samples, *between: Any) -> Any:
    """A convolutional network for some pictures."""
    x, y = data
    parts = [Conv2D(8, 3), *between, ReLU(), MaxPool2D(2), Flatten(), Dense(32), ReLU()]
    return sloy.Network(x.shape[1:], [*parts, Dense(int(y.max()) + 1)])


def run(network: Any, data: Samples, **options: Any) -> Report:
    """The report of a run."""
    given = {"validation": 0.25, "batch_size": 32, "epochs": 20, "learning_rate": 0.003}
    given |= {"threads": 1, "seed": SEED, "try_remedies": TRIES, "seconds": 15.0}
    return sloy.diagnose(network, data, **{**given, **options})


def split(data: Samples, held_out: int) -> tuple[Samples, Samples]:
    """Some samples to train on, and the others."""
    x, y = data
    return (x[held_out:], y[held_out:]), (x[:held_out], y[:held_out])


TRIES = False


# --- faults -------------------------------------------------------------------------------------------------------


def shifted_labels() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (x, np.roll(y, 1)))


def log_scale() -> Report:
    x, y = friedman()
    skewed = np.exp(3 * y).astype(np.float32)
    return run(mlp((x, skewed)), (x, skewed))


def raw_target() -> Report:
    x, y = friedman()
    prices = (250_000 + 80_000 * y).astype(np.float32)
    return run(mlp((x, prices)), (x, prices))


def huge_feature() -> Report:
    x, y = blobs()
    x = x.copy()
    x[:, 3] = np.random.default_rng(SEED).normal(2e4, 5e4, len(x))
    return run(mlp((x, y)), (x, y), preprocessing="none")


def tiny_features() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (x * 1e-4, y), preprocessing="none")


def duplicated_classes() -> Report:
    x, y = blobs()
    twice = 2 * y + np.random.default_rng(SEED).integers(2, size=len(y))
    return run(mlp((x, twice)), (x, twice))


def softmax_last() -> Report:
    data = blobs()
    return run(mlp(data, ending=(layers.Softmax(),)), data)


def sigmoid_and_softmax() -> Report:
    data = blobs()
    return run(mlp(data, ending=(layers.Softmax(), Sigmoid())), data)


def tanh_last() -> Report:
    data = digits()
    return run(mlp(data, ending=(Tanh(),)), data)


def one_softmax() -> Report:
    x, y = blobs(classes=2)
    return run(
        mlp((x, y), outputs=1, ending=(layers.Softmax(),)),
        (x, y[:, None].astype(np.float32)),
        loss="binary_crossentropy",
    )


def sigmoid_before_logistic() -> Report:
    x, y = blobs(classes=2)
    return run(
        mlp((x, y), outputs=1, ending=(Sigmoid(),)),
        (x, y[:, None].astype(np.float32)),
        loss="binary_crossentropy",
    )


def classes_as_numbers() -> Report:
    x, y = blobs(classes=6)
    return run(mlp((x, y), outputs=1), (x, y.astype(np.float32)))


def squares_on_classes() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (x, np.eye(4, dtype=np.float32)[y]), loss="squared_error")


def positive_only() -> Report:
    data = friedman()
    return run(mlp(data, ending=(layers.Softplus(),)), data)


def too_much_dropout() -> Report:
    data = blobs()
    network = sloy.Network(
        (8,), [Dense(32), ReLU(), Dropout(0.95), Dense(32), ReLU(), Dropout(0.95), Dense(4)]
    )
    return run(network, data)


def too_much_decay() -> Report:
    data = blobs()
    return run(mlp(data), data, optimizer="adamw", weight_decay=30.0)


def batch_of_one() -> Report:
    x, y = blobs(300)
    network = sloy.Network(
        (8,), [Dense(32), BatchNorm(), ReLU(), Dense(32), BatchNorm(), ReLU(), Dense(4)]
    )
    return run(network, (x, y), batch_size=1, epochs=8)


def constant_features() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (np.full_like(x, 3.0), y), preprocessing="none")


def deep_sigmoids() -> Report:
    data = digits()
    return run(mlp(data, *(24,) * 12, act=Sigmoid), data)


def deep_and_large() -> Report:
    data = blobs()
    return run(mlp(data, *(32,) * 16, weight_initializer=Normal(0.0, 0.6)), data)


def deep_and_small() -> Report:
    data = blobs()
    return run(mlp(data, *(32,) * 16, weight_initializer=Normal(0.0, 0.02)), data)


def far_too_small() -> Report:
    data = digits()
    return run(mlp(data, 2), data)


def hundred_rows() -> Report:
    x, y = friedman()
    x = np.hstack([x, np.random.default_rng(SEED).normal(size=(len(x), 40)).astype(np.float32)])
    return run(mlp((x, y), 128, 128), (x[:100], y[:100]), validation=(x[100:], y[100:]), epochs=200)


def leaking_column() -> Report:
    x, y = friedman()
    copy = (2 * y + 1 + 0.01 * np.random.default_rng(SEED).normal(size=len(y)))[:, None]
    x = np.hstack([x, copy.astype(np.float32)])
    return run(mlp((x, y)), (x, y))


def shifted_part() -> Report:
    x, y = blobs()
    train, other = split((x, y), 200)
    return run(mlp(train), train, validation=(other[0] + 4, other[1]))


def scaled_part() -> Report:
    x, y = blobs()
    train, other = split((x, y), 200)
    return run(mlp(train), train, validation=(other[0] * 100, other[1]))


def channels_swapped() -> Report:
    train, (x, y) = split(stripes(), 150)
    return run(cnn(train), train, validation=(x[..., ::-1].copy(), y), epochs=15)


def class_missing() -> Report:
    x, y = blobs()
    train, (x, y) = split((x, y), 300)
    return run(mlp(train), train, validation=(x[y != 2], y[y != 2]))


def sorted_parts() -> Report:
    x, y = blobs()
    order = np.argsort(y, kind="stable")
    train, other = split((x[order], y[order]), 200)
    return run(mlp(train), train, validation=other)


def labels_renamed() -> Report:
    train, (x, y) = split(blobs(), 200)
    return run(mlp(train), train, validation=(x, (y + 1) % 4))


def not_a_number() -> Report:
    x, y = friedman()

    def relative(output: Any, target: Any) -> Any:
        return ops.square(ops.log(output) - ops.log(target))

    positive = (y - y.min() + 0.1).astype(np.float32)
    return run(mlp((x, y)), (x, positive), loss=relative)


def loss_ignores_output() -> Report:
    data = friedman()

    def wrong(output: Any, target: Any) -> Any:
        return ops.square(target)

    return run(mlp(data), data, loss=wrong)


def frozen() -> Report:
    data = blobs()
    return run(mlp(data), data, trainable=("dense_3/bias",))


def clipped() -> Report:
    data = blobs()
    return run(
        mlp(data), data, optimizer=sloy.optimizers.SGD(0.05, clip_norm=1e-4), learning_rate=None
    )


def momentum_high() -> Report:
    data = friedman()
    return run(mlp(data), data, optimizer="momentum", learning_rate=0.05, momentum=0.999)


def ends_too_early() -> Report:
    data = digits()
    falling = sloy.schedules.StepDecay(1e-3, 20, 0.05)
    return run(mlp(data), data, learning_rate=falling)


def bytes_unscaled() -> Report:
    x, y = stripes()
    return run(
        cnn((x, y)), (x.astype(np.float32), y), preprocessing="none", epochs=10, learning_rate=0.01
    )


def noisy_labels() -> Report:
    train, other = split(blobs(1600, spread=0.8), 400)
    rng = np.random.default_rng(SEED)
    y = np.where(rng.random(len(train[1])) < 0.4, rng.integers(4, size=len(train[1])), train[1])
    return run(mlp(train), (train[0], y), validation=other)


def one_target_far() -> Report:
    x, y = friedman()
    y = y.copy()
    y[17] = 5000.0
    return run(mlp((x, y)), (x, y))


def one_row_far() -> Report:
    x, y = friedman()
    x = x.copy()
    x[17, 2] = 1e6
    return run(mlp((x, y)), (x, y), preprocessing="none")


def one_label() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (x, np.full_like(y, 2)))


def constant_target() -> Report:
    x, y = friedman()
    return run(mlp((x, y)), (x, np.full_like(y, 7.0)))


def steps_without_slope() -> Report:
    data = blobs()
    return run(mlp(data, act=layers.Heaviside), data)


def bias_far() -> Report:
    data = blobs()
    network = sloy.Network((8,), [Dense(32), ReLU(), Dense(4, bias_initializer=Normal(0.0, 40.0))])
    return run(network, data)


def contradicting_rows() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (np.vstack([x, x[:200]]), np.concatenate([y, (y[:200] + 1) % 4])))


def rate_high_convolutions() -> Report:
    data = stripes()
    return run(cnn(data), data, learning_rate=0.3, epochs=10)


def one_epoch_low() -> Report:
    data = stripes()
    return run(cnn(data), data, learning_rate=1e-7, optimizer="rmsprop", epochs=5)


def random_inputs() -> Report:
    x, y = blobs()
    return run(mlp((x, y)), (np.random.default_rng(1).normal(size=x.shape).astype(np.float32), y))


FAULTS: dict[str, tuple[tuple[str, ...], Callable[[], Report]]] = {
    "labels shifted by a row": (("D15",), shifted_labels),
    "target on a log scale": (("D03", "D13"), log_scale),
    "target not scaled": (("D05", "D12"), raw_target),
    "one huge feature": (("D02",), huge_feature),
    "tiny features": (("D02",), tiny_features),
    "duplicated classes": (("D03",), duplicated_classes),
    "softmax last": (("D07",), softmax_last),
    "sigmoid after softmax": (("D07",), sigmoid_and_softmax),
    "tanh last": (("D07",), tanh_last),
    "one output of softmax": (("D07",), one_softmax),
    "sigmoid last": (("D07",), sigmoid_before_logistic),
    "classes as numbers": (("D07",), classes_as_numbers),
    "squares on classes": (("D07",), squares_on_classes),
    "answers positive alone": (("D07",), positive_only),
    "too much dropout": (("D20",), too_much_dropout),
    "too much decay": (("D20",), too_much_decay),
    "batches of one and batch norm": (("D20",), batch_of_one),
    "constant features": (("D02",), constant_features),
    "twelve sigmoids": (("D11",), deep_sigmoids),
    "deep, large weights": (("D05", "D01", "D13"), deep_and_large),
    "deep, small weights": (("D11", "D12"), deep_and_small),
    "network too small": (("D18",), far_too_small),
    "a hundred rows": (("D19", "D15"), hundred_rows),
    "leaking column": (("D04",), leaking_column),
    "validation shifted": (("D02", "D03"), shifted_part),
    "validation of another scale": (("D02", "D03"), scaled_part),
    "channels swapped": (("D02", "D03", "D19"), channels_swapped),
    "class missing": (("D03",), class_missing),
    "split of sorted rows": (("D03",), sorted_parts),
    "labels of the other part renamed": (("D15",), labels_renamed),
    "NaN by the loss": (("D01",), not_a_number),
    "loss ignores the output": (("D07",), loss_ignores_output),
    "frozen": (("D12", "D18"), frozen),
    "gradient clipped too low": (("D12",), clipped),
    "momentum too high": (("D08", "D14", "D13"), momentum_high),
    "rate falls too early": (("D12", "D17", "D18"), ends_too_early),
    "bytes not scaled": (("D02",), bytes_unscaled),
    "noisy labels": (("D16",), noisy_labels),
    "one target far out": (("D03", "D13"), one_target_far),
    "one row far out": (("D02",), one_row_far),
    "one label": (("D03",), one_label),
    "constant target": (("D03",), constant_target),
    "steps without a slope": (("D09", "D11"), steps_without_slope),
    "bias far out": (("D05",), bias_far),
    "contradicting rows": (("D03",), contradicting_rows),
    "rate high, convolutions": (("D08",), rate_high_convolutions),
    "rate low, convolutions": (("D12",), one_epoch_low),
    "inputs of something else": (("D15", "D19"), random_inputs),
    "augmentation too strong": (("D18",), lambda: augmented(1.0)),
}


# --- healthy ------------------------------------------------------------------------------------------------------


def fine_tuned() -> Report:
    data = digits()
    first, _ = sloy.fit(mlp(data), data, epochs=10, verbose=False, threads=1)
    kept = {n: np.asarray(v) for n, v in first.parameters.items() if not n.startswith("dense_3")}
    return run(mlp(data), data, parameters=kept, trainable=("dense_3/*",), epochs=10)


def multi_label() -> Report:
    x, _ = friedman()
    y = np.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0, x[:, 3] > 0.5], 1).astype(np.float32)
    return run(mlp((x, y), outputs=3), (x, y), loss="binary_crossentropy")


def with_(
    data: Callable[[], Samples], *hidden: int, act: Any = ReLU, **options: Any
) -> Callable[[], Report]:
    """A run of a dense network with some options."""

    def made() -> Report:
        samples = data()
        return run(mlp(samples, *hidden, act=act), samples, **options)

    return made


def residual() -> Report:
    data = clear()
    blocks = [layers.Residual([Dense(32), ReLU(), Dense(32)]) for _ in range(6)]
    return run(sloy.Network((8,), [Dense(32), *blocks, ReLU(), Dense(4)]), data)


def counts() -> Report:
    x, y = friedman()
    y = np.random.default_rng(SEED).poisson(np.exp(0.7 * y)).astype(np.float32)
    return run(mlp((x, y)), (x, y), loss="poisson", epochs=8)


def uneven() -> Report:
    x, y = clear()
    kept = np.concatenate([np.nonzero(y == 0)[0][::8], np.nonzero(y != 0)[0]])
    return run(mlp((x, y)), (x[kept], y[kept]))


def norm_convolutions() -> Report:
    data = stripes()
    return run(cnn(data, BatchNorm()), data, epochs=10)


def augmented(shift: float) -> Report:
    data = digits()
    return run(cnn(data), data, augment=f"shift={shift}", epochs=15)


def layer_norm() -> Report:
    data = digits()
    network = sloy.Network(
        (8, 8, 1), [Flatten(), Dense(48), layers.LayerNorm(), layers.GELU(), Dense(10)]
    )
    return run(network, data)


def one_output() -> Report:
    x, y = blobs(classes=2)
    return run(
        mlp((x, y), outputs=1), (x, y[:, None].astype(np.float32)), loss="binary_crossentropy"
    )


HEALTHY: dict[str, Callable[[], Report]] = {
    "blobs": with_(clear),
    "iris": with_(iris, epochs=60),
    "friedman": with_(friedman, epochs=30),
    "friedman, huber, AdamW": with_(friedman, loss="huber", optimizer="adamw", weight_decay=0.01),
    "friedman, cosine": with_(friedman, schedule="cosine", learning_rate=0.01),
    "digits, SGD with momentum": with_(digits, optimizer="momentum", learning_rate=0.02),
    "digits, large batches": with_(digits, batch_size=256, learning_rate=0.01, epochs=30),
    "digits, patience": with_(digits, patience=5, epochs=60),
    "digits, few epochs": with_(digits, epochs=3, learning_rate=0.01),
    "blobs, batches of one": with_(lambda: clear(300), batch_size=1, learning_rate=0.001, epochs=8),
    "blobs, GELU": with_(clear, act=layers.GELU),
    "blobs, SELU, deep": with_(clear, *(24,) * 6, act=layers.SELU, learning_rate=0.001),
    "blobs, RMSprop": with_(clear, optimizer="rmsprop", learning_rate=0.001),
    "blobs, clipped": with_(
        blobs, optimizer=sloy.optimizers.SGD(0.1, momentum=0.9, clip_norm=1.0), learning_rate=None
    ),
    "blobs, linear": with_(clear, 16, act=lambda: layers.Dropout(0.1)),
    "stripes": lambda: run(cnn(stripes()), stripes(), epochs=10),
    "stripes, batch norm": norm_convolutions,
    "digits, augmented": lambda: augmented(0.1),
    "digits, layer norm": layer_norm,
    "digits, fine-tuned": fine_tuned,
    "several labels": multi_label,
    "two classes, one output": one_output,
    "residual": residual,
    "counts": counts,
    "uneven classes": uneven,
}


def main() -> None:
    """Run, and count."""
    global SEED, TRIES
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help="runs whose names hold this")
    parser.add_argument("--words", action="store_true", help="the whole reports")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--try", action="store_true", dest="tries", help="try remedies")
    args = parser.parse_args()
    SEED, TRIES = args.seed, args.tries
    first, two, faults, quiet, healthy = 0, 0, 0, 0, 0
    runs = [(name, right, make) for name, (right, make) in FAULTS.items()]
    for name, right, make in [
        *runs,
        *((f"healthy: {name}", (), make) for name, make in HEALTHY.items()),
    ]:
        if args.only not in name:
            continue
        try:
            with contextlib.suppress(NonFiniteError):
                report = make()
        except SloyError as error:
            print(f"REFUSED  {name}: {error}", flush=True)
            continue
        serious = [one.id for one in report.findings if one.severity != "note"]
        notes = [one.id for one in report.findings if one.severity == "note"]
        if right:
            found = serious or notes
            faults, first = faults + 1, first + bool(set(found[:1]) & set(right))
            two += bool(set(found[:2]) & set(right))
        else:
            healthy, quiet = healthy + 1, quiet + (not serious)
        found = serious or notes  # a fault that a run has overcome is a note
        well = bool(set(found[:1]) & set(right)) if right else not serious
        said = f"{' '.join(serious) or '-'}; notes {' '.join(notes) or '-'}"
        print(f"{'right' if well else 'WRONG'}    {name}: {said}", flush=True)
        if args.words:
            print(report, "\n", flush=True)
    print(
        f"faults: {faults}, right first {first}, among the first two {two}; healthy: {healthy}, silent {quiet}"
    )


if __name__ == "__main__":
    main()
