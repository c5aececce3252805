"""Calls sloy's public functions and classes wrongly: one argument of a right call is replaced by what it cannot be.

    PYTHONPATH=src python tools/misuse.py --calls 2000

Names and arguments come from the signatures. Each call must work, or raise one clear error of sloy's, a line of at most
`LONGEST` characters. The exit status is 1 if one does not.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import random
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import sloy
from sloy import ops
from sloy.errors import SloyError
from sloy.experiments import Experiment

LONGEST = 400
SECONDS, MEMORY = 10, 8 << 30  # of a call; of the process
BESIDE = (
    "app.hand",
    "app.line",
    "app.scenes",
    "estimators",
    "files",
    "pages",
    "preprocessing",
    "pruning",
    "training",
)
# Arguments that say how often something is done: a call that lasts as long as it was told to is right.
REPEATS = ("draws", "epochs", "seeds", "steps")
# Rooms of which users make the values.
MADE = ("initializers", "layers", "losses", "metrics", "optimizers", "regularizers", "schedules")
# No use in calling: classes of errors, abstract ones, what only passes on what it is given.
PASSED_OVER = re.compile(
    r"Error$|^(Any|InvalidArgument|NotAvailable|InUse|Run|Layer|Loss|Metric|Optimizer|Schedule|Scope)$"
)


class Absurd:
    """An object that is nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __repr__(self) -> str:
        return "<absurd>"


WRONG: dict[str, Callable[[Path], Any]] = {
    "None": lambda folder: None,
    "3": lambda folder: 3,
    "-1": lambda folder: -1,
    "2**31": lambda folder: 2**31,
    "2**70": lambda folder: 2**70,
    "0.5": lambda folder: 0.5,
    "nan": lambda folder: float("nan"),
    "True": lambda folder: True,
    "''": lambda folder: "",
    "'nonsense'": lambda folder: "nonsense",
    "bytes": lambda folder: b"nonsense",
    "NUL": lambda folder: "a\0b",
    "a folder": lambda folder: folder,
    "a name too long": lambda folder: "x" * 5000,
    "[]": lambda folder: [],
    "{}": lambda folder: {},
    "an object": lambda folder: Absurd(),
    "a class": lambda folder: Absurd,
    "a function": lambda folder: len,
    "an array of objects": lambda folder: np.array([None, "a"], object),
    "an empty array": lambda folder: np.zeros((0, 3), np.float32),
    "a complex array": lambda folder: np.ones((2, 2), complex),
    "lists of lengths": lambda folder: [[1], [2, 3]],
    "a tensor": lambda folder: ops.input("x", (2, 2)),
    "a tuple": lambda folder: (1, "a", None),
}


def right(folder: Path) -> dict[str, Any]:
    """Argument → a value that functions with such an argument take."""
    import matplotlib.figure  # noqa: F401 - once, not while a call is timed

    x = np.random.default_rng(0).random((12, 4)).astype(np.float32)
    network = sloy.Network((4,), [sloy.layers.Dense(3)])
    model, history = sloy.fit(
        network, (x, np.arange(12) % 3), epochs=1, verbose=False, engine="reference"
    )
    model.save(folder / "model.sloy")
    (folder / "t.csv").write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(30)))
    return {
        "network": network, "model": model, "history": history, "problem": model.problem, "recipe": sloy.Recipe(),
        "data": (x, np.arange(12) % 3), "x": x, "samples": 8, "units": 3, "filters": 3, "kernel_size": 3, "rate": 0.5,
        "input_shape": (8, 8, 1), "classes": 3, "path": str(folder / "model.sloy"), "shape": (2, 3), "layers": [],
        "experiment": Experiment.of("mnist", network="mlp", epochs=1, samples=20),
        "name": "adam", "network_name": "mlp", "y": np.arange(12) % 3, "source": str(folder / "t.csv"), "target": "b",
        "learning_rate": 0.1, "layer": "dense_1", "parameters": model.parameters, "function": len, "z": x,
        "picture": np.zeros((8, 8, 1)), "folder": str(folder), "figure": None, "labels": np.arange(12) % 3,
        "image": np.arange(36.0).reshape(6, 6), "kernel": np.ones((3, 3)), "table": "0111", "text": "a | b",
        "found": [], "low": 0.1, "high": 0.9, "loss": "squared_error", "value": 0.5, "steps": 3, "epochs": 2,
        "columns": 2, "size": 2, "weights": np.ones((3, 3, 1, 2)), "activation": sloy.layers.Sigmoid(),
        "initial": 0.1, "factor": 0.5, "least": True, "true": np.arange(12) % 3, "predicted": np.arange(12) % 3,
        "augment": sloy.Augment(flip="horizontal"), "pictures": np.zeros((4, 8, 8, 1), np.uint8),
        "language": "en", "number": 2, "noun": "row", "sentence": "a", "gradient": np.ones((3, 3)),
        "tolerance": 0.1, "f": np.sin, "domain": (0, 1), "depth": 18, "width": 4, "outputs": 2,
        "metric": "loss", "trials": [], "column": 0, "channel": 0, "channels": [0], "row": "L2", "title": "a",
        "main": "a", "document": {}, "choice": "standardize", "grid": (2, 2), "maximum": 0.1, "every": 2,
        "inner": 0.1, "by": 2, "array": x, "activations": ["relu", "tanh", "relu"], "edges": [[0.0, 1.0]],
        "config": {"layer": "Dense", "units": 3}, "word": "huber=2", "output_shape": (3,), "line": "3 4",
        "sample": 0, "seed": 0, "counts": np.eye(3, dtype=int),
    }  # fmt: skip


def rooms() -> list[Any]:
    """The front door, the rooms that it names, and some beside them."""
    named = [name for name in sloy.__all__ if inspect.ismodule(getattr(sloy, name))]
    return [sloy, *(importlib.import_module(f"sloy.{name}") for name in (*named, *BESIDE))]


def right_for(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Function → what it takes beside, or instead of, what others take by those names."""
    from sloy.app.designs import Design
    from sloy.app.line import Line
    from sloy.app.scenes import made
    from sloy.engines import engine

    x, w = ops.input("x", (4, 3)), ops.variable("w", (3, 2))
    loss = ops.reduce_sum(ops.tanh(x @ w))
    graph = {"graph": sloy.graph.Graph.of({"loss": loss})}
    line = Line(made("moons", count=40), Design(), engine("reference"))
    plane = values["x"][:, :2]
    return {
        "sloy.graph.backprop": {"loss": loss, "wrt": [w]},
        **{f"sloy.graph.{name}": graph for name in ("check", "mixed", "optimize")},
        "sloy.ops.matmul": {"a": x, "b": w},
        "sloy.app.hand.of_line": {"line": line},
        "sloy.app.scenes.seen": {"columns": list("abcd"), "axes": ["a", "b"], "classes": list("uvw")},
        "sloy.app.scenes.of_pictures": {"data": sloy.data.Dataset(np.zeros((12, 4, 4, 1)), values["y"])},
        "sloy.lecture.program": {"row": sloy.lecture.find("L2")},
        "sloy.pages.script": {"name": "grid.js"},
        "sloy.inspection.png": {"figure": sloy.inspection.curves_figure({"epoch": [1], "loss": [1.0]})},
        "sloy.inspection.partial_dependence": {"data": values["x"], "column": 0},
        "sloy.inspection.search_importance_figure": {"importance": {"learning_rate": 1.0}},
        "sloy.inspection.curves_figure": {"history": {"epoch": [1, 2], "loss": [0.5, 0.25]}},
        "sloy.theory.neuron_figure": {"x": plane},
        "sloy.experiments.examine": {"model": values["path"], "data": values["source"]},
    }  # fmt: skip


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name → what can be called, of the front door and of the rooms."""
    seen: set[int] = set()
    for module in rooms():
        told = getattr(module, "__all__", None)
        for name in told or sorted(vars(module)):
            value = getattr(module, name, None)
            if name.startswith("_") or PASSED_OVER.search(name) or not callable(value):
                continue
            own = str(getattr(value, "__module__", ""))
            inside = own.startswith(module.__name__) or module is sloy.ops
            if not own.startswith("sloy") or not (told or inside):
                continue  # what it imports
            if inspect.isabstract(value) or id(value) in seen or _is_answer(module, value):
                continue
            seen.add(id(value))
            yield f"{module.__name__}.{name}", value


def _is_answer(module: Any, value: Any) -> bool:
    """Whether a class only holds what sloy finds, so that nobody else makes one."""
    made = module.__name__.partition(".")[2] in MADE or hasattr(value, "__post_init__")
    return is_dataclass(value) and not made


def arguments_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def call(
    function: Callable[..., Any], given: dict[str, Any], parameters: list[inspect.Parameter]
) -> Any:
    first = [
        given.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in given
    ]
    return function(*first, **given)


class TooLong(BaseException):
    pass


def verdict(
    function: Callable[..., Any],
    given: dict[str, Any],
    parameters: list[inspect.Parameter],
    base: dict[str, Any],
) -> str:
    """What is wrong with how a wrong call ends; nothing where it works, is refused well, or lasts as the right one."""

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor
    try:
        call(function, dict(given), parameters)
        return ""
    except SloyError as error:
        said = str(error)
        if "\n" in said or len(said) > LONGEST:
            return f"{len(said)} characters in {said.count(chr(10)) + 1} lines"
        return ""
    except OSError as error:
        return "" if error.filename else f"{error} names no file"
    except TypeError as error:  # Python's own, of a signature
        return (
            ""
            if ("required" in str(error) and "argument" in str(error))
            or "has no len()" in str(error)  # what the function raised that it was to call
            else f"TypeError: {str(error)[:110]!r}"
        )
    except TooLong:
        return "" if lasts(function, base, parameters) else f"takes more than {SECONDS} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:110]!r}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def lasts(
    function: Callable[..., Any], base: dict[str, Any], parameters: list[inspect.Parameter]
) -> bool:
    """Whether the right call takes too long too."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        call(function, dict(base), parameters)
    except TooLong:
        return True
    except Exception:  # refused: what is right of one argument is not of all
        return False
    return False


def wrong_calls(
    values: dict[str, Any], folder: Path
) -> Iterator[tuple[str, str, str, Callable[[], str]]]:
    """Function, argument, what it is given, and the call."""
    model, beside = values["model"], right_for(values)
    for name, found in callables():
        function = getattr(model, name.partition(".")[2]) if name.startswith("model.") else found
        parameters = arguments_of(function)
        needed = {p.name for p in parameters if p.default is p.empty}
        if not needed <= set(values):
            needed &= set(values)
        base = {key: values[key] for key in needed}
        if name.startswith("sloy.ops."):
            base |= {key: ops.input("t", (2, 4)) for key in needed & {"x", "z", "a", "b", "labels"}}
        base |= beside.get(name, {})
        if "verbose" in {p.name for p in parameters}:
            base["verbose"] = False
        for parameter in parameters:
            for word, make in WRONG.items():
                given = {**base, parameter.name: make(folder)}
                yield (
                    name,
                    parameter.name,
                    word,
                    partial(verdict, function, given, parameters, base),
                )


def main() -> int:
    """Call, count, tell what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="functions whose names have this in them")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    found = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="sloy-misuse-") as name:
        folder = Path(name)
        os.chdir(folder)  # files of wrong names are written there
        several = [one for one in wrong_calls(right(folder), folder) if given.only in one[0]]
        chosen = random.Random(given.seed).sample(several, min(given.calls, len(several)))
        for function, argument, word, made in sorted(chosen, key=lambda one: one[:3]):
            found["calls"] += 1
            said = made()
            if said and not (argument in REPEATS and said.startswith("takes more than")):
                found["wrong"] += 1
                print(f"{function}({argument}={word}): {said}", flush=True)
    print(
        "; ".join(f"{count} {what}" for what, count in found.items()), f"of {len(several)} possible"
    )
    return int(found["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
