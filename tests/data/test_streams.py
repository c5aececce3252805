"""Streams give the samples that are in the files, in an order that is a function of numbers, and say what is wrong."""

from __future__ import annotations

import gzip
import pickle
import tarfile

import numpy as np
import polars as pl
import pytest

import sloy
from sloy.data.pictures import PictureReader
from sloy.data.streams import idx as idx_streams
from sloy.data.streams import tars as tar_streams
from sloy.data.streams.folder import sound
from sloy.data.streams.footer import row_groups
from sloy.data.streams.rows import StreamRows
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.experiments import Experiment, examine
from sloy.graph.threefry import make_key
from streams_made import as_folder, as_idx, as_parquet, as_tar, pictures, png

X, Y = pictures()
READER = PictureReader((6, 5), 3)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    return {
        "folder": as_folder(folder / "folder", X, Y),
        "tar": as_tar(folder / "a.tar", X, Y),
        "parquet": as_parquet(folder / "a.parquet", X, Y),
        "idx": as_idx(folder / "idx", X, Y),
    }


def items():
    return list(zip(X, Y, strict=True))


@pytest.fixture(params=["folder", "tar", "parquet", "idx", "items", "labels", "mappings", "array"])
def data(request, files):
    sources = {
        "items": lambda: sloy.data.stream(items()),
        "labels": lambda: sloy.data.stream(list(X), Y),
        "mappings": lambda: sloy.data.stream([{"image": x, "label": y} for x, y in items()]),
        "array": lambda: sloy.data.stream(X, Y),
    }
    return sources.get(request.param, lambda: sloy.data.stream(files[request.param]))()


def test_the_samples_are_those_of_the_files(data):
    assert data.x.shape == X.shape
    assert data.x.dtype == np.uint8
    assert len(data) == len(X)
    assert data.y.tolist() == Y.tolist()
    rows = np.array([59, 0, 31, 31, 8])
    assert (data.x[rows] == X[rows]).all()
    assert (data.x[3:9] == X[3:9]).all()
    some = data.take([10, 4, 50])
    assert (some.x[np.array([2, 0])] == X[[50, 10]]).all()
    assert some.y.tolist() == Y[[10, 4, 50]].tolist()


def test_names_of_classes(files):
    assert sloy.data.stream(files["parquet"]).class_names == ("ant", "bee", "cow")
    assert sloy.data.stream(files["folder"]).class_names == ("class0", "class1", "class2")
    assert sloy.data.stream(files["tar"]).class_names == ("0", "1", "2")


def test_parts_by_folder_and_by_name(tmp_path):
    for part, rows in (("train", slice(40)), ("test", slice(40, 60))):
        as_folder(tmp_path / "folder" / part, X[rows], Y[rows] % 2)
        as_parquet(tmp_path / f"{part}-00000-of-00001.parquet", X[rows], Y[rows])
    for source in (tmp_path / "folder", tmp_path):
        assert len(sloy.data.stream(source)) == 40
        assert len(sloy.data.stream(source, part="test")) == 20
        with pytest.raises(
            FileFormatError, match=r"nothing of the part validation, but of test, train"
        ):
            sloy.data.stream(source, part="validation")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_parts_of_data_that_come_in_none_are_refused(files, tmp_path, part):
    """All training samples as those to test on would be a silent wrong number."""
    as_parquet(tmp_path / "x.parquet", X, Y)
    sources = [files["folder"], files["parquet"], files["tar"], tmp_path]
    for source in (*sources, [files["parquet"]]):
        assert len(sloy.data.stream(source, part="train")) == 60
        with pytest.raises(InvalidArgument, match=rf"`part` \(='{part}'\) is of data that come in"):
            sloy.data.stream(source, part=part)
    with pytest.raises(InvalidArgument, match="come in parts; of samples by number"):
        sloy.data.stream(X, Y, part=part)


def test_parts_of_idx_files_and_of_files_by_name(tmp_path):
    as_idx(tmp_path, X[:40], Y[:40])
    as_idx(tmp_path, X[40:], Y[40:], "t10k")
    assert (sloy.data.stream(tmp_path).x[:] == X[:40]).all()
    assert (sloy.data.stream(tmp_path, part="test").x[:] == X[40:]).all()
    with pytest.raises(FileFormatError, match="nothing of the part validation, but of test, train"):
        sloy.data.stream(tmp_path, part="validation")
    images = tmp_path / "t10k-images-idx4-ubyte"
    assert len(sloy.data.stream(images, Y[40:], part="test")) == 20
    with pytest.raises(InvalidArgument, match="come in parts"):
        sloy.data.stream(images, Y[40:], part="validation")
    shard = as_parquet(tmp_path / "test-0.parquet", X[:9], Y[:9])
    assert len(sloy.data.stream(shard, part="test")) == 9


def test_one_idx_file_and_labels_that_are_not_taken(files, tmp_path):
    as_idx(tmp_path, X, Y)
    images, labels = tmp_path / "train-images-idx4-ubyte", tmp_path / "train-labels-idx1-ubyte"
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(images.read_bytes()))
    for file in (images, packed):
        with pytest.raises(InvalidArgument, match=r"is an IDX file; `labels` are needed beside it"):
            sloy.data.stream(file)
        for given in (Y, str(labels), labels):
            data = sloy.data.stream(file, given)
            assert (data.x[:] == X).all()
            assert (data.y == Y).all()
    with pytest.raises(InvalidArgument, match="is one IDX file; DATA is the folder of images"):
        Experiment.of(str(images))
    for source in (files["folder"], files["parquet"], tmp_path, [files["tar"]]):
        for given in (Y, labels):
            with pytest.raises(InvalidArgument, match=r"`labels` go with samples by number"):
                sloy.data.stream(source, given)


@pytest.mark.parametrize("empty", [None, {"bytes": None, "path": "x"}, {"bytes": b"", "path": "x"}])
def test_rows_without_a_picture(tmp_path, empty):
    """Of a row that has none nothing is said until it is read; those around it are read, and it can be skipped."""
    images = [{"bytes": png(pixels), "path": ""} for pixels in X]
    images[0] = images[11] = empty
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.Int64}
    frame = pl.DataFrame({"image": images, "label": Y}, schema=schema)
    frame.write_parquet(tmp_path / "holes.parquet", row_group_size=7)
    data = sloy.data.stream(tmp_path / "holes.parquet")
    rest = np.delete(np.arange(60), [0, 11])
    assert (data.x[rest] == X[rest]).all()
    with pytest.raises(FileFormatError, match=r"row 12 of .*holes\.parquet: is empty"):
        data.x[10:13]
    good, why = sound(data)
    assert (good.x[:] == X[rest]).all()
    assert (good.y == Y[rest]).all()
    assert [one.partition(" of ")[0] for one in why] == ["row 1", "row 12"]


def test_a_test_skips_what_cannot_be_read(tmp_path):
    images = [{"bytes": png(pixels), "path": ""} for pixels in X]
    images[3] = None
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.Int64}
    pl.DataFrame({"image": images, "label": Y}, schema=schema).write_parquet(tmp_path / "h.parquet")
    network = sloy.Network(X.shape[1:], [sloy.layers.Flatten(), sloy.layers.Dense(3)])
    data = sloy.data.stream(as_parquet(tmp_path / "a.parquet", X, Y))
    model, _ = sloy.fit(network, (data.x[:], Y), epochs=1, engine="reference", verbose=False)
    model.save(tmp_path / "m.sloy")
    with pytest.raises(FileFormatError, match="row 4 of"):
        examine(tmp_path / "m.sloy", tmp_path / "h.parquet")
    out = tmp_path / "out"
    examine(tmp_path / "m.sloy", tmp_path / "h.parquet", out=out, skip_broken=True)
    samples = [
        int(line.split(",")[0]) for line in (out / "predictions.csv").read_text().split()[1:]
    ]
    assert samples == [row for row in range(60) if row != 3]


def test_columns_of_numbers(tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=20).astype("f4"),
        "b": np.arange(20, dtype="i2"),
        "z": rng.normal(size=20),
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet", row_group_size=6)
    data = sloy.data.stream(tmp_path / "t.parquet", target="z")
    assert data.x.dtype == np.float32
    assert data.y.dtype == np.float64
    assert (data.x[:] == np.stack([columns["a"], columns["b"]], 1)).all()
    assert (data.y == columns["z"]).all()
    assert [group.rows for group in row_groups(tmp_path / "t.parquet")] == [6, 6, 6, 2]


# --- order ----------------------------------------------------------------------------------------


def blocks(files, monkeypatch, hold, rows=3):
    monkeypatch.setattr(idx_streams, "BLOCK", rows * X[0].nbytes)
    return sloy.data.stream(files["idx"], hold=hold * rows * X[0].nbytes)


def rows_waiting(order):
    """How many rows of blocks that were begun are still to come, after each."""
    first = np.minimum.reduceat(np.argsort(order), np.arange(0, 60, 3))
    return np.array([3 * (first <= t).sum() - t for t in range(60)])


def test_rows_are_put_off_by_exponential_draws(files, monkeypatch):
    """The order is that of its definition: blocks in turn, each row later by a bounded exponential draw."""
    data = blocks(files, monkeypatch, 6)
    mean = data.x.source.delay
    assert mean == 18 - 18 // 8 - 2 * 3
    keys = np.stack([make_key(seed, "shuffle") for seed in range(40)])
    orders = data.x.orders(keys)
    assert all((np.sort(order) == np.arange(60)).all() for order in orders)
    assert len({tuple(order) for order in orders}) == 40
    assert (data.x.orders(keys[3:4])[0] == orders[3]).all()
    waiting = [rows_waiting(order) for order in orders]
    assert np.mean([w.max() for w in waiting]) < 18  # what is held
    places = np.argsort(orders, axis=1)
    assert abs(np.corrcoef(np.arange(60), places.mean(0))[0, 1]) < 0.6  # no row is always early


def test_what_is_held_stays_within_its_places_and_each_block_is_read_once(files, monkeypatch):
    """Also by a run that begins in the middle of an epoch: what was taken before it is not held again."""
    for begin in (0, 24):
        data = blocks(files, monkeypatch, 10)
        source = data.x.source
        order = data.x.orders(make_key(1, "shuffle")[None])[0]
        data.x.expect(order[begin:])
        for first in range(begin, 60, 4):
            rows = order[first : first + 4]
            assert (data.x[rows] == X[rows]).all()
            assert source._store.used <= 30
            assert len(source._store._content) == 30
        assert source.counts.samples == 60 - begin
        assert source.counts.blocks == len(set(order[begin:] // 3))
        assert source._store.used == 0


def test_any_order_gives_the_samples(files, monkeypatch):
    data = blocks(files, monkeypatch, 6)
    rng = np.random.default_rng(0)
    order = data.x.orders(make_key(1, "shuffle")[None])[0]
    for step in range(60):
        rows = rng.integers(0, 60, rng.integers(1, 40))
        if step % 3 == 0:
            data.x.expect(rng.permutation(order)[:20] if step % 2 else None)
        assert (data.x[rows] == X[rows]).all()
        store = data.x.source._store
        held = np.flatnonzero(store._place >= 0)
        assert (store._row[store._place[held]] == held).all()
        assert len(held) == store.used <= 18
        assert sorted([*store._room[: store._free], *store._place[held]]) == list(range(18))
        assert (store.get(held) == X[held]).all()


def test_where_all_is_held_or_rows_stand_alone_the_order_is_that_of_memory(data):
    keys = np.stack([make_key(seed, "shuffle") for seed in range(2)])
    from sloy.graph.threefry import permutations

    assert (data.x.orders(keys) == permutations(60, keys)).all()


def test_a_share_in_whole_blocks(files, monkeypatch):
    rows = blocks(files, monkeypatch, 6).x.in_blocks(0.2, 5)
    assert len(rows) == 12
    assert sorted(set(rows // 3)) == sorted(rows[::3] // 3)
    taken = blocks(files, monkeypatch, 6).take(rows)
    again = taken.x.in_blocks(0.5, 1)
    assert len(again) == 6
    assert len({int(n) for n in rows[again] // 3}) == 2


def test_a_stream_can_be_pickled_and_told_apart(files, monkeypatch):
    data = blocks(files, monkeypatch, 6)
    data.x[:5]
    again = pickle.loads(pickle.dumps(sloy.data.stream(files["tar"])))
    assert (again.x[:5] == X[:5]).all()
    same, other = blocks(files, monkeypatch, 6), blocks(files, monkeypatch, 7)
    assert data.x.fingerprint == same.x.fingerprint != other.x.fingerprint
    assert data.take([1, 2]).x.fingerprint != data.take([2, 1]).x.fingerprint


# --- what is wrong --------------------------------------------------------------------------------


def test_too_little_is_held(files, monkeypatch):
    monkeypatch.setattr(idx_streams, "BLOCK", 3 * X[0].nbytes)
    with pytest.raises(InvalidArgument, match=r"`hold` \(=450\) must be at least 1621 bytes"):
        sloy.data.stream(files["idx"], hold=450)


def test_a_broken_picture_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_streams, "BLOCK", 500)
    folder = as_folder(tmp_path / "folder", X, Y)
    (folder / "class1/00030.png").write_bytes(png(X[30])[:60])
    tar = as_tar(tmp_path / "a.tar", X, Y)
    tar.write_bytes(tar.read_bytes().replace(png(X[30])[40:60], bytes(20)))
    for source, name in ((folder, "class1/00030.png"), (tar, "a.tar/part/00030.png")):
        data = sloy.data.stream(source)
        assert (data.x[:30] == X[:30]).all()
        with pytest.raises(FileFormatError, match=f"{name}: is (damaged|not a picture)"):
            data.x[28:33]


def test_numbers_that_are_not_finite_are_named_by_sample():
    x = np.zeros((50, 4), np.float32)
    x[37, 2] = np.nan
    data = sloy.data.stream(list(x), np.arange(50) % 2)
    network = sloy.Network((4,), [sloy.layers.Dense(2)])
    with pytest.raises(InvalidArgument, match=r"sample 37 of the list: x\[0, 2\] is nan"):
        sloy.fit(network, data, epochs=1, engine="reference", verbose=False)
    ragged = sloy.data.stream(
        [np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(4), np.zeros(3)], np.arange(5)
    )
    with pytest.raises(
        ShapeError, match=r"sample 3 of the list is float64\[4\]; the first is float64\[3\]"
    ):
        ragged.x[:]


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        (5, {}, "`source` (=5) must be a path"),
        ([], {}, "holds no sample"),
        ([1.0, 2.0], {}, "it must be a pair (sample, label)"),
        ([{"a": 1, "b": 2}], {}, "holds a, b; it must hold a sample and its label"),
        (X, {}, "`labels` are needed beside an array"),
        (X, {"labels": [1]}, "1 labels for the 60 samples"),
        ("nowhere", {}, "there is no such file or folder"),
        (X, {"labels": Y, "part": "rest"}, "`part` (='rest') must be one of"),
        (X, {"labels": Y, "hold": 0}, "`hold` (=0)"),
    ],
)
def test_what_cannot_be_a_stream(source, options, said):
    with pytest.raises((InvalidArgument, FileFormatError)) as error:
        sloy.data.stream(source, **options)
    assert said in str(error.value)


def test_damaged_files(tmp_path, files):
    footer = files["parquet"].read_bytes()
    for name, content in {"cut": footer[:-9], "none": b"PAR1", "text": b"a,b\n1,2\n" * 9}.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
        with pytest.raises(FileFormatError, match=f"{name}.parquet"):
            sloy.data.stream(tmp_path / f"{name}.parquet")
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(FileFormatError, match=r"a.tar: is no tar archive"):
        sloy.data.stream(tmp_path / "a.tar")
    rng = np.random.default_rng(0)  # a footer that is anything: one error, quickly
    length = int.from_bytes(footer[-8:-4], "little")
    for _ in range(200):
        content = bytearray(footer)
        for place in rng.integers(len(footer) - 8 - length, len(footer) - 8, 8):
            content[place] = rng.integers(256)
        (tmp_path / "b.parquet").write_bytes(content)
        try:
            groups = row_groups(tmp_path / "b.parquet")
        except FileFormatError:
            continue
        assert all(group.rows >= 0 for group in groups)


def test_a_column_of_targets_is_named(files, tmp_path):
    with pytest.raises(InvalidArgument, match=r"`target` \(='price'\) is no column of a.parquet"):
        sloy.data.stream(files["parquet"], target="price")
    pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidArgument, match=r"`target` must name the column"):
        sloy.data.stream(tmp_path / "t.parquet")
    with pytest.raises(InvalidArgument, match="b hold no numbers"):
        sloy.data.stream(tmp_path / "t.parquet", target="a")
    data = sloy.data.stream(pl_without(tmp_path), target="b")
    with pytest.raises(FileFormatError, match=r"row 2 of .*u.parquet: has no number in column `a`"):
        data.x[:]


def pl_without(folder):
    pl.DataFrame({"a": [1.0, None], "b": ["x", "y"]}).write_parquet(folder / "u.parquet")
    return folder / "u.parquet"


def test_rows_are_lazy_rows():
    data = sloy.data.stream(X, Y)
    assert isinstance(data.x, StreamRows)
    assert "Dataset" in repr(data)


@pytest.mark.parametrize("size", [2**62, 2**63, 2**70])
def test_an_offset_that_no_file_has_is_refused(tmp_path, size):
    header = bytearray(tarfile.TarInfo("a/1.png").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\x80" + size.to_bytes(11, "big")  # the size, in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) * 2)
    with pytest.raises(FileFormatError, match="is no tar archive"):
        sloy.data.stream(tmp_path / "a.tar")
