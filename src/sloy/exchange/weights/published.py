"""The table of published weights: addresses, checksums, and the pictures that they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TORCH = "https://download.pytorch.org/models/"
_TIMM = "https://github.com/huggingface/pytorch-image-models/releases/download/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class Published:
    """A file of weights at its official address.

    Attributes
    ----------
    url : str
        Its last part is the file's name.
    algorithm : "sha256" or "md5"
    digest : str
        What the checksum, in hexadecimal, begins with: all of it where it is known, else what the publisher gives and
        checks himself.
    top1 : float or None
        Published accuracy on ImageNet's validation pictures, in per cent, one centre crop; None where the publisher
        gives none for 224 × 224.
    resize_to : int
        Shorter side in pixels of the picture whose middle 224 × 224 these weights were measured on.
    resampling : str
        How it is resized, see `sloy.data.pictures.PictureReader`.
    """

    url: str
    algorithm: str
    digest: str
    top1: float | None
    resize_to: int = 256
    resampling: str = "bilinear"

    @property
    def file_name(self) -> str:
        """The file's name."""
        return urlsplit(self.url).path.rpartition("/")[2]


def _torch(stem: str, top1: float, **pictures: Any) -> Published:
    """A file of torchvision, whose name ends in the first digits of its checksum."""
    return Published(f"{_TORCH}{stem}.pth", "sha256", stem.rpartition("-")[2], top1, **pictures)


def _timm(stem: str, resize_to: int = 256) -> Published:
    """A file of timm, likewise."""
    digest = stem.rpartition("-")[2]
    return Published(f"{_TIMM}{stem}.pth", "sha256", digest, None, resize_to, "bicubic")


# Name → publisher → file. torchvision and timm write the first 8 digits of the SHA-256 into the name; Keras gives the
# MD5. Where torchvision trained a network twice, "torchvision" is the later one, as its own default, and
# "torchvision-v1" the earlier.
PUBLISHED: Mapping[str, Mapping[str, Published]] = {
    "vgg11": {"torchvision": Published(f"{_TORCH}vgg11-8a719046.pth", "sha256", "8a719046", 69.020)},
    "vgg13": {"torchvision": Published(f"{_TORCH}vgg13-19584684.pth", "sha256", "19584684", 69.928)},
    "vgg16": {
        "torchvision": Published(
            f"{_TORCH}vgg16-397923af.pth",
            "sha256",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            71.592,
        ),
        "keras": Published(
            f"{_KERAS}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
            "md5",
            "64373286793e3c8b2b4e3219cbf3544b",
            71.268,
        ),
    },
    "vgg19": {
        "torchvision": Published(
            f"{_TORCH}vgg19-dcbb9e9d.pth",
            "sha256",
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            72.376,
        ),
        "keras": Published(
            f"{_KERAS}vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
            "md5",
            "cbe5617147190e668d6c5d5026f83318",
            71.256,
        ),
    },
    "vgg11_bn": {"torchvision": Published(f"{_TORCH}vgg11_bn-6002323d.pth", "sha256", "6002323d", 70.370)},
    "vgg13_bn": {"torchvision": Published(f"{_TORCH}vgg13_bn-abd245e5.pth", "sha256", "abd245e5", 71.586)},
    "vgg16_bn": {
        "torchvision": Published(
            f"{_TORCH}vgg16_bn-6c64b313.pth",
            "sha256",
            "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
            73.360,
        )
    },
    "vgg19_bn": {"torchvision": Published(f"{_TORCH}vgg19_bn-c79401a0.pth", "sha256", "c79401a0", 74.218)},
    "resnet18": {
        "torchvision": _torch("resnet18-f37072fd", 69.758),
        "timm": _timm("v0.1-rsb-weights/resnet18_a1_0-d63eafa0", 235),
    },
    "resnet34": {
        "torchvision": _torch("resnet34-b627a593", 73.314),
        "timm": _timm("v0.1-rsb-weights/resnet34_a1_0-46f8f793", 235),
    },
    "resnet50": {
        "torchvision": _torch("resnet50-11ad3fa6", 80.858, resize_to=232),
        "torchvision-v1": _torch("resnet50-0676ba61", 76.130),
        "timm": _timm("v0.1-rsb-weights/resnet50_a1_0-14fe96d1", 235),
    },
    "mobilenet_v2": {
        "torchvision": _torch("mobilenet_v2-7ebf99e0", 72.154, resize_to=232),
        "torchvision-v1": _torch("mobilenet_v2-b0353104", 71.878),
        "timm": _timm("v0.1-weights/mobilenetv2_100_ra-b33bc2c4"),
    },
    "mobilenet_v3_large": {
        "torchvision": _torch("mobilenet_v3_large-5c1a4163", 75.274, resize_to=232),
        "torchvision-v1": _torch("mobilenet_v3_large-8738ca79", 74.042),
        "timm": _timm("v0.1-weights/mobilenetv3_large_100_ra-f55367f5"),
    },
    "mobilenet_v3_small": {
        "torchvision": _torch("mobilenet_v3_small-047dcff4", 67.668),
        "timm": _timm("v0.1-weights/mobilenetv3_small_100_lamb-266a294c"),
    },
    "efficientnet_b0": {
        "torchvision": _torch("efficientnet_b0_rwightman-7f5810bc", 77.692, resampling="bicubic"),
        "timm": _timm("v0.1-weights/efficientnet_b0_ra-3dd342df"),
    },
    "convnext_tiny": {"torchvision": _torch("convnext_tiny-983f1562", 82.520, resize_to=236)},
}  # fmt: skip
