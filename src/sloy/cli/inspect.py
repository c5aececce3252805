"""`sloy inspect`: look into a network: filters, feature maps, why it decides; what the columns of a table are worth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.inspect_table import inspect_table, write
from sloy.cli.options import add_engine_options, add_model, add_overwrite, not_negative, positive

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from sloy.model import Model

STEPS = 100  # of the ascent
MOST_LAYERS = 8  # that are looked at where none are chosen


NAME = "inspect"
HELP = (
    "look into a network: filters, feature maps, why it decides; what a table's columns are worth"
)
DESCRIPTION = (
    "Writes pictures of what a network of pictures has learned; with an image also what its layers make"
    " of it, what the units see of it, and which pixels decide. Of a model for tables, with a table: what"
    " each column is worth, and how the answers depend on some."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    parser.add_argument(
        "image", metavar="IMAGE|TABLE", nargs="?", help="a picture; for a model of tables, a table"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the pictures")
    add_overwrite(parser.add_argument, "pictures that are there already")
    parser.add_argument(
        "--layer",
        metavar="NAME",
        nargs="+",
        help=f"layers to look at; default: those that give maps, of more than {MOST_LAYERS} some from first to last",
    )
    parser.add_argument(
        "--channels",
        type=positive,
        default=8,
        metavar="N",
        help="of a layer that are shown; default: 8",
    )
    parser.add_argument(
        "--output",
        type=not_negative,
        metavar="K",
        help="class to explain; default: the most probable",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="what `sloy train` takes: its test pictures show what excites the units most",
    )
    tables = parser.add_argument_group("tables")
    tables.add_argument(
        "--column",
        metavar="NAME",
        action="append",
        default=[],
        help="draw how the answers depend on a column; may be repeated; default: the four that are worth most",
    )
    tables.add_argument(
        "--pair",
        metavar=("NAME", "NAME"),
        nargs=2,
        action="append",
        default=[],
        help="… on two columns together, as a map",
    )
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sloy.cli.predict import load_model
    from sloy.errors import InvalidArgument
    from sloy.training.stages import layered

    model = load_model(arguments.model, arguments)
    if model.reader is not None and model.reader.kind == "table":
        print(inspect_table(model, arguments))
        return 0
    if arguments.column or arguments.pair:
        raise UsageError("--column and --pair are for models of tables")
    model = layered(model)
    channels = shown_of(model, arguments.layer, arguments.channels)
    layers = list(channels)
    if not channels and arguments.image is None:
        raise InvalidArgument(
            "no layer of the network gives maps (H, W, C); of an image, this shows which pixels decide."
        )
    image = arguments.image
    picture = None if image is None else one_sample(image, model)  # (H, W, C)
    data = pictures_of(arguments.data) if arguments.data else None
    on_paper = are_on_paper(model, data, picture)
    figures = {
        **filters(model, layers),
        **(synthesized(model, channels, on_paper=on_paper) if channels else {}),
        **({} if data is None else exciting(model, channels, data, on_paper=on_paper)),
        **({} if picture is None else of_picture(model, picture, layers, arguments.output)),
    }
    print(text.fields(write(arguments, figures)))
    return 0


def one_sample(path: str, model: Model) -> np.ndarray:
    """The sample of a picture; of several the first, which is said."""
    from sloy.cli.predict import read_all

    samples, _ = read_all([path], model, {})
    if len(samples) > 1:
        said = f"{path} holds {text.many(len(samples), 'sample')}; the first is shown"
        print(f"sloy inspect: {said}", file=sys.stderr)
    return samples[0][1]


def shown_of(model: Model, layers: Sequence[str] | None, most: int) -> dict[str, range]:
    """The layers to look at, each with its first channels.

    By default those with weights whose output is maps (H, W, C), layers inside others left out; all that give maps if
    none has weights.
    """
    from sloy import ops
    from sloy.errors import InvalidArgument
    from sloy.problem.receptive import activation, picture_shape

    shape = picture_shape("sloy inspect", model.network)
    activations = model.network.build(ops.input("x", (1, *shape))).activations
    maps = [name for name, y in activations.items() if y.rank == 4]
    for name in layers or ():
        if activation(activations, name).rank != 4:
            raise InvalidArgument(
                f"the layer {name!r} gives no maps (H, W, C); those that do are"
                f" {', '.join(maps) or 'none'}."
            )
    if layers is None:
        outer = [name for name in maps if "/" not in name]
        weighted = {name.split("/")[0] for name, w in model.parameters.items() if w.ndim == 4}
        layers = some_of([name for name in outer if name in weighted] or outer)
    return {name: range(min(most, activations[name].shape[-1])) for name in layers}


def some_of(layers: Sequence[str]) -> Sequence[str]:
    """Layers that are shown without being chosen: of many, as many as one looks through, from first to last."""
    if len(layers) <= MOST_LAYERS:
        return layers
    step = (len(layers) - 1) / (MOST_LAYERS - 1)
    said = f"{MOST_LAYERS} of {len(layers)} layers are shown; --layer NAME … shows others (a wrong name lists them)"
    print(f"sloy inspect: {said}", file=sys.stderr)
    return [layers[round(i * step)] for i in range(MOST_LAYERS)]


def filters(model: Model, layers: list[str]) -> dict[str, tuple[str, Figure]]:
    """The weights of the convolutions among the layers."""
    from sloy import inspection

    found = {}
    for layer in layers:
        weights = model.parameters.get(f"{layer}/weight")
        if weights is not None and weights.ndim == 4:
            figure = inspection.filters_figure(weights, f"{layer}: filters")
            found[f"filters-{layer}"] = ("the weights of its filters", figure)
    return found


def pictures_of(data: str) -> np.ndarray:
    """Those to test on, else those to train on."""
    from sloy.experiments import Wanted, source_of

    loaded = source_of(data).load(Wanted())
    return (loaded.test or loaded.train).x


def are_on_paper(model: Model, data: np.ndarray | None, picture: np.ndarray | None) -> bool:
    """Whether what the network sees is ink on paper (0): then high is dark in all figures, else light."""
    from sloy.data import HandwritingReader
    from sloy.inspection.picture import is_ink_on_paper

    if data is not None:
        return is_ink_on_paper(data[:1000])
    if picture is not None:
        return is_ink_on_paper(picture[None])
    return isinstance(model.reader, HandwritingReader)


def synthesized(
    model: Model, channels: Mapping[str, range], *, on_paper: bool
) -> dict[str, tuple[str, Figure]]:
    """Pictures made to excite the middle unit of the first channels of each layer, as far as it sees."""
    from sloy import inspection

    rows, titles, names = [], [], []
    for layer, shown in channels.items():
        field = inspection.receptive_field(model.network, layer)
        unit = field.extents[0] // 2, field.extents[1] // 2
        top, left, bottom, right = field.box(*unit)
        made = [
            inspection.synthesize(model, layer, channel, unit=unit, steps=STEPS)
            for channel in shown
        ]
        rows.append([m.picture[top:bottom, left:right] for m in made])
        values = text.alike([m.after for m in made], 3)
        titles.append(
            [f"channel {m.channel}\n{value}" for m, value in zip(made, values, strict=True)]
        )
        names.append(layer)
    title = "Pictures made to excite each channel, and its activation"
    figure = inspection.pictures_figure(rows, titles, names, title, on_paper=on_paper)
    return {"synthesized": ("pictures made to excite the channels of each layer", figure)}


def exciting(
    model: Model, channels: Mapping[str, range], x: np.ndarray, *, on_paper: bool
) -> dict[str, tuple[str, Figure]]:
    """The patches of test pictures that excite the first channels of each layer."""
    from sloy import inspection

    found = {}
    for layer, shown in channels.items():
        several = inspection.exciting_patches(model, x, layer, shown)
        rows = [[patch.pixels for patch in patches] for patches in several.values()]
        titles = [text.alike([patch.value for patch in patches], 3) for patches in several.values()]
        names = [f"channel {channel}" for channel in several]
        title = f"{layer}: what excites each channel most, and its activation"
        figure = inspection.pictures_figure(rows, titles, names, title, on_paper=on_paper)
        found[f"exciting-{layer}"] = ("the patches of the data that excite its channels", figure)
    return found


def of_picture(
    model: Model, picture: np.ndarray, layers: list[str], output: int | None
) -> dict[str, tuple[str, Figure]]:
    """What the network makes of one picture."""
    from sloy import inspection

    explained = {"saliency": inspection.saliency(model, picture, output)}
    if layers:
        explained["Grad-CAM"] = inspection.grad_cam(model, picture, output)
    found = {
        "explanation": (
            f"which pixels decide: {' and '.join(explained)}",
            inspection.explanation_figure(explained, model.class_names),
        )
    }
    if layers:
        fields = [inspection.receptive_field(model.network, layer) for layer in layers]
        found["receptive-fields"] = (
            "what the middle unit of each layer sees",
            inspection.receptive_figure(picture, fields),
        )
    for layer in layers:
        maps = inspection.feature_maps(model, picture, layer)
        title = f"{layer}: {maps.shape[2]} maps of {maps.shape[0]} × {maps.shape[1]}"
        found[f"maps-{layer}"] = (
            "what it makes of the picture",
            inspection.maps_figure(maps, title),
        )
    return found
