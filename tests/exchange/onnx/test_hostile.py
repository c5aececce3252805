"""ONNX files that lie: one clear error, nothing executed, nothing large reserved."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloy.errors import FileFormatError, InvalidArgument, NotAvailable, SloyError
from sloy.exchange.onnx.reading import read
from sloy.model import Model

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

SMALL = 8 << 20  # bytes that reading a small file may take


def model(
    nodes: list[Any],
    weights: list[Any] | None = None,
    *,
    shape: Any = ("N", 4),
    opset: int = 18,
    domain: str = "",
) -> Any:
    """A model of one input `x` and one output `y`, unchecked."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        weights or [],
    )
    imports = [helper.make_opsetid(domain, opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(op, inputs, outputs, **attributes)


def weight(name: str, *shape: int) -> Any:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def sound() -> Any:
    return model([node("Gemm", ["x", "w"], ["y"])], [weight("w", 4, 3)])


def cycle() -> Any:
    return model(
        [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]
    )


def made_twice() -> Any:
    return model([node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])])


def nothing_makes_the_output() -> Any:
    return model([node("Relu", ["x"], ["z"])])


def huge_dims() -> Any:
    found = sound()
    found.graph.initializer[0].dims[:] = [1 << 39, 1 << 39]
    return found


def more_dims_than_bytes() -> Any:
    found = sound()
    found.graph.initializer[0].dims[:] = [4, 1 << 30]
    return found


def fewer_numbers_than_dims() -> Any:
    found = sound()
    found.graph.initializer[0].CopyFrom(
        onnx.TensorProto(name="w", data_type=FLOAT, dims=[4, 1 << 30], float_data=[1.0])
    )
    return found


def negative_dims() -> Any:
    found = sound()
    found.graph.initializer[0].dims[:] = [-4, -3]
    return found


def constant_of_shape() -> Any:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20, 1 << 20]), "s")
    return model([node("ConstantOfShape", ["s"], ["w"]), node("Add", ["x", "w"], ["y"])], [shape])


def weights_of_nothing() -> Any:
    shape = numpy_helper.from_array(np.array([4, 1 << 28]), "s")
    return model([node("ConstantOfShape", ["s"], ["w"]), node("Gemm", ["x", "w"], ["y"])], [shape])


def expanded() -> Any:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "s")
    two = numpy_helper.from_array(np.ones((1, 2), np.float32), "two")
    first = numpy_helper.from_array(np.array([1 << 30, 2]), "s")
    del shape
    return model(
        [node("Expand", ["two", "s"], ["w"]), node("Add", ["x", "w"], ["y"])], [two, first]
    )


def endless_range() -> Any:
    numbers = [
        numpy_helper.from_array(np.array(v), n) for n, v in (("a", 0), ("b", 1 << 60), ("c", 1))
    ]
    return model(
        [node("Range", ["a", "b", "c"], ["r"]), node("Reshape", ["x", "r"], ["y"])], numbers
    )


def huge_padding() -> Any:
    return model(
        [node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], pads=[1 << 40] * 4)],
        shape=("N", 1, 4, 4),
    )


def huge_tile() -> Any:
    repeats = numpy_helper.from_array(np.array([1, 1 << 40]), "t")
    return model([node("Tile", ["x", "t"], ["y"])], [repeats])


def python_operator() -> Any:
    return model([node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib", code="import os")])


def nested() -> Any:
    inner = node("Relu", ["x"], ["r0"])
    for depth in range(1, 20):
        body = helper.make_graph(
            [inner], f"g{depth}", [], [helper.make_tensor_value_info(inner.output[0], 1, None)]
        )
        inner = node("If", ["c"], [f"r{depth}"], then_branch=body)
    inner.output[0] = "y"
    return model([inner], [numpy_helper.from_array(np.array(True), "c")])


def loop() -> Any:
    body = helper.make_graph([], "body", [], [])
    return model([node("Loop", ["", "", "x"], ["y"], body=body)])


def future_opset() -> Any:
    return model([node("Relu", ["x"], ["y"])], opset=999)


def wrong_attribute() -> Any:
    return model([node("Softmax", ["x"], ["y"], axis=17)])


def wrong_permutation() -> Any:
    return model([node("Transpose", ["x"], ["y"], perm=[0, 7])])


def nameless_output() -> Any:
    found = sound()
    found.graph.output[0].name = ""
    return found


def node_of_nothing() -> Any:
    return model([node("Relu", ["x"], ["y"]), node("Relu", ["x"], [""])])


def two_samples_mixed() -> Any:
    shape = numpy_helper.from_array(np.array([2, 2, -1]), "s")
    return model([node("Reshape", ["x", "s"], ["y"])], [shape])


def external(location: str, **more: str) -> Callable[[], Any]:
    def make() -> Any:
        found = sound()
        tensor = found.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        return found

    return make


WRONG: dict[str, tuple[Callable[[], Any], type[SloyError], str]] = {
    "cycle": (cycle, FileFormatError, "a cycle, or nodes out of order"),
    "made twice": (made_twice, FileFormatError, "made twice"),
    "no output": (nothing_makes_the_output, FileFormatError, "nothing makes the output 'y'"),
    "huge dims": (huge_dims, FileFormatError, "impossible shape"),
    "more dims than bytes": (more_dims_than_bytes, FileFormatError, "needs .* bytes, there are 48"),
    "fewer numbers": (fewer_numbers_than_dims, FileFormatError, "holds 1 numbers"),
    "negative dims": (negative_dims, FileFormatError, "impossible shape"),
    "ConstantOfShape": (constant_of_shape, FileFormatError, "impossible shape"),
    "weights of nothing": (weights_of_nothing, FileFormatError, "out of nothing"),
    "Expand": (expanded, FileFormatError, "larger than allowed"),
    "Range": (endless_range, FileFormatError, "larger than allowed"),
    "padding": (huge_padding, FileFormatError, "the padding .* is impossible"),
    "Tile": (huge_tile, FileFormatError, "larger than allowed"),
    "Python": (python_operator, FileFormatError, "of the domain 'ai.onnx.contrib'"),
    "a loop of nothing": (loop, FileFormatError, "a body that does not take and give a condition"),
    "branches in branches": (nested, FileFormatError, "graphs lie inside each other more than 16 deep"),
    "opset": (future_opset, FileFormatError, "has opset 999"),
    "axis": (wrong_attribute, FileFormatError, "the axis 17 does not lie within 2 axes"),
    "permutation": (wrong_permutation, FileFormatError, "`perm` is"),
    "no name": (nameless_output, FileFormatError, "has no name"),
    "node of nothing": (node_of_nothing, FileFormatError, "makes nothing"),
    "samples mixed": (two_samples_mixed, SloyError, "samples|does not fit"),
    "absolute path": (external("/etc/passwd"), FileFormatError, "outside the file's folder"),
    "path upwards": (external("../secret.bin"), FileFormatError, "outside the file's folder"),
    "path by a link": (external("link/secret.bin"), FileFormatError, "outside the file's folder"),
    "no external file": (external("missing.bin"), FileFormatError, "missing or truncated"),
    "external too long": (external("here.bin", length="1000000000000"), FileFormatError, "missing or truncated"),
    "external offset": (external("here.bin", offset="-8"), FileFormatError, "missing or truncated"),
    "external length": (external("here.bin", length="4"), FileFormatError, "cannot have 4 bytes"),
    "external no number": (external("here.bin", length="many"), FileFormatError, "cannot be read"),
}  # fmt: skip


def refused(path: Path) -> SloyError:
    """The error that reading gives; what it reserves is bounded."""
    tracemalloc.start()
    try:
        with pytest.raises(SloyError) as caught:
            Model.from_onnx(path, engine="reference")
        assert tracemalloc.get_traced_memory()[1] < SMALL
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


@pytest.mark.parametrize("name", WRONG)
def test_refused_with_one_clear_error(name: str, tmp_path: Path) -> None:
    make, kind, message = WRONG[name]
    folder, outside = tmp_path / "models", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    for secret in (tmp_path / "secret.bin", outside / "secret.bin", folder / "here.bin"):
        secret.write_bytes(b"\0" * 48)
    (folder / "link").symlink_to(outside)
    path = folder / "model.onnx"
    path.write_bytes(make().SerializeToString())
    error = refused(path)
    assert isinstance(error, kind)
    with pytest.raises(SloyError, match=message):
        raise error


def test_external_data_beside_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    (tmp_path / "here.bin").write_bytes(b"\0" * 8 + np.arange(12, dtype="<f4").tobytes())
    path.write_bytes(external("here.bin", offset="8")().SerializeToString())
    found = Model.from_onnx(path, engine="reference")(np.eye(4, dtype=np.float32))
    assert np.array_equal(found, np.arange(12).reshape(4, 3))


def test_truncated_anywhere(tmp_path: Path) -> None:
    whole, path = sound().SerializeToString(), tmp_path / "model.onnx"
    survived, messages = 0, []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            Model.from_onnx(path, engine="reference")
        except SloyError as error:
            messages.append(str(error))
        else:  # protocol buffers know no end: cut between two fields they may still be a model
            survived += 1
    assert survived <= 1
    assert all(str(path) in message for message in messages)


def test_bytes_changed_at_random(tmp_path: Path) -> None:
    """Either it still reads, or one error of sloy's says why not; nothing else gets out."""
    whole, path = bytearray(sound().SerializeToString()), tmp_path / "model.onnx"
    random = np.random.default_rng(5)
    refusals = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            Model.from_onnx(path, engine="reference")
        except SloyError:
            refusals += 1
    assert refusals > 100


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"GIF89a" + b"x" * 50, b"PK\3\4 no model"])
def test_no_model_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert isinstance(refused(path), FileFormatError)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.onnx"):
        assert isinstance(refused(path), FileFormatError)


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(sound().SerializeToString())
    assert read(path).opset == 18
    assert Model.from_onnx(path, engine="reference")(np.ones((2, 4))).tolist() == [[4.0] * 3] * 2


def test_what_the_caller_gives_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(sound().SerializeToString())
    for wrong in (
        {"input_shape": (5,)},
        {"input_shape": (4, 1)},
        {"output": "nothing"},
        {"loss": "none"},
    ):
        with pytest.raises(InvalidArgument):
            Model.from_onnx(path, **wrong)  # type: ignore[arg-type]


def test_without_the_onnx_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(sound().SerializeToString())
    read_before = Model.from_onnx(path, engine="reference")
    monkeypatch.setitem(sys.modules, "onnx", None)
    for use in (lambda: Model.from_onnx(path), lambda: read_before.export(tmp_path / "m.onnx")):
        with pytest.raises(NotAvailable, match=r"pip install 'sloy\[onnx\]'"):
            use()
    read_before.export(tmp_path / "m.c")
    read_before.save(tmp_path / "m.sloy")


def test_external_data_through_the_links_of_a_cache(tmp_path: Path) -> None:
    """Hugging Face's: snapshots/…/model.onnx and its data are links to files side by side elsewhere."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc" / "onnx"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "1").write_bytes(external("data.bin")().SerializeToString())
    (blobs / "2").write_bytes(np.arange(12, dtype="<f4").tobytes())
    (snapshot / "model.onnx").symlink_to("../../../blobs/1")
    (snapshot / "data.bin").symlink_to("../../../blobs/2")
    found = Model.from_onnx(snapshot / "model.onnx", engine="reference")(
        np.eye(4, dtype=np.float32)
    )
    assert np.array_equal(found, np.arange(12).reshape(4, 3))


def test_a_link_to_somewhere_else_is_not_followed(tmp_path: Path) -> None:
    """Neither beside a plain file nor beside one that is a link itself."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "secret").write_bytes(b"\0" * 48)
    for name, target in (("plain", None), ("linked", "../blobs/1")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "data.bin").symlink_to("../secret")
        file = external("data.bin")().SerializeToString()
        if target is None:
            (folder / "model.onnx").write_bytes(file)
        else:
            (tmp_path / "blobs" / "1").write_bytes(file)
            (folder / "model.onnx").symlink_to(target)
        with pytest.raises(FileFormatError, match="outside the file's folder, or a link leads out"):
            Model.from_onnx(folder / "model.onnx", engine="reference")


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "reason"),
    [
        ("Transpose", ["x"], {"perm": "ab"}, "`perm` must be INTS"),
        ("Flatten", ["x"], {"axis": [1]}, "`axis` must be INT"),
        ("Elu", ["x"], {"alpha": [1.0]}, "`alpha` must be FLOAT"),
        ("ReduceMean", ["x"], {"keepdims": "a"}, "`keepdims` must be INT"),
        ("CumSum", ["x"], {}, "cannot be understood"),
        ("Einsum", ["x", "x"], {"equation": "ij,jk->" + "ik" * 5000}, "the result of 'ij,jk->.*…"),
    ],
)
def test_attributes_of_other_types_and_missing_operands(
    tmp_path: Path, op: str, inputs: list[str], attributes: dict[str, Any], reason: str
) -> None:
    node = helper.make_node(op, inputs, ["y"])
    for name, value in attributes.items():
        node.attribute.append(helper.make_attribute(name, value))
    path = tmp_path / "m.onnx"
    path.write_bytes(model([node]).SerializeToString())
    with pytest.raises(SloyError, match=reason) as caught:
        Model.from_onnx(path, engine="reference")
    assert len(str(caught.value)) < 300 + len(str(path))
