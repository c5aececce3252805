"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import sloy

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(sloy.__path__, "sloy.")
    if not module.name.rpartition(".")[2].startswith("_")
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [
        test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples
    ]


def test_the_modules_were_found() -> None:
    assert {"sloy.graph.threefry", "sloy.data.dataset", "sloy.layers.dense"} <= set(MODULES)
    assert sum(len(test.examples) for name in MODULES for test in examples(name)) > 20


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    for test in examples(name):
        runner.run(test)
    assert runner.failures == 0, capsys.readouterr().out
