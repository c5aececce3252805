"""Photographs of handwritten digits, drawn by program: pens, papers, light and place all different.

Digits are splines through points of several handwritings, written with a pen of some width and pressure on paper, board or
screen, then photographed: light falls off, a shadow lies across, the sheet is turned and seen at an angle, the picture is
blurred, noisy and a JPEG. Nothing of it knows how `sloy.data.handwriting` finds them again.

    python tools/draw_digits.py OUT [--count 40] [--seed 0]    OUT/00-7.jpg: the digit stands in the name
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

Stroke = Sequence[tuple[float, float]]  # points (x, y) of a box 1 × 1.4, y downwards

OVAL = [(0.62, 0.04), (0.25, 0.12), (0.03, 0.6), (0.2, 1.22), (0.55, 1.37), (0.9, 1.1), (0.97, 0.6), (0.8, 0.14), (0.55, 0.05)]
SKELETONS: dict[int, list[list[Stroke]]] = {
    0: [
        [OVAL],
        [[(0.5, 0.02), (0.12, 0.25), (0.05, 0.8), (0.3, 1.35), (0.72, 1.3), (0.95, 0.7), (0.78, 0.1), (0.42, 0.0), (0.3, 0.1)]],
        [[(0.7, 0.1), (0.3, 0.05), (0.05, 0.5), (0.1, 1.1), (0.5, 1.38), (0.88, 1.05), (0.92, 0.45), (0.66, 0.08)]],
    ],
    1: [
        [[(0.5, 0.0), (0.5, 0.7), (0.5, 1.4)]],
        [[(0.2, 0.35), (0.55, 0.02)], [(0.55, 0.02), (0.54, 0.7), (0.53, 1.4)]],
        [[(0.65, 0.0), (0.5, 0.7), (0.35, 1.4)]],
    ],
    2: [
        [[(0.1, 0.3), (0.3, 0.05), (0.7, 0.03), (0.9, 0.35), (0.7, 0.75), (0.1, 1.37)], [(0.1, 1.37), (0.5, 1.36), (0.98, 1.35)]],
        [[(0.12, 0.25), (0.5, 0.0), (0.88, 0.3), (0.6, 0.85), (0.15, 1.25), (0.08, 1.38), (0.3, 1.2), (0.6, 1.3), (0.98, 1.32)]],
        [[(0.08, 0.4), (0.35, 0.02), (0.85, 0.15), (0.82, 0.55), (0.4, 1.0), (0.05, 1.38)], [(0.05, 1.38), (0.5, 1.33), (0.95, 1.38)]],
    ],
    3: [
        [[(0.12, 0.15), (0.5, 0.0), (0.85, 0.25), (0.7, 0.58), (0.38, 0.66)], [(0.38, 0.66), (0.8, 0.76), (0.93, 1.08), (0.6, 1.38), (0.08, 1.25)]],
        [[(0.1, 0.05), (0.5, 0.05), (0.88, 0.05)], [(0.88, 0.05), (0.6, 0.35), (0.42, 0.58)], [(0.42, 0.58), (0.85, 0.72), (0.9, 1.1), (0.5, 1.38), (0.05, 1.22)]],
        [[(0.05, 0.3), (0.35, 0.02), (0.8, 0.12), (0.78, 0.5), (0.4, 0.68)], [(0.4, 0.68), (0.88, 0.8), (0.85, 1.2), (0.4, 1.4), (0.02, 1.15)]],
    ],
    4: [
        [[(0.25, 0.02), (0.15, 0.4), (0.1, 0.78)], [(0.1, 0.78), (0.5, 0.78), (0.95, 0.75)], [(0.75, 0.1), (0.72, 0.7), (0.7, 1.4)]],
        [[(0.65, 0.0), (0.35, 0.45), (0.05, 0.95)], [(0.05, 0.95), (0.5, 0.95), (1.0, 0.93)], [(0.68, 0.0), (0.68, 0.7), (0.68, 1.4)]],
        [[(0.2, 0.0), (0.12, 0.35), (0.18, 0.72), (0.5, 0.78), (0.85, 0.62)], [(0.88, 0.0), (0.84, 0.7), (0.8, 1.4)]],
    ],
    5: [
        [[(0.9, 0.05), (0.5, 0.05), (0.22, 0.06)], [(0.22, 0.06), (0.19, 0.3), (0.15, 0.6)], [(0.15, 0.6), (0.5, 0.48), (0.88, 0.7), (0.85, 1.15), (0.45, 1.38), (0.05, 1.22)]],
        [[(0.2, 0.1), (0.18, 0.35), (0.14, 0.62)], [(0.14, 0.62), (0.55, 0.52), (0.9, 0.85), (0.7, 1.3), (0.08, 1.35)], [(0.2, 0.1), (0.55, 0.08), (0.92, 0.04)]],
        [[(0.85, 0.02), (0.55, 0.06), (0.3, 0.05)], [(0.3, 0.05), (0.22, 0.35), (0.2, 0.58)], [(0.2, 0.58), (0.6, 0.55), (0.85, 0.9), (0.6, 1.32), (0.1, 1.3)]],
    ],
    6: [
        [[(0.75, 0.02), (0.35, 0.3), (0.08, 0.85), (0.25, 1.32), (0.65, 1.35), (0.88, 1.05), (0.65, 0.78), (0.28, 0.85), (0.1, 1.05)]],
        [[(0.6, 0.0), (0.2, 0.5), (0.1, 1.05), (0.45, 1.4), (0.85, 1.15), (0.75, 0.82), (0.4, 0.78), (0.12, 1.0)]],
        [[(0.85, 0.08), (0.5, 0.06), (0.15, 0.5), (0.08, 1.05), (0.4, 1.38), (0.82, 1.2), (0.8, 0.85), (0.45, 0.72), (0.12, 0.95)]],
    ],
    7: [
        [[(0.05, 0.08), (0.5, 0.06), (0.92, 0.05)], [(0.92, 0.05), (0.6, 0.6), (0.35, 1.4)]],
        [[(0.08, 0.1), (0.5, 0.12), (0.95, 0.06)], [(0.95, 0.06), (0.65, 0.65), (0.45, 1.4)], [(0.3, 0.72), (0.6, 0.7), (0.88, 0.68)]],
        [[(0.1, 0.25), (0.14, 0.08)], [(0.14, 0.08), (0.5, 0.1), (0.9, 0.03)], [(0.9, 0.03), (0.62, 0.55), (0.4, 1.4)]],
    ],
    8: [
        [[(0.72, 0.12), (0.4, 0.0), (0.14, 0.25), (0.45, 0.62), (0.85, 0.98), (0.6, 1.38), (0.2, 1.28), (0.18, 0.95), (0.55, 0.62), (0.82, 0.3), (0.66, 0.08)]],
        [[(0.5, 0.65), (0.15, 0.4), (0.4, 0.02), (0.8, 0.2), (0.7, 0.5), (0.48, 0.66)], [(0.48, 0.66), (0.08, 0.95), (0.3, 1.36), (0.8, 1.3), (0.88, 0.95), (0.5, 0.66)]],
        [[(0.8, 0.2), (0.5, 0.0), (0.18, 0.2), (0.3, 0.55), (0.7, 0.8), (0.85, 1.15), (0.5, 1.4), (0.15, 1.15), (0.35, 0.8), (0.7, 0.5), (0.82, 0.22)]],
    ],
    9: [
        [[(0.82, 0.25), (0.5, 0.02), (0.15, 0.25), (0.25, 0.65), (0.65, 0.65), (0.84, 0.25)], [(0.84, 0.25), (0.8, 0.8), (0.65, 1.4)]],
        [[(0.85, 0.15), (0.45, 0.02), (0.12, 0.35), (0.35, 0.7), (0.75, 0.5), (0.86, 0.15)], [(0.86, 0.15), (0.86, 0.7), (0.84, 1.38)]],
        [[(0.8, 0.3), (0.55, 0.0), (0.18, 0.15), (0.15, 0.5), (0.5, 0.68), (0.8, 0.35)], [(0.8, 0.35), (0.85, 0.9), (0.6, 1.3), (0.2, 1.32)]],
    ],
}  # fmt: skip
LETTERS: dict[str, list[Stroke]] = {
    "A": [[(0.05, 1.4), (0.5, 0.0)], [(0.5, 0.0), (0.95, 1.4)], [(0.2, 0.9), (0.8, 0.9)]],
    "E": [[(0.1, 0.0), (0.1, 1.4)], [(0.1, 0.0), (0.9, 0.0)], [(0.1, 0.7), (0.7, 0.7)], [(0.1, 1.4), (0.9, 1.4)]],
    "K": [[(0.1, 0.0), (0.1, 1.4)], [(0.9, 0.0), (0.1, 0.75)], [(0.3, 0.6), (0.95, 1.4)]],
    "M": [[(0.0, 1.4), (0.1, 0.0)], [(0.1, 0.0), (0.5, 0.9)], [(0.5, 0.9), (0.9, 0.0)], [(0.9, 0.0), (1.0, 1.4)]],
    "R": [[(0.1, 0.0), (0.1, 1.4)], [(0.1, 0.0), (0.8, 0.1), (0.8, 0.6), (0.1, 0.7)], [(0.3, 0.7), (0.95, 1.4)]],
    "T": [[(0.0, 0.0), (1.0, 0.0)], [(0.5, 0.0), (0.5, 1.4)]],
    "W": [[(0.0, 0.0), (0.25, 1.4)], [(0.25, 1.4), (0.5, 0.4)], [(0.5, 0.4), (0.75, 1.4)], [(0.75, 1.4), (1.0, 0.0)]],
    "X": [[(0.05, 0.0), (0.95, 1.4)], [(0.95, 0.0), (0.05, 1.4)]],
}  # fmt: skip
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


def photo(seed: int, digits: str | None = None, kind: str | None = None, lined: bool | None = None) -> Photo:
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
    kind = str(random.choice(["photo", "photo", "photo", "board", "screen"])) if kind is None else kind
    lined = kind == "photo" and random.random() < 0.3 if lined is None else lined
    tall = random.uniform(0.3, 0.7) if len(digits) == 1 else random.uniform(0.25, 0.4)
    height = int(random.integers(300, 700)) if kind != "screen" else int(random.choice([28, 64, 140, 280]))
    width = max(int(height * random.uniform(0.8, 1.4)), int(height * tall * (0.4 + 0.85 * len(digits))))
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


def written(random: np.random.Generator, digits: str, size: tuple[int, int], tall: float, pen: float) -> np.ndarray:
    """The share of each pixel that ink covers, (H, W)."""
    height, width = size
    tall = tall * height
    step = width / (len(digits) + (0.6 if len(digits) > 1 else 0.0))
    canvas = np.zeros((height * SIDE, width * SIDE), bool)
    for number, character in enumerate(digits):
        if len(digits) == 1:
            room = max(0.0, width - 0.9 * tall), max(0.0, height - 1.1 * tall)
            centre = width / 2 + random.uniform(-0.45, 0.45) * room[0], height / 2 + random.uniform(-0.45, 0.45) * room[1]
        else:
            centre = step * (number + 0.8) + random.uniform(-0.03, 0.03) * tall, height / 2 + random.uniform(-0.1, 0.1) * tall
        size_of_it = tall * (random.uniform(0.9, 1.1) if len(digits) > 1 else 1.0)
        for line in strokes(random, character):
            points = np.asarray(line) * size_of_it / 1.4 + centre
            pressed = 1 + random.uniform(0.0, 0.25) * np.sin(np.linspace(0, random.uniform(1, 6), len(points)) + random.uniform(0, 6))
            stamp(canvas, points * SIDE, 0.5 * pen * size_of_it * SIDE * pressed)
    return canvas.reshape(height, SIDE, width, SIDE).mean((1, 3))


def strokes(random: np.random.Generator, character: str) -> list[np.ndarray]:
    """The lines of a digit or letter, each (points, 2), about its middle; no two alike."""
    styles = SKELETONS[int(character)] if character.isdecimal() else [LETTERS[character]]
    skeleton = styles[random.integers(len(styles))]
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


def spline(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through points (n, 2)."""
    padded = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, 40, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
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


def mixed(ground: np.ndarray, cover: np.ndarray, colour: tuple[int, int, int], strength: float) -> np.ndarray:
    """Ink on the ground, uint8 (H, W, 3)."""
    share = (strength * cover)[..., None]
    return np.clip(np.rint(ground * (1 - share) + np.array(colour, float) * share), 0, 255).astype(np.uint8)


def photographed(random: np.random.Generator, sheet: np.ndarray) -> Image.Image:
    """A sheet under uneven light, seen a little from the side."""
    height, width, _ = sheet.shape
    down, across = np.mgrid[0:1 : height * 1j, 0:1 : width * 1j]
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
        (width, height), Image.Transform.QUAD, tuple((corners + inwards).ravel()), Image.Resampling.BICUBIC
    )
    picture = picture.rotate(
        random.normal(0, 2), Image.Resampling.BICUBIC, fillcolor=tuple(int(c) for c in np.median(lit, (0, 1)))
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
