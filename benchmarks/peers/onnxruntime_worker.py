"""onnxruntime: inference of a model that is written here, by the `onnx` package, from the job's layers."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from jobs import Job
from peers.channels_first import channels_first_samples, channels_first_weights
from peers.protocol import Run, Worker, serve

onnx: Any = importlib.import_module("onnx")
onnxruntime: Any = importlib.import_module("onnxruntime")


def variants(job: Job) -> dict[str, str]:
    """Inference only."""
    return {"CPU": "float32"} if job.task == "inference" else {}


def model(job: Job) -> bytes:
    """The network as an ONNX file."""
    helper = onnx.helper
    nodes = _Nodes(iter(channels_first_weights(job)))
    value = nodes.chain(job.layers, "x")
    shape, kind = channels_first_samples(job)[0].shape[1:], onnx.TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_tensor_value_info(value, kind, (job.batch, job.classes))
    graph = helper.make_graph(nodes.nodes, "job", [x], [y], nodes.tensors)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


class _Nodes:
    """Nodes and tensors of a graph that is written layer by layer."""

    def __init__(self, pairs: Any) -> None:
        self.pairs, self.nodes, self.tensors = pairs, [], []

    def node(self, name: str, inputs: list[str], **attributes: Any) -> str:
        value = f"v{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(name, inputs, [value], **attributes))
        return value

    def tensor(self, array: Any) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors.append(onnx.numpy_helper.from_array(array, name))
        return name

    def chain(self, layers: tuple[Any, ...], value: str) -> str:
        """What layers behind each other make of a value."""
        for layer in layers:
            value = self.layer(layer, value)
        return value

    def layer(self, layer: tuple[Any, ...], value: str) -> str:
        match layer:
            case ("convolution", _, kernel, padding):
                given = [self.tensor(array) for array in next(self.pairs)]
                return self.node("Conv", [value, *given], kernel_shape=[kernel] * 2, pads=[padding] * 4)  # fmt: skip
            case ("conv_norm", _, kernel, stride, groups):
                weight, bias = next(self.pairs)
                value = self.node(
                    "Conv", [value, self.tensor(weight)],
                    kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4, strides=[stride] * 2, group=groups,
                )  # fmt: skip
                one, zero = np.ones_like(bias), np.zeros_like(bias)
                return self.node("BatchNormalization", [value, *map(self.tensor, (one, bias, zero, one))])  # fmt: skip
            case ("residual", inner, shortcut):
                return self.node("Add", [self.chain(inner, value), self.chain(shortcut, value)])
            case ("dense", _):
                given = [self.tensor(array) for array in next(self.pairs)]
                return self.node("Gemm", [value, *given], transB=1)
            case ("max_pool", size, stride, padding):
                extents = {"kernel_shape": [size] * 2, "strides": [stride] * 2}
                return self.node("MaxPool", [value], **extents, pads=[padding] * 4)
            case ("max_pool" | "average_pool", size):
                name = "MaxPool" if layer[0] == "max_pool" else "AveragePool"
                return self.node(name, [value], kernel_shape=[size] * 2, strides=[size] * 2)
            case ("relu6",):
                low, high = (self.tensor(np.float32(bound)) for bound in (0, 6))
                return self.node("Clip", [value, low, high])
            case ("global_average",):
                return self.node("Flatten", [self.node("GlobalAveragePool", [value])])
            case ("dropout", _):
                return value
            case _:
                return self.node({"relu": "Relu", "tanh": "Tanh", "flatten": "Flatten"}[layer[0]], [value])  # fmt: skip


def build(job: Job, variant: str, threads: int) -> Run:
    """The job in a session of so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model(job), options, ["CPUExecutionProvider"])
    batches = list(channels_first_samples(job)[0])
    done = 0

    def run(steps: int) -> list[Any]:
        nonlocal done
        span = range(done, done + steps)
        outputs = [session.run(None, {"x": batches[k % len(batches)]})[0] for k in span]
        done += steps
        return outputs

    return run


if __name__ == "__main__":
    serve(Worker("onnxruntime", onnxruntime.__version__, variants, build))
