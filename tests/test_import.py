"""`import sloy`: cheap, and complete."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sloy
from training_tasks import environment

HEAVY = ("matplotlib", "sklearn", "rich", "PIL", "jax", "torch")


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_costs_little_beyond_numpy():
    code = (
        "import time, numpy; t = time.process_time(); import sloy; print(time.process_time() - t)"
    )
    assert min(float(run(code)) for _ in range(3)) < 0.2


def test_all_that_training_needs_costs_little_too():
    """About 0.35 s on a core of 2 GHz; the bound is for what would double it, not for a busy machine."""
    code = (
        "import time, numpy; t = time.process_time(); import sloy; sloy.fit; sloy.load; sloy.layers;"
        "print(time.process_time() - t)"
    )
    assert min(float(run(code)) for _ in range(3)) < 0.7


def test_neither_import_nor_training_needs_what_is_heavy():
    code = (
        "import sys, sloy; [getattr(sloy, name) for name in sloy.__all__];"
        "from training_tasks import blobs, fit, mlp; fit(mlp(), blobs(), verbose=True);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert run(code).strip() == "[]"


@pytest.mark.parametrize("name", sloy.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(sloy, name).__doc__
    assert name in dir(sloy)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(sloy.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body for alias in node.names}
    assert seen == {*sloy.__all__, *sloy._EXTRAS}


@pytest.mark.parametrize("name", sloy._EXTRAS)
def test_names_that_need_an_extra(name):
    assert getattr(sloy, name).__doc__
    assert name in dir(sloy)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'sloy' has no attribute 'nothing'"):
        sloy.nothing  # noqa: B018


def test_gradients_is_the_function_whatever_was_imported_before():
    code = (
        "import sloy, sloy.training.gradients, sloy.training.fit; print(callable(sloy.gradients))"
    )
    assert run(code).strip() == "True"
