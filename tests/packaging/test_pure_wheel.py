"""The pure-Python wheel (SLOY_NO_NATIVE=1), unpacked apart: it trains on the reference engine and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BUILD = (
    "import sys; from scikit_build_core.build import build_wheel; print(build_wheel(sys.argv[1]))"
)

TRAIN = """
import json, sys
import numpy as np
import sloy
from sloy.layers import Dense, ReLU

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 8, np.float32)
y = x.astype(int).sum(axis=1) % 2
data = sloy.data.Dataset(x, y, ("even", "odd"))
network = sloy.Network((2,), [Dense(16), ReLU(), Dense(2)])
model, history = sloy.fit(network, data, epochs=60, batch_size=8, optimizer=sloy.Adam(0.03),
                          loss="categorical_crossentropy", seed=0)
model.save("xor.sloy")
print(json.dumps({
    "package": sloy.__file__,
    "version": sloy.__version__,
    "accuracy": model.evaluate(data)["accuracy"],
    "predicted": [str(name) for name in sloy.load("xor.sloy").predict(x[:4])],
    "digits": len(sloy.data.mnist().test),
}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the pure wheel's files."""
    if find_spec("scikit_build_core") is None:
        pytest.fail("scikit-build-core is missing: pip install '.[test]'")
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(wheels)],
        cwd=REPOSITORY,
        env=os.environ | {"SLOY_NO_NATIVE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    name = done.stdout.splitlines()[-1]
    assert name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheels / name) as wheel:
        wheel.extractall(site)
    return site


def test_it_holds_no_machine_code_but_all_the_rest(site: Path) -> None:
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert not [name for name in files if ".so" in name]
    sources = {
        path.relative_to(REPOSITORY / "src").as_posix()
        for kind in ("py", "js", "css", "html")
        for path in (REPOSITORY / "src").rglob(f"*.{kind}")
    }
    assert sources <= files
    assert {"sloy/data/bundled/mnist.zip", "sloy/data/bundled/ATTRIBUTION.md"} <= files
    (record,) = site.glob("*.dist-info")
    assert (record / "licenses/LICENSE").read_text().lstrip().startswith("Apache License")


def test_it_trains_and_says_which_engine_runs(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["package"]).is_relative_to(site)
    assert found["accuracy"] == 1.0
    assert len(set(found["predicted"])) == 2
    assert found["predicted"][0] == found["predicted"][3] != found["predicted"][1]
    assert found["digits"] == 10_000
    assert done.stderr.count("The reference engine runs.") == 1
    assert "pip install" in done.stderr


def test_the_command_says_what_is_missing(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sloy", "engines"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "native" in done.stdout
    assert "reference" in done.stdout
    assert "not part of this installation" in done.stdout
