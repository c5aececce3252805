"""The Python blocks of the pages run as they stand, but for what makes them long."""

from __future__ import annotations

import re
import runpy
import shutil
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from available import installed
from sloy import experiments, layers
from sloy.experiments import Experiment, events

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]

# Page → for each of its blocks: why it does not run here, or what is put in the place of which words.
ELSEWHERE = "a test of its own runs it"
TORCH, TWO = (
    "needs a file of PyTorch; tests/exchange/weights",
    "needs several processes; tests/engines/jax",
)
BLOCKS: dict[str, list[str | dict[str, str]]] = {
    "README.md": [ELSEWHERE, {}],
    "docs/architecture.md": ["signatures alone"] * 3,
    "docs/augmentation.md": [{"epochs=15": "epochs=1"}],
    "docs/diagnosis.md": [{}],
    "docs/exchange.md": [{}, {}, {}],
    "docs/experiments.md": [ELSEWHERE, {}, {}],
    "docs/from-scikit-learn.md": [ELSEWHERE, ELSEWHERE],
    "docs/image-folders.md": [{"head_epochs=5, epochs=10": "head_epochs=1, epochs=1"}],
    "docs/insight.md": [{"epochs=20": "epochs=4", "100)": "3)", "(3, 40": "(3, 1", "> 0.9": "> 0.1"}],
    "docs/inspection.md": [{}, {}, {"epochs=100, frames=5": "epochs=5, frames=2"}],
    "docs/lecture.md": [],
    "docs/lecture.ru.md": [],
    "docs/pretrained.md": ["downloads", {}, TORCH, {}],
    "docs/report.md": [{}],
    "docs/scale.md": [TWO, "needs a scheduler; tests/estimators/test_cluster.py", "needs PyTorch's data sets"],
    "docs/search-and-pruning.md": [
        {"epochs=5": "epochs=1"},
        {"epochs=30": "epochs=1", "(600, 2)": "(99, 2)"},
        {"epochs=60": "epochs=1", "(2, 600)": "(2, 99)"},
        {},
    ],
    "docs/write-your-own.md": [{}] * 6,
    "docs/tables.md": [{}, {"…": "epochs=1"}, {}],
}  # fmt: skip


def blocks(page: str) -> list[str]:
    """Those that are marked as Python, or begin like it."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [b for kind, b in found if kind in ("py", "python") or re.match(r"line = sloy\.", b)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_listed(page: str) -> None:
    if "lecture" not in page:  # whose blocks tests/lecture runs
        assert len(blocks(page)) == len(BLOCKS.get(page, [])), page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the pages' blocks speak of: files of data, models and runs."""
    folder = tmp_path_factory.mktemp("pages")
    with chdir(folder):
        _tables()
        _pictures()
        shutil.copytree("runs/houses", "runs/mnist")
        yield folder


def _tables() -> None:
    random = np.random.default_rng(0)
    lines = ["id,area,age,town,sold,price"]
    for number in range(120):
        area, age, month = random.integers(30, 200), random.integers(80), random.integers(1, 10)
        town = ["Oslo", "Omsk"][random.integers(2)]
        lines.append(f"{number},{area},{age},{town},2024-0{month}-11,{1000 * area - 100 * age}")
    Path("houses.csv").write_text("\n".join(lines))
    Path("new.csv").write_text("\n".join(line.partition(",")[2] for line in lines[:30]))
    experiment = Experiment.of("houses.csv", target="price", ignore=["id"], network="mlp", epochs=2)
    experiments.run(experiment, "runs/houses").model.export("houses.onnx")


def _pictures() -> None:
    Image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    for kind, light in (("rose", 60), ("tulip", 180)):
        Path("flowers", kind).mkdir(parents=True)
        for number in range(12):
            x = random.integers(light, light + 60, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(x).save(f"flowers/{kind}/{number}.png")
    pictures = sloy.data.picture_folder("flowers", size=32)
    network = sloy.zoo.vgg(11, (32, 32, 3), 2, width=0.1, units=16)
    model, _ = sloy.fit(network, pictures.train, epochs=1, verbose=False)
    model.reader = pictures.reader
    model.save("vgg16.sloy")


@pytest.fixture(scope="module")
def given(folder: Path) -> dict[str, Any]:
    """What the pages take for given, by name."""
    pandas = pytest.importorskip("pandas")
    digits = sloy.data.mnist()
    data, test = digits.train.take(range(300)), digits.test.take(range(40))
    hidden = [layers.Flatten(), layers.Dense(20), layers.ReLU(), layers.Dense(10)]
    network = sloy.Network((28, 28, 1), hidden)
    model, _ = sloy.fit(network, data, epochs=1, verbose=False)
    for file in ("network.onnx", "digits.onnx"):
        model.export(file)
    houses = Experiment.of("houses.csv", target="price", network="mlp", epochs=1)
    known = {name: getattr(layers, name) for name in layers.__all__}
    known |= {"sloy": sloy, "np": np, "pandas": pandas, "time": time}
    known |= {"experiments": experiments, "events": events, "Experiment": Experiment}
    known |= {"data": (data.x, data.y), "test": test, "network": network, "pictures": data.x}
    known |= {"model": model, "parameters": model.parameters, "experiment": houses}
    return known | {"frame": pandas.read_csv("new.csv")}


@pytest.mark.skipif("native" not in installed(), reason="takes too long without the native engine")
@pytest.mark.filterwarnings("ignore:columns that the model does not take")
@pytest.mark.parametrize("page", [page for page, found in BLOCKS.items() if found])
def test_blocks(
    page: str, folder: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(folder)
    known = dict(given)
    if page == "docs/tables.md":
        known["model"] = sloy.load("runs/houses")
    for number, (block, change) in enumerate(zip(blocks(page), BLOCKS[page], strict=True)):
        if isinstance(change, str):
            continue
        for words, instead in change.items():
            assert words in block
            block = block.replace(words, instead)
        exec(compile(block, f"{page}, block {number}", "exec"), known)


def test_the_page_of_ops_is_that_of_the_code() -> None:
    program = runpy.run_path(str(ROOT / "tools/ops_page.py"))
    assert program["PAGE"].read_text(encoding="utf-8") == program["page"]()
    named = set(re.findall(r"^\| `(\w+)\(", program["page"](), re.MULTILINE))
    functions = {name for name, value in vars(sloy.ops).items() if callable(value)}
    assert named == functions - {"constant", "input", "variable"}
