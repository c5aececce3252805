"""What a network of pictures sees: answers, maps, receptive fields, what excites a unit, which pixels decide."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

import sloy
from sloy import zoo
from sloy.app.samples import samples_of
from sloy.app.shelf import Shelf, Thing
from sloy.data import Dataset, mnist
from sloy.data.images import decode
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.inspection import exciting_patches, grad_cam, receptive_field, saliency, synthesize
from sloy.model import Model
from sloy.training.stages import layered

MOST_KEPT = 200  # pictures that may be asked about, the newest
MOST_MAPS = 32  # of a layer that are sent
MOST_PICTURES = 2_000  # of the data that may be looked at
SEARCHED = 500  # for exciting patches, at most; of a large network as many
SEARCH = 8.0  # seconds take, but
LEAST_SEARCHED = 16
SMALL = (3_000, 2)  # digits and epochs of the small network
LARGEST_SIDE = 320  # pixels of a picture that is sent
FEW_PIXELS = 10_000  # of a picture that is synthesised in many small steps, not few large ones
OWN = "small"


@dataclass(frozen=True, eq=False)
class Looked:
    """A model that is looked into, and the pictures that it was trained or tested on, where they are there."""

    name: str
    model: Model
    read: Callable[[], Dataset | None]

    @cached_property
    def pictures(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Pictures to test on with their labels, (N, H, W, C) and (N,)."""
        data = self.read()
        if data is None or not data.has_labels:
            return None
        return np.asarray(data.x[:MOST_PICTURES]), np.asarray(data.y[:MOST_PICTURES])

    @cached_property
    def layers(self) -> list[str]:
        """The layers that give maps, those within others left out."""
        from sloy import ops

        x = ops.input("x", (1, *self.model.network.input_shape))
        found = self.model.network.build(x).activations
        return [name for name, y in found.items() if y.rank == 4 and "/" not in name]


class Gallery:
    """The models that were looked into, and the pictures that are looked at, each by a number."""

    def __init__(self, shelf: Shelf, threads: int = 1) -> None:
        self._shelf = shelf
        self._threads = threads
        self._looked: dict[str, Looked] = {}
        self._engine: Engine | None = None
        self._pictures: dict[int, tuple[str, np.ndarray]] = {}
        self._numbers = itertools.count(1)

    @property
    def engine(self) -> Engine:
        """What computes."""
        if self._engine is None:
            self._engine = find_engine("auto", self._threads)
        return self._engine

    def models(self) -> list[dict[str, str]]:
        """What may be looked into."""
        self._shelf.refresh()
        shelf = self._shelf
        models = filter(shelf.may_be_looked_into, shelf.models())
        found = [{"id": model.id, "name": model.name} for model in models]
        if OWN in self._looked:
            found.append({"id": OWN, "name": self._looked[OWN].name})
        return found

    def train_small(self) -> dict[str, Any]:
        """Train a small network of digits to look into, where there is no other."""
        samples, epochs = SMALL
        data = mnist().train.take(np.arange(samples))
        network = zoo.make("cnn", (28, 28, 1), 10)
        model, history = sloy.fit(
            network, data, epochs=epochs, batch_size=64, learning_rate=2e-3, engine=self.engine,
            verbose=False,
        )  # fmt: skip
        self._looked[OWN] = Looked(f"cnn, {samples} digits", model, lambda: mnist().test)
        return {"id": OWN, "accuracy": float(history["accuracy"][-1])}

    def opened(self, id: str) -> Looked:
        """The model of an id, read when it is first asked for."""
        if id not in self._looked:
            thing: Thing = self._shelf.named(id, "run", "model")
            model = layered(sloy.load(thing.path, engine=self.engine))
            if len(model.network.input_shape) != 3:
                raise InvalidArgument(f"{thing.name}: is no network of pictures.")
            read = partial(samples_of, thing, model)
            self._looked[id] = Looked(thing.name, model, read)
        return self._looked[id]

    # --- pictures ---------------------------------------------------------------------------------

    def about(self, id: str) -> dict[str, Any]:
        """A model's layers and pictures."""
        looked = self.opened(id)
        pictures = looked.pictures
        return {
            "id": id,
            "name": looked.name,
            "shape": list(looked.model.network.input_shape),
            "classes": list(looked.model.class_names),
            "layers": looked.layers,
            "pictures": 0 if pictures is None else len(pictures[0]),
            "network": str(looked.model.network.summary(1, engine=looked.model.engine)),
        }

    def sample(self, id: str, number: int) -> dict[str, Any]:
        """Look at a picture of the data."""
        pictures = self.opened(id).pictures
        if pictures is None or not 0 <= number < len(pictures[0]):
            raise InvalidArgument(f"look: there is no picture {number}.")
        found = self._seen(id, pictures[0][number])
        return {**found, "label": int(pictures[1][number])}

    def drawn(self, id: str, side: int, pixels: str) -> dict[str, Any]:
        """Look at a drawing, bytes (side, side) of ink in base64: prepared as `sloy predict` prepares a file."""
        from PIL import Image

        try:
            ink = np.frombuffer(base64.b64decode(pixels, validate=True), np.uint8)
        except ValueError:
            ink = np.empty(0, np.uint8)
        if not 8 <= side <= 1_000 or ink.size != side * side:
            raise InvalidArgument("look: `pixels` must be side × side bytes in base64.")
        page = Image.fromarray(255 - ink.reshape(side, side))
        return self._seen(id, self._read(id, page))

    def uploaded(self, id: str, path: Path) -> dict[str, Any]:
        """Look at a picture file."""
        return self._seen(id, self._read(id, path))

    def _read(self, id: str, source: Any) -> np.ndarray:
        """A picture as the model takes it; the first of several marks."""
        model = self.opened(id).model
        reader = model.picture_reader
        if reader is not None:
            return np.asarray(reader.read(source))[0]
        height, width, channels = model.network.input_shape
        image = decode(source, channels).resize((width, height))
        found = np.asarray(image).reshape(height, width, channels)
        return found.astype(model.problem.data_dtype)

    def _seen(self, id: str, picture: np.ndarray) -> dict[str, Any]:
        number = next(self._numbers)
        self._pictures[number] = id, picture
        self._pictures.pop(number - MOST_KEPT, None)
        model = self.opened(id).model
        answer = np.ravel(model.predict_proba(picture[None])[0])
        names = model.class_names or [str(k) for k in range(len(answer))]
        order = np.argsort(-answer)[:10]
        return {
            "number": number,
            "picture": _image(picture),
            "answers": [
                {"name": names[k], "class": int(k), "value": float(answer[k])} for k in order
            ],
        }

    def _kept(self, id: str, number: int) -> np.ndarray:
        of, picture = self._pictures.get(number, ("", np.empty(0)))
        if of != id:
            raise InvalidArgument("look: choose or draw a picture first.")
        return picture

    # --- what the network makes of it -------------------------------------------------------------

    def maps(self, id: str, picture: int, layer: str) -> dict[str, Any]:
        """A layer's maps of a picture, all on one scale: 128 is 0, 255 the largest."""
        looked, pixels = self.opened(id), self._kept(id, picture)
        _known(looked, layer)
        found = looked.model.activations(pixels[None], [layer])[layer][0]
        limit = float(np.abs(found).max()) or 1.0
        shown = found[..., :MOST_MAPS]
        scaled = (128 + 127 * shown / limit).round().astype(np.uint8)
        field = receptive_field(looked.model.network, layer)
        return {
            "layer": layer,
            "extents": list(found.shape[:2]),
            "channels": found.shape[2],
            "limit": limit,
            "maps": _base64(np.ascontiguousarray(scaled.transpose(2, 0, 1))),
            "size": list(field.size),
            "stride": list(field.stride),
        }

    def unit(
        self, id: str, picture: int, layer: str, channel: int, row: int, column: int
    ) -> dict[str, Any]:
        """What a unit sees of a picture, its value, and the patches of the data that excite its channel."""
        looked, pixels = self.opened(id), self._kept(id, picture)
        _known(looked, layer)
        field = receptive_field(looked.model.network, layer)
        box = field.box(row, column)
        begun = time.perf_counter()
        values = looked.model.activations(pixels[None], [layer])[layer][0]
        took = time.perf_counter() - begun
        if not 0 <= channel < values.shape[2]:
            raise InvalidArgument(f"look: `channel` must be from 0 to {values.shape[2] - 1}.")
        patches: list[dict[str, Any]] = []
        searched = 0
        if looked.pictures is not None:
            some = looked.pictures[0][: int(np.clip(SEARCH / took, LEAST_SEARCHED, SEARCHED))]
            found = exciting_patches(looked.model, some, layer, [channel], 8)
            searched = len(some)
            patches = [
                {"picture": _image(p.pixels), "value": p.value, "sample": p.sample}
                for p in found[channel]
            ]
        return {
            "box": list(box),
            "value": float(values[row, column, channel]),
            "patches": patches,
            "searched": searched,
        }

    def synthesize(self, id: str, layer: str, channel: int) -> dict[str, Any]:
        """A picture made to excite a map: gradient ascent from noise."""
        looked = self.opened(id)
        _known(looked, layer)
        height, width, _ = looked.model.network.input_shape
        steps, rate = (100, 0.01) if height * width <= FEW_PIXELS else (25, 0.04)
        found = synthesize(looked.model, layer, channel, steps=steps, rate=rate)
        return {
            "picture": _image(found.picture),
            "before": found.before,
            "after": found.after,
            "steps": steps,
        }

    def why(self, id: str, picture: int, output: int | None) -> dict[str, Any]:
        """Which pixels decide: Grad-CAM and saliency as bytes (H, W)."""
        looked, pixels = self.opened(id), self._kept(id, picture)
        found = {"saliency": saliency(looked.model, pixels, output)}
        if looked.layers:
            found["Grad-CAM"] = grad_cam(looked.model, pixels, output)
        heats = {
            name: _base64((255 * np.clip(one.heat, 0, 1)).round().astype(np.uint8))
            for name, one in found.items()
        }
        first = next(iter(found.values()))
        return {"output": first.output, "extents": list(pixels.shape[:2]), "heats": heats}


def _known(looked: Looked, layer: str) -> None:
    if layer not in looked.layers:
        raise InvalidArgument(f"look: `layer` must be one of {', '.join(looked.layers)}.")


def _image(picture: np.ndarray) -> dict[str, Any]:
    """A picture (H, W, C) as bytes for the page, scaled from its darkest to its lightest where it is not of bytes."""
    values = picture
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = (255 * (values - low) / max(high - low, 1e-9)).round().astype(np.uint8)
    step = -(-max(values.shape[:2]) // LARGEST_SIDE)
    values = np.ascontiguousarray(values[::step, ::step])
    if values.shape[2] not in (1, 3):
        values = np.ascontiguousarray(values[..., :1])
    return {"extents": list(values.shape), "pixels": _base64(values)}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
