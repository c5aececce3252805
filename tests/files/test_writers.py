"""Whatever writes a file goes through one function, which replaces regular files alone: devices and pipes stay."""

from __future__ import annotations

import ast
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.files import atomic
from sloy.files.atomic import link_over, replace, write_atomically
from sloy.files.container import write_container
from sloy.layers import Dense

PACKAGE = Path(sloy.__file__).parent
NOT_FILES = {  # what writes otherwise than by `write_atomically`, and why it may
    "app/server.py": "an upload, in a temporary folder of its own",
    "files/atomic.py": "the function itself",
    "files/lock.py": "a lock, opened where it is",
    "files/streams.py": "standard output, by its number",
    "files/tables.py": "a buffer in memory",
    "inspection/animation.py": "a stream in memory",
    "inspection/encoded.py": "a stream in memory",
    "inspection/figure.py": "a temporary file with a name of its own",
    "search/folder.py": "a folder, moved to a place of its own",
    "search/result.py": "a folder, copied and renamed",
    "search/storage.py": "a journal, opened where it is and appended to",
    "search/worker.py": "standard output, by its number",
}
OWNERS = {"os", "shutil", "np", "part", "figure", "pictures[0]", "few"}
CALLS = {
    "replace",
    "rename",
    "link",
    "symlink",
    "move",
    "copyfile",
    "copytree",
    "savefig",
    "save",
    "savez",
    "mknod",
}


def writes(call: ast.Call) -> bool:
    """Whether a call makes, renames or changes a file by itself."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    if name in ("write_text", "write_bytes", "tofile"):
        return True
    if name in CALLS and isinstance(function, ast.Attribute):
        return ast.unparse(function.value) in OWNERS
    if name not in ("open", "fdopen", "NamedTemporaryFile"):
        return False
    words = ast.unparse(call)
    if name == "NamedTemporaryFile":
        return "delete=False" in words
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return "O_CREAT" in words or any(
        set(m) <= set("wax+bt") and set(m) & set("wax+") for m in modes
    )


def test_nobody_else_writes_files() -> None:
    """But the lecture's programs, which readers see, and whose pictures matplotlib writes into what is there."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE).as_posix()
        if not name.startswith("lecture/"):
            calls = (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call))
            if any(map(writes, calls)):
                found.add(name)
    assert found <= set(NOT_FILES), found - set(NOT_FILES)
    assert {"files/atomic.py", "app/server.py", "search/storage.py"} <= found  # it sees them


@pytest.fixture(scope="module")
def model() -> sloy.Model:
    return sloy.fit(
        sloy.Network((2,), [Dense(2)]),
        (np.eye(2), np.array([0, 1])),
        epochs=1,
        engine="reference",
        verbose=False,
    )[0]


def history(path: Path, model: sloy.Model) -> None:
    sloy.fit(
        model.network,
        (np.eye(2), np.array([0, 1])),
        epochs=1,
        engine="reference",
        verbose=False,
        callbacks=[sloy.CSVLog(path)],
    )


def animation(path: Path, model: sloy.Model) -> None:
    from sloy.inspection.animation import Animation

    frame = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
        b"IDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
    )
    Animation((frame, frame), ("a", "b"), "t").save(path)


WRITERS: dict[str, Callable[[Path, sloy.Model], object]] = {
    "model.sloy": lambda path, model: model.save(path),
    "model.onnx": lambda path, model: model.export(path),
    "model.c": lambda path, model: model.export(path),
    "model.h": lambda path, model: model.export(path),
    "model.js": lambda path, model: model.to_javascript(path),
    "page.html": lambda path, model: model.to_html(path),
    "log.csv": history,
    "moving.gif": animation,
    "moving.html": animation,
    "container": lambda path, model: write_container(path, {"w": np.arange(9.0)}, {}),
    "bytes": lambda path, model: write_atomically(path, b"bytes"),
}


def read(path: Path) -> Callable[[], bytes]:
    """Read a pipe in a thread; the function waits, and gives what came."""
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    thread.start()

    def came() -> bytes:
        thread.join(20)
        return got[0]

    return came


@pytest.mark.parametrize("name", WRITERS)
def test_a_pipe_gets_what_a_file_gets(name: str, model: sloy.Model, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "pipes").mkdir()
    file, pipe = tmp_path / "files" / name, tmp_path / "pipes" / name
    WRITERS[name](file, model)
    os.mkfifo(pipe)
    came = read(pipe)
    WRITERS[name](pipe, model)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    content = came()
    assert len(content) > 4
    assert name == "log.csv" or content == file.read_bytes()  # a log has times in it


@pytest.mark.parametrize("name", WRITERS)
def test_a_device_stays_a_device(name: str, model: sloy.Model, tmp_path: Path) -> None:
    """A copy of the null device, of its numbers 1 and 3, and one of the full device: 1 and 7."""
    null, full = tmp_path / "null" / name, tmp_path / "full" / name
    for device, minor in ((null, 3), (full, 7)):
        device.parent.mkdir()
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            os.close(os.open(device, os.O_WRONLY))
        except PermissionError:
            pytest.skip("devices can be made by root alone")
    WRITERS[name](null, model)
    with pytest.raises(OSError, match="No space left") as caught:
        WRITERS[name](full, model)
    assert caught.value.filename == str(full)
    for device in (null, full):
        assert stat.S_ISCHR(device.stat().st_mode)
        assert not list(device.parent.glob(".*"))


def test_what_cannot_be_written_is_refused_and_stays(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(tmp_path / "plug"))
        (tmp_path / "folder").mkdir()
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "link").symlink_to("plug")
        (tmp_path / "file").write_bytes(b"old")
        for name, why in (
            ("plug", "is a socket"),
            ("link", "is a socket"),
            ("folder", "is a folder"),
            ("loop", "Too many levels"),
        ):
            with pytest.raises(OSError, match=why) as caught:
                write_atomically(tmp_path / name, b"new")
            assert caught.value.filename == str(tmp_path / name)
        for name in ("plug", "folder"):
            for put in (replace, link_over):
                with pytest.raises(OSError, match="not replaced"):
                    put(tmp_path / "file", tmp_path / name)
        assert stat.S_ISSOCK((tmp_path / "plug").stat().st_mode)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


def test_a_link_to_a_device_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    came = read(tmp_path / "pipe")
    write_atomically(tmp_path / "link", b"through")
    assert came() == b"through"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_open_files_are_written_where_they_are(path: str, tmp_path: Path) -> None:
    """Output that goes to a file goes on behind what was printed, and is not replaced."""
    program = (
        "from sloy.files.atomic import write_atomically;"
        f"print('before'); write_atomically({path!r}, b'it\\n'); print('after')"
    )
    with (tmp_path / "out").open("wb") as out:
        number = os.fstat(out.fileno()).st_ino
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nit\nafter\n"
    assert (tmp_path / "out").stat().st_ino == number
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert told.stdout == b"before\nit\nafter\n"


def test_a_reader_that_went_away_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    def content(file) -> None:
        os.close(reader)
        file.write(b"x")

    with pytest.raises(BrokenPipeError) as caught:
        write_atomically(tmp_path / "pipe", content)
    assert caught.value.filename == str(tmp_path / "pipe")
    assert atomic._open_file(tmp_path / "pipe") is None
