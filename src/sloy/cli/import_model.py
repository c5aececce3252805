"""`sloy import`: a model from another tool, as a .sloy file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.options import add_overwrite, keep, not_negative, number, positive, written

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
        "--size", type=_size, metavar="HxW", help="of the pictures; default: 224x224, the file's"
    )
    parser.add_argument(
        "--classes",
        type=_classes,
        metavar="N|FILE",
        help="number, other than the weights have: a new last layer, to be trained; of ONNX a file of their names,"
        " one a line or JSON, or imagenet",
    )
    parser.add_argument("--seed", type=not_negative, metavar="N", help="of a new last layer")
    add_overwrite(parser.add_argument, "a file that is there already")
    onnx = parser.add_argument_group("ONNX files")
    for name, help_ in (
        ("mean", "of each channel, as published, such as 0.485,0.456,0.406; above 1: of bytes"),
        ("std", "likewise, such as 0.229,0.224,0.225"),
    ):
        onnx.add_argument(f"--{name}", type=_numbers, metavar="A,B,C", help=help_)
    onnx.add_argument(
        "--channels-last",
        action="store_true",
        help="give samples as (H, W, C) where the file takes (C, H, W); pictures always are",
    )
    onnx.add_argument(
        "--input-shape",
        type=_shape,
        metavar="AxBxC",
        help="of a sample as the file takes it, where it leaves that open",
    )
    onnx.add_argument(
        "--output",
        metavar="NAME",
        help="which of several outputs, or any other value of the graph; default: the first",
    )
    onnx.add_argument(
        "--loss",
        metavar="NAME",
        help="what it is trained for: categorical_crossentropy for classes …",
    )


BY_NAME = ("weights", "size", "classes", "seed")
OF_ONNX = ("size", "classes", "mean", "std", "channels_last", "input_shape", "output", "loss")


def run(arguments: argparse.Namespace) -> int:
    """Read it, write it, say what it is."""
    import sloy
    from sloy.arguments import file_to_write
    from sloy.model.loading import way_in

    out = file_to_write("write", "OUT", arguments.out)
    keep([out], overwrite=arguments.overwrite)
    is_onnx = Path(arguments.what).suffix.lower() == ".onnx"
    known, others = (OF_ONNX, BY_NAME) if is_onnx else (BY_NAME, OF_ONNX)
    for name in others:
        if name not in known and getattr(arguments, name) not in (None, False):
            kinds = ("networks by name", "ONNX files")
            fits, not_ = kinds if is_onnx else kinds[::-1]
            raise UsageError(f"--{name.replace('_', '-')} is for {fits}, not for {not_}")
    options = {n: v for n in known if (v := getattr(arguments, n)) not in (None, False)}
    classes = options.pop("classes", None)
    if isinstance(classes, int) == is_onnx and classes is not None:
        raise UsageError(
            f"--classes {classes}: "
            + (
                "an ONNX file takes a file of names"
                if is_onnx
                else "a network by name takes a number"
            )
        )
    if is_onnx:
        from sloy.model.loading import import_onnx

        model = import_onnx(arguments.what, classes=classes, **options)
    else:
        if "size" in options:
            options["input_shape"] = (*options.pop("size"), 3)
        if arguments.what not in sloy.pretrained.PUBLISHED:
            if (way := way_in(Path(arguments.what))) is not None:
                raise UsageError(f"{arguments.what}: {way}")
            raise UsageError(
                f"{arguments.what!r} must be NAME.onnx or one of {', '.join(sloy.pretrained.PUBLISHED)}"
            )
        weights = options.pop("weights", "torchvision")
        options |= {} if classes is None else {"classes": classes}
        model = sloy.load(arguments.what, weights=weights, **options)
    model.save(out)
    print(text.fields([written(out), *_said(model)]))
    return 0


def _said(model: Model) -> list[tuple[str, str]]:
    from sloy.data import PictureReader
    from sloy.experiments.sources.folder import reading

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
    if isinstance(reader, PictureReader):
        rows.append(("pictures", reading(reader)))
    if (scale := model.problem.preprocessing) is not None and not scale.is_identity:
        rows.append(("prepared", f"mean {_few(scale.mean)}; deviation {_few(scale.deviation)}"))
    if names := model.class_names:
        rows.append(("classes", f"{len(names)}: {text.named(names, 3)}"))
    return rows


def _size(value: str) -> tuple[int, int]:
    """HxW, or one number for both."""
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", value)
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise argparse.ArgumentTypeError(f"{value!r} must be HEIGHTxWIDTH, such as 224x224")
    return int(found[1]), int(found[2] or found[1])


def _classes(value: str) -> int | str:
    """A number, or a file of names."""
    return positive(value) if value.isdecimal() else value


def _numbers(value: str) -> tuple[float, ...]:
    return tuple(map(number, value.split(",")))


def _shape(value: str) -> tuple[int, ...]:
    return tuple(map(positive, re.split("[x×,]", value)))


def _few(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
