"""`sloy import`: weights of other tools as a .sloy file, and then a picture through it."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import safetensors.numpy

import sloy
from command_line import exit_code
from golden.pretrained_problems import PICTURE, SIXTEENTH, UNITS, picture, weight
from serving import serving
from sloy import zoo
from sloy.exchange.weights.names import torchvision
from sloy.pretrained import PUBLISHED, Published

NARROW = partial(zoo.vgg, 11, width=SIXTEENTH, units=UNITS)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file for a VGG-11 of a sixteenth of the channels, which takes the place of the whole one."""
    monkeypatch.setitem(zoo.PRESETS, "vgg11", zoo.Preset(NARROW, "narrow"))
    network = NARROW((224, 224, 3), 1000)
    arrays = {}
    for layer, module in torchvision(network).items():
        shape = network.shapes[f"{layer}/weight"]
        theirs = tuple(shape[axis] for axis in ((3, 2, 0, 1) if len(shape) == 4 else (1, 0)))
        arrays[f"{module}.weight"] = weight(f"{module}.weight", theirs)
        arrays[f"{module}.bias"] = weight(f"{module}.bias", theirs[:1])
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def show(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    """Output and errors of a command in this process."""
    assert exit_code(*map(str, arguments)) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_from_weights_to_the_class_of_a_picture(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, image = tmp_path / "m.sloy", tmp_path / "p.png"
    text, _ = show(capsys, "import", "vgg11", out, "--weights", weights)
    assert "input     uint8, N × 224 × 224 × 3" in text
    assert (
        "pictures  the middle of each at 224 × 224, after resizing the shorter side to 256, colour"
        in text
    )
    assert "classes   1000: tench, goldfish, great white shark, …" in text
    PIL.Image.fromarray(picture(*PICTURE)[0]).save(image)
    answer, _ = show(capsys, "predict", out, image, "--json", "--threads", 1)
    (found,) = json.loads(answer)["predictions"]
    expected = sloy.load("vgg11", weights=weights, threads=1).predict_proba(image)[0]
    assert found["class"] == sloy.data.imagenet_classes()[expected.argmax()]
    assert found["probability"] == pytest.approx(expected.max(), rel=1e-5)


def test_other_classes_and_sizes(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--weights", weights, "--classes", 4, "--size", "64x96", "--seed")
    text, _ = show(capsys, "import", "vgg11", tmp_path / "a.sloy", *options, 1)
    assert "output    N × 4" in text
    assert "the middle of each at 64 × 96" in text
    assert "classes  " not in text
    show(capsys, "import", "vgg11", tmp_path / "b.sloy", *options, 2)
    a, b = (sloy.load(tmp_path / f"{name}.sloy", threads=1).parameters for name in "ab")
    differs = [name for name in a if not np.array_equal(a[name], b[name])]
    assert differs == ["fc8/weight"]  # a new bias is 0


def test_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sloy.layers import Dense, ReLU

    network = sloy.Network((6,), [Dense(5), ReLU(), Dense(3)])
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
    model, _ = sloy.fit(network, (x, np.arange(4) % 3), verbose=False, threads=1)
    model.save(tmp_path / "m.sloy")
    show(capsys, "export", tmp_path / "m.sloy", tmp_path / "m.onnx")
    show(capsys, "import", tmp_path / "m.onnx", tmp_path / "again.sloy")
    again = sloy.load(tmp_path / "again.sloy", threads=1)
    assert np.allclose(again(x), model(x), atol=1e-6)
    _, error = show(capsys, "import", tmp_path / "m.onnx", tmp_path / "x.sloy", "--seed", 3, code=2)
    assert "--seed is for networks by name, not for ONNX files" in error


def test_by_name_from_its_publisher(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`sloy predict vgg11 PICTURE` downloads once, from a server of this machine in place of the publisher's."""
    image = tmp_path / "p.png"
    PIL.Image.fromarray(picture(*PICTURE)[0]).save(image)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    with serving(tmp_path) as address:
        found = Published(f"{address}{weights.name}", "sha256", digest, 0)
        monkeypatch.setitem(PUBLISHED, "vgg11", {"torchvision": found})
        answer, error = show(capsys, "predict", "vgg11", image, "--json", "--threads", 1)
    assert "w.safetensors: " in error
    (said,) = json.loads(answer)["predictions"]
    expected = sloy.load("vgg11", weights=weights, threads=1).predict_proba(image)[0]
    assert said["probability"] == pytest.approx(expected.max(), rel=1e-5)
    again, error = show(capsys, "predict", "vgg11", image, "--json", "--threads", 1)
    assert (again, error) == (answer, "")  # from the cache


def test_errors(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(*arguments: object, code: int = 2) -> str:
        return show(capsys, "import", *arguments, code=code)[1]

    out = tmp_path / "m.sloy"
    assert "'vgg12' must be NAME.onnx or one of vgg11, vgg13" in error("vgg12", out)
    assert "'0x3' must be HEIGHTxWIDTH" in error("vgg11", out, "--size", "0x3")
    assert "in a folder that is missing" in error("vgg11", tmp_path / "no" / "m.sloy", code=1)
    text = error("vgg16", out, "--weights", weights, code=1)
    assert "holds no weights of vgg16" in text
    assert "They are those of vgg11." in text
    text = error("vgg11", out, "--weights", tmp_path / "none.pth", code=1)
    assert "no such file of weights; those of vgg11 are published at https://" in text
    assert not out.exists()


@pytest.mark.filterwarnings("default:.*it has 2 outputs")
def test_one_of_several_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    info, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["boxes"])],
        "two",
        [info("x", 1, ("N", 4))],
        [info("y", 1, None), info("boxes", 1, None)],
    )
    path, out = tmp_path / "two.onnx", tmp_path / "m.sloy"
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    x = np.array([[1.0, -2.0, 3.0, -4.0]], np.float32)
    _, said = show(capsys, "import", path, out)
    assert (
        "two.onnx: it has 2 outputs; the first is read. `output` (--output) names another: boxes."
        in said
    )
    assert np.array_equal(sloy.load(out)(x), np.maximum(x, 0))
    text, said = show(capsys, "import", path, out, "--output", "boxes", "--overwrite")
    assert "output   N × 4" in text
    assert not said
    assert np.array_equal(sloy.load(out)(x), -x)
    _, said = show(capsys, "import", path, tmp_path / "n.sloy", "--output", "bxes", code=2)
    assert "--output (='bxes') is no value of the graph; its outputs are y, boxes." in said
