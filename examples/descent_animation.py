"""Networks as they learn, frame by frame: XOR, circles, spirals, and a descent on its loss surface (L3, L7).

python examples/descent_animation.py [--epochs 300] [--frames 40] [--lang en] [--out .]

Each becomes a page with a slider (open it in a browser; it needs no network) and a GIF.
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.inspection import decision_figure, descent_animation
from sloy.language import speak
from sloy.layers import Dense, Tanh


def xor(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four clouds around the corners of a square; the classes are across."""
    corners = random.integers(0, 2, (200, 2))
    return corners + random.normal(0, 0.12, (200, 2)), corners[:, 0] ^ corners[:, 1]


def circles(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A disc within a ring."""
    y = np.arange(200) % 2
    radius = np.where(y, 2, 0.6) + random.normal(0, 0.2, 200)
    angle = random.uniform(0, 2 * np.pi, 200)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


def spirals(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three arms, each once around."""
    y = np.arange(300) % 3
    along = np.sqrt(random.uniform(0.02, 1, 300))
    angle = 2 * np.pi * (along + y / 3)
    x = 2 * along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + random.normal(0, 0.04, (300, 2)), y


def main() -> None:
    parser = argparse.ArgumentParser(description="How networks come to their decisions.")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--lang", choices=("en", "ru"), default="en")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    speak(options.lang)

    for draw, hidden in ((xor, [4]), (circles, [4]), (spirals, [16, 16])):
        x, y = draw(np.random.default_rng(0))
        layers = [layer for units in hidden for layer in (Dense(units), Tanh())]
        animation = descent_animation(
            sloy.Network((2,), [*layers, Dense(int(y.max()) + 1)]),
            (x.astype(np.float32), y),
            epochs=options.epochs,
            frames=options.frames,
            optimizer=sloy.Adam(0.01),
            title=draw.__name__,
        )
        for kind in ("html", "gif"):
            animation.save(options.out / f"{draw.__name__}.{kind}")
        figure = decision_figure(animation.model, x, y, title=draw.__name__)
        figure.savefig(options.out / f"{draw.__name__}.png")
        right = np.mean(animation.model.predict(x) == y)
        print(f"{draw.__name__}: {animation.captions[-1]}, right: {right:.3f}")

    x = np.random.default_rng(0).uniform(-1, 2, (40, 1))
    start = {"dense_1/weight": np.array([[-1.0]]), "dense_1/bias": np.array([2.0])}
    descent = sloy.theory.compare_descents(
        sloy.Network((1,), [Dense(1)]), (x, 1.5 * x - 0.5), epochs=15, parameters=start
    )
    sloy.theory.path_animation(descent, frames=options.frames).save(options.out / "descent.html")


if __name__ == "__main__":
    main()
