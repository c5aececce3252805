"""Sound files of other tools' networks: ONNX, PyTorch, safetensors, Keras; made here and small."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.corpus import Corpus, arrays, fitted, small_network, written


def onnx_models() -> Corpus:
    """sloy's own export, and graphs of more operators."""
    return [
        ("own.onnx", written("m.onnx", fitted(small_network, epochs=1).export)),
        ("pictures.onnx", _onnx(_pictures(), (3, 8, 8))),
        ("answers.onnx", _onnx(_answers(), (4, 2, 2))),
    ]


def _pictures() -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Operators (name, what it takes beside the value so far, attributes) on pictures."""
    ones, kernel = np.ones(4, np.float32), np.random.default_rng(3).normal(size=(4, 3, 3, 3))
    return [
        (
            "Conv",
            [kernel.astype(np.float32), 0 * ones],
            {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
        ),
        ("BatchNormalization", [ones, ones, ones, ones], {"epsilon": 1e-5}),
        ("Clip", [np.float32(0), np.float32(6)], {}),
        ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ]


def _answers() -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Operators on maps, up to probabilities."""
    matrix = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
    return [
        ("GlobalAveragePool", [], {}),
        ("Reshape", [np.array([-1, 4])], {}),
        ("Gemm", [matrix], {"transB": 1}),
        ("Softmax", [], {"axis": -1}),
    ]


def _onnx(chain: list[tuple[str, list[Any], dict[str, Any]]], shape: tuple[int, ...]) -> bytes:
    """A model of operators one after another."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights, now = [], [], "x"
    for number, (operator, others, attributes) in enumerate(chain):
        names = [f"w{number}{letter}" for letter in "abcd"[: len(others)]]
        weights += [
            numpy_helper.from_array(np.asarray(v), n) for n, v in zip(names, others, strict=True)
        ]
        nodes.append(helper.make_node(operator, [now, *names], [f"v{number}"], **attributes))
        now = f"v{number}"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ("N", *shape))],
        [helper.make_tensor_value_info(now, 1, None)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(made, {"names": "{0: 'cat', 1: 'dog'}", "imgsz": "[8, 8]"})
    return made.SerializeToString()


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

    packed = written(
        "p.h5", lambda path: newer(path, compression="gzip", chunks=(2, 6), shuffle=True)
    )
    plain = written("n.h5", newer)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (
            ("metadata.json", b"{}"),
            ("config.json", b"{}"),
            ("model.weights.h5", plain),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return [
        ("old.h5", written("o.h5", older)),
        ("new.weights.h5", plain),
        ("packed.weights.h5", packed),
        ("m.keras", file.getvalue()),
    ]
