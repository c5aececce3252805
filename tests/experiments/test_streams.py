"""`sloy train` on data that memory does not hold: by itself, to the numbers that memory gives, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from sloy.data.streams.rows import StreamRows
from sloy.errors import FileFormatError, InvalidOption
from sloy.experiments import Experiment, resume, run, running
from sloy.experiments.opening import opened
from sloy.experiments.sources import digits, folder
from streams_made import as_folder, as_idx, as_parquet, as_tar, pictures

X, Y = pictures(90)
WORDS = {"network": "mlp", "epochs": 2, "augment": None, "schedule": "constant"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    base = tmp_path_factory.mktemp("streams")
    idx = as_idx(base / "idx", X, Y)
    as_idx(idx, X[::9], Y[::9], "t10k")
    return {
        "folder": as_folder(base / "folder", X, Y),
        "idx": idx,
        "parquet": as_parquet(base / "a.parquet", X, Y),
        "tar": as_tar(base / "a.tar", X, Y),
    }


def opening(data, **words):
    return opened(Experiment.of(str(data), **{**WORDS, **words}), data.parent, engine="reference")


@pytest.mark.parametrize(("name", "module"), [("folder", folder), ("idx", digits)])
def test_it_streams_where_memory_does_not_hold_the_samples(files, name, module, monkeypatch):
    for free, streams in ((3 * X.nbytes, False), (X.nbytes, True)):
        monkeypatch.setattr(module, "available", lambda free=free: free)
        found = opening(files[name])
        assert isinstance(found.loaded.train.x, StreamRows) is streams
        # Kept for a run that is resumed with other memory.
        assert found.experiment.words()["stream"] == ("on" if streams else "off")
        assert ("stream" in dict(found.loaded.rows)) is streams
    assert isinstance(opening(files[name], stream="on").loaded.train.x, StreamRows)
    assert not isinstance(opening(files[name], stream="off").loaded.train.x, StreamRows)


def test_the_result_is_that_of_memory(files, tmp_path, monkeypatch):
    """The same parts, order and figures; resumed it goes on as it began."""
    monkeypatch.setattr(running._Running, "_draw", lambda *given: None)  # which takes seconds
    found = {}
    for stream in ("on", "off"):
        experiment = Experiment.of(str(files["folder"]), stream=stream, **WORDS)
        result = run(experiment, tmp_path / stream, engine="reference")
        found[stream] = result.summary["test_loss"], result.model.parameters["dense_1/weight"]
        told = result.summary.get("stream")
        assert (told is None) is (stream == "off")
    assert found["on"][0] == pytest.approx(found["off"][0], abs=1e-5)  # standardised as they come
    assert np.allclose(found["on"][1], found["off"][1], atol=1e-5)
    assert told is None
    again = resume(tmp_path / "on", engine="reference", epochs=3)
    assert len(again.history) == 3
    assert again.summary["stream"]["read_samples"] > 0


@pytest.mark.parametrize("name", ["parquet", "tar"])
def test_files_with_pictures_in_them(files, name, tmp_path):
    if name == "tar":
        loaded = opening(files[name]).loaded
        assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (73, 8, 9)
        assert loaded.train.class_names == ("0", "1", "2")
    else:
        experiment = Experiment.of(str(files[name]), **WORDS)
        result = run(experiment, tmp_path / "run", engine="reference")
        assert result.summary["test_samples"] == 9
        assert result.model.class_names == ("ant", "bee", "cow")
        assert (tmp_path / "run/mistakes.png").exists()
    with pytest.raises(InvalidOption, match="always read while they are used"):
        Experiment.of(str(files[name]), stream="off", **WORDS)


def test_parts_by_the_names_of_files(tmp_path):
    for part, rows in (("train", slice(0, 90, 2)), ("test", slice(1, 90, 5))):
        as_parquet(tmp_path / f"{part}-00000-of-00001.parquet", X[rows], Y[rows])
    loaded = opening(tmp_path).loaded
    assert len(loaded.train) + len(loaded.validation) == 45
    assert len(loaded.test) == 18


@pytest.mark.parametrize("name", ["folder", "tar"])
def test_broken_pictures_are_left_out_where_that_is_asked_for(tmp_path, name):
    source = (as_folder if name == "folder" else as_tar)(tmp_path / name, X, Y)
    if name == "folder":
        broken = source / "class1/00040.png"
        broken.write_bytes(broken.read_bytes()[:60])
    else:
        source = source.rename(tmp_path / "a.tar")
        content = bytearray(source.read_bytes())
        at = content.index(b"part/00040.png") + 512
        content[at : at + 30] = bytes(30)
        source.write_bytes(content)
    whole = opening(source, stream="on").loaded
    parts = [part for part in (whole.train, whole.validation, whole.test) if part is not None]
    with pytest.raises(FileFormatError, match=r"00040\.png: is (damaged|not a picture)"):
        [part.x[:] for part in parts]
    good = opening(source, stream="on", skip_broken=True).loaded
    parts = [part for part in (good.train, good.validation, good.test) if part is not None]
    assert sum(len(part.x[:]) for part in parts) == 89
    assert any("1 file skipped" in words for _, words in good.rows)
