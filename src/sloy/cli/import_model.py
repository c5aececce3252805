"""`sloy import`: a model from another tool, as a .sloy file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.options import not_negative, positive

if TYPE_CHECKING:
    from sloy.model import Model


NAME = "import"
HELP = "a model from another tool: a network with ImageNet weights, or an ONNX file"
DESCRIPTION = (
    "Makes a .sloy file of published or given weights of a known network, or of an ONNX model."
)
EPILOG = (
    "sloy predict NETWORK PICTURE and sloy train FOLDER --from NETWORK take published weights by"
    " name too, without a file of their own."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="resnet18, resnet34, resnet50, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small,"
        " efficientnet_b0, convnext_tiny, vgg11, vgg13, vgg16, vgg19, the last four also with _bn;"
        " or NAME.onnx",
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="the .sloy file to write")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help=".pth, .safetensors, .h5 or .weights.h5; or torchvision, torchvision-v1, timm or keras:"
        " those are downloaded;"
        " default: torchvision",
    )
    parser.add_argument(
        "--size", type=_size, metavar="HxW", help="of the pictures; default: 224x224"
    )
    parser.add_argument(
        "--classes",
        type=positive,
        metavar="N",
        help="other than the weights have: a new last layer, to be trained",
    )
    parser.add_argument("--seed", type=not_negative, metavar="N", help="of a new last layer")


def run(arguments: argparse.Namespace) -> int:
    """Read it, write it, say what it is."""
    import sloy
    from sloy.arguments import file_to_write

    out = file_to_write("write", "OUT", arguments.out)
    given = {name: getattr(arguments, name) for name in ("weights", "size", "classes", "seed")}
    options = {name: value for name, value in given.items() if value is not None}
    if Path(arguments.what).suffix.lower() == ".onnx":
        if options:
            raise UsageError(f"--{next(iter(options))} is for networks by name, not for ONNX files")
        model = sloy.Model.from_onnx(arguments.what)
    else:
        if "size" in options:
            options["input_shape"] = (*options.pop("size"), 3)
        if arguments.what not in sloy.pretrained.PUBLISHED:
            raise UsageError(
                f"{arguments.what!r} must be NAME.onnx or one of {', '.join(sloy.pretrained.PUBLISHED)}"
            )
        weights = options.pop("weights", "torchvision")
        model = sloy.load(arguments.what, weights=weights, **options)
    model.save(out)
    print(text.fields([("written", f"{out}, {text.size(out.stat().st_size)}"), *_said(model)]))
    return 0


def _said(model: Model) -> list[tuple[str, str]]:
    network, reader = model.network, model.reader
    rows = [
        (
            "network",
            f"{text.many(len(network.layers), 'layer')},"
            f" {text.many(network.parameter_count, 'parameter')}",
        ),
        ("input", f"{model.problem.data_dtype}, N × {text.shape(network.input_shape)}"),
        ("output", f"N × {text.shape(network.output_shape)}"),
    ]
    if reader is not None:
        rows.append(("pictures", _pictures(reader)))
    if names := model.class_names:
        some = ", ".join(names[:3])
        rows.append(("classes", f"{len(names)}: {some}{', …' if len(names) > 3 else ''}"))
    return rows


def _pictures(reader: Any) -> str:
    """How files become samples."""
    height, width = reader.size
    return f"shorter side to {reader.resize_to} pixels, then the middle {height} × {width}"


def _size(value: str) -> tuple[int, int]:
    """HxW, or one number for both."""
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", value)
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise argparse.ArgumentTypeError(f"{value!r} must be HEIGHTxWIDTH, such as 224x224")
    return int(found[1]), int(found[2] or found[1])
