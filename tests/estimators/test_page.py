"""docs/from-scikit-learn.md: its program runs, and no parameter of the MLP is missing in its table."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

PAGE = (Path(__file__).parents[2] / "docs/from-scikit-learn.md").read_text(encoding="utf-8")


def test_the_program(capsys):
    names: dict[str, object] = {}
    for program in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(program, "from-scikit-learn.md", "exec"), names)
    assert all(float(score) > 0.95 for score in capsys.readouterr().out.split())


@pytest.mark.parametrize("mlp", [MLPClassifier, MLPRegressor])
def test_every_parameter_has_its_counterpart(mlp):
    table = PAGE[PAGE.index("| `MLPClassifier`") :]
    left = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    missing = [name for name in inspect.signature(mlp).parameters if f"`{name}" not in left]
    assert not missing
