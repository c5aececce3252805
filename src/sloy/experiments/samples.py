"""`Inspection`: a run once more, its training samples watched: which are mislabelled, hardest, redundant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import inspection, text
from sloy.data import Dataset
from sloy.data.nearest import NEIGHBOURS, Nearest
from sloy.engines import Engine
from sloy.errors import InvalidOption
from sloy.experiments.classes import names_of
from sloy.experiments.events import Counted, Listener, Opened
from sloy.experiments.opening import opened, trained
from sloy.experiments.run_folder import RunFolder
from sloy.experiments.sample_verdicts import APART, VERDICTS, Corrected, Samples
from sloy.graph.threefry import make_key, permutation, uniform
from sloy.metrics.intervals import paired_shares
from sloy.model import Model
from sloy.problem.inputs import split
from sloy.training.margins import Margins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLANTED = 0.03  # share of the samples that get a wrong label on purpose
LEAST = 50  # samples of a run that is inspected
FEWEST, MOST = 30, 0.1  # as many at least, but no larger share
LOW = 0.5  # quantile of their margins at which the wrong ones among the others are counted
CLOSE = 0.01  # quantile of the distances of neighbours below which two samples are nearly the same
SURE = 0.5  # quantile of the lowest margins above which a sample was learned early and stayed so
COMPARED = 10_000  # samples that neighbours are looked for among


class Inspection:
    """A finished run, done once more with its training samples watched.

    Parameters
    ----------
    run : path
        Its folder; its data must still be there.
    engine, threads
        See `sloy.engines.engine`.
    listener : callable
        Told of `Counted`.

    Raises
    ------
    InvalidOption
        Where the run learned numbers, weighed its classes, or was fine-tuned or solved.
    """

    def __init__(
        self,
        run: str | Path,
        *,
        engine: str | Engine = "auto",
        threads: int = 0,
        listener: Listener = lambda event: None,
    ) -> None:
        folder = RunFolder.to_read(run)
        self.tell = listener
        opening = opened(
            folder.experiment(), folder.path, engine=engine, threads=threads, resumed=True
        )
        loaded = opening.loaded
        if not loaded.train.has_labels:
            raise InvalidOption(f"{run}: has numbers to predict; labels of classes are inspected.")
        if opening.start is not None or loaded.learns_from_all:
            what = "fine-tuned" if opening.start is not None else "solved"
            raise InvalidOption(
                f"{run}: was {what}; only runs that learn by epochs alone are inspected."
            )
        if opening.recipe.class_weight is not None:
            raise InvalidOption(
                f"{run}: weighed its classes, so that margins of those that count less are low, whatever their labels;"
                " inspect a run without `class_weight`."
            )
        if len(loaded.train) < LEAST:
            raise InvalidOption(
                f"{run}: has {len(loaded.train)} samples to train on; {LEAST} are needed to tell which are odd."
            )
        self.opening = _with_validation_apart(opening)
        self.watch = Margins()
        self.model = self._train(self.opening, "the run once more", self.watch)

    def samples(self) -> Samples:
        """All of it; a second run is done with labels that are wrong on purpose."""
        watch, loaded = self.watch, self.opening.loaded
        order = permutation(len(loaded.train), make_key(self.opening.recipe.seed, "planted"))
        count = min(max(PLANTED * len(order), FEWEST), MOST * len(order))
        rows = np.sort(order[: max(1, round(count))])
        second = Margins()
        self._train(self._with(_planted(loaded.train, rows)), "with labels made wrong", second)
        planted, others = second.margins[rows], np.delete(second.margins, rows)
        apart = float(np.searchsorted(np.sort(planted), others).mean() / len(planted))
        low = others < np.quantile(planted, LOW)
        expected = float(low.sum() / LOW * len(order) / len(low))
        margins, losses, labels = watch.margins, watch.losses, loaded.train.y
        flagged = np.argsort(margins, kind="stable")[: round(expected)]
        logits = watch.logits
        logits[flagged, labels[flagged]] = -np.inf  # which may have been learned by heart at last
        suggested = logits.argmax(1)
        limit = float(margins[flagged].max()) if len(flagged) else float(margins.min())
        features = self._features()
        neighbours, near = _neighbours(features)
        agree = np.where(
            neighbours >= 0, labels[np.maximum(neighbours, 0)] == labels[:, None], False
        )
        rest = np.setdiff1d(np.flatnonzero(agree.mean(1) > 0.5), flagged)
        sure = watch.least >= np.quantile(watch.least, SURE)
        closest = near <= np.quantile(near[np.isfinite(near)], CLOSE)
        redundant = np.flatnonzero(sure & closest & agree[:, 0])
        hardest = rest[np.argsort(-losses[rest], kind="stable")][: max(1, len(labels) // 100)]
        if apart < APART:
            flagged = hardest = redundant = np.empty(0, np.int64)
        return Samples(
            loaded.train,
            self.places,
            margins,
            losses,
            suggested,
            neighbours[:, 0],
            flagged,
            hardest,
            redundant[np.argsort(near[redundant], kind="stable")],
            planted,
            limit,
            expected,
            apart,
        )

    @property
    def places(self) -> tuple[str, Sequence[Any] | np.ndarray]:
        """A title, and what tells each training sample apart."""
        title, told = self.opening.loaded.places
        return title, told if len(told) else range(len(self.opening.loaded.train))

    def as_pictures(self, x: np.ndarray) -> np.ndarray | None:
        """Samples as a person sees them; None where they are no pictures."""
        loaded = self.opening.loaded
        if len(loaded.train.sample_shape) != 3:
            return None
        return self.opening.experiment.source.as_seen(loaded.reader, x)

    def influence(self, x: np.ndarray, label: int) -> np.ndarray:
        """How much each training sample pulled the answer to a sample towards a label, (N,) from −1 to 1.

        The cosine of the gradients of the two losses by the weights of the last layer, at some epochs of the run, the
        mean weighted by their learning rates. Positive: it taught the label; negative: it taught against it.

        Parameters
        ----------
        x : array
            One sample, as the network takes it.
        label : int
            Of its class.
        """
        total, found = 0.0, np.zeros(len(self.opening.loaded.train))
        for rate, weights in self.watch.snapshots:
            model = self._at(weights)
            h, p = (_unit(part) for part in self._factors(model, self.opening.loaded.train))
            one = Dataset(x[None], np.array([label]), self.opening.loaded.train.class_names)
            h_of, p_of = (_unit(part)[0] for part in self._factors(model, one))
            found += rate * (h @ h_of) * (p @ p_of)
            total += rate
        return found / total

    def taught(self, number: int, top: int) -> str:
        """The training samples that taught the answer to a test sample (from 0) most, and those against it."""
        loaded, told = self.opening.loaded, self.opening.loaded.test
        if told is None or not 0 <= number < len(told):
            there = text.many(0 if told is None else len(told), "test sample")
            raise InvalidOption(f"`influence` (={number}): there are {there}, counted from 0.")
        label, names = int(told.y[number]), names_of(loaded.train)
        pulled = self.influence(told.x[number], label)
        order = np.argsort(-pulled, kind="stable")
        title, places = self.places
        cells = [(title, "label", "influence")]
        for n in (*order[:top], *order[-top:]):
            origin = text.shortened(str(places[n]), 40)
            cells.append((origin, names[loaded.train.y[n]], f"{pulled[n]:+.3f}"))
        about = (
            f"on test sample {number}, {names[label]}: those that taught it, then those against it"
        )
        return f"{about}\n{text.columns(cells)}"

    def figure(self, found: Samples, top: int) -> Figure:
        """The margins, and where the samples are pictures the first of each kind."""
        names, data = text.shortened_apart(names_of(found.data), 12), found.data

        def told(kind: str, n: int) -> str:
            own = names[data.y[n]]
            if kind != "mislabelled":
                return own
            return f"{own}\n→ {names[found.suggested[n]]}"

        shown = {
            kind: [(int(n), told(kind, n)) for n in getattr(found, kind)[:top]] for kind in VERDICTS
        }
        pictures = self.as_pictures(data.x)
        return inspection.samples_figure(found.margins, found.planted, found.limit, pictures, shown)

    def correct(self, labels: np.ndarray) -> Corrected:
        """The run once more with other labels (N,), both measured on the samples kept apart."""
        loaded = self.opening.loaded
        told = loaded.test or loaded.validation
        if told is None:
            raise InvalidOption("no samples were kept apart, on which a change could be measured.")
        data = Dataset(loaded.train.x, labels, loaded.train.class_names)
        other = self._train(self._with(data), "with corrected labels")
        right = [_right(model, told) for model in (self.model, other)]
        return Corrected(
            int((labels != loaded.train.y).sum()),
            float(right[0].mean()),
            float(right[1].mean()),
            paired_shares(right[1].astype(float), right[0].astype(float)),
            len(told),
        )

    # --- parts ------------------------------------------------------------------------------------

    def _train(self, opening: Opened, what: str, *watchers: Margins) -> Model:
        self.tell(Counted(what, 0, 1))
        model, _ = trained(opening, watchers)
        self.tell(Counted(what, 1, 1))
        return model

    def _with(self, data: Dataset) -> Opened:
        """The run on the same samples with other labels."""
        loaded = self.opening.loaded
        learned = None if loaded.learned is None else data
        return replace(self.opening, loaded=replace(loaded, train=data, learned=learned))

    def _features(self) -> np.ndarray:
        """What the last layer sees of each training sample, of one length; the samples where that is not known."""
        x = self.opening.loaded.train
        if not self._ends_in_dense(self.model):
            return np.asarray(x.x.reshape(len(x), -1).astype(np.float32))
        return _unit(self._factors(self.model, x)[0])

    @staticmethod
    def _ends_in_dense(model: Model) -> bool:
        layers = model.network.layers
        return len(layers) > 1 and type(layers[-1]).__name__ == "Dense"

    def _at(self, weights: dict[str, np.ndarray]) -> Model:
        """The model with the weights of an epoch."""
        if not self._ends_in_dense(self.model):
            raise InvalidOption("influence is known of networks that end in a dense layer.")
        return Model(
            self.model.problem,
            weights,
            class_names=self.model.class_names,
            engine=self.model.engine,
        )

    @staticmethod
    def _factors(model: Model, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Of each sample the factors of its gradient by the last layer's weights: what that sees, and p − y."""
        name = model.network.layer_names[-2]
        h = model.prepared.activations(data.x, [name])[name].reshape(len(data), -1)
        p = model.prepared.predict_proba(data.x).astype(np.float64)
        p[np.arange(len(data)), data.y] -= 1
        return h, p


def _with_validation_apart(opening: Opened) -> Opened:
    """The same with the samples to validate on as a data set of their own."""
    loaded, share = opening.loaded, opening.experiment.validation
    if loaded.validation is not None or loaded.divided or loaded.members or not share:
        return opening
    rows, held = split(loaded.train, share, opening.recipe.seed)
    title, places = loaded.places
    told = [places[row] for row in rows] if len(places) else rows.tolist()
    apart = replace(
        loaded, train=loaded.train.take(rows), validation=held, divided=True, places=(title, told)
    )
    return replace(opening, loaded=apart)


def _planted(data: Dataset, rows: np.ndarray) -> Dataset:
    """Samples of which some have another label than theirs, drawn from all others."""
    labels = data.y.copy()
    drawn = uniform(make_key(0, "planted", "labels"), (len(rows),))
    shift = 1 + np.minimum((drawn * (data.classes - 1)).astype(np.int64), data.classes - 2)
    labels[rows] = (labels[rows] + shift) % data.classes
    return Dataset(data.x, labels, names_of(data), data.name)


def _neighbours(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of each sample, (N, k) with −1 where they were not looked for, and the distance to the first."""
    count = len(features)
    some = np.linspace(0, count, min(count, COMPARED), endpoint=False).astype(np.int64)
    near = Nearest(features[some], np.zeros(len(some)), neighbours=NEIGHBOURS)
    own = near.indices(features[some], beside=True)
    found = np.full((count, own.shape[1]), -1)
    found[some] = some[own]
    distances = np.full(count, np.inf)
    distances[some] = np.linalg.norm(features[some] - features[some[own[:, 0]]], axis=1)
    return found, distances


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row of length 1."""
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30))


def _right(model: Model, data: Dataset) -> np.ndarray:
    return np.asarray(model.prepared.predict_proba(data.x).argmax(1) == data.y)
