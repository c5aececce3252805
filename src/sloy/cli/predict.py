"""`sloy predict`: what a trained model says about pictures, IDX files and tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.errors import FAILED, OK, UsageError
from sloy.cli.options import add_engine_options, add_json, add_model, positive
from sloy.cli.predict_table import predict_table

if TYPE_CHECKING:
    import numpy as np

    from sloy.data.handwriting import Written
    from sloy.model import Model

NAMED = 10  # files that cannot be read


NAME = "predict"
HELP = "what a trained model says about pictures, or about the rows of a table"
DESCRIPTION = (
    "Prints file, class and probability for pictures (PNG, JPEG, …) and IDX files; of a model for"
    " tables the prediction for each row, as CSV."
)
EPILOG = (
    "Pictures are read as in training. Of a model of MNIST's digits, and others of their kind, ink is told from its"
    " ground, and each digit cut out, scaled and centred. --as-is stretches the whole picture to the model's size."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    add_model(parser)
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="pictures, IDX files or tables; - is standard input",
    )
    parser.add_argument(
        "--top", type=positive, default=1, metavar="N", help="show the N most probable classes"
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="of a model for handwriting: the whole picture, not the marks in it",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="turn dark into light and light into dark first; pictures are taken as they are",
    )
    parser.add_argument(
        "--id",
        action="append",
        default=[],
        metavar="COLUMN",
        help="of a table: a column that is kept beside predictions; may be repeated; default: that of sloy train --id",
    )
    parser.add_argument(
        "--guard-formulas",
        action="store_true",
        help="of a table: an apostrophe before cells that spreadsheets compute (=, +, -, @, tab)",
    )
    add_json(parser)
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict and print."""
    model = load_model(arguments.model, arguments)
    if model.reader is not None and model.reader.of_tables:
        return predict_table(model, arguments)
    if arguments.id or arguments.guard_formulas:
        name = "--id" if arguments.id else "--guard-formulas"
        raise UsageError(f"{name} is for the rows of tables")
    import numpy as np

    from sloy.model.marks import doubts, prepared

    marks: dict[str, Written] = {}
    wanted = None if arguments.as_is or arguments.invert else marks
    samples, unread = read_all(arguments.files, model, wanted)
    x = np.stack([sample for _, sample in samples])  # (N, *input_shape)
    if arguments.invert:
        x = invert(x)
    elif doubt := [name for name, sample in samples if seems_inverted(sample, model)]:
        others = f" and {len(doubt) - 1} more" if len(doubt) > 1 else ""
        print(
            f"sloy predict: {text.visible(doubt[0])}{others}: much lighter or darker than what the model"
            " was trained on; --invert may help",
            file=sys.stderr,
        )
    predictions = [
        {"file": name, **answer}
        for (name, _), answer in zip(samples, answers(model, x, arguments.top), strict=True)
    ]
    for name, why in doubts(model, marks).items():
        next(one for one in predictions if one["file"] == name)["doubt"] = why
    if said := prepared(marks):
        print(f"sloy predict: {said}; --as-is takes pictures as they are", file=sys.stderr)
    if arguments.json:
        failed = [{"file": name, "why": why} for name, why in unread.items()]
        document = {"model": arguments.model, "predictions": predictions, "unread": failed}
        print(text.as_json(document), end="")
    else:
        print_lines(predictions)
    if not unread:
        return OK
    count = text.many(len(unread), "file")
    print(f"sloy predict: {count} cannot be read: {some(unread)}", file=sys.stderr)
    return FAILED


def load_model(path: str, arguments: argparse.Namespace) -> Model:
    """The model of a file, or of a run's folder."""
    import sloy

    return sloy.load(path, engine=arguments.engine, threads=arguments.threads)


def read_all(
    files: Sequence[str], model: Model, marks: dict[str, Written] | None
) -> tuple[list[tuple[str, np.ndarray]], dict[str, str]]:
    """The samples of all files, each with what it is called; and the files that cannot be read, each with its reason.

    Raises
    ------
    FileFormatError, OSError
        Where none can be read.
    """
    from sloy.errors import FileFormatError
    from sloy.files.once import called, readable

    samples: list[tuple[str, np.ndarray]] = []
    failures: dict[str, Exception] = {}
    for file in files:
        try:
            with readable(file) as path:
                samples += read_samples(path, model, failures, marks)
        except (FileFormatError, OSError) as error:
            failures[called(file)] = error
    if len(failures) == 1 and not samples:
        raise next(iter(failures.values()))
    unread = {name: _reason(name, error) for name, error in failures.items()}
    if not samples:
        raise FileFormatError(f"none of {len(unread)} can be read: {some(unread)}")
    return samples, unread


def _reason(name: str, error: Exception) -> str:
    """Why a file cannot be read, without its name."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or " ".join(str(error).split()).removeprefix(f"{name}: ").removesuffix(".")


def some(unread: Mapping[str, str]) -> str:
    """The first names with their reasons."""
    shown = [
        f"{text.visible(name)} ({text.visible(why)})" for name, why in list(unread.items())[:NAMED]
    ]
    more = len(unread) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def read_samples(
    path: Path,
    model: Model,
    failures: dict[str, Exception],
    marks: dict[str, Written] | None,
) -> list[tuple[str, np.ndarray]]:
    """Samples of a picture, an IDX file or a folder of pictures, each with what it is called.

    Pictures of a folder that cannot be read are put among the `failures`. Of a model for handwriting the samples are
    the marks found in pictures, which `marks` takes by name; where that is None, the pictures as they are.
    """
    from sloy.data import read_idx
    from sloy.data.idx import begins_as_idx
    from sloy.errors import FileFormatError

    shape = model.network.input_shape
    if not path.is_dir():
        with path.open("rb") as file:
            is_idx = begins_as_idx(file.read(4))
    if path.is_dir() or not is_idx:
        return read_pictures(path, model, failures, marks)
    values = read_idx(path)
    if values.shape[1:] != shape and (*values.shape[1:], 1) != shape:
        raise FileFormatError(
            f"{path}: holds samples of shape {text.shape(values.shape[1:]) or 'one number'}, the model takes"
            f" {text.shape(shape)}."
        )
    if values.dtype.name not in ("uint8", "float32", "float64"):
        values = values.astype("float32")
    rows = values.reshape(len(values), *shape)  # (N, *input_shape)
    return [(f"{path}[{number}]", row) for number, row in enumerate(rows)]


def read_pictures(
    path: Path,
    model: Model,
    failures: dict[str, Exception],
    marks: dict[str, Written] | None,
) -> list[tuple[str, np.ndarray]]:
    """Pictures as the model's reader has them; a model without one takes them stretched to its size."""
    import numpy as np

    from sloy.data import HandwritingReader, PictureReader, pictures
    from sloy.data.images import picture_files
    from sloy.errors import FileFormatError
    from sloy.model.marks import read_marks

    files = picture_files(path) if path.is_dir() else [path]
    if not files:
        raise FileFormatError(f"{path}: holds no pictures.")
    shape, reader = model.network.input_shape, model.picture_reader
    if isinstance(reader, HandwritingReader) and marks is not None:
        return read_marks(files, reader, marks, failures)
    if not isinstance(reader, PictureReader):
        if len(shape) != 3 or shape[2] not in (1, 3):
            raise FileFormatError(
                f"{path}: the model takes samples of shape {text.shape(shape)}, not pictures."
            )
        reader = PictureReader((shape[0], shape[1]), shape[2], resampling="box")
    x = np.empty((len(files), *reader.shape), np.uint8)  # (N, H, W, C)
    bad = pictures.read_pictures(reader, files, x)
    failures |= {str(files[row]): bad[row] for row in sorted(bad)}
    return [(str(file), x[row]) for row, file in enumerate(files) if row not in bad]


def answers(model: Model, x: np.ndarray, top: int) -> list[dict[str, Any]]:
    """For each sample the most probable classes; for a regression its values."""
    import numpy as np

    model = model.by_class
    if model.loss.task(model.network.output_shape) != "classification":
        return [{"values": np.atleast_1d(row).tolist()} for row in model.predict(x)]
    probabilities = model.predict_proba(x)  # (N, K)
    names = model.class_names or tuple(map(str, range(probabilities.shape[1])))
    found = []
    for row, answer in zip(probabilities, model.predict(x), strict=True):
        best = np.argsort(-row, kind="stable")
        best = np.concatenate([[answer], best[best != answer]])[
            :top
        ]  # by a threshold, not the most probable
        ranked = [{"class": names[k], "probability": float(row[k])} for k in best]
        found.append({**ranked[0], "top": ranked})
    return found


def print_lines(predictions: list[dict[str, Any]]) -> None:
    """A line for each sample: file, class, probability."""
    files = [text.visible(prediction["file"]) for prediction in predictions]
    width = max(map(len, files))
    for file, prediction in zip(files, predictions, strict=True):
        if "values" in prediction:
            said = "  ".join(f"{value:.6g}" for value in prediction["values"])
        else:
            said = "   ".join(
                f"{text.visible(a['class'])}  {text.percent(a['probability'])}"
                for a in prediction["top"]
            )
        doubt = f"   doubtful: {prediction['doubt']}" if "doubt" in prediction else ""
        print(f"{file:<{width}}  {said}{doubt}")


def invert(x: np.ndarray) -> np.ndarray:
    """Light for dark: 255 − x of bytes, 1 − x of real numbers from 0 to 1."""
    import numpy as np

    from sloy.errors import InvalidArgument

    if x.dtype != np.uint8 and not 0 <= x.min() <= x.max() <= 1:
        raise InvalidArgument("--invert needs bytes, or real numbers from 0 to 1.")
    return (255 if x.dtype == np.uint8 else 1) - x


def seems_inverted(sample: np.ndarray, model: Model) -> bool:
    """Whether the picture's mean lies far from that of the training data and its negative's does not."""
    known = model.problem.preprocessing
    if known is None or len(known.mean) > 1 or known.mean[0] == 0 or sample.dtype != "uint8":
        return False
    mean, deviation = known.mean[0], known.deviation[0]
    own, negative = float(sample.mean()), 255 - float(sample.mean())
    return abs(own - mean) > deviation > abs(negative - mean)
