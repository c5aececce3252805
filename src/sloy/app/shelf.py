"""`Shelf`: the runs, data and models that the page may name, each by an id; no path ever comes from the page."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloy.errors import InvalidArgument, SloyError
from sloy.experiments import source_of
from sloy.experiments.run_folder import PRUNED
from sloy.files.container import read_metadata
from sloy.model.loading import CONFIGURATION, MODEL
from sloy.text import shown, visible

MOST_THINGS = 1_000
TABLES = (".csv", ".tsv", ".parquet", ".csv.gz", ".xlsx")
ARCHIVES = (".tar",)
UPLOADED = "uploaded"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MNIST = "mnist"


@dataclass(frozen=True)
class Thing:
    """Something that the page may name.

    Attributes
    ----------
    id : str
    kind : "run", "data" or "model"
    name : str
        For a reader.
    path : str
        Of a file or folder; "mnist" for the bundled digits.
    """

    id: str
    kind: str
    name: str
    path: str

    def told(self) -> dict[str, str]:
        """JSON values for the page; without the path."""
        table = self.kind == "data" and self.path.lower().endswith(TABLES)
        return {"id": self.id, "kind": "table" if table else self.kind, "name": self.name}


class Shelf:
    """What is found in the folder that is served, and what is uploaded.

    Parameters
    ----------
    opened : str or None
        What the command names: the folder of a run or of several, data, a model; by default the folder ``runs``.

    Attributes
    ----------
    root : Path
        The folder whose runs are shown; nothing outside it is, but what the command names.
    opened : Thing or None
    """

    def __init__(self, opened: str | None = None) -> None:
        self._things: dict[str, Thing] = {}
        self._uploads: tempfile.TemporaryDirectory[str] | None = None
        self.opened: Thing | None = None
        self._add("data", "MNIST", MNIST)
        path = None if opened is None or opened == MNIST else Path(opened).resolve()
        if path is not None and not path.exists():
            raise InvalidArgument(
                f"{visible(str(opened))}: there is no such file or folder; give a run, data or a model."
            )
        self.root = Path("runs").resolve()
        if opened == MNIST:
            self.opened = self.named("data1")
        elif path is not None:
            self._open(path)
        self.refresh()

    def _open(self, path: Path) -> None:
        if (path / CONFIGURATION).is_file():
            self.root = path.parent
            self.opened = self._add("run", path.name, str(path))
        elif path.is_dir() and any((one / CONFIGURATION).is_file() for one in path.iterdir()):
            self.root = path
        elif path.suffix == ".sloy":
            self.opened = self._add("model", path.name, str(path))
        else:
            if path.is_file():
                check_data(path)
            self.opened = self._add("data", path.name, str(path))

    def refresh(self) -> None:
        """Look for runs once more."""
        for folder in self._folders():
            if (folder / CONFIGURATION).is_file():
                self._add("run", folder.name, str(folder))
            if (folder / PRUNED).is_file() and not (folder / PRUNED).is_symlink():
                name = folder.name
                if (folder / CONFIGURATION).is_file():
                    name = f"{name}/{PRUNED}"
                self._add("model", name, str(folder / PRUNED))
        kept = [t for t in self._things.values() if t.kind == "data" or Path(t.path).exists()]
        self._things = {thing.id: thing for thing in kept}

    def _folders(self) -> Iterator[Path]:
        """The folders of runs and of pruned models, none of which is a link out of the root."""
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir())[:MOST_THINGS]:
            inside = folder.resolve().parent == self.root
            if inside and folder.is_dir():
                yield folder

    def _add(self, kind: str, name: str, path: str) -> Thing:
        for thing in self._things.values():
            if (thing.kind, thing.path) == (kind, path):
                return thing
        number = 1 + max(
            (int(t.id.removeprefix(kind)) for t in self._things.values() if t.kind == kind),
            default=0,
        )
        thing = Thing(f"{kind}{number}", kind, name, path)
        self._things[thing.id] = thing
        return thing

    def told(self) -> dict[str, Any]:
        """All that may be named, as JSON values."""
        self.refresh()
        return {
            "things": [thing.told() for thing in self._things.values()],
            "opened": None if self.opened is None else self.opened.id,
        }

    def named(self, id: str, *kinds: str) -> Thing:
        """The thing of an id.

        Raises
        ------
        InvalidArgument
            Where there is none, or one of another kind.
        """
        thing = self._things.get(id)
        if thing is None or (kinds and thing.kind not in kinds):
            raise InvalidArgument(f"app: `id` (={shown(id)}) names nothing here.")
        return thing

    def runs(self) -> list[Thing]:
        """The runs."""
        return [thing for thing in self._things.values() if thing.kind == "run"]

    def models(self) -> list[Thing]:
        """Models that may be looked into: those of finished runs, pruned ones, the one that the command named."""
        finished = [run for run in self.runs() if (Path(run.path) / MODEL).is_file()]
        return [*(t for t in self._things.values() if t.kind == "model"), *finished]

    def shape_of(self, thing: Thing) -> tuple[int, ...]:
        """The input shape of a model or of a run's, whose numbers are not read; () where the file does not tell."""
        path = Path(thing.path) / MODEL if thing.kind == "run" else Path(thing.path)
        with suppress(SloyError, OSError, KeyError, TypeError, ValueError):
            return tuple(int(n) for n in read_metadata(path)["network"]["input_shape"])
        return ()

    def may_be_looked_into(self, thing: Thing) -> bool:
        """Whether a model takes pictures, or cannot tell."""
        return len(self.shape_of(thing)) in (0, 3)

    # --- uploads ----------------------------------------------------------------------------------

    @property
    def uploads(self) -> Path:
        """A temporary folder, which goes when the app ends."""
        if self._uploads is None:
            self._uploads = tempfile.TemporaryDirectory(prefix="sloy-app-")
        return Path(self._uploads.name)

    def table_place(self, name: str) -> Path:
        """Where a table of this name is to be put.

        Raises
        ------
        SloyError
            Where it is none by its name.
        """
        found = plain(name)
        if not found.lower().endswith(TABLES):
            raise InvalidArgument(
                f"upload: {shown(name)} is no table by its name: {', '.join(TABLES)}."
                + f" `sloy app {found}` opens a model." * found.endswith(".sloy")
            )
        return self._folder() / found

    def picture_place(self, folder: str, name: str) -> Path:
        """Where a picture is to be put: in the folder of its class, of an upload that `picture_folder` began."""
        parts = [plain(part) for part in name.split("/")[-2:]]
        if len(parts) < 2 or not parts[1].lower().endswith(PICTURES):
            raise InvalidArgument(
                f"upload: {shown(name)} must be CLASS/NAME of a picture: {', '.join(PICTURES)}."
            )
        base = Path(self.named(folder, "data").path)
        if base.parent != self.uploads:
            raise InvalidArgument(f"upload: {shown(folder)} takes no pictures.")
        (base / parts[0]).mkdir(exist_ok=True)
        return base / parts[0] / parts[1]

    def picture_folder(self) -> Thing:
        """An empty folder for pictures."""
        folder = self._folder()
        return self._add("data", f"{UPLOADED} {folder.name}", str(folder))

    def uploaded(self, path: Path) -> Thing:
        """The thing that a table which was put there is.

        Raises
        ------
        SloyError
            Where it is none; the file is removed.
        """
        try:
            check_data(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return self._add("data", path.name, str(path))

    def said(self, error: Exception) -> str:
        """An error in one line for the page, with names instead of this machine's paths."""
        words = " ".join(str(error).split())
        for thing in self._things.values():
            words = words.replace(thing.path, thing.name)
        return self.lasting(words)

    def lasting(self, words: str) -> str:
        """Words in which uploads are called by their names: their folder goes when the app ends."""
        if self._uploads is not None:
            words = re.sub(re.escape(self._uploads.name) + r"/(?:[^/\s]+/)?", "", words)
        return words

    def _folder(self) -> Path:
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix="", dir=self.uploads))

    def close(self) -> None:
        """Remove what was uploaded."""
        if self._uploads is not None:
            self._uploads.cleanup()


def check_data(path: Path) -> None:
    """Raise where a file is no data that the page can show."""
    if path.name.lower().endswith(ARCHIVES):
        return
    source_of(str(path))  # of models of other tools, and of single IDX files, it says what to do
    if not path.name.lower().endswith(TABLES):
        raise InvalidArgument(
            f"{visible(path.name)}: is no table by its name ({', '.join(TABLES)}), no archive of pictures"
            f" ({', '.join(ARCHIVES)}) and no model (.sloy); pictures are given as a folder, one in it for each class."
        )
    from sloy.data.tables.sources import open_table

    table = open_table(path)
    next(table.pieces(list(table.names)[:1]), None)


def plain(name: str) -> str:
    """A file's name that is nothing but that: no folder, nothing hidden, no odd characters.

    Examples
    --------
    >>> plain("../../etc/pass wd.csv"), plain(".hidden")
    ('pass wd.csv', 'hidden')
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    found = re.sub(r"[^\w .()-]", "_", last).strip(" .")[-120:]
    if not found:
        raise InvalidArgument(f"upload: {shown(name)} is no name of a file.")
    return found
