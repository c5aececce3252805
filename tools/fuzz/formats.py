"""The formats that sloy reads: sound files of each, how they are bent, and who reads them."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz import corpus, folders, foreign
from fuzz.mutations import (
    Random,
    bent,
    json_text,
    json_value,
    pick,
    pickled,
    png,
    protobuf,
    text_bent,
    truncated,
    zipped,
)


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    seeds : callable
        Sound files of it.
    bend : callable
        ``bend(random, name, data)``: one of them, changed by its structure.
    read : callable
        ``read(path)``: reads it in full; a digest of what was found.
    sealed : tuple of str
        Ends of the names of files in which checksums see every bent byte: what is read of such a file is what was there
        before.
    whole : bool
        Whether the beginning of a file is never taken for a file.
    slow : int
        How many times as long as most it takes to read one: the count of mutations is divided by it.
    as_bytes : bool
        Whether it is also cut and bent as bytes.
    """

    seeds: Callable[[], corpus.Corpus]
    bend: Callable[[Random, str, bytes], bytes]
    read: Callable[[Path], Any]
    sealed: tuple[str, ...] = ()
    whole: bool = True
    slow: int = 1
    as_bytes: bool = True


def digest(*values: Any) -> str:
    """Of arrays and whatever prints itself."""
    found = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            found.update(
                f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
            )
        else:
            found.update(repr(value).encode())
    return found.hexdigest()


def _of(mapping: Any) -> str:
    return digest(*(part for name in mapping for part in (name, np.asarray(mapping[name]))))


# --- how they are bent ------------------------------------------------------------------------------------------------


def _container(random: Random, name: str, data: bytes) -> bytes:
    """A file of sloy with another document or other tensors, every checksum right."""
    from sloy.files import container

    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    document, body = json.loads(header["__metadata__"]["sloy"]), data[8 + size :]
    how = random.random()
    if how < 0.75:
        document["metadata"] = json_value(random, document["metadata"])
    elif how < 0.85:
        document = json_value(random, document)
    elif how < 0.95:
        entries = json_value(random, {n: e for n, e in header.items() if n != "__metadata__"})
        header = {
            "__metadata__": header["__metadata__"],
            **(entries if isinstance(entries, dict) else {}),
        }
    else:
        body = bent(random, body)
    for tensor, entry in header.items():
        try:
            first, last = entry["data_offsets"]
            document["sha256"][tensor] = hashlib.sha256(body[first:last]).hexdigest()
        except Exception:
            continue
    if isinstance(document, dict):
        document["checksum"] = "0" * 64
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    start = json.dumps({"__metadata__": {"sloy": text}}, separators=(",", ":"))
    rest = {n: e for n, e in header.items() if n != "__metadata__"}
    full = f"{start[:-1]},{json.dumps(rest, separators=(',', ':'))[1:]}" if rest else start
    raw = full.encode()
    raw += b" " * (-len(raw) % 8)
    sealed = container._with_checksum(raw, hashlib.sha256(raw).hexdigest().encode())
    return len(sealed).to_bytes(8, "little") + sealed + body


def _safetensors(random: Random, name: str, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    header = json_text(random, data[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _torch(random: Random, name: str, data: bytes) -> bytes:
    if not data.startswith(b"PK"):
        return (
            pickled(random, data[: data.rfind(b"steps")]) + data[data.rfind(b"steps") :]
            if random.random() < 0.5
            else bent(random, data)
        )
    return zipped(random, data, lambda entry: pickled if entry.endswith(".pkl") else bent)


def _keras(random: Random, name: str, data: bytes) -> bytes:
    if not data.startswith(b"PK"):
        return bent(random, data)
    return zipped(random, data, lambda entry: bent if entry.endswith(".h5") else json_text)


def _idx(random: Random, name: str, data: bytes) -> bytes:
    if not name.endswith(".gz"):
        return bent(random, data, 0, 24)
    inner = gzip.decompress(data)
    return gzip.compress(
        pick(random, (bent(random, inner, 0, 24), inner + bytes(3_000_000), inner * 2)), mtime=0
    )


def _text_table(random: Random, name: str, data: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(text_bent(random, gzip.decompress(data)), mtime=0)
    if name.endswith(".zip"):
        return zipped(random, data, lambda entry: text_bent)
    if name.endswith(".zst"):
        from backports import zstd

        return zstd.compress(text_bent(random, zstd.decompress(data)))
    return text_bent(random, data)


def _parquet(random: Random, name: str, data: bytes) -> bytes:
    size = int.from_bytes(data[-8:-4], "little")
    first = len(data) - 8 - size if random.random() < 0.7 else 0
    return bent(random, data, first, len(data) - 8)


def _folder(random: Random, name: str, data: bytes) -> bytes:
    inner = {"json": json_text, "sloy": lambda r, d: _container(r, "", d), "csv": text_bent}
    how = random.random()
    if how < 0.3:
        return zipped(random, data, lambda entry: bent if how < 0.2 else truncated)
    return zipped(random, data, lambda entry: inner.get(entry.rpartition(".")[2], bent))


def _document(random: Random, name: str, data: bytes) -> bytes:
    return json_text(random, data) if name.endswith(".json") else text_bent(random, data)


# --- who reads them ---------------------------------------------------------------------------------------------------


def _model(path: Path) -> str:
    import sloy

    model = sloy.load(path, engine="reference")
    return digest(_of(model.parameters), model.class_names, model.problem, model.reader)


def _checkpoint(path: Path) -> str:
    from sloy.training.checkpoint import Checkpoint, Store

    _told_once()
    corpus.fitted(
        corpus.small_network,
        epochs=3,
        checkpoint=Checkpoint(path),
        patience=5,
        validation=0.3,
        resume=True,
    )
    return digest(Store(path).path.name)


@cache
def _told_once() -> None:
    """The run that is resumed is the same for every file: what it is is made out once."""
    from sloy.training import fit

    describe, told = fit.describe, {}

    def same(*run: Any) -> Any:
        if not told:
            told.update(describe(*run))
        return dict(told)

    fit.describe = same


def _configuration(path: Path) -> str:
    from sloy.experiments.run_folder import RunFolder

    return digest(RunFolder.to_read(path.parent).experiment().words())


@cache
def _some_model() -> Any:
    """Of few nodes, its table made once: what is bent is what stands beside it."""
    from sloy.problem import Network

    Network.summary = cache(Network.summary)  # type: ignore[method-assign]
    return corpus.fitted(corpus.smallest_network, epochs=1)


def _summary(path: Path) -> str:
    from sloy.cli import info

    model, file = _some_model(), path.with_name("model.sloy")
    file.touch()
    found = info.beside(file)
    info.as_document(file, model, found)
    return digest(info.describe(file, model, found).replace(str(path.parent), ""))


def _history(path: Path) -> str:
    from sloy.training.history import History

    read = History.from_json if path.suffix == ".json" else History.from_csv
    return digest(list(read(path)))


def _class_names(path: Path) -> str:
    from sloy.data.class_names import read_class_names

    return digest(read_class_names(path))


def _onnx(path: Path) -> str:
    from sloy.model import Model

    model = Model.from_onnx(path, engine="reference")
    return digest(_of(model.parameters), model.class_names)


def _tensors(path: Path) -> str:
    from sloy.exchange.weights.readers import read_tensors

    return digest(*(part for n, t in read_tensors(path).tensors.items() for part in (n, t.load())))


def _read_idx(path: Path) -> str:
    from sloy.data.idx import read_idx

    return digest(read_idx(path))


def _table(path: Path) -> str:
    from sloy.data.tables import load_table

    table = load_table(path, "price", validation=0)
    return digest(table.train.x, np.asarray(table.train.y), table.notes)


def _picture(path: Path) -> str:
    from sloy.data.images import decode, quiet

    with quiet():
        return digest(np.asarray(decode(path, 3, least=4)))


def _run_folder(path: Path) -> str:
    """`sloy train --resume`, short of the pictures at the end, and `sloy info`."""
    from sloy.cli import info
    from sloy.experiments.run_folder import RunFolder
    from sloy.model import load
    from sloy.training.checkpoint import Store

    folder = path.with_name("folder")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    experiment = RunFolder.to_read(folder).experiment()
    snapshot = Store(folder / "checkpoint.sloy").load()
    model = load(folder / "model.sloy", engine="reference")
    said = info.describe(folder / "model.sloy", model, info.beside(folder / "model.sloy"))
    return digest(experiment.words(), snapshot and snapshot.epoch, said.replace(str(folder), ""))


FORMATS = {
    "model": Format(corpus.models, _container, _model, sealed=(".sloy",)),
    "checkpoint": Format(corpus.checkpoints, _container, _checkpoint, sealed=(".sloy",)),
    "configuration": Format(corpus.configurations, _document, _configuration),
    "summary": Format(
        corpus.summaries, _document, _summary, whole=False
    ),  # left aside where it cannot be read
    "history": Format(corpus.histories, _document, _history, whole=False),  # lines of text
    "class-names": Format(corpus.class_names, _document, _class_names, whole=False),
    "onnx": Format(
        foreign.onnx_models, lambda r, n, d: protobuf(r, d), _onnx, whole=False
    ),  # a list of fields
    "torch": Format(foreign.torch_files, _torch, _tensors, sealed=("state.pth", "views.pth")),
    "safetensors": Format(foreign.safetensors_files, _safetensors, _tensors),
    "keras": Format(foreign.keras_files, _keras, _tensors, sealed=(".keras",)),
    "idx": Format(corpus.idx_files, _idx, _read_idx, sealed=(".gz",)),
    "csv": Format(
        corpus.text_tables, _text_table, _table, sealed=(".gz", ".zip"), whole=False
    ),  # lines of text
    "parquet": Format(corpus.parquet_files, _parquet, _table, slow=2),
    "xlsx": Format(
        corpus.workbooks,
        lambda r, n, d: zipped(r, d, lambda entry: text_bent),
        _table,
        sealed=(".xlsx",),
        slow=10,
    ),
    "pictures": Format(
        corpus.pictures, lambda r, n, d: png(r, d), _picture, whole=False
    ),  # the pixels of GIF have no end
    "tar": Format(
        folders.tars,
        lambda r, n, d: folders.headers(r, n, d) if r.random() < 0.7 else bent(r, d),
        lambda path: digest(*folders.read_tar(path)),
        whole=False,
        slow=2,
    ),  # a member after the other
    "plan": Format(folders.plans, _document, lambda path: digest(folders.read_plan(path))),
    "space": Format(folders.spaces, _document, lambda path: digest(folders.read_space(path))),
    "diagnosis": Format(
        folders.diagnoses, _document, lambda path: digest(folders.read_diagnosis(path))
    ),
    "report": Format(
        folders.finished_runs,
        folders.texts,
        lambda path: digest(folders.read_report(path)),
        as_bytes=False,
        slow=20,
    ),
    "search": Format(
        folders.searches,
        folders.texts,
        lambda path: digest(folders.read_search(path)),
        as_bytes=False,
        slow=3,
    ),
    "run-folder": Format(corpus.run_folders, _folder, _run_folder, as_bytes=False, slow=3),
}


def change(random: Random, name: str, data: bytes, format_: Format) -> tuple[bytes, str]:
    """A changed file, and how: "truncated", "bent" as bytes, or "structured"."""
    how = random.random() if format_.as_bytes else 1.0
    if how < 0.1:
        return truncated(random, data), "truncated"
    if how < 0.3:
        return bent(random, data), "bent"
    try:
        return format_.bend(random, name, data), "structured"
    except RecursionError:  # nested deeper than JSON can be written
        return bent(random, data), "bent"
