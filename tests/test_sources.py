"""Every layer, loss, optimiser, schedule, initialiser and regulariser says its formula and where it comes from."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

from sloy import initializers, layers, losses, optimizers, regularizers, schedules

FAMILIES: dict[type, ModuleType] = {
    layers.Layer: layers,
    losses.Loss: losses,
    optimizers.Optimizer: optimizers,
    schedules.Schedule: schedules,
    initializers.Initializer: initializers,
    regularizers.Regularizer: regularizers,
    regularizers.Constraint: regularizers,
}
PUBLIC = {
    f"{module.__name__}.{name}": found
    for base, module in FAMILIES.items()
    for name, found in vars(module).items()
    if inspect.isclass(found) and issubclass(found, base) and found is not base and name[0] != "_"
}

# What needs no source: plain definitions, and what holds a user's own function.
DEFINITIONS = {
    "sloy.initializers.Constant",
    "sloy.initializers.Normal",
    "sloy.initializers.Uniform",
    "sloy.initializers.Zeros",
    "sloy.layers.Activation",
    "sloy.layers.Flatten",
    "sloy.layers.Imported",
    "sloy.layers.Limits",
    "sloy.layers.MeanOfMembers",
    "sloy.layers.Members",
    "sloy.layers.QuantileScale",
    "sloy.layers.Sequential",
    "sloy.layers.Rescale",
    "sloy.layers.Reshape",
    "sloy.losses.CustomLoss",
    "sloy.schedules.Constant",
}
FORMULA = re.compile(r"[=~←Σ√≤½]|\bmax\(|\be\^|\bΦ\(|σ\(|gives \(N")
PAPER = re.compile(r"^\.\. \[1\] .+\b(1[789]|20)\d\d\b", re.MULTILINE | re.DOTALL)
OTHER_SOURCE = re.compile(
    r"PyTorch's ``\w+``|\(L\d+[:)]"
)  # another library's name, a row of the lecture


def parts(found: type) -> tuple[str, str]:
    """The description, and the references, of a class's own docstring."""
    text = inspect.cleandoc(vars(found)["__doc__"] or "")
    sections = re.split(r"^(\w+)\n-+\n", text, flags=re.MULTILINE)
    named = dict(zip(sections[1::2], sections[2::2], strict=True))
    return sections[0] + named.get("Notes", ""), named.get("References", "")


def test_all_families_were_found() -> None:
    assert {"sloy.layers.Conv2D", "sloy.losses.Huber", "sloy.optimizers.AdamW"} <= set(PUBLIC)
    assert {"sloy.schedules.OneCycle", "sloy.regularizers.MaxNorm"} <= set(PUBLIC)
    assert len(PUBLIC) > 50
    assert set(PUBLIC) >= DEFINITIONS


@pytest.mark.parametrize("name", PUBLIC)
def test_it_says_its_formula(name: str) -> None:
    description, _ = parts(PUBLIC[name])
    assert FORMULA.search(description), f"{name}: no formula in {description!r}"


@pytest.mark.parametrize("name", PUBLIC)
def test_it_says_its_source(name: str) -> None:
    description, references = parts(PUBLIC[name])
    has_source = bool(PAPER.search(references) or OTHER_SOURCE.search(description))
    assert has_source != (name in DEFINITIONS), references or description


@pytest.mark.parametrize("text", ["", "References to nothing.", ".. [1] A. Nobody, no year."])
def test_no_paper_is_found_where_there_is_none(text: str) -> None:
    assert not PAPER.search(text)
    assert not OTHER_SOURCE.search(text)
    assert not FORMULA.search(text)
