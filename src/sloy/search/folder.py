"""The folder of a search: what it varies, its trials, its result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from sloy import text
from sloy.arguments import path_of
from sloy.errors import FileFormatError, InvalidArgument, InvalidOption
from sloy.experiments.experiment import Experiment
from sloy.experiments.run_folder import PLAN, RunFolder
from sloy.files.atomic import write_atomically
from sloy.files.documents import read_document
from sloy.search.options import LIMITS
from sloy.search.space import Space, documented, space_of
from sloy.search.storage import without_password

SEARCH, JOURNAL, TRIALS, BEST = "search.json", "search.log", "trials", "best"
DATA = "data"
RESULT = "tuning.json"
FIGURES = ("tuning-history.png", "tuning-importance.png", "tuning-parallel.png")
FILES = {
    SEARCH: "what the search varies, and how",
    JOURNAL: "its trials, as Optuna keeps them: optuna-dashboard opens it",
    RESULT: "the trials, the best of them and its figures",
    FIGURES[0]: "the figure of each trial, and the best so far",
    FIGURES[1]: "how much of the differences each option makes",
    FIGURES[2]: "the options of all trials, the better ones darker",
}
VERSION = 1
SCHEMA = {
    "version": int,
    "words": PLAN,
    "space": dict,
    "metric": str,
    "pruner": str,
    "seed": int,
    "engine": str,
    "threads": int,
    "storage": (str, None),
    "study": str,
    "limits?": {"trials": int, "time": (int, float, None), "workers": (int, str)},
}


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a search.

    Attributes
    ----------
    words : mapping
        Options as of `Experiment.of`, and ``data``: the same in all trials.
    space : mapping
    metric, pruner : str
    """

    words: Mapping[str, Any]
    space: Space
    metric: str
    pruner: str

    @property
    def direction(self) -> str:
        """As Optuna calls it."""
        return "minimize" if self.metric == "val_loss" else "maximize"

    @property
    def seed(self) -> int:
        """Of what is drawn, and of every trial."""
        return int(self.words.get("seed", 0))

    def moved(self, old: Path, new: Path) -> Settings:
        """The same of data whose files went from one folder to another."""
        words = {
            name: value.replace(str(old), str(new), 1)
            if name in ("data", "test") and isinstance(value, str)
            else value
            for name, value in self.words.items()
        }
        return replace(self, words=words)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "words": dict(self.words),
            "space": documented(self.space),
            "metric": self.metric,
            "direction": self.direction,
            "pruner": self.pruner,
            "sampler": "tpe",
            "seed": self.seed,
        }


@dataclass(frozen=True)
class SearchFolder:
    """A search's folder, see `FILES`; `limits` are those of `sloy.search.options.LIMITS`."""

    path: Path
    settings: Settings
    engine: str
    threads: int
    storage: str | None
    study: str
    limits: Mapping[str, Any]

    @classmethod
    def new(
        cls,
        out: str | Path | None,
        settings: Settings,
        *,
        engine: str,
        threads: int,
        storage: str | None,
        study: str | None,
        limits: Mapping[str, Any],
        overwrite: bool,
        data: Path | None = None,
    ) -> SearchFolder:
        """That of a search that begins; a folder with its `data` is moved into it.

        Raises
        ------
        InvalidArgument
            Where another is in it and `overwrite` is not set.
        """
        name = Experiment.of(**settings.words).source.name
        with RunFolder.new(out, f"tune-{name}", overwrite=False) as folder:
            path = folder.path
            if (path / SEARCH).is_file():
                if not overwrite:
                    raise InvalidArgument(
                        f"{path}: holds a search already; `resume` continues it, `overwrite` replaces it, another `out`"
                        " keeps it."
                    )
                _remove(path)
            (path / TRIALS).mkdir(exist_ok=True)
            if data is not None:
                settings = settings.moved(data, kept := path.resolve() / DATA)
                shutil.move(data, kept)
            document = settings.document()
            study = study or f"{name}-{crc32(json.dumps(document, sort_keys=True).encode()):08x}"
            found = cls(path, settings, engine, threads, storage, study, limits)
            document |= {"version": VERSION, "engine": engine, "threads": threads}
            document |= {"storage": storage, "study": study, "limits": dict(limits)}
            write_atomically(path / SEARCH, text.as_json(document).encode())
        return found

    @classmethod
    def existing(
        cls, out: str | Path | None, limits: Mapping[str, Any] | None = None
    ) -> SearchFolder:
        """That of a search that was begun; limits that are given are its own from now on.

        Raises
        ------
        FileFormatError
            Where there is none.
        """
        if out is None:
            raise InvalidOption("tune: `resume` needs `out`, the folder of the search.")
        path = path_of("tune", "out", out)
        if not (path / SEARCH).is_file():
            raise FileFormatError(f"{out}: holds no search ({SEARCH} is missing).")
        document = read_document(path / SEARCH, {**SCHEMA, "*": object}, "what a search varies")
        if document["version"] != VERSION:
            raise FileFormatError(f"{path / SEARCH}: is of another version of sloy.")
        settings = Settings(
            document["words"],
            space_of(document["space"], str(path / SEARCH)),
            document["metric"],
            document["pruner"],
        )
        kept = {**LIMITS, **document.get("limits", {})}
        now = {**kept, **(limits or {})}
        if now != kept:
            written = text.as_json({**document, "limits": now})
            write_atomically(path / SEARCH, written.encode())
        engine, threads = document["engine"], document["threads"]
        storage, study = document["storage"], document["study"]
        return cls(path, settings, engine, threads, storage, study, now)

    def check_same(self, words: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        """Raise `InvalidOption` where options that are given differ from those of the search."""
        there = {**self.settings.words, **vars(self.settings), **vars(self)}
        given = {**words, **{name: value for name, value in said.items() if value is not None}}
        for name, value in given.items():
            own, other = there.get(name), value
            if name == "data":
                own, other = (Path(str(one)).resolve() for one in (own, value))
            if own != other:
                if name == "storage":
                    own, value = (one and without_password(str(one)) for one in (own, value))
                raise InvalidOption(
                    f"tune: `resume` continues the search as it was begun: `{name}` is"
                    f" {text.shown(own)} there, not {text.shown(value)}."
                )

    def trial(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / TRIALS / f"{number:04d}")

    @property
    def best(self) -> RunFolder:
        """The best trial, once the search is done."""
        return RunFolder(self.path / BEST)

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file whole or not at all."""
        write_atomically(
            self.path / name, content.encode() if isinstance(content, str) else content
        )


def listing(path: Path) -> str:
    """The files of a search that are there, each with what it is for."""
    rows = [(name, about) for name, about in FILES.items() if (path / name).is_file()]
    if (path / DATA).is_dir():
        rows.append((f"{DATA}/", "what was given in memory, as the trials read it"))
    rows.append((f"{TRIALS}/", "a folder for each trial: a run, without pictures and test"))
    if (path / BEST).is_dir():
        rows.append((f"{BEST}/", "the best of them, as sloy train leaves it"))
    return text.fields(rows)


def _remove(path: Path) -> None:
    """What a search left in a folder."""
    for name in (DATA, TRIALS, BEST):
        shutil.rmtree(path / name, ignore_errors=True)
    for name in FILES:
        (path / name).unlink(missing_ok=True)
