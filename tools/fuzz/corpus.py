"""Sound files to begin with, one to four of each format, all made here and small."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
import warnings
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


def fitted(**options: Any) -> Any:
    """A model after two epochs."""
    import sloy

    return sloy.fit(network(), data(), batch_size=8, engine="reference", verbose=False, **options)[
        0
    ]


def _written(name: str, write: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def models() -> Corpus:
    """Models of sloy: of pictures, with a reader; of a table."""
    from sloy.data.pictures import PictureReader
    from sloy.model import Model

    found = fitted(epochs=1)
    pictures = Model(
        found.problem,
        dict(found.parameters),
        class_names=("a", "b", "c"),
        reader=PictureReader((6, 6), 1),
    )
    return [
        ("pictures.sloy", _written("m.sloy", pictures.save)),
        ("table.sloy", _written("t.sloy", _table_model().save)),
    ]


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


def _rows() -> dict[str, list[Any]]:
    random = np.random.default_rng(2)
    return {
        "area": [round(float(v), 2) for v in random.normal(50, 9, 40)],
        "town": [("Rome", "Oslo", "Paris")[i] for i in random.integers(0, 3, 40)],
        "sold": [f"2020-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(40)],
        "price": [round(float(v), 3) for v in random.normal(100, 20, 40)],
    }


def checkpoints() -> Corpus:
    """The checkpoint of a run, with a callback's memory and augmentation."""
    from sloy.training.checkpoint import Checkpoint

    def write(path: Path) -> None:
        fitted(epochs=2, checkpoint=Checkpoint(path), patience=5, validation=0.3)

    return [("checkpoint.sloy", _written("c.sloy", write))]


def configurations() -> Corpus:
    """What a run's folder says of it: of MNIST with a recipe, of a table that trains further."""
    from sloy.experiments import Experiment

    found = []
    for name, words in (
        (
            "mnist",
            {"network": "mlp", "epochs": 2, "augment": ["rotation=10"], "class_weight": "balanced"},
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
        "schema": 1, "test_accuracy": 0.5, "test_samples": 12, "epochs": 2, "best_epoch": 1, "seed": 0, "plan": plan,
        "learning_rate": 0.01, "parameters": 99, "engine": {"name": "reference", "threads": 1, "precision": "float32"},
        "times_seconds": {"to_test": 1.0, "training": 0.5}, "versions": {"sloy": "0.1.0"}, "history": rows,
    }  # fmt: skip
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


def onnx_models() -> Corpus:
    """sloy's own export, and a graph of more operators."""
    import onnx
    from onnx import helper, numpy_helper

    def weight(name: str, value: Any) -> Any:
        return numpy_helper.from_array(np.asarray(value), name)

    random = np.random.default_rng(3)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "s", "s", "s", "v"], ["n"], epsilon=1e-5),
        helper.make_node("Clip", ["n", "low", "high"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["m"], ["g"]),
        helper.make_node("Reshape", ["g", "shape"], ["f"]),
        helper.make_node("Gemm", ["f", "d"], ["l"], transB=1),
        helper.make_node("Softmax", ["l"], ["y"], axis=-1),
    ]
    weights = [
        weight("w", random.normal(size=(4, 3, 3, 3)).astype(np.float32)), weight("b", np.zeros(4, np.float32)),
        weight("s", np.ones(4, np.float32)), weight("v", np.ones(4, np.float32)), weight("low", np.float32(0)),
        weight("high", np.float32(6)), weight("shape", np.array([-1, 4])), weight("d", random.normal(size=(2, 4)).astype(np.float32)),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("y", 1, None)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(made, {"names": "{0: 'cat', 1: 'dog'}", "imgsz": "[8, 8]"})
    return [
        ("own.onnx", _written("m.onnx", fitted(epochs=1).export)),
        ("other.onnx", made.SerializeToString()),
    ]


def torch_files() -> Corpus:
    """State dicts as `torch.save` writes them: the zip, with views of one storage, and the older layout."""
    return [
        ("state.pth", _torch_zip(arrays())),
        ("views.pth", _torch_zip(arrays(), views=True)),
        ("legacy.pth", _torch_legacy(arrays())),
    ]


_KINDS = {"float32": "FloatStorage", "int64": "LongStorage"}


def _text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def _whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _storage(kind: str, key: str, count: int) -> bytes:
    return (
        b"("
        + _text("storage")
        + f"ctorch\n{kind}\n".encode()
        + _text(key)
        + _text("cpu")
        + _whole(count)
        + b"tQ"
    )


def _rebuilt(array: np.ndarray, key: str, offset: int, count: int) -> bytes:
    steps = [step // array.itemsize for step in array.strides]
    sizes = (b"(" + b"".join(map(_whole, extents)) + b"t" for extents in (array.shape, steps))
    storage = _storage(_KINDS[array.dtype.name], key, count)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + _whole(offset)
        + b"".join(sizes)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def _state_dict(tensors: dict[str, np.ndarray], places: dict[str, tuple[str, int, int]]) -> bytes:
    items = b"".join(
        _text(name) + _rebuilt(array, *places[name]) for name, array in tensors.items()
    )
    return (
        b"\x80\x02ccollections\nOrderedDict\n)Rq\0("
        + items
        + b"u}"
        + _text("_metadata")
        + b"h\0sb."
    )


def _torch_zip(tensors: dict[str, np.ndarray], *, views: bool = False) -> bytes:
    places = {name: (str(k), 0, array.size) for k, (name, array) in enumerate(tensors.items())}
    storages = {place[0]: tensors[name].tobytes() for name, place in places.items()}
    if views:
        tensors = {n: a for n, a in tensors.items() if a.dtype == np.float32}
        whole, at = np.concatenate([a.ravel() for a in tensors.values()]), 0
        for name, array in tensors.items():
            places[name], at = ("0", at, whole.size), at + array.size
        storages = {"0": whole.tobytes()}
    entries = {"m/data.pkl": _state_dict(tensors, places), "m/byteorder": b"little"}
    entries |= {f"m/data/{key}": content for key, content in storages.items()} | {
        "m/version": b"3\n"
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def _torch_legacy(tensors: dict[str, np.ndarray]) -> bytes:
    import pickle

    places = {name: (str(k), 0, array.size) for k, (name, array) in enumerate(tensors.items())}
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    parts = [pickle.dumps(value, 2) for value in head]
    parts += [
        _state_dict(tensors, places),
        pickle.dumps([place[0] for place in places.values()], 2),
    ]
    for array in tensors.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    return b"".join(parts)


def safetensors_files() -> Corpus:
    """Tensors with a note."""
    import safetensors.numpy

    return [("w.safetensors", safetensors.numpy.save(arrays(), {"format": "pt"}))]


def keras_files() -> Corpus:
    """Weights of Keras: the older layout, that of Keras 3, packed values, a whole ``.keras`` file."""
    import h5py

    def older(path: Path) -> None:
        with h5py.File(path, "w") as file:
            names = [b"conv", b"head"]
            file.attrs["layer_names"] = names
            for name in names:
                group = file.create_group(name.decode())
                group.attrs["weight_names"] = [name + b"/kernel:0"]
                group[f"{name.decode()}/kernel:0"] = np.arange(12.0, dtype=np.float32).reshape(3, 4)

    def newer(path: Path, **packed: Any) -> None:
        with h5py.File(path, "w") as file:
            for name in ("conv2d", "dense", "dense_1"):
                group = file.create_group(f"layers/{name}/vars")
                for number in range(2):
                    group.create_dataset(
                        str(number), data=np.arange(24.0, dtype=np.float32).reshape(4, 6), **packed
                    )

    packed = _written(
        "p.h5", lambda path: newer(path, compression="gzip", chunks=(2, 6), shuffle=True)
    )
    plain = _written("n.h5", newer)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (
            ("metadata.json", b"{}"),
            ("config.json", b"{}"),
            ("model.weights.h5", plain),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return [
        ("old.h5", _written("o.h5", older)), ("new.weights.h5", plain), ("packed.weights.h5", packed), ("m.keras", file.getvalue()),
    ]  # fmt: skip


def idx_files() -> Corpus:
    """Pictures, numbers, and packed ones."""
    pictures = b"\0\0\x08\x03" + struct.pack(">3I", 5, 4, 3) + bytes(range(60))
    numbers = b"\0\0\x0d\x02" + struct.pack(">2I", 3, 4) + np.arange(12, dtype=">f4").tobytes()
    return [("x.idx", pictures), ("n.idx", numbers), ("x.idx.gz", gzip.compress(pictures, mtime=0))]


def text_tables() -> Corpus:
    """CSV: plain, with semicolons and quotes, packed in three ways."""
    rows = _rows()
    lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
    plain = "\n".join(lines).encode()
    quoted = "\r\n".join(['"' + line.replace(",", '";"') + '"' for line in lines]).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("t.csv"), plain)
    found = [
        ("t.csv", plain),
        ("q.csv", quoted),
        ("t.csv.gz", gzip.compress(plain, mtime=0)),
        ("t.zip", file.getvalue()),
    ]
    from backports import zstd

    return [*found, ("t.csv.zst", zstd.compress(plain))]


def parquet_files() -> Corpus:
    """A table in Parquet, packed and not."""
    import polars as pl

    frame = pl.DataFrame(_rows())
    return [
        (
            f"{kind}.parquet",
            _written(
                "t.parquet", lambda path, kind=kind: frame.write_parquet(path, compression=kind)
            ),
        )
        for kind in ("uncompressed", "zstd", "snappy")
    ]


def workbooks() -> Corpus:
    """A sheet of Excel."""
    import xlsxwriter

    def write(path: Path) -> None:
        book = xlsxwriter.Workbook(path)
        sheet = book.add_worksheet()
        for column, (name, values) in enumerate(_rows().items()):
            sheet.write_column(0, column, [name, *values])
        book.close()

    return [("t.xlsx", _written("t.xlsx", write))]


def pictures() -> Corpus:
    """One of each format, with palettes, transparency and depth."""
    from PIL import Image

    random = np.random.default_rng(4)
    colours = Image.fromarray(random.integers(0, 256, (12, 10, 3)).astype(np.uint8))
    clear = Image.fromarray(random.integers(0, 256, (12, 10, 4)).astype(np.uint8))
    deep = Image.fromarray(random.integers(0, 65536, (12, 10)).astype(np.uint16))
    found = []
    for name, picture, options in (
        ("c.png", colours, {}), ("a.png", clear, {}), ("d.png", deep, {}), ("p.png", colours.convert("P"), {"transparency": 0}),
        ("c.jpg", colours, {"exif": _exif()}), ("g.gif", colours.convert("P"), {}), ("c.webp", colours, {}),
        ("l.webp", clear, {"lossless": True}), ("c.bmp", colours, {}), ("c.tif", colours, {}), ("d.tif", deep, {"compression": "tiff_lzw"}),
        ("z.tif", colours, {"compression": "tiff_adobe_deflate"}), ("c.ppm", colours, {}),
    ):  # fmt: skip
        found.append(
            (
                name,
                _written(
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
    """The folder of a run on a small table, as an archive of its files."""
    from sloy.experiments import Experiment, run

    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        (folder / "t.csv").write_bytes(text_tables()[0][1])
        words = {
            "target": "price",
            "network": "mlp",
            "network_options": {"hidden": [4]},
            "epochs": 2,
            "members": 1,
        }
        run(Experiment.of(folder / "t.csv", **words), folder / "run", engine="reference")
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for kept in (
                "configuration.json",
                "summary.json",
                "history.csv",
                "checkpoint.sloy",
                "model.sloy",
            ):
                content = (
                    (folder / "run" / kept)
                    .read_bytes()
                    .replace(str(folder / "t.csv").encode(), b"t.csv")
                )
                archive.writestr(zipfile.ZipInfo(kept), content)
        return [("run", file.getvalue())]
