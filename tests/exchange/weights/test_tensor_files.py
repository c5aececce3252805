"""Files that PyTorch, safetensors and Keras wrote are read."""

from __future__ import annotations

import contextlib
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy

import sloy
from golden.pretrained_problems import weight
from refusals import refused
from sloy.errors import FileFormatError, InvalidArgument
from sloy.exchange.weights.readers import read_tensors

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"
SHAPES: dict[str, tuple[int, ...]] = {
    "0.weight": (4, 3, 3, 3), "0.bias": (4,), "6.weight": (6, 60), "6.bias": (6,), "8.weight": (3, 6), "8.bias": (3,),
    **{f"{n}.{role}": (c,) for n, c in ((1, 4), (5, 60)) for role in ("weight", "bias", "running_mean", "running_var")},
}  # fmt: skip
# How the older layout has them: the same tensors in the order of the network.
TORCH = [
    "tiny.pth",
    "tiny_legacy.pth",
    "tiny_checkpoint.pth",
    "tiny_parameters.pth",
    "tiny.safetensors",
]
HALF = ["tiny_bfloat16.pth", "tiny_bfloat16.safetensors"]


@pytest.mark.parametrize("name", TORCH + HALF)
def test_files_of_pytorch(name: str) -> None:
    file = read_tensors(GOLDEN / name)
    assert file.tool == "torch"
    counters = {f"{n}.num_batches_tracked" for n in (1, 5)}
    assert set(file.tensors) == {*SHAPES, *counters}
    for key, shape in SHAPES.items():
        tensor = file.tensors[key]
        assert tensor.shape == shape
        assert tensor.dtype == ("bfloat16" if name in HALF else "float32")
        found, expected = tensor.load(), weight(key, shape)
        assert found.dtype == np.float32
        if name in HALF:  # 8 bits of mantissa
            assert np.abs(found - expected).max() <= 2.0**-8 * np.abs(expected).max()
            assert not np.array_equal(found, expected)
        else:
            assert np.array_equal(found, expected)


def test_strided_tensors() -> None:
    tensors = read_tensors(GOLDEN / "views.pth").tensors
    expected = np.arange(24, dtype=np.float32).reshape(4, 6).T[1:4]
    assert np.array_equal(tensors["a"].load(), expected)
    assert tensors["b"].load().tolist() == [0, 1, 2]
    assert tensors["b"].dtype == "int64"


def test_the_oldest_layout(tmp_path: Path) -> None:
    """As PyTorch before 0.4 wrote it on Python 2: byte strings, pairs as lists, tensors without gradients' flags."""
    values = np.arange(12, dtype="<f4")
    reference = b"(U\x07storagectorch\nFloatStorage\nU\x0814159265U\x03cpuK\x0cNtQ"  # protocol 2, Python 2's strings
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + reference + b"K\x02(K\x02K\x05t(K\x05K\x01ttR"
    state = b"\x80\x02ccollections\nOrderedDict\n]](U\x08a.weight" + tensor + b"ea\x85R."
    first = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path = tmp_path / "old.pth"
    keys = pickle.dumps(["14159265"], 2)
    path.write_bytes(b"".join(first) + state + keys + struct.pack("<q", 12) + values.tobytes())
    found = read_tensors(path).tensors
    assert found["a.weight"].load().tolist() == values[2:].reshape(2, 5).tolist()


@pytest.mark.parametrize("name", ["tiny.h5", "tiny_model.h5", "tiny.weights.h5"])
def test_files_of_keras(name: str) -> None:
    file = read_tensors(GOLDEN / name)
    assert file.tool == "keras"
    numbered = name == "tiny.weights.h5"
    first = "conv2d" if numbered else "first"
    last, role = ("dense_1", "0") if numbered else ("last", "kernel")
    assert file.tensors[f"{first}/{role}"].shape == (3, 3, 3, 4)
    expected = weight("sequential/last/kernel", (6, 3))
    assert np.array_equal(file.tensors[f"{last}/{role}"].load(), expected)
    norms = [key for key in file.tensors if key.startswith("batch_normalization")]
    assert len(norms) == 8
    assert len(file.tensors) == 14


def test_weights_within_a_file_of_keras(tmp_path: Path) -> None:
    """`.keras`: a zip with `model.weights.h5` beside the configuration."""
    path = tmp_path / "tiny.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.write(GOLDEN / "tiny.weights.h5", "model.weights.h5")
    found, expected = read_tensors(path), read_tensors(GOLDEN / "tiny.weights.h5")
    assert found.tool == "keras"
    assert list(found.tensors) == list(expected.tensors)
    for key, tensor in found.tensors.items():
        assert np.array_equal(tensor.load(), expected.tensors[key].load())


def checkpoint(path: Path, *wheres: str) -> Path:
    """A checkpoint of PyTorch's zip layout with a tensor under each of some keys, `.` between one and that below."""

    def text(word: str) -> bytes:
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x06tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\0K\x02K\x03\x86K\x03K\x01\x86\x89}tR"
    )
    pickled = b"\x80\x02}" + text("epoch") + b"K\x07s"
    for where in wheres:
        inner = b"}" + text(f"{where}.weight") + tensor + b"s"
        *above, first = where.split(".")[::-1]
        for key in above:
            inner = b"}" + text(key) + inner + b"s"
        pickled += text(first) + inner + b"s"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("c/data.pkl", pickled + b".")
        archive.writestr("c/data/0", np.arange(6, dtype="<f4").tobytes())
    return path


@pytest.mark.parametrize(
    ("wheres", "taken", "warns"),
    [
        (["state_dict"], "state_dict", None),
        (["net"], "net", None),
        (["net.state_dict"], "net.state_dict", None),
        (["ema", "model"], "model", r"the weights under 'model' are taken, not those under 'ema'"),
        (["student"], "student", "the weights under 'student' are taken"),
        (["trainer.encoder"], "trainer.encoder", "the weights under 'trainer.encoder' are taken"),
    ],
)
def test_checkpoints_under_any_key(
    wheres: list[str], taken: str, warns: str | None, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path / "c.pth", *wheres)
    with contextlib.nullcontext() if warns is None else pytest.warns(UserWarning, match=warns):
        found = read_tensors(path).tensors
    assert list(found) == [f"{taken}.weight"]
    assert found[f"{taken}.weight"].load().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_several_state_dicts_of_equal_standing(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "gan.pth", "generator", "critic")
    refused(path, "holds several state dicts, 'generator', 'critic'; save one of them alone")


def test_weights_are_used_without_training(tmp_path: Path) -> None:
    """The example of docs/pretrained.md, with a network of one layer."""
    network = sloy.Network((3,), [sloy.layers.Dense(2, use_bias=False)])
    parameters = sloy.pretrained.read_weights(network, checkpoint(tmp_path / "c.pth", "model"))
    scale = sloy.Preprocessing(deviation=(2.0,))
    problem = sloy.Problem(
        network, sloy.losses.CategoricalCrossentropy(), preprocessing=scale, data_dtype="uint8"
    )
    model = sloy.Model(problem, parameters, class_names=["a", "b"], engine="reference")
    x = np.array([[2, 4, 6]], np.uint8)
    assert model(x).tolist() == [[1 * 0 + 2 * 1 + 3 * 2, 1 * 3 + 2 * 4 + 3 * 5]]
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert again.predict(x).tolist() == [1]
    assert again.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tiny.pth", "holds weights without their network; of a published one `sloy import vgg16"),
        ("tiny.safetensors", "`sloy.pretrained.read_weights"),
        ("tiny.h5", "`sloy.pretrained.read_weights"),
    ],
)
def test_hints_where_a_model_is_needed(name: str, said: str) -> None:
    with pytest.raises(FileFormatError, match=said):
        sloy.load(GOLDEN / name)
    with pytest.raises(InvalidArgument, match=r"DATA is what it is trained on, with --from MODEL"):
        sloy.experiments.Experiment.of(str(GOLDEN / name))


def test_older_names_of_keras(tmp_path: Path) -> None:
    """keras-applications' published files: `block1_conv1_W_1:0`."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"block1_conv1", b"block1_pool", b"fc1"])
        for layer, names in (
            ("block1_conv1", ("W", "b")),
            ("block1_pool", ()),
            ("fc1", ("W", "b")),
        ):
            group = file.create_group(layer)
            full = [f"{layer}_{name}_1:0".encode() for name in names]
            group.attrs["weight_names"] = np.array(full, dtype="S32")
            for place, key in enumerate(full):
                group[key] = np.full((2, 3)[: 2 - place], place, np.float32)
    tensors = read_tensors(tmp_path / "old.h5").tensors
    assert list(tensors) == ["block1_conv1/kernel", "block1_conv1/bias", "fc1/kernel", "fc1/bias"]
    assert tensors["fc1/bias"].load().tolist() == [1, 1]


def test_a_model_within_a_model_of_keras(tmp_path: Path) -> None:
    path = tmp_path / "nested.h5"
    names = ["block1_conv1/kernel:0", "block1_conv1/bias:0", "block1_conv2/kernel:0"]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"vgg16", b"dense"])
        for layer, given in (("vgg16", names), ("dense", ["dense/kernel:0"])):
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array(given, dtype="S40")
            for name in given:
                group[name] = np.zeros(3, np.float32)
    assert list(read_tensors(path).tensors) == [
        n.removesuffix(":0") for n in [*names, "dense/kernel:0"]
    ]
    with h5py.File(path, "r+") as file:
        file.copy("vgg16", "again")
        file.attrs["layer_names"] = np.array([b"vgg16", b"again"])
    refused(path, "two arrays named 'block1_conv1/kernel'")


def test_safetensors_own_writer(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array(3.0), "c": np.zeros((0, 2), np.int64),
        "d": np.array([True, False]),
    }  # fmt: skip
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors")
    found = read_tensors(tmp_path / "x.safetensors").tensors
    for name, array in arrays.items():
        assert np.array_equal(found[name].load(), array)
        assert found[name].dtype == array.dtype.name
