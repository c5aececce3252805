"""Sound files to begin with, one to four of each format, all made here and small."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

Corpus = list[tuple[str, bytes]]  # (a file's name, what it holds)


def arrays() -> dict[str, np.ndarray]:
    """Some tensors."""
    random = np.random.default_rng(0)
    return {
        "conv.weight": random.normal(size=(2, 1, 3, 3)).astype(np.float32),
        "conv.bias": np.zeros(2, np.float32),
        "head.weight": random.normal(size=(3, 8)).astype(np.float32),
        "steps": np.arange(4),
    }


def network() -> Any:
    """A network with a layer of several kinds."""
    import sloy
    from sloy import layers

    return sloy.Network(
        (6, 6, 1),
        [
            layers.Conv2D(2, 3, weight_regularizer=sloy.regularizers.L2(0.01)),
            layers.BatchNorm(),
            layers.Activation(lambda z: z * sloy.ops.sigmoid(z)),
            layers.MaxPool2D(2),
            layers.Residual([layers.Conv2D(2, 1)]),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3),
        ],
    )


def data() -> Any:
    """Pictures of three classes."""
    random = np.random.default_rng(1)
    return random.integers(0, 256, (24, 6, 6, 1)).astype(np.uint8), np.arange(24) % 3


def small_network() -> Any:
    """A network with a state and a draw, of which a step is soon made."""
    import sloy
    from sloy import layers

    return sloy.Network(
        (6, 6, 1), [layers.Flatten(), layers.BatchNorm(), layers.Dropout(0.5), layers.Dense(3)]
    )


def smallest_network() -> Any:
    """A layer."""
    import sloy
    from sloy import layers

    return sloy.Network((6, 6, 1), [layers.Flatten(), layers.Dense(3)])


def fitted(of: Any = network, **options: Any) -> Any:
    """A model after some epochs."""
    import sloy

    return sloy.fit(of(), data(), batch_size=24, engine="reference", verbose=False, **options)[0]


def written(name: str, write: Any) -> bytes:
    """What a function writes to the path that it is given."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def models() -> Corpus:
    """Models of sloy: of pictures, with a reader; of a table."""
    return [
        ("pictures.sloy", written("m.sloy", _picture_model(network).save)),
        ("table.sloy", written("t.sloy", _table_model().save)),
    ]


def _picture_model(of: Any) -> Any:
    from sloy.data.pictures import PictureReader
    from sloy.model import Model

    found, reader = fitted(of, epochs=1), PictureReader((6, 6), 1)
    return Model(found.problem, dict(found.parameters), class_names=("a", "b", "c"), reader=reader)


def _table_model() -> Any:
    import sloy
    from sloy.data.tables import load_table
    from sloy.layers import Dense
    from sloy.model import Model

    loaded = load_table(_rows(), "price", validation=0)
    found, _ = sloy.fit(
        sloy.Network((loaded.reader.width,), [Dense(3), Dense(1)]),
        loaded.train,
        epochs=1,
        engine="reference",
        verbose=False,
    )
    return Model(found.problem, dict(found.parameters), reader=loaded.reader)


def _rows(*names: str) -> dict[str, list[Any]]:
    """Columns of a table, all of them or some."""
    random = np.random.default_rng(2)
    found = {
        "area": [round(float(v), 2) for v in random.normal(50, 9, 40)],
        "town": [("Rome", "Oslo", "Paris")[i] for i in random.integers(0, 3, 40)],
        "sold": [f"2020-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(40)],
        "price": [round(float(v), 3) for v in random.normal(100, 20, 40)],
    }
    return {name: found[name] for name in names or found}


def checkpoints() -> Corpus:
    """The checkpoint of a run, with a callback's memory and augmentation."""
    from sloy.training.checkpoint import Checkpoint

    def write(path: Path) -> None:
        fitted(small_network, epochs=2, checkpoint=Checkpoint(path), patience=5, validation=0.3)

    return [("checkpoint.sloy", written("c.sloy", write))]


def configurations() -> Corpus:
    """What a run's folder says of it: of MNIST with a recipe, of a table that trains further."""
    from sloy.experiments import Experiment

    found = []
    for name, words in (
        (
            "mnist",
            {"network": "mlp", "epochs": 2, "augment": "rotation=10", "class_weight": "balanced"},
        ),
        ("rows.csv", {"target": "price", "id": ["town"], "date": ["sold"], "network": "mlp"}),
        (
            "mnist",
            {
                "network": "cnn",
                "epochs": 1,
                "recipe": None,
                "rate_factors": {"dense*": 0.5},
                "samples": 50,
            },
        ),
    ):
        plan = Experiment.of(name, **words).words()
        document = {
            "schema": 1,
            "version": 2,
            "plan": plan,
            "engine": {"name": "reference", "threads": 1, "precision": "float32"},
        }
        found.append(("configuration.json", json.dumps(document).encode()))
    return found


def summaries() -> Corpus:
    """What a run says at its end; as `sloy info` shows it."""
    from sloy.experiments import Experiment

    plan = Experiment.of("mnist", network="mlp", epochs=2).words()
    rows = [
        {"epoch": k, "loss": 1 / k, "val_loss": 2 / k, "learning_rate": 0.01, "seconds": 0.5}
        for k in (1, 2)
    ]
    document = {
        "schema": 1,
        "test_accuracy": 0.5,
        "test_samples": 12,
        "epochs": 2,
        "best_epoch": 1,
        "seed": 0,
        "plan": plan,
        "learning_rate": 0.01,
        "parameters": 99,
        "engine": {"name": "reference", "threads": 1, "precision": "float32"},
        "times_seconds": {"to_test": 1.0, "training": 0.5},
        "versions": {"sloy": "0.1.0"},
        "history": rows,
    }
    regression = {k: v for k, v in document.items() if k != "test_accuracy"} | {
        "test_rmse": 1.5,
        "test_r2": 0.5,
    }
    return [("summary.json", json.dumps(one).encode()) for one in (document, regression)]


def histories() -> Corpus:
    """The figures of epochs, in both forms."""
    rows = [
        {"epoch": k, "loss": 1 / k, "val_loss": 2 / k, "learning_rate": 0.01} for k in range(1, 6)
    ]
    lines = ["epoch,loss,val_loss", *(f"{r['epoch']},{r['loss']},{r['val_loss']}" for r in rows)]
    return [("history.json", json.dumps(rows).encode()), ("history.csv", "\n".join(lines).encode())]


def class_names() -> Corpus:
    """Names of classes, as other tools write them."""
    return [
        ("names.txt", b"cat\ndog\nbird\n"),
        ("names.json", b'["cat", "dog", "bird"]'),
        ("config.json", b'{"id2label": {"0": "cat", "1": "dog"}}'),
        ("literal.txt", b"{0: 'cat', 1: 'dog'}"),
    ]


def idx_files() -> Corpus:
    """Pictures, numbers, and packed ones."""
    pictures = b"\0\0\x08\x03" + struct.pack(">3I", 5, 4, 3) + bytes(range(60))
    numbers = b"\0\0\x0d\x02" + struct.pack(">2I", 3, 4) + np.arange(12, dtype=">f4").tobytes()
    return [("x.idx", pictures), ("n.idx", numbers), ("x.idx.gz", gzip.compress(pictures, mtime=0))]


def text_tables() -> Corpus:
    """CSV: plain, with semicolons and quotes, packed in three ways."""
    from backports import zstd

    numbers, words = _lines("area", "price"), _lines("town", "price")
    quoted = "\r\n".join(['"' + line.replace(",", '";"') + '"' for line in numbers]).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("t.csv"), "\n".join(_lines("sold", "price")))
    return [
        ("t.csv", "\n".join(_lines("area", "price")).encode()),
        ("q.csv", quoted),
        ("t.csv.gz", gzip.compress("\n".join(words).encode(), mtime=0)),
        ("t.zip", file.getvalue()),
        ("t.csv.zst", zstd.compress("\n".join(numbers).encode())),
    ]


def _lines(*names: str) -> list[str]:
    """A table's lines, with commas."""
    rows = _rows(*names)
    return [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]


def parquet_files() -> Corpus:
    """A table in Parquet, packed and not."""
    import polars as pl

    kinds = {"uncompressed": "area", "zstd": "town", "snappy": "sold"}
    frames = {kind: pl.DataFrame(_rows(name, "price")) for kind, name in kinds.items()}
    return [
        (
            f"{kind}.parquet",
            written(
                "t.parquet",
                lambda path, kind=kind: frames[kind].write_parquet(path, compression=kind),
            ),
        )
        for kind in frames
    ]


def workbooks() -> Corpus:
    """Sheets of Excel: of numbers, of words."""
    import xlsxwriter

    def write(path: Path) -> None:
        book = xlsxwriter.Workbook(path)
        sheet = book.add_worksheet()
        for column, (name, values) in enumerate(_rows(path.stem, "price").items()):
            sheet.write_column(0, column, [name, *values])
        book.close()

    return [(name, written(name, write)) for name in ("area.xlsx", "town.xlsx")]


def pictures() -> Corpus:
    """One of each format, with palettes, transparency and depth."""
    from PIL import Image

    random = np.random.default_rng(4)
    colours = Image.fromarray(random.integers(0, 256, (12, 10, 3)).astype(np.uint8))
    clear = Image.fromarray(random.integers(0, 256, (12, 10, 4)).astype(np.uint8))
    deep = Image.fromarray(random.integers(0, 65536, (12, 10)).astype(np.uint16))
    found = []
    for name, picture, options in (
        ("c.png", colours, {}),
        ("a.png", clear, {}),
        ("d.png", deep, {}),
        ("p.png", colours.convert("P"), {"transparency": 0}),
        ("c.jpg", colours, {"exif": _exif()}),
        ("g.gif", colours.convert("P"), {}),
        ("c.webp", colours, {}),
        ("l.webp", clear, {"lossless": True}),
        ("c.bmp", colours, {}),
        ("c.tif", colours, {}),
        ("d.tif", deep, {"compression": "tiff_lzw"}),
        ("z.tif", colours, {"compression": "tiff_adobe_deflate"}),
        ("c.ppm", colours, {}),
    ):
        found.append(
            (
                name,
                written(
                    name,
                    lambda path, picture=picture, options=options: picture.save(path, **options),
                ),
            )
        )
    return found


def _exif() -> Any:
    from PIL import Image

    notes = Image.Exif()
    notes[0x0112] = 6
    return notes


def run_folders() -> Corpus:
    """The folder of a run, as an archive of its files."""
    files = {
        "configuration.json": configurations()[0][1],
        "summary.json": summaries()[0][1],
        "history.csv": dict(histories())["history.csv"],
        "checkpoint.sloy": checkpoints()[0][1],
        "model.sloy": written("m.sloy", _picture_model(smallest_network).save),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return [("run.zip", file.getvalue())]
