"""What `make_pretrained.py` computes with PyTorch, timm and Keras, and the tests with sloy: weights, inputs, digests.

Weights are functions of their name and index, so that no file of them is kept.
"""

from __future__ import annotations

from math import prod, sqrt
from zlib import crc32

import numpy as np

Arrays = dict[str, np.ndarray]

VARIANTS = ("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn")
# Networks of blocks: the zoo's name, and timm's.
BLOCKED = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "efficientnet_b0": "efficientnet_b0",
    "convnext_tiny": "convnext_tiny",
}
BLOCKED_SIZE = (64, 96)  # pixels
SIXTEENTH = 1 / 16  # of the channels, for the small networks
UNITS = 24
CLASSES = 7
# The blocks of VGG-16 whose outputs are compared, and their place in torchvision's `features` and `classifier`.
BLOCKS = {"pool1": 4, "pool2": 9, "pool3": 16, "pool4": 23, "pool5": 30}
SAMPLES = 24
BLOCK = 1 << 15  # numbers made together: they stay in the cache
PICTURE = (330, 470)  # height and width of a picture that is resized and cropped


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 numbers of [-1, 1): the finalizer of MurmurHash3 on the index, keyed by the name."""
    numbers = np.empty(prod(shape), np.float32)
    for start in range(0, numbers.size, BLOCK):
        bits = np.arange(start, min(start + BLOCK, numbers.size), dtype=np.uint32)
        bits *= np.uint32(0x9E3779B1)
        bits += np.uint32(crc32(name.encode()))
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            bits ^= bits >> np.uint32(shift)
            bits *= np.uint32(factor)
        bits ^= bits >> np.uint32(16)
        bits >>= np.uint32(8)
        part = numbers[start : start + len(bits)]
        np.multiply(bits, np.float32(2.0**-23), out=part, casting="unsafe", dtype=np.float32)
        part -= np.float32(1)
    return numbers.reshape(shape)


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor by its name in PyTorch or Keras and its shape: signals keep their size through ReLU layers."""
    numbers = uniform(name, shape)
    role = name.replace("/", ".").rpartition(".")[2]
    if role in ("running_var", "moving_variance"):
        return np.float32(1.25) + np.float32(0.75) * numbers
    if len(shape) > 1:
        fan_in = prod(shape[:-1] if role == "kernel" else shape[1:])
        numbers *= np.float32(sqrt(6 / fan_in))
        return numbers
    if role in ("weight", "gamma"):
        return np.float32(1) + np.float32(0.5) * numbers
    return np.float32(0.1) * numbers


def blocked_weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The same for networks of blocks, whose gates are nearly open: sixteen half open ones would leave no signal."""
    gate = ".se.conv_expand.bias" in name or (".block." in name and name.endswith(".fc2.bias"))
    return weight(name, shape) + np.float32(2) if gate else weight(name, shape)


def picture(height: int, width: int, count: int = 1) -> np.ndarray:
    """Waves of colour with noise on them, uint8 (N, H, W, 3)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    waves = np.stack([np.sin(rows / 17), np.cos(columns / 23), np.sin((rows + columns) / 31)], -1)
    noise = uniform("picture", (count, height, width, 3))
    return np.clip(127.5 + 80 * waves + 40 * noise, 0, 255).astype(np.uint8)


def digest(maps: np.ndarray) -> np.ndarray:
    """A few numbers of maps (N, H, W, C), or of vectors, that any permutation, shift or scaling changes: float64.

    Samples at scattered places, the root of the mean square, and three sums with pseudo-random signs, scaled so.
    """
    flat = maps.reshape(-1).astype(np.float64)
    places = (np.arange(SAMPLES, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) % np.uint64(
        flat.size
    )
    size = np.sqrt(np.mean(flat**2))
    sums = [
        np.sum(flat * np.sign(uniform(f"signs {k}", flat.shape))) / np.sqrt(flat.size)
        for k in range(3)
    ]
    return np.array([*flat[places.astype(np.int64)], size, *sums])
