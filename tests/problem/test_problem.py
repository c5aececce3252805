"""`Problem`: a value that knows what it may hold."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from sloy.errors import InvalidArgument
from sloy.losses import CategoricalCrossentropy, SquaredError
from sloy.metrics import Accuracy, Metric
from sloy.problem import Problem
from step_tasks import PLAIN, problem_of


class Weight(Accuracy):
    """A metric under the name of an output of the training step."""

    name = "weight"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float16"}, r"`dtype` \(='float16'\) must be one of float32, float64"),
        ({"metrics": (Accuracy(), Accuracy())}, "the name 'accuracy' is taken"),
        ({"metrics": (Weight(),)}, "the name 'weight' is taken"),
        ({"loss": "hinge"}, r"Problem: `loss` \(='hinge'\) must be a Loss"),
        ({"network": [PLAIN]}, "Problem: `network` .* must be a Network"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        problem_of(**changes)


def test_equal_parts_make_equal_problems() -> None:
    metrics: tuple[Metric, ...] = (Accuracy(),)
    one = Problem(PLAIN, CategoricalCrossentropy(), metrics=metrics)
    assert one == Problem(PLAIN, CategoricalCrossentropy(), metrics=(Accuracy(),))
    for changes in ({"loss": SquaredError()}, {"metrics": ()}, {"dtype": "float64"}):
        assert replace(one, **changes) != one
    with pytest.raises(FrozenInstanceError):
        one.dtype = "float64"  # type: ignore[misc]
