"""onnxruntime: inference of a model that is written here, by the `onnx` package, from the job's layers."""

from __future__ import annotations

import importlib
from typing import Any

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
    helper, numbers = onnx.helper, onnx.numpy_helper
    pairs = iter(channels_first_weights(job))
    nodes, tensors, value = [], [], "x"
    for k, layer in enumerate(job.layers):
        inputs = [value]
        attributes: dict[str, Any] = {}
        match layer:
            case ("convolution", _, kernel, padding):
                name, attributes = "Conv", {"kernel_shape": [kernel] * 2, "pads": [padding] * 4}
            case ("dense", _):
                name, attributes = "Gemm", {"transB": 1}
            case ("max_pool" | "average_pool", size):
                name = "MaxPool" if layer[0] == "max_pool" else "AveragePool"
                attributes = {"kernel_shape": [size] * 2, "strides": [size] * 2}
            case ("dropout", _):
                continue
            case _:
                name = {"relu": "Relu", "tanh": "Tanh", "flatten": "Flatten"}[layer[0]]
        if name in ("Conv", "Gemm"):
            for letter, array in zip("wb", next(pairs), strict=True):
                tensors.append(numbers.from_array(array, f"{letter}{k}"))
                inputs.append(f"{letter}{k}")
        value = f"v{k}"
        nodes.append(helper.make_node(name, inputs, [value], **attributes))
    shape, kind = channels_first_samples(job)[0].shape[1:], onnx.TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_tensor_value_info(value, kind, (job.batch, job.classes))
    graph = helper.make_graph(nodes, "job", [x], [y], tensors)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


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
