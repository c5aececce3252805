"""Whether two checkouts train ready networks to the same bits: for changes that should keep all numbers.

    PYTHONPATH=BEFORE/src python tools/same_bits.py run before.npz [WORD …]    # cases whose names hold all words
    PYTHONPATH=AFTER/src python tools/same_bits.py run after.npz
    python tools/same_bits.py compare before.npz after.npz                     # status 1 where any array differs

One and two threads, both kinds of determinism, float32 and emulated bfloat16; final weights and predictions.
`--isa avx2|baseline` forces an instruction set of the native engine.
"""

from __future__ import annotations

import sys
import time

import numpy as np

MNIST, COLOUR = (28, 28, 1), (32, 32, 3)
# name, input shape, samples, epochs, batch size (the last batch of an epoch is partial)
NETWORKS = [
    ("mlp", MNIST, 300, 3, 32),
    ("mlp", MNIST, 500, 2, 128),
    ("mlp", MNIST, 40, 1, 1),
    ("cnn", MNIST, 150, 2, 32),
    ("cnn", MNIST, 12, 1, 1),
    ("fast", MNIST, 150, 2, 64),
    ("lenet5", MNIST, 200, 2, 32),
    ("lenet5", MNIST, 10, 1, 1),
    ("cnn_wide", MNIST, 70, 1, 32),
    ("cnn_deep", MNIST, 70, 1, 32),
    ("standard_cnn", COLOUR, 70, 1, 32),
    ("resnet20", COLOUR, 40, 1, 16),
]
SETTINGS = [
    (threads, deterministic, precision)
    for threads in (1, 2)
    for deterministic in ("same-threads", "any-threads")
    for precision in ("float32", "emulated")
]


def pictures(shape, n, seed):
    """Smooth random pictures with edges of 0, and labels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 10, n)
    means = random.integers(0, 256, (10, *shape))
    x = means[y] * 0.6 + random.integers(0, 100, (n, *shape))
    x[random.random((n, *shape)) < 0.3] = 0
    return x.astype(np.uint8), y


def run(path, words, isa):
    import sloy

    if isa:
        from sloy import _native

        _native.force_isa(isa)
    weights = {}
    for name, shape, n, epochs, batch in NETWORKS:
        data = pictures(shape, n, 7)
        for threads, deterministic, precision in SETTINGS:
            case = f"{name}/{batch}/{threads}/{deterministic}/{precision}"
            if not all(word in case for word in words):
                continue
            start = time.perf_counter()
            model, _ = sloy.fit(
                sloy.zoo.make(name, shape, 10), data, epochs=epochs, batch_size=batch, seed=3,
                engine="native", threads=threads, deterministic=deterministic, precision=precision,
                verbose=False,
            )  # fmt: skip
            for key, value in model.parameters.items():
                weights[f"{case}:{key}"] = value.copy()
            weights[f"{case}:prediction"] = np.asarray(model.predict_proba(data[0][:37]))
            print(f"{time.perf_counter() - start:6.2f} s  {case}", flush=True)
    np.savez(path, **weights)
    print(f"{len(weights)} arrays")


def compare(one, other):
    a, b = np.load(one), np.load(other)
    names = sorted(set(a.files) | set(b.files))
    differ = {}
    for name in names:
        if name not in a.files or name not in b.files:
            differ.setdefault(name.partition(":")[0], []).append(f"{name}: only in one")
        elif not np.array_equal(a[name], b[name]) or a[name].dtype != b[name].dtype:
            gap = (
                np.max(np.abs(a[name].astype(float) - b[name]))
                if a[name].shape == b[name].shape
                else "shape"
            )
            differ.setdefault(name.partition(":")[0], []).append(f"{name}: {gap}")
    for case, lines in differ.items():
        print(case, len(lines), "arrays, such as", lines[0])
    finite = all(np.isfinite(a[n]).all() for n in a.files)
    print(f"{len(names)} arrays, {sum(map(len, differ.values()))} differ; finite: {finite}")
    return bool(differ) or not names


if __name__ == "__main__":
    arguments = sys.argv[1:]
    isa = ""
    if "--isa" in arguments:
        i = arguments.index("--isa")
        isa = arguments[i + 1]
        del arguments[i : i + 2]
    if arguments[:1] == ["run"] and len(arguments) >= 2:
        run(arguments[1], arguments[2:], isa)
    elif arguments[:1] == ["compare"] and len(arguments) == 3:
        sys.exit(compare(*arguments[1:]))
    else:
        sys.exit(__doc__)
