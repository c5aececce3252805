"""The small ONNX files beside this script, and what their networks give; the tests never run it.

    python generate.py pytorch      # where torch, onnx and onnxscript are installed
    python generate.py keras        # where tensorflow, keras and tf2onnx are installed

Written with torch 2.13.0 and onnxscript 0.7.2, and with tensorflow 2.21, keras 3.15 and tf2onnx 1.17.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def pytorch() -> None:
    """A residual network with batch normalisation, dropout and a flatten whose order of axes matters."""
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
            self.bn1 = nn.BatchNorm2d(8)
            self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(8)
            self.drop = nn.Dropout(0.5)
            self.fc = nn.Linear(8 * 5 * 3, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.bn1(self.conv1(x)))
            x = x + torch.relu(self.bn2(self.conv2(x)))
            x = torch.max_pool2d(x, 2)
            return self.fc(self.drop(x.view(x.size(0), -1)))

    torch.manual_seed(0)
    net = Small().eval()
    for norm in (net.bn1, net.bn2):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 10, 6)
    y = net(x).detach().numpy()
    names = {"input_names": ["input"], "output_names": ["logits"], "dynamo": False}
    free = {"dynamic_axes": {"input": {0: "N"}}}
    torch.onnx.export(net, (x,), HERE / "pytorch_torchscript.onnx", **names, **free)
    torch.onnx.export(net, (x[:1],), HERE / "pytorch_one_sample.onnx", **names)
    batch = torch.export.Dim("N")
    torch.onnx.export(
        net, (x,), HERE / "pytorch_dynamo.onnx", dynamo=True, dynamic_shapes=({0: batch},)
    )
    torch.onnx.export(
        net,
        (x,),
        HERE / "pytorch_training.onnx",
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        **names,
        **free,
    )  # which runs the network once in training, so its statistics are others now
    y_training = net.eval()(x).detach().numpy()
    np.savez(HERE / "pytorch.npz", x=x.numpy(), y=y, y_training=y_training)
    for path in HERE.glob("pytorch_*.onnx"):
        without_traces(path)


def without_traces(path: Path) -> None:
    """Take out which lines of which files made each node."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for part in (
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
    ):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    path.write_bytes(model.SerializeToString())


def keras() -> None:
    """A functional model of channels-last layers, its preprocessing inside."""
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((11, 9, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    norm = layers.BatchNormalization(momentum=0.8)
    x = norm(x)
    y = layers.LeakyReLU(0.2)(layers.Conv2D(6, 3, padding="same", use_bias=False)(x))
    x = layers.MaxPooling2D(2, padding="same")(layers.Add()([x, y]))
    x = layers.Flatten()(layers.Dropout(0.3)(x))
    net = keras.Model(inputs, layers.Dense(5, activation="softmax", name="head")(x))
    random = np.random.default_rng(0)
    norm.set_weights(
        [
            random.uniform(0.5, 1.5, 6),
            random.normal(size=6),
            random.normal(size=6),
            random.uniform(0.5, 2, 6),
        ]
    )
    x = random.uniform(0, 255, (3, 11, 9, 3)).astype(np.float32)
    np.savez(HERE / "keras.npz", x=x, y=net.predict(x, verbose=0))
    signature = (tf.TensorSpec((None, 11, 9, 3), tf.float32, name="image"),)
    function = tf.function(lambda image: net(image, training=False), input_signature=signature)
    tf2onnx.convert.from_function(
        function, input_signature=signature, opset=13, output_path=str(HERE / "keras_tf2onnx.onnx")
    )


if __name__ == "__main__":
    {"pytorch": pytorch, "keras": keras}[sys.argv[1]]()
