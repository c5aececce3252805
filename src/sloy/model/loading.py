"""`load`: a model of a file, or of a network's name and published weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sloy.arguments import path_of
from sloy.engines import Engine
from sloy.errors import FileFormatError, InvalidArgument
from sloy.model.file import read
from sloy.model.model import Model
from sloy.model.parts import Parts
from sloy.preprocessing import Preprocessing

MODEL = "model.sloy"  # in the folder of a run
CONFIGURATION = "configuration.json"  # … from its beginning
HDF5 = (".h5", ".hdf5")
_WEIGHTS = (".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".h5", ".hdf5", ".keras")


def load(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    engine: str | Engine = "auto",
    threads: int = 0,
    **options: Any,
) -> Model:
    """Read a model that `Model.save` wrote, or make a network of the zoo with ImageNet weights.

    Parameters
    ----------
    path : str or Path
        A file; the folder of a run, whose ``model.sloy`` is read; or the name of a network with published weights, such
        as "vgg16".
    weights : path, "torchvision" or "keras"
        For a network by its name: the file of weights, or whose to download (torchvision's by default).
    engine, threads
        As for `Model`.
    **options
        For a network by its name: ``input_shape``, ``classes``, ``include_top`` …, see
        `sloy.pretrained.read_pretrained`.

    Raises
    ------
    FileFormatError
        Where the file is damaged, foreign or of another version. Nothing in the file is executed.
    NotAvailable
        Where weights cannot be downloaded; the message says which file to put where.
    """
    path_of("load", "path", path)
    if weights is not None or _names_a_network(path):
        from sloy.pretrained import read_pretrained

        parts = Parts(*read_pretrained(str(path), weights, **options))
    elif options:
        raise InvalidArgument(
            f"load: {', '.join(sorted(options))} can be given for a network by its name, not for a file."
        )
    else:
        parts = _read(model_file(path))
    return Model.of(parts, engine, threads)


def model_file(path: str | Path) -> Path:
    """The file of a model: itself, or that in the folder of a run.

    Raises
    ------
    FileFormatError
        Where a folder has none: its run is not finished, or it is none of a run.

    Examples
    --------
    >>> str(model_file("some.sloy"))
    'some.sloy'
    """
    given = Path(path)
    if not given.is_dir() and given.name != MODEL:
        return given
    folder = given if given.is_dir() else given.parent
    if (folder / MODEL).is_file():
        return folder / MODEL
    if (folder / CONFIGURATION).is_file():
        raise FileFormatError(
            f"{folder}: the run is not finished ({MODEL} is missing); `sloy train --resume --out {folder}` goes on with"
            " it."
        )
    if given.is_dir():
        raise FileFormatError(f"{given}: holds no model ({MODEL} is missing).")
    return given


def _read(path: Path) -> Parts:
    """What a model's file holds; of another tool's file the command that takes it in."""
    try:
        return read(path)
    except FileFormatError as error:
        if (way := way_in(path)) is None:
            raise
        raise FileFormatError(f"{path}: {way}.") from error


def way_in(path: Path) -> str | None:
    """How a network or weights of another tool are taken in; None of other files."""
    kind = path.suffix.lower()
    if not path.is_file() or kind not in (".onnx", *_WEIGHTS):
        return None
    if kind == ".onnx":
        own = path.with_suffix(".sloy").name
        return f"is an ONNX file; `sloy import {path} {own}` makes a model of it"
    arrays = (
        "; of an HDF5 file with pictures `sloy.fit(network, (x, y))` takes the arrays"
        if kind in HDF5
        else ""
    )
    return (
        "holds weights without their network; of a published one `sloy import vgg16 vgg16.sloy --weights"
        f" {path}` makes a model, and `sloy.pretrained.read_weights(network, {path.name!r})` fills your own"
        f"{arrays}"
    )


def import_onnx(
    path: str | Path,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: str | Path | None = None,
    **options: Any,
) -> Model:
    """`Model.from_onnx` in words; a graph that takes pictures becomes a model for picture files.

    Parameters
    ----------
    path : str or Path
    mean, std : sequence of float, optional
        As published, see `Preprocessing.of_pictures`; one without the other is 0 or 1.
    classes : str or Path, optional
        A file of names, see `sloy.data.class_names.read_class_names`.
    **options
        Of `Model.from_onnx`.
    """
    from sloy.data.class_names import read_class_names
    from sloy.exchange.onnx.described import layout
    from sloy.exchange.onnx.reading import read as read_graph
    from sloy.model.importing import METADATA

    if mean is not None or std is not None:
        options["preprocessing"] = Preprocessing.of_pictures(mean or (0.0,), std or (1.0,))
    if classes is not None:
        options["class_names"] = read_class_names(classes)
    graph = read_graph(path)
    own = METADATA in graph.metadata
    options.setdefault("pictures", not own and any(layout(info) for info in graph.inputs[:1]))
    return Model.from_onnx(path, **options)


def _names_a_network(path: str | Path) -> bool:
    """Whether this is no file, but a network whose weights are published."""
    if Path(path).is_file():
        return False
    from sloy.pretrained import PUBLISHED

    return str(path) in PUBLISHED
