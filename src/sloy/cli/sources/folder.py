"""Folders of pictures, and CSV files that list pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sloy.cli import text
from sloy.cli.errors import UsageError
from sloy.cli.sources.base import Loaded, Row
from sloy.cli.sources.labelled import Labelled

if TYPE_CHECKING:
    import numpy as np

    from sloy.cli.plan import Plan
    from sloy.data import Dataset, PictureFolder, PictureReader

AUGMENTATION = "rotation=8,scale=0.1,shift=0.1,brightness=0.1,contrast=0.1,outside=edge"
STEPS = 800  # of training, about
TEST = 0.1
CLASSES_SHOWN = 12

_IDX = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx[1-9]-ubyte(\.gz)?")


@dataclass(frozen=True, eq=False)
class LoadedPictures(Loaded):
    """A folder that was read."""

    folder: PictureFolder = field(kw_only=True)


class PictureSource(Labelled):
    """One folder for each class, such folders in train/ and test/, or a CSV file of paths and labels."""

    defaults: ClassVar[Mapping[str, Any]] = {"network": "standard_cnn", "augment": AUGMENTATION}
    rate_share: ClassVar[float] = 0.25  # of deeper networks and smaller batches than those of MNIST
    options = frozenset({"test", "size", "resize", "skip_broken"})

    @staticmethod
    def matches(data: str) -> bool:
        """A folder without IDX files, or a CSV file whose lines name pictures."""
        from sloy.data.listing import lists_pictures

        path = Path(data)
        if path.is_dir():
            return not any(_IDX.fullmatch(entry.name) for entry in path.iterdir())
        return lists_pictures(path)

    @property
    def name(self) -> str:
        """The folder's or file's name."""
        path = Path(self.data).resolve()
        return path.stem if path.is_file() else path.name

    def check(self, plan: Plan) -> None:
        """The pictures of a model that exists have its size."""
        if plan.from_ is not None and plan.size is not None:
            raise UsageError("--size: with --from the pictures take the size that the model needs")

    def load(self, plan: Plan) -> LoadedPictures:
        """List, decode, split, compare."""
        from sloy.data import picture_folder
        from sloy.data.listing import list_pictures
        from sloy.training.counting import counting

        chosen: dict[str, Any] = {"size": _size(plan), "resize": plan.resize or "crop"}
        listing = list_pictures(self.data)
        if plan.from_ is not None:
            chosen = self._of_model(plan, set(listing.class_names))
        shown = not self.quiet
        with counting("pictures decoded", len(listing.paths), shown=shown) as more:
            folder = picture_folder(
                listing,
                validation=plan.validation,
                test=TEST if plan.test is None else plan.test,
                seed=plan.seed,
                skip_broken=bool(plan.skip_broken),
                progress=lambda done, total: more(1),
                **chosen,
            )
        if folder.test is None:
            raise UsageError("--test 0: no picture is left to test on")
        return LoadedPictures(
            _cut(folder.train, plan),
            folder.test,
            folder.validation,
            folder.reader,
            augment=plan.make_augment(),
            rows=tuple(_rows(folder)),
            folder=folder,
        )

    def suited(self, plan: Plan, loaded: Loaded) -> Mapping[str, Any]:
        """Batches of a 32nd of the pictures, between 8 and 128; epochs for about 800 steps, 8 to 30 of them."""
        count = len(loaded.train)
        size = int(min(128, max(8, 2 ** round(log2(max(count / 32, 1))))))
        return {"batch_size": size, "epochs": max(8, min(30, STEPS * size // count))}

    def as_seen(self, loaded: Loaded, x: np.ndarray) -> np.ndarray:
        """Red first."""
        assert isinstance(loaded, LoadedPictures)
        return x[..., ::-1] if loaded.folder.reader.order == "BGR" else x

    def _of_model(self, plan: Plan, classes: set[str]) -> dict[str, Any]:
        """How pictures are read for a model that exists, and its classes where they are the same."""
        from sloy.data import PictureReader

        model = self.start
        assert model is not None
        reader = model.reader
        if not isinstance(reader, PictureReader):
            shape = model.network.input_shape
            if len(shape) != 3 or shape[2] not in (1, 3):
                raise UsageError(
                    f"--from {plan.from_}: the model takes samples of shape {text.shape(shape)}, not pictures"
                )
            reader = PictureReader((shape[0], shape[1]), shape[2], resize=plan.resize or "crop")
        elif plan.resize not in (None, reader.resize):
            raise UsageError(
                f"--resize {plan.resize}: the model of --from reads its pictures by {reader.resize}"
            )
        same = set(model.class_names) == classes
        return {"reader": reader, "class_names": model.class_names if same else ()}


def _size(plan: Plan) -> tuple[int, int] | None:
    return None if plan.size is None else (plan.size[0], plan.size[-1])


def _cut(data: Dataset, plan: Plan) -> Dataset:
    """As many of the training pictures as the plan says, any of them."""
    from sloy.graph.threefry import make_key, permutation

    if plan.samples is None:
        return data
    if plan.samples > len(data):
        raise UsageError(f"--samples {plan.samples}: there are only {len(data)}")
    return data.take(sorted(permutation(len(data), make_key(plan.seed, "samples"))[: plan.samples]))


def _rows(folder: PictureFolder) -> list[Row]:
    """What the opening says beside the counts."""
    names = folder.train.class_names
    counts = [0] * len(names)
    for label in folder.train.y.tolist():
        counts[label] += 1
    shown = [f"{name} {text.count(n)}" for name, n in zip(names, counts, strict=True)]
    more = len(shown) - CLASSES_SHOWN
    words = ", ".join(shown[:CLASSES_SHOWN]) + (f", and {more} more" if more > 0 else "")
    rows = [("classes", words), ("pictures", reading(folder.reader))]
    if folder.on_disk:
        size = text.size(folder.train.x.nbytes)
        rows.append(("", f"{size} of them: kept in a temporary file, not in memory"))
    return [*rows, *(("note", remark) for remark in folder.remarks())]


def reading(reader: PictureReader) -> str:
    """How pictures become samples, in words."""
    height, width = reader.size
    ways = {
        "crop": "the middle of each",
        "stretch": "each stretched or squeezed",
        "pad": "each whole, with borders",
    }
    kind = "grey" if reader.channels == 1 else "colour"
    first = f", after resizing the shorter side to {reader.resize_to}" if reader.resize_to else ""
    order = ", blue first" if reader.order == "BGR" else ""
    return f"{ways[reader.resize]} at {height} × {width}{first}, {kind}{order}"
