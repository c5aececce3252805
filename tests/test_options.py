"""Options of dataclasses: what they check, and functions that take them with their signature and docstring."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from sloy.errors import InvalidArgument
from sloy.options import check_options, chosen, documented, option, options, takes


class Ramp:
    """Another kind of speed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a thing is done.

    Parameters
    ----------
    size : int
        How large; and
        in two lines.
    speed : float or Ramp, optional
        How fast.
    quiet : bool
    kind : "slow" or "fast"
    name : str, optional
        Whose it is.

    Examples
    --------
    >>> Settings().size
    3
    """

    size: int = option(3, "how large", kind="integer", bounds={"least": 2, "most": 9})
    speed: float | Ramp | None = option(
        None, "how fast", kind="real", bounds={"above": 0}, also=Ramp
    )
    quiet: bool = option(False, kind="flag")
    kind: str = option("slow", "which way", kind="text", choices=("slow", "fast"))
    name: str | None = option(None, kind="text")
    anything: Any = option(None, metavar="THING")
    place: str = "here"  # a field, but no option

    def __post_init__(self) -> None:
        check_options("Settings", self)


NAMES = ["size", "speed", "quiet", "kind", "name", "anything"]

# --- declared and checked ---------------------------------------------------------------------------------------------


def test_options_are_the_fields_that_say_so() -> None:
    assert [name for name, _, _ in options(Settings)] == NAMES
    defaults = {name: default for name, default, _ in options(Settings)}
    assert defaults == {name: getattr(Settings(), name) for name in NAMES}
    rules = {name: rule for name, _, rule in options(Settings)}
    assert rules["size"].about == "how large"
    assert rules["anything"].metavar == "THING"
    assert rules["quiet"].about == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 1}, r"`size` \(=1\) must be an integer of at least 2 and at most 9"),
        ({"size": 2.5}, r"`size` \(=2.5\) must be an integer"),
        ({"size": None}, r"`size` \(=None\) must be an integer"),
        ({"speed": 0}, r"`speed` \(=0\) must be a finite number greater than 0"),
        ({"speed": "fast"}, r"`speed` \(='fast'\) must be a finite number"),
        ({"quiet": 1}, r"`quiet` \(=1\) must be True or False"),
        ({"quiet": None}, r"`quiet` \(=None\) must be True or False"),
        ({"kind": "late"}, r"`kind` \(='late'\) must be one of slow, fast\."),
        ({"kind": ["slow"]}, r"`kind` \(=\['slow'\]\) must be one of slow, fast\."),
        ({"kind": None}, r"`kind` \(=None\) must be one of slow, fast\."),
        ({"name": 3}, r"`name` \(=3\) must be a str"),
    ],
)
def test_what_is_not_allowed(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^Settings: {message}"):
        Settings(**given)
    with pytest.raises(InvalidArgument, match=f"^Settings: {message}"):
        replace(Settings(), **given)


def test_what_is_allowed() -> None:
    """None where it is the default, instances of another class where that is said, numbers of NumPy as plain ones."""
    ramp = Ramp()
    assert Settings(speed=ramp).speed is ramp
    assert Settings(speed=None, name=None) == Settings()
    assert Settings(anything=ramp).anything is ramp
    found = Settings(size=np.int64(4), speed=np.float32(0.5))  # type: ignore[arg-type]
    assert (type(found.size), type(found.speed)) == (int, float)
    assert repr(Settings(speed=2).speed) == "2.0"


def test_those_that_are_chosen() -> None:
    words = {"size": 4, "place": "there", "other": 1}
    assert chosen(Settings, words) == {"size": 4}
    assert words == {"size": 4, "place": "there", "other": 1}


# --- taken by functions -----------------------------------------------------------------------------------------------


@takes(Settings, without=("name", "anything"), size=5)
def work(first: int, *, kind: str = "own", **given: Any) -> tuple[int, str, dict[str, Any]]:
    """Do it.

    Parameters
    ----------
    first : int
    kind : str
        Its own.
    <options>

    Returns
    -------
    everything
    """
    return first, kind, given


def test_the_signature_shows_the_options_and_its_own_defaults() -> None:
    parameters = inspect.signature(work).parameters
    assert list(parameters) == ["first", "kind", "size", "speed", "quiet"]
    assert parameters["kind"].default == "own"  # what a function takes itself is no option
    assert parameters["size"].default == 5
    assert parameters["quiet"].default is False
    assert parameters["speed"].annotation == "float | Ramp | None"
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name != "first")
    assert work.__name__ == "work"


def test_the_docstring_tells_them_in_their_place() -> None:
    assert work.__doc__ == inspect.cleandoc(
        """Do it.

        Parameters
        ----------
        first : int
        kind : str
            Its own.
        size : int
            How large; and
            in two lines.
        speed : float or Ramp, optional
            How fast.
        quiet : bool

        Returns
        -------
        everything
        """
    )
    assert documented(Settings, {"size", "speed", "kind"}) == (
        "quiet : bool\nname : str, optional\n    Whose it is."
    )


def test_a_function_gets_what_was_given_and_no_more() -> None:
    assert work(1) == (1, "own", {})
    assert work(1, kind="fast", size=3, speed=None) == (1, "fast", {"size": 3, "speed": None})


@pytest.mark.parametrize("name", ["sise", "name", "place"])
def test_another_word_is_an_error_as_of_any_function(name: str) -> None:
    with pytest.raises(TypeError, match=rf"work\(\) got an unexpected keyword argument '{name}'"):
        work(1, **{name: 3})


class Worker:
    """Takes them as it is made."""

    @takes(Settings)
    def __init__(self, **given: Any) -> None:
        self.given = given


class Smith(Worker):
    """Takes what another takes, and more."""

    @takes(Worker.__init__, without=("quiet",))
    def __init__(self, *, hammer: bool = True, **given: Any) -> None:
        super().__init__(**given)
        self.hammer = hammer


def test_a_function_takes_what_another_takes() -> None:
    parameters = inspect.signature(Smith).parameters
    assert list(parameters) == ["hammer", *(name for name in NAMES if name != "quiet")]
    assert parameters["size"].default == 3
    assert Smith(size=4).given == {"size": 4}
    for wrong in ("quiet", "nail"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{wrong}'"):
            Smith(**{wrong: True})
