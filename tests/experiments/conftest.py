"""Small data of each kind, and runs that draw no pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import stripes, write_idx
from sloy.experiments import Experiment, run
from streams_made import as_parquet
from streams_made import pictures as made_pictures


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four IDX files: 120 pictures of three classes to train on, 30 to test."""
    folder = tmp_path_factory.mktemp("idx") / "stripes"
    folder.mkdir()
    for part, samples, seed in (("train", 120, 1), ("t10k", 30, 2)):
        x, y = stripes(samples, seed)
        write_idx(folder / f"{part}-images-idx3-ubyte", x)
        write_idx(folder / f"{part}-labels-idx1-ubyte", y)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes of 20 pictures, 10 × 14."""
    folder, random = tmp_path_factory.mktemp("pictures") / "fruit", np.random.default_rng(0)
    for hue, name in enumerate(("apple", "kiwi")):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 90, (10, 14, 3)).astype(np.uint8)
            pixels[..., hue] += 150
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two Parquet files with pictures of three classes in them."""
    folder = tmp_path_factory.mktemp("shards") / "animals"
    folder.mkdir()
    for number in range(2):
        as_parquet(folder / f"train-{number}.parquet", *made_pictures(30, seed=number))
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 120 rows: the kind follows area and town."""
    path, random = tmp_path_factory.mktemp("tables") / "houses.csv", np.random.default_rng(0)
    lines = ["area,age,town,kind"]
    for _ in range(120):
        area, age, town = random.integers(30, 200), random.integers(0, 90), random.integers(0, 3)
        kind = "dear" if area + 40 * town > 150 else "cheap"
        lines.append(f"{area},{age},{('Rome', 'Oslo', 'Paris')[town]},{kind}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def start(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on pictures, to train further."""
    folder = tmp_path_factory.mktemp("start") / "run"
    run(Experiment.of(pictures, network="mlp", epochs=1), folder, threads=1)
    return folder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no pictures, which take longer than the rest."""
    monkeypatch.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
