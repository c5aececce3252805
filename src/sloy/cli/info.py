"""`sloy info`: what is in a model file."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.options import add_json, add_model

if TYPE_CHECKING:
    from sloy.model import Model


_SUMMARY = {
    "plan": {
        "data": str,
        "epochs": int,
        "batch_size": int,
        "optimizer": str,
        "schedule": str,
        "seed": int,
        "*": object,
    },
    "times_seconds": {"training": float, "*": float},
    "learning_rate": float,
    "engine": {"name": str, "threads": int, "*": object},
    "versions": {"sloy": str, "*": str},
    "test_samples?": int,
    "*": object,
}  # what is shown of it

NAME = "info"
HELP = "what is in a model file: network, classes, preprocessing, how it was trained"
DESCRIPTION = "Reads a model file in full, checks it, and shows what is in it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    import sloy
    from sloy.model.loading import model_file

    file = model_file(arguments.model)
    model = sloy.load(file)  # damaged files do not get past this
    training = beside(file)
    if arguments.json:
        print(text.as_json(as_document(file, model, training)), end="")
    else:
        print(describe(file, model, training))
    return 0


def beside(file: Path) -> dict[str, Any] | None:
    """The summary of the run in whose folder the model lies; None where there is none, or none that can be read."""
    from sloy.errors import FileFormatError
    from sloy.experiments.baselines import OF_SUMMARY
    from sloy.files.documents import read_document

    path = file.parent / "summary.json"
    if not path.is_file():
        return None
    try:
        found = read_document(path, {"*": object}, "the summary of a run")
        if found.get("schema") != text.SCHEMA or "plan" not in found:
            return None  # of another version, or of a test
        return read_document(path, OF_SUMMARY | _SUMMARY, "the summary of a run")
    except FileFormatError as error:
        warnings.warn(f"{error} It is left aside.", stacklevel=2)
        return None


def as_document(file: Path, model: Model, training: dict[str, Any] | None) -> dict[str, Any]:
    """What `--json` prints."""
    from sloy.data.readers import reader_to_config

    problem, network = model.problem, model.network
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "checksum": "ok",
        "input_shape": list(network.input_shape),
        "layers": [
            {
                "name": row.name,
                "layer": row.layer,
                "output_shape": list(row.output_shape),
                "parameters": row.parameters,
                "multiply_adds": row.multiply_adds,
            }
            for row in network.summary().rows
        ],
        "parameters": network.parameter_count,
        "class_names": list(model.class_names),
        "reader": reader_to_config(model.reader),
        "preprocessing": problem.preprocessing.to_config() if problem.preprocessing else None,
        "loss": str(problem.loss),
        "threshold": problem.threshold,
        "dtype": problem.dtype,
        "training": training,
    }


def describe(file: Path, model: Model, training: dict[str, Any] | None) -> str:
    """The same as text."""
    problem = model.problem
    rows = [
        ("file", f"{text.visible(file)}, {text.size(file.stat().st_size)}, checksum ok"),
        ("network", model.summary(1)),
        *_classes(model),
        *_table(model),
        ("input", _preprocessing(model)),
        ("loss", str(problem.loss)),
        *_threshold(model),
        ("numbers", problem.dtype),
    ]
    if training is not None:
        plan, times = training["plan"], training["times_seconds"]
        said = [
            f"{text.visible(plan['data'])}, {text.many(plan['epochs'], 'epoch')} of batches of"
            f" {text.count(plan['batch_size'])}, {plan['optimizer']}, learning rate"
            f" {training['learning_rate']:g} ({plan['schedule']}), seed {plan['seed']}",
            f"{_tested(training)}, {text.seconds(times['training'])} on"
            f" {text.many(training['engine']['threads'], 'thread')} ({training['engine']['name']}), sloy"
            f" {training['versions']['sloy']}",
        ]
        rows.append(("training", "\n".join(said)))
    return text.fields(rows)


def _table(model: Model) -> list[tuple[str, str]]:
    """Target and columns of a model for tables."""
    from sloy.data import HandwritingReader, PictureReader
    from sloy.data.tables import NumbersReader, TableReader
    from sloy.experiments.sources.folder import reading
    from sloy.experiments.sources.table_loaded import listed

    if isinstance(model.reader, PictureReader):
        return [("pictures", reading(model.reader))]
    if isinstance(model.reader, HandwritingReader):
        return [("pictures", model.reader.describe())]
    if isinstance(model.reader, NumbersReader):
        names = text.named(model.reader.names, 8, f" and {model.reader.width - 8} more")
        found = (
            f"numbers, by their names: {names}" if model.reader.named else "numbers, in their order"
        )
        columns = f"{model.reader.width} of {found}"
        return [
            ("target", ", ".join(map(text.visible, model.reader.targets))),
            ("columns", columns),
        ]
    if not isinstance(model.reader, TableReader):
        return []
    targets = ", ".join(map(text.visible, model.reader.targets))
    return [("target", targets), ("columns", listed(model.reader, {}))]


def _tested(training: dict[str, Any]) -> str:
    """What the run measured on its test data."""
    from sloy.experiments.baselines import in_a_line

    if not training.get("test_samples", 1):
        return "not tested"
    return f"test {in_a_line(training)}"


def _classes(model: Model) -> list[tuple[str, str]]:
    if names := model.class_names:
        return [
            ("classes", f"{len(names)}: {text.named(names, 20, f' and {len(names) - 20} more')}")
        ]
    shape = model.network.output_shape
    if model.loss.task(shape) != "classification":
        return []
    return [("classes", f"{shape[-1]}, without names")]


def _threshold(model: Model) -> list[tuple[str, str]]:
    name = text.visible(model.class_names[1]) if len(model.class_names) == 2 else "yes"
    said = f"{name} where its probability is above {model.threshold}"
    return [] if model.threshold is None else [("threshold", said)]


def _preprocessing(model: Model) -> str:
    problem = model.problem
    shape = text.shape(model.network.input_shape)
    if problem.preprocessing is None or problem.preprocessing.is_identity:
        return f"{shape}, as it is"
    both = (problem.preprocessing.mean, problem.preprocessing.deviation)
    mean, deviation = (", ".join(f"{value:.4g}" for value in values) for values in both)
    return f"{shape}, minus {mean}, divided by {deviation}"
