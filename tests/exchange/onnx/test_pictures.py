"""Classifiers of other tools for picture files: what is done to bytes, names of classes, sizes, what they end in."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import sloy
from command_line import exit_code
from sloy.errors import InvalidArgument, ShapeError, SloyError
from sloy.exchange.onnx.described import described
from sloy.model import Model
from sloy.preprocessing import Preprocessing

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = ("cat", "dog", "owl", "fox")
NORMALIZED = 1.0  # about the deviation of (pixel / 255 − mean) / std of photographs


def classifier(
    path: Path,
    *,
    ends: tuple[str, ...] = ("GlobalAveragePool", "Flatten", "Gemm", "Softmax"),
    spread: float | None = NORMALIZED,
    scaled: bool = False,
    size: tuple[Any, Any] = ("h", "w"),
    channels: int = 3,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A small convolutional classifier; `spread`: the deviation of pixels that its normalisation was trained with."""
    draw = np.random.default_rng(1)
    weight = draw.normal(size=(6, 3, 3, 3)).astype(np.float32)
    arrays = {"conv.weight": weight, "scale": np.full((), 1 / 255, np.float32)}
    nodes, x = [], "x"
    if scaled:
        nodes.append(helper.make_node("Mul", [x, "scale"], ["scaled"]))
        x = "scaled"
    nodes.append(helper.make_node("Conv", [x, "conv.weight"], ["conv"], name="conv", pads=[1] * 4))
    x = "conv"
    if spread is not None:
        rows = weight.reshape(6, -1)
        variance = (np.square(rows.sum(1)) + np.square(rows).sum(1)) / 2 * spread**2
        arrays |= {
            "bn.weight": np.ones(6, np.float32), "bn.bias": np.zeros(6, np.float32),
            "bn.mean": np.zeros(6, np.float32), "bn.var": variance.astype(np.float32),
        }  # fmt: skip
        given = [x, *(f"bn.{n}" for n in ("weight", "bias", "mean", "var"))]
        nodes.append(helper.make_node("BatchNormalization", given, ["bn"], name="bn"))
        x = "bn"
    nodes.append(helper.make_node("Relu", [x], ["relu"]))
    x = "relu"
    arrays |= {
        "fc.weight": draw.normal(size=(6, 4)).astype(np.float32),
        "fc.bias": draw.normal(size=4).astype(np.float32),
        "head.weight": draw.normal(size=(4, 6, 1, 1)).astype(np.float32),
    }
    more = {"Gemm": ["fc.weight", "fc.bias"], "Conv": ["head.weight"]}
    for number, op in enumerate(ends):
        options = {"axis": 1} if op == "Softmax" else {}
        out = f"value{number}"
        nodes.append(
            helper.make_node(op, [x, *more.get(op, ())], [out], name=f"{op}{number}", **options)
        )
        x = out
    tensors = [
        numpy_helper.from_array(a, n) for n, a in arrays.items() if any(n in d.input for d in nodes)
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [info("x", 1, ["n", channels, *size])], [info(x, 1, None)], tensors
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path


def photograph(folder: Path, name: str = "p.png", size: tuple[int, int] = (20, 16)) -> Path:
    low = np.random.default_rng(len(name)).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    PIL.Image.fromarray(low).resize(size, PIL.Image.Resampling.BICUBIC).save(folder / name)
    return folder / name


def by_onnxruntime(path: Path, x: np.ndarray) -> np.ndarray:
    """Of channels last, as published: pixels from 0 to 1 less the mean, over the deviation, channels first."""
    prepared = ((x / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"x": prepared})
    return found


def show(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> tuple[str, str]:
    assert exit_code(*map(str, words)) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


STATED = ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")


def test_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Import with what it is published with, predict, train further: as a model of sloy's own."""
    file, out = classifier(tmp_path / "c.onnx"), tmp_path / "c.sloy"
    names = tmp_path / "names.txt"
    names.write_text("\n".join(NAMES) + "\n")
    text, error = show(
        capsys, "import", file, out, "--size", "16x20", "--classes", names, *STATED
    )  # fmt: skip
    assert error == ""
    assert "input     float32, N × 16 × 20 × 3" in text
    assert "pictures  the middle of each at 16 × 20, colour" in text
    assert "prepared  mean 123.675, 116.28, 103.53; deviation 58.395, 57.12, 57.375" in text
    picture = photograph(tmp_path)
    answer, _ = show(capsys, "predict", out, picture, "--json", "--threads", 1, "--top", 4)
    (said,) = json.loads(answer)["predictions"]
    expected = by_onnxruntime(file, np.asarray(PIL.Image.open(picture))[None])[0]
    assert said["class"] == NAMES[expected.argmax()]
    found = {each["class"]: each["probability"] for each in said["top"]}
    assert [found[name] for name in NAMES] == pytest.approx(expected.tolist(), rel=1e-4)
    for name in NAMES:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(10):
            photograph(tmp_path / "data" / name, f"{name * number}p.png", (24, 30))
    run = tmp_path / "run"
    words = (
        "--from",
        out,
        "--freeze",
        "none",
        "--epochs",
        1,
        "--out",
        run,
        "--quiet",
        "--threads",
        1,
    )
    show(capsys, "train", tmp_path / "data", *words)
    trained = sloy.load(run / "model.sloy", threads=1)
    assert set(trained.class_names) == set(NAMES)
    assert trained.problem.preprocessing == Preprocessing.of_pictures(MEAN, STD)
    assert trained.predict(picture)[0] in NAMES


@pytest.mark.parametrize(
    ("metadata", "names", "mean", "deviation"),
    [
        (
            {"author": "Ultralytics", "names": str(dict(enumerate(NAMES))), "imgsz": "[16, 20]"},
            NAMES, (0.0,), (255.0,),
        ),
        ({"Image.NominalPixelRange": "Normalized_1_1", "imgsz": "[16, 20]"}, (), (127.5,), (127.5,)),
        (
            {"character": "\n".join(NAMES), "imgsz": "[16, 20]", "mean": "[0.5, 0.5, 0.5]", "std": "[0.25]"},
            NAMES, (127.5, 127.5, 127.5), (63.75,),
        ),
    ],
)  # fmt: skip
def test_what_the_file_says(
    metadata: dict[str, str],
    names: tuple[str, ...],
    mean: object,
    deviation: object,
    tmp_path: Path,
) -> None:
    file = classifier(tmp_path / "c.onnx", metadata=metadata)
    model = Model.from_onnx(file, pictures=True, threads=1)
    assert model.class_names == names
    assert model.network.input_shape == (16, 20, 3)
    known = model.problem.preprocessing
    assert known is not None
    assert (known.mean, known.deviation) == (mean, deviation)
    x = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 3), dtype=np.uint8)
    given = ((x - np.array(mean)) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(file).run(None, {"x": given})
    assert np.abs(model.predict_proba(x) - expected).max() < 1e-5


def test_metadata_that_say_nothing_are_left_alone(tmp_path: Path) -> None:
    odd = {"names": "{0: 1}", "imgsz": "big", "mean": "[]", "std": "x", "classes": "[" * 10_000}
    found = described(odd)
    assert (found.class_names, found.size, found.preprocessing) == ((), None, None)
    assert described({"Image.BitmapPixelFormat": "Bgr8"}).order == "BGR"
    many = classifier(tmp_path / "c.onnx", size=(16, 20), metadata={"names": "['a', 'b']"})
    assert Model.from_onnx(many, pictures=True, preprocessing="unit").class_names == ()


def test_a_warning_where_prepared_pictures_are_expected(tmp_path: Path) -> None:
    size = (16, 20)
    file = classifier(tmp_path / "normalized.onnx", size=size)
    with pytest.warns(UserWarning, match=r"seems to expect prepared pictures .* times as far"):
        Model.from_onnx(file, pictures=True)
    folded = classifier(tmp_path / "folded.onnx", size=size, spread=None)
    with pytest.warns(UserWarning, match=r"answers bytes with numbers of about \d"):
        Model.from_onnx(folded, pictures=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Model.from_onnx(file, pictures=True, preprocessing="none")
        Model.from_onnx(file, channels_last=True)
        Model.from_onnx(classifier(tmp_path / "inside.onnx", size=size, scaled=True), pictures=True)
        Model.from_onnx(classifier(tmp_path / "bytes.onnx", size=size, spread=60.0), pictures=True)


@pytest.mark.parametrize(
    "ends",
    [
        ("GlobalAveragePool", "Flatten", "Gemm", "Softmax"),
        ("GlobalAveragePool", "Flatten", "Gemm", "Softmax", "Identity"),
        ("GlobalAveragePool", "Conv", "Softmax"),  # (K, 1, 1), as of SqueezeNet
    ],
)
def test_probabilities_at_the_end(ends: tuple[str, ...], tmp_path: Path) -> None:
    """They are made once: by the cross-entropy, of the logits."""
    file = classifier(tmp_path / "c.onnx", ends=ends, size=(16, 20))
    scale = Preprocessing.of_pictures(MEAN, STD)
    model = Model.from_onnx(
        file, pictures=True, preprocessing=scale, class_names=NAMES, threads=1
    )  # fmt: skip
    x = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)
    expected = by_onnxruntime(file, x).reshape(3, 4)
    assert np.abs(model.predict_proba(x) - expected).max() < 1e-5
    assert np.abs(model(x).sum(1) - 1).max() > 0.1
    plain = Model.from_onnx(file, channels_last=True, preprocessing=scale, threads=1)
    assert np.abs(plain(x).reshape(3, 4) - expected).max() < 1e-5  # as the file has it


def test_a_file_that_takes_channels_last_already_is_not_turned(tmp_path: Path) -> None:
    """`channels_last` says what the model takes, which the file does as it is."""
    first = onnx.load(classifier(tmp_path / "first.onnx", size=(16, 20)))
    graph = first.graph
    name, shape = graph.input[0].name, (1, 16, 20, 3)
    graph.node.insert(0, onnx.helper.make_node("Transpose", ["seen"], [name], perm=[0, 3, 1, 2]))
    graph.input[0].CopyFrom(
        onnx.helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, shape)
    )
    file = tmp_path / "last.onnx"
    onnx.save(first, file)
    model = Model.from_onnx(file, channels_last=True, preprocessing="unit", threads=1)
    assert model.network.input_shape == (16, 20, 3)
    x = np.random.default_rng(0).integers(0, 256, (1, 16, 20, 3), dtype=np.uint8)
    turned = Model.from_onnx(tmp_path / "first.onnx", preprocessing="unit", threads=1)
    assert np.abs(model(x) - turned(x.transpose(0, 3, 1, 2))).max() < 1e-5


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = classifier(tmp_path / "c.onnx", size=(16, 20)), tmp_path / "o.sloy"

    def error(*words: object, code: int = 1) -> str:
        return show(capsys, "import", *words, code=code)[1]

    names = tmp_path / "n.json"
    names.write_text('{"id2label": {"0": "a", "1": "b"}}')
    assert "there are 2, the network's output is (N, 4)" in error(
        file, out, "--classes", names, *STATED
    )
    assert "made for pictures of 16 × 20" in error(file, out, "--size", 32, *STATED, code=2)
    assert "must be of one scale" in error(file, out, "--mean", "0.5", "--std", "58", code=2)
    assert "an ONNX file takes a file of names" in error(file, out, "--classes", 4, code=2)
    assert "takes a number" in error("vgg11", out, "--classes", names, code=2)
    assert "--mean is for ONNX files" in error("vgg11", out, "--mean", "1", code=2)
    assert "none.txt: cannot be read" in error(file, out, "--classes", tmp_path / "none.txt")
    open_ = classifier(tmp_path / "open.onnx")
    assert "--input-shape (=None) must give" in error(open_, out, code=2)
    with pytest.raises(ShapeError, match="`channels_last` makes"):
        Model.from_onnx(file, preprocessing=Preprocessing.of_pictures(MEAN, STD))
    for wrong in ({"preprocessing": "half"}, {"size": (3,)}, {"pictures": 1}):
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            Model.from_onnx(file, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SloyError, match="no picture"):
        Model.from_onnx(classifier(tmp_path / "d.onnx", channels=5), size=(3, 3))
    assert not out.exists()


def of_steps(path: Path, *, samples_first: bool) -> Path:
    """What reads text: of a picture (3, 8, 12) the probabilities of 5 letters in 12 steps."""
    draw = np.random.default_rng(2)
    arrays = {"conv": draw.normal(size=(6, 3, 8, 1)), "dense": draw.normal(size=(6, 5))}
    order = [0, 2, 1] if samples_first else [2, 0, 1]
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["high"]),
        helper.make_node("Squeeze", ["high", "two"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["steps"], perm=order),
        helper.make_node("MatMul", ["steps", "dense"], ["letters"]),
        helper.make_node("Softmax", ["letters"], ["y"], axis=-1),
    ]
    weights = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    weights.append(numpy_helper.from_array(np.array([2]), "two"))
    shapes = ["N", 3, 8, 12], ["N", "steps", 5] if samples_first else ["steps", "N", 5]
    x, y = (
        helper.make_tensor_value_info(name, 1, shape)
        for name, shape in zip("xy", shapes, strict=True)
    )
    graph = helper.make_graph(nodes, "steps", [x], [y], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_classes_at_each_step_are_no_classes_of_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = of_steps(tmp_path / "text.onnx", samples_first=True), tmp_path / "text.sloy"
    arguments = ["import", str(file), str(out), "--mean", "0", "--std", "1"]
    assert exit_code(*arguments) == 0
    model = sloy.load(out)
    assert (model.loss, model.network.output_shape) == (sloy.losses.SquaredError(), (12, 5))
    pixels = np.random.default_rng(3).integers(0, 256, (2, 8, 12, 3)).astype(np.uint8)
    fed = {"x": (pixels / np.float32(255)).transpose(0, 3, 1, 2).astype(np.float32)}
    (expected,) = onnxruntime.InferenceSession(str(file)).run(None, fed)
    np.testing.assert_allclose(model(pixels), expected, rtol=1e-5, atol=1e-6)
    steps = of_steps(tmp_path / "steps.onnx", samples_first=False)
    assert exit_code("import", str(steps), str(tmp_path / "steps.sloy")) == 1
    said = capsys.readouterr().err
    assert (
        "is (12, 2, 5) for 2 samples; it must be (N, …); export it with the samples first" in said
    )
