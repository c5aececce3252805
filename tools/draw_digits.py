"""Photographs of handwritten digits, drawn by program: pens, papers, light and place all different.

Digits are splines through points of several handwritings, written with a pen of some width and pressure on paper,
board or screen, then photographed: light falls off, a shadow lies across, the sheet is turned and seen at an angle, the
picture is blurred, noisy and a JPEG. Nothing of it knows how `sloy.data.handwriting` finds them again.

    python tools/draw_digits.py OUT [--count 40] [--seed 0]    OUT/00-7.jpg: the digit stands in the name
"""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

WRITTEN: dict[str, tuple[str, ...]] = {  # strokes of points x,y in a box 100 × 140, y downwards; several hands
    "0": (
        "62,4 25,12 3,60 20,122 55,137 90,110 97,60 80,14 55,5",
        "50,2 12,25 5,80 30,135 72,130 95,70 78,10 42,0 30,10",
        "70,10 30,5 5,50 10,110 50,138 88,105 92,45 66,8",
    ),
    "1": (
        "50,0 50,70 50,140",
        "20,35 55,2 / 55,2 54,70 53,140",
        "65,0 50,70 35,140",
    ),
    "2": (
        "10,30 30,5 70,3 90,35 70,75 10,137 / 10,137 50,136 98,135",
        "12,25 50,0 88,30 60,85 15,125 8,138 30,120 60,130 98,132",
        "8,40 35,2 85,15 82,55 40,100 5,138 / 5,138 50,133 95,138",
    ),
    "3": (
        "12,15 50,0 85,25 70,58 38,66 / 38,66 80,76 93,108 60,138 8,125",
        "10,5 50,5 88,5 / 88,5 60,35 42,58 / 42,58 85,72 90,110 50,138 5,122",
        "5,30 35,2 80,12 78,50 40,68 / 40,68 88,80 85,120 40,140 2,115",
    ),
    "4": (
        "25,2 15,40 10,78 / 10,78 50,78 95,75 / 75,10 72,70 70,140",
        "65,0 35,45 5,95 / 5,95 50,95 100,93 / 68,0 68,70 68,140",
        "20,0 12,35 18,72 50,78 85,62 / 88,0 84,70 80,140",
    ),
    "5": (
        "90,5 50,5 22,6 / 22,6 19,30 15,60 / 15,60 50,48 88,70 85,115 45,138 5,122",
        "20,10 18,35 14,62 / 14,62 55,52 90,85 70,130 8,135 / 20,10 55,8 92,4",
        "85,2 55,6 30,5 / 30,5 22,35 20,58 / 20,58 60,55 85,90 60,132 10,130",
    ),
    "6": (
        "75,2 35,30 8,85 25,132 65,135 88,105 65,78 28,85 10,105",
        "60,0 20,50 10,105 45,140 85,115 75,82 40,78 12,100",
        "85,8 50,6 15,50 8,105 40,138 82,120 80,85 45,72 12,95",
    ),
    "7": (
        "5,8 50,6 92,5 / 92,5 60,60 35,140",
        "8,10 50,12 95,6 / 95,6 65,65 45,140 / 30,72 60,70 88,68",
        "10,25 14,8 / 14,8 50,10 90,3 / 90,3 62,55 40,140",
    ),
    "8": (
        "72,12 40,0 14,25 45,62 85,98 60,138 20,128 18,95 55,62 82,30 66,8",
        "50,65 15,40 40,2 80,20 70,50 48,66 / 48,66 8,95 30,136 80,130 88,95 50,66",
        "80,20 50,0 18,20 30,55 70,80 85,115 50,140 15,115 35,80 70,50 82,22",
    ),
    "9": (
        "82,25 50,2 15,25 25,65 65,65 84,25 / 84,25 80,80 65,140",
        "85,15 45,2 12,35 35,70 75,50 86,15 / 86,15 86,70 84,138",
        "80,30 55,0 18,15 15,50 50,68 80,35 / 80,35 85,90 60,130 20,132",
    ),
    "A": (
        "5,140 50,0 / 50,0 95,140 / 20,90 80,90",
    ),
    "E": (
        "10,0 10,140 / 10,0 90,0 / 10,70 70,70 / 10,140 90,140",
    ),
    "K": (
        "10,0 10,140 / 90,0 10,75 / 30,60 95,140",
    ),
    "M": (
        "0,140 10,0 / 10,0 50,90 / 50,90 90,0 / 90,0 100,140",
    ),
    "R": (
        "10,0 10,140 / 10,0 80,10 80,60 10,70 / 30,70 95,140",
    ),
    "T": (
        "0,0 100,0 / 50,0 50,140",
    ),
    "W": (
        "0,0 25,140 / 25,140 50,40 / 50,40 75,140 / 75,140 100,0",
    ),
    "X": (
        "5,0 95,140 / 95,0 5,140",
    ),
}  # fmt: skip
LETTERS = tuple(name for name in WRITTEN if not name.isdecimal())
INKS = {  # name → colour, width of the pen by the digit's height, how much of it the paper shows
    "ballpoint": ((35, 45, 130), (0.035, 0.06), 0.9),
    "pencil": ((95, 95, 98), (0.035, 0.07), 0.7),
    "black pen": ((25, 25, 30), (0.05, 0.09), 1.0),
    "felt pen": ((20, 20, 25), (0.1, 0.18), 1.0),
    "red pen": ((190, 30, 40), (0.05, 0.1), 0.95),
    "green marker": ((30, 110, 60), (0.09, 0.15), 0.95),
}
LIGHT_INKS = {
    "chalk": ((225, 225, 220), (0.06, 0.12), 0.85),
    "white paint": ((250, 250, 250), (0.06, 0.14), 1.0),
}
PAPERS = ((246, 245, 240), (235, 228, 208), (222, 226, 232), (250, 240, 150), (205, 196, 180))
BOARDS = ((38, 58, 48), (30, 30, 34), (40, 50, 80))
SIDE = 4  # times as fine while the ink is drawn


@dataclass(frozen=True)
class Photo:
    """A photograph and the digits on it, in reading order."""

    picture: Image.Image
    digits: str
    kind: str


def photo(
    seed: int, digits: str | None = None, kind: str | None = None, lined: bool | None = None
) -> Photo:
    """One photograph; what is not given is drawn.

    Parameters
    ----------
    seed : int
    digits : str, optional
        In one row; digits or capital letters of `LETTERS`.
    kind : str, optional
        "photo", "board" (light on dark) or "screen" (drawn in a program, no light and no camera).
    lined : bool, optional
    """
    random = np.random.default_rng([seed, 20])
    digits = str(random.integers(10)) if digits is None else digits
    kind = (
        str(random.choice(["photo", "photo", "photo", "board", "screen"])) if kind is None else kind
    )
    lined = kind == "photo" and random.random() < 0.3 if lined is None else lined
    tall = random.uniform(0.3, 0.7) if len(digits) == 1 else random.uniform(0.25, 0.4)
    height = (
        int(random.integers(300, 700))
        if kind != "screen"
        else int(random.choice([28, 64, 140, 280]))
    )
    width = max(
        int(height * random.uniform(0.8, 1.4)), int(height * tall * (0.4 + 0.85 * len(digits)))
    )
    inks = {**INKS, **LIGHT_INKS} if kind == "screen" else LIGHT_INKS if kind == "board" else INKS
    name = str(random.choice(list(inks)))
    colour, widths, strength = inks[name]
    light = name in LIGHT_INKS
    pen = random.uniform(*widths) if kind != "screen" else random.uniform(0.07, 0.14)
    cover = written(random, digits, (height, width), tall, pen)
    if kind == "screen":
        ground = np.full((height, width, 3), 0.0 if light else 255.0)
        colour = (255, 255, 255) if light else (0, 0, 0)
        return Photo(Image.fromarray(mixed(ground, cover, colour, 1.0)), digits, kind)
    paper = np.array((BOARDS if light else PAPERS)[random.integers(3 if light else 5)], float)
    ground = np.broadcast_to(paper, (height, width, 3)) + random.normal(0, 2.0, (height, width, 1))
    if lined:
        ground = rule(random, ground)
    pressure = strength * random.uniform(0.85, 1.0)
    sheet = mixed(ground, cover * grain(random, cover.shape, name), colour, pressure)
    return Photo(photographed(random, sheet), digits, f"{kind}, {name}{', lined' if lined else ''}")


def written(
    random: np.random.Generator, digits: str, size: tuple[int, int], tall: float, pen: float
) -> np.ndarray:
    """The share of each pixel that ink covers, (H, W)."""
    height, width = size
    tall = tall * height
    step = width / (len(digits) + (0.6 if len(digits) > 1 else 0.0))
    canvas = np.zeros((height * SIDE, width * SIDE), bool)
    for number, character in enumerate(digits):
        if len(digits) == 1:
            room = np.maximum(0, (width - 0.9 * tall, height - 1.1 * tall))
            centre = np.array([width, height]) / 2 + random.uniform(-0.45, 0.45, 2) * room
        else:
            moved = random.uniform((-0.03, -0.1), (0.03, 0.1)) * tall
            centre = np.array([step * (number + 0.8), height / 2]) + moved
        size_of_it = tall * (random.uniform(0.9, 1.1) if len(digits) > 1 else 1.0)
        for line in strokes(random, character):
            points = np.asarray(line) * size_of_it / 1.4 + centre
            along = np.linspace(0, random.uniform(1, 6), len(points)) + random.uniform(0, 6)
            pressed = 1 + random.uniform(0.0, 0.25) * np.sin(along)
            stamp(canvas, points * SIDE, 0.5 * pen * size_of_it * SIDE * pressed)
    return canvas.reshape(height, SIDE, width, SIDE).mean((1, 3))


def strokes(random: np.random.Generator, character: str) -> list[np.ndarray]:
    """The lines of a digit or letter, each (points, 2), about its middle; no two alike."""
    styles = WRITTEN[character]
    words = styles[random.integers(len(styles))].split(" / ")
    skeleton = [[_point(word) for word in stroke.split()] for stroke in words]
    moved: dict[tuple[float, float], np.ndarray] = {}  # where strokes meet they stay together
    angle, slant = random.normal(0, 0.08), random.normal(0.1, 0.12)
    stretch = random.uniform(0.8, 1.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lines = []
    for stroke in skeleton:
        points = [moved.setdefault(p, np.array(p) + random.normal(0, 0.03, 2)) for p in stroke]
        line = spline(np.array(points)) - (0.5, 0.7)
        line[:, 0] = line[:, 0] * stretch - slant * line[:, 1]
        lines.append(line @ turn.T)
    return lines


def _point(word: str) -> tuple[float, float]:
    x, y = word.split(",")
    return int(x) / 100, int(y) / 100


def spline(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through points (n, 2)."""
    padded = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, 40, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.concatenate([*pieces, points[-1:]])


def stamp(canvas: np.ndarray, points: np.ndarray, radii: np.ndarray) -> None:
    """Discs along a line."""
    for (x, y), radius in zip(points, np.maximum(radii, 1.0), strict=True):
        left, right = max(0, int(x - radius)), min(canvas.shape[1], int(x + radius) + 2)
        upper, lower = max(0, int(y - radius)), min(canvas.shape[0], int(y + radius) + 2)
        if left >= right or upper >= lower:
            continue
        down, across = np.ogrid[upper:lower, left:right]
        canvas[upper:lower, left:right] |= (across - x) ** 2 + (down - y) ** 2 <= radius**2


def grain(random: np.random.Generator, shape: tuple[int, int], ink: str) -> np.ndarray:
    """How evenly ink covers: pencil and chalk leave gaps."""
    rough = {"pencil": 0.25, "chalk": 0.3}.get(ink, 0.05)
    coarse = smooth_noise(random, shape, 3)
    return np.clip(1 - rough * np.abs(coarse), 0, 1)


def rule(random: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    """Lines across the sheet, or squares."""
    height, width, _ = ground.shape
    ruled = ground.copy()
    gap = int(random.uniform(0.06, 0.14) * height)
    thick = max(1, int(random.uniform(0.003, 0.008) * height))
    colour = np.array([(120, 150, 200), (150, 150, 150), (90, 120, 190)][random.integers(3)], float)
    first = int(random.integers(gap))
    strength = random.uniform(0.5, 0.9)
    for y in range(first, height, gap):
        ruled[y : y + thick] += strength * (colour - ruled[y : y + thick])
    if random.random() < 0.3:
        for x in range(int(random.integers(gap)), width, gap):
            ruled[:, x : x + thick] += strength * (colour - ruled[:, x : x + thick])
    elif random.random() < 0.3:
        x = int(0.08 * width)
        ruled[:, x : x + thick] += strength * (np.array([210, 90, 90.0]) - ruled[:, x : x + thick])
    return ruled


def mixed(
    ground: np.ndarray, cover: np.ndarray, colour: tuple[int, int, int], strength: float
) -> np.ndarray:
    """Ink on the ground, uint8 (H, W, 3)."""
    share = (strength * cover)[..., None]
    return np.clip(np.rint(ground * (1 - share) + np.array(colour, float) * share), 0, 255).astype(
        np.uint8
    )


def photographed(random: np.random.Generator, sheet: np.ndarray) -> Image.Image:
    """A sheet under uneven light, seen a little from the side."""
    height, width, _ = sheet.shape
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    slope = random.normal(0, 0.35, 2)
    light = 1 + slope[0] * (across - 0.5) + slope[1] * (down - 0.5)
    light *= 1 - random.uniform(0, 0.35) * ((across - 0.5) ** 2 + (down - 0.5) ** 2) * 2
    if random.random() < 0.5:  # a hand's or a head's shadow
        angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.3, 0.3)
        edge = random.uniform(0.01, 0.15)
        side = np.cos(angle) * (across - 0.5) + np.sin(angle) * (down - 0.5) - place
        side += 0.04 * smooth_noise(random, (height, width), 60)
        light *= 1 - random.uniform(0.2, 0.5) / (1 + np.exp(-side / edge * 4))
    lit = sheet * (light / light.max() * random.uniform(0.75, 1.05))[..., None]
    warm = 1 + random.normal(0, 0.04, 3)
    lit = np.clip(lit * warm + random.normal(0, random.uniform(1, 6), lit.shape), 0, 255)
    picture = Image.fromarray(lit.astype(np.uint8))
    shift = 0.04 * min(height, width)
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], float)
    inwards = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)]) * random.uniform(0, shift, (4, 2))
    picture = picture.transform(
        (width, height),
        Image.Transform.QUAD,
        tuple((corners + inwards).ravel()),
        Image.Resampling.BICUBIC,
    )
    picture = picture.rotate(
        random.normal(0, 2),
        Image.Resampling.BICUBIC,
        fillcolor=tuple(int(c) for c in np.median(lit, (0, 1))),
    )
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.6)))
    stored = io.BytesIO()
    picture.save(stored, "JPEG", quality=int(random.integers(55, 95)))
    return Image.open(io.BytesIO(stored.getvalue())).copy()


def smooth_noise(random: np.random.Generator, shape: tuple[int, int], cell: int) -> np.ndarray:
    """Noise of deviation about 1 that changes over `cell` pixels."""
    small = random.normal(0, 1, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
    large = Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(large)


def main() -> None:
    """Write photographs into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.count):
        drawn = photo(arguments.seed + number, str(number % 10))
        suffix = "png" if drawn.kind == "screen" else "jpg"
        drawn.picture.save(arguments.out / f"{number:02}-{drawn.digits}.{suffix}", quality=95)


if __name__ == "__main__":
    main()
