"""Spaces: as Python, as JSON, what is drawn, what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from sloy.errors import InvalidArgument, InvalidOption
from sloy.search import Choice, Float, Int, Layers, Log, space_of
from sloy.search.space import documented, put, suggested


class Drawn:
    """A trial that gives what it is told to, and keeps how it was asked."""

    def __init__(self, **values: Any) -> None:
        self.values, self.asked = values, {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked[name] = (low, high, log)
        return self.values.get(name, low)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.asked[name] = (low, high, log)
        return self.values.get(name, low)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.asked[name] = tuple(choices)
        return self.values.get(name, choices[0])


SPACE = {
    "learning_rate": Log(1e-4, 1e-1),
    "network_options__dropout": Float(0, 0.5),
    "network_options__hidden": Layers(1, 3, Int(8, 64)),
    "batch_size": Choice(32, 64),
    "network_options__channels": Choice([8, 16], [32]),
}


def test_json_and_back() -> None:
    assert space_of(json.loads(json.dumps(documented(SPACE)))) == SPACE


def test_what_is_asked_and_given() -> None:
    trial = Drawn(network_options__hidden=2, network_options__hidden__1=33)
    found = suggested(SPACE, trial)
    assert trial.asked["learning_rate"] == (1e-4, 1e-1, True)
    assert trial.asked["network_options__hidden"] == (1, 3, False)
    assert found["network_options__hidden"] == [8, 33]
    assert found["network_options__channels"] == [8, 16]
    assert trial.asked["network_options__channels"] == ("[8, 16]", "[32]")  # Optuna takes words


def test_paths() -> None:
    words = {"network_options": {"hidden": [8, 16], "dropout": 0.1}, "epochs": 3}
    changed = put(put(words, "network_options__hidden__0", 4), "learning_rate", 0.1)
    assert changed == {
        "network_options": {"hidden": [4, 16], "dropout": 0.1},
        "epochs": 3,
        "learning_rate": 0.1,
    }
    assert words["network_options"]["hidden"] == [8, 16]
    assert put({}, "network_options__hidden", [1]) == {"network_options": {"hidden": [1]}}
    with pytest.raises(InvalidOption, match=r"epochs__x: there is no 'x' inside 3\.$"):
        put(words, "epochs__x", 1)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, r"`space` \(=\{\}\) must be a mapping of paths"),
        ([1], r"must be a mapping of paths"),
        ({"seed": {"int": [0, 9]}}, r"seed is the same in all trials"),
        ({"data": {"choice": ["a", "b"]}}, r"data is the same in all trials"),
        ({"x__": {"int": [0, 9]}}, r"'x__' is no path"),
        ({"x": {"float": [1, 0]}}, r"x \(=.*Float: `high` \(=0\) must be above `low` \(=1\.0\)"),
        ({"x": {"float": [0, 1], "log": True}}, r"`low` \(=0\.0\) must be above 0 with `log`"),
        ({"x": {"float": [0, math.nan]}}, r"Float: `high` \(=nan\) must be a finite number"),
        ({"x": {"int": [0, 1.5]}}, r"Int: `high` \(=1\.5\) must be an integer"),
        ({"x": {"int": [0]}}, r'there are \{"float"'),
        ({"x": {"int": [0, 1], "step": 2}}, r'there are \{"float"'),
        ({"x": {"choice": ["a"]}}, r"`values` \(=\('a',\)\) must be two or more"),
        ({"x": {"choice": ["a", "a"]}}, r"holds one twice"),
        ({"x": {"layers": [3, 1]}}, r"Layers: `most` \(=1\) must be an integer of at least 3"),
        ({"x": {"layers": [1, 2], "units": {"float": [0, 1]}}}, r"`units` .* must be an Int"),
        ({"x": 3}, r'x \(=3\): there are \{"float"'),
    ],
)
def test_what_is_no_space(document: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        space_of(document)


def test_a_choice_of_what_json_lacks() -> None:
    with pytest.raises(InvalidArgument, match="must be words, numbers, lists or mappings"):
        Choice(1, object())
