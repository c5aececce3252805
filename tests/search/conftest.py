"""Small tables to search on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def moons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two half circles with noise, 240 rows."""
    rng = np.random.default_rng(0)
    angle, side = rng.uniform(0, np.pi, 240), np.arange(240) % 2
    x = np.where(side, 1 - np.cos(angle), np.cos(angle)) + rng.normal(0, 0.2, 240)
    y = np.where(side, 0.5 - np.sin(angle), np.sin(angle)) + rng.normal(0, 0.2, 240)
    path = tmp_path_factory.mktemp("moons") / "moons.csv"
    rows = [f"{a:.4f},{b:.4f},{'up' if s else 'down'}" for a, b, s in zip(x, y, side, strict=True)]
    path.write_text("\n".join(["x,y,side", *rows]) + "\n")
    return path
