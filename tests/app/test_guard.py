"""Who may ask, and how much: every other request is refused, and none ends in an error of the server or in a file."""

from __future__ import annotations

import asyncio
import errno
import json
import random
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app_server import Served
from sloy.app.guard import SECONDS, Keys, _bounded
from sloy.app.shelf import plain
from sloy.errors import InvalidArgument, NotAvailable, SloyError


def raw(served: Served, head: str, body: bytes = b"") -> int:
    """The status of an answer to a request that is written by hand; 0 where the connection was closed."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        answer = line.recv(400)
    return int(answer.split()[1]) if answer else 0


# --- the host and the origin ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "0.0.0.0:{port}",
     "localhost:{port}@evil.example", "192.168.0.1:{port}", "[::2]:{port}"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/web/main.js", "/no/such/path"])
def test_another_host_is_refused_before_routing(served: Served, host: str, path: str) -> None:
    named = f"Host: {host.format(port=served.port)}\n" if host else "X-No: host\n"
    assert raw(served, f"GET {path} HTTP/1.1\n{named}Connection: close") in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_loopback_by_its_names(served: Served, host: str) -> None:
    asked = f"GET / HTTP/1.1\nHost: {host}:{served.port}\nConnection: close"
    assert raw(served, asked) == 200


def test_two_hosts_are_refused(served: Served) -> None:
    asked = f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}\nHost: evil.example\nConnection: close"
    assert raw(served, asked) in (400, 403)


@pytest.mark.parametrize(
    "origin", ["", "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_another_origin_is_refused(served: Served, origin: str) -> None:
    status, _, _ = served.ask("/api/do/start", {}, Origin=origin.format(port=served.port))
    assert status == 403


def test_a_request_that_another_site_began_is_refused(served: Served) -> None:
    assert served.ask("/web/main.js", Sec_Fetch_Site="cross-site")[0] == 403
    assert served.ask("/api/do/start", {}, Sec_Fetch_Site="same-site")[0] == 403


# --- the token and the cookie -----------------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["", "sloy=1", "sloy-{port}=", "sloy-{port}=guess", "\x7f;=;="])
def test_without_the_cookie_nothing_is_answered(served: Served, cookie: str) -> None:
    named = cookie.format(port=served.port)
    for path in ("/api/do/start", "/api/do/runs", "/api/upload/table"):
        assert served.ask(path, {}, Cookie=named)[0] == 401


def test_the_token_is_of_no_use_in_a_query_or_a_header(served: Served) -> None:
    token = served.local.keys.token
    assert served.ask(f"/api/do/start?token={token}", {}, Cookie="")[0] == 401
    assert served.ask("/api/do/start", {}, Cookie="", Authorization=f"Bearer {token}")[0] == 401


def test_the_token_is_good_once() -> None:
    keys = Keys(1234)
    assert keys.exchange("guess") is None
    assert keys.exchange("ключ") is None
    assert keys.exchange(keys.token) == keys.cookie
    assert keys.exchange(keys.token) is None
    assert len(keys.token) >= 22  # 128 bits in base64
    assert keys.token != Keys(1234).token
    assert keys.link == f"http://127.0.0.1:1234/#token={keys.token}"


def test_the_exchange_over_the_wire(served: Served) -> None:
    keys = served.local.keys
    keys.used = False
    for wrong in ({"token": "x"}, {"token": 1}, {}, [], "x"):
        assert served.ask("/api/session", wrong, Cookie="")[0] == 401
    status, headers, _ = served.ask("/api/session", {"token": keys.token}, Cookie="")
    assert status == 200
    cookie = headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert served.ask("/api/do/start", {}, Cookie=cookie.split(";")[0])[0] == 200
    assert served.ask("/api/session", {"token": keys.token}, Cookie="")[0] == 401


# --- paths and files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/web/../server.py", "/web/..%2fserver.py", "/web/%2e%2e%2fserver.py", "/web//etc/passwd",
     "/web/%2fetc%2fpasswd", "/web/..%5cserver.py", "/web/.%00/main.js", "/../../etc/passwd", "/web/",
     "/web/vendor/../main.js", "/server.py", "/api/", "/api/do/", "/web/server.py"],
)  # fmt: skip
def test_nothing_but_the_page_s_own_files(served: Served, path: str) -> None:
    for method in ("GET", "HEAD"):
        asked = f"{method} {path} HTTP/1.1\nHost: 127.0.0.1:{served.port}\nCookie: {served.cookie}\nConnection: close"
        assert 400 <= raw(served, asked) < 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods(served: Served, method: str) -> None:
    for path in ("/", "/api/do/start"):
        assert 400 <= served.ask(path, {}, method=method)[0] < 500


@pytest.mark.parametrize(
    "id", ["/etc/passwd", "../runs/digits", "runs/digits", "run99", "data1\0", "", "uploaded"]
)
def test_things_are_named_by_ids_alone(served: Served, id: str) -> None:
    for name in ("run", "columns", "model", "diagnose"):
        spoken = {"language": "en"} if name in ("run", "diagnose") else {}
        status, _, text = served.ask(f"/api/do/{name}", {"id": id, **spoken})
        assert status == 400
        assert "names nothing here" in text


def test_a_link_out_of_the_folder_is_not_followed(served: Served) -> None:
    assert (served.folder / "runs/linked/configuration.json").exists()
    assert {run["name"] for run in served.do("runs")} >= {"digits", "slow"}
    assert "secret-word" not in json.dumps(served.do("runs"))
    assert "linked" not in json.dumps(served.do("start"))


def test_files_of_runs_alone_are_given(served: Served) -> None:
    """By an id and a name of the list; nothing else of the folder, no link, nothing without the cookie."""
    run = next(run["id"] for run in served.do("runs") if run["name"] == "digits")
    folder = served.folder / "runs/digits"
    (folder / "mistakes.png").symlink_to("/etc/hostname")
    (folder / "secret.txt").write_text("secret-word")
    path = f"/api/file/{run}/history.csv"
    status, headers, text = served.ask(path)
    assert (status, text) == (200, (folder / "history.csv").read_text())
    assert headers["content-disposition"] == 'attachment; filename="digits-history.csv"'
    assert served.ask(path, Cookie="")[0] == 401
    for id, name in (
        (run, "secret.txt"), (run, "mistakes.png"), (run, "..%2fslow%2fhistory.csv"), (run, "%2fetc%2fpasswd"),
        (run, "report.html"), ("data1", "history.csv"), ("run99", "history.csv"), (run, ""),
    ):  # fmt: skip
        status, _, text = served.ask(f"/api/file/{id}/{name}")
        assert 400 <= status < 500, name
        assert "secret-word" not in text
    (folder / "mistakes.png").unlink()
    (folder / "secret.txt").unlink()


def test_names_of_uploads_are_names_alone(served: Served) -> None:
    assert plain("..\\..\\a b.csv") == "a b.csv"
    assert plain("/x/\n\0…é.csv") == "__…é.csv".replace("…", "_")
    for wrong in ("..", "/", "", ". ."):
        with pytest.raises(InvalidArgument, match="no name of a file"):
            plain(wrong)
    octets = {"Content_Type": "application/octet-stream"}
    before = set(served.folder.rglob("*"))
    for kind, name in (
        ("table", "..%2f..%2fevil.py"), ("table", "x.sloy"), ("data1", "a%2fb.png"), ("run1", "a%2fb.png"),
        ("nothing", "a.csv"), ("table", ""), ("look-run9", "x.png"),
    ):  # fmt: skip
        status, _, _ = served.ask(f"/api/upload/{kind}", b"x", X_Name=name, **octets)
        assert 400 <= status < 500, (kind, name)
    status, _, text = served.ask(
        "/api/upload/table", b"a,b\n1,2\n", X_Name="..%2f..%2fnew.csv", **octets
    )
    assert status == 200
    assert json.loads(text)["name"] == "new.csv"
    assert set(served.folder.rglob("*")) == before
    assert (served.local.desk.shelf.uploads).stat().st_mode & 0o077 == 0


# --- bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_bodies_are_json(served: Served, kind: str) -> None:
    asked = (
        f"POST /api/do/start HTTP/1.1\nHost: 127.0.0.1:{served.port}\nOrigin: {served.base}\nCookie: {served.cookie}\n"
        f"Content-Type: {kind}\nContent-Length: 2\nConnection: close"
    )
    assert raw(served, asked, b"{}") == 415


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b'{"a": NaN}', b'{"a":1,"a":2}', b"[" * 5000, b"\xff\xfe", b"null"]
)  # fmt: skip
def test_bodies_that_are_none(served: Served, body: bytes) -> None:
    assert served.ask("/api/do/start", body)[0] == 400


def test_values_are_held_against_what_an_action_takes(served: Served) -> None:
    for name, given in (
        ("plan", {"id": "data2"}), ("hand", {"sample": "1", "learning_rate": 0.1}), ("start", {"more": 1}),
        ("hand", {"sample": -1, "learning_rate": 0.1, "language": "en"}), ("nothing", {}),
        ("hand", {"sample": 0, "learning_rate": -1, "language": "en"}),
        ("hand", {"sample": 0, "learning_rate": 0.1, "language": "xx"}),
        ("hand_picture", {"name": "cross", "pixels": [1], "learning_rate": 0.1, "seed": 0, "language": "en"}),
        ("drawn", {"id": "run1", "side": 100000, "pixels": ""}),
        ("scene", {"id": "data2", "target": "none", "columns": [], "axes": None}),
        ("scene", {"id": "data2", "target": "kind", "columns": ["size"], "axes": None}),
        ("scene", {"id": "data2", "target": "kind", "columns": [], "axes": ["size", "size"]}),
        ("branch", {"id": "run1", "epoch": 1, "step": 1, "learning_rate": -0.1}),
    ):  # fmt: skip
        status, _, text = served.ask(f"/api/do/{name}", given)
        assert status == 400, (name, given)
        assert json.loads(text)["error"]


def test_a_huge_body_is_refused_before_and_while_it_comes(served: Served) -> None:
    head = (
        f"POST /api/do/start HTTP/1.1\nHost: 127.0.0.1:{served.port}\nOrigin: {served.base}\nCookie: {served.cookie}\n"
        "Content-Type: application/json\nConnection: close\n"
    )
    assert raw(served, head + "Content-Length: 99999999999") == 413
    assert raw(served, head + "Content-Length: -1") == 400
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert raw(served, head + "Transfer-Encoding: chunked", part * 17) == 413


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sloy.app.guard.SECONDS", 0.01)

    async def never() -> dict[str, object]:
        await asyncio.sleep(10)
        return {}

    with pytest.raises(Exception, match="408"):
        asyncio.run(_bounded(never, 10)())  # type: ignore[arg-type]
    assert SECONDS <= 60


def test_every_answer_has_the_headers(served: Served) -> None:
    for path in ("/", "/web/main.js", "/nothing"):
        _, headers, _ = served.ask(path)
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not {name for name in headers if name.lower().startswith("access-control")}


# --- the WebSocket --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["origin", "no origin", "cookie", "host"])
def test_the_socket_of_another_page(served: Served, wrong: str) -> None:
    origin = {"origin": "http://evil.example", "no origin": None}.get(wrong, served.base)
    if wrong == "host":
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
            line.sendall(
                f"GET /live HTTP/1.1\r\nHost: evil.example\r\nOrigin: {served.base}\r\nCookie: {served.cookie}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            assert b" 403 " in line.recv(200).split(b"\r\n")[0]
        return
    cookie = "sloy=guess" if wrong == "cookie" else ""
    with pytest.raises(InvalidStatus, match="403"), served.live(origin, cookie):
        pass


def test_random_messages_do_no_harm(served: Served) -> None:
    draw = random.Random(0)
    words = ["do", "play", "step", "count", "design", "line", "rewind", "scene", "x"]
    values = [0, -1, 10**9, 1e300, None, "x", [], {}, True, {"layers": [{}]}, "🦜" * 50]

    def message() -> str | bytes:
        kind = draw.random()
        if kind < 0.3:
            return "".join(chr(draw.randrange(32, 1000)) for _ in range(draw.randrange(60)))
        given = {draw.choice(words): draw.choice(values) for _ in range(draw.randrange(4))}
        return json.dumps(given | ({"do": draw.choice(words[1:])} if kind < 0.9 else {}))

    with served.live() as one:
        for _ in range(1000):
            one.send(message())
        one.send(json.dumps({"do": "pause"}))
    with served.live() as one:
        one.send("x" * 30_000)
        assert "too long" in _error(one)
        one.send(b"\0\1")
        with pytest.raises(ConnectionClosed):
            _error(one)
    with served.live() as one:
        one.send("x" * 200_000)
        with pytest.raises(ConnectionClosed):
            _error(one)
    assert served.ask("/api/do/start", {})[0] == 200


def _error(one: Any) -> str:
    """The next message that tells of an error."""
    for _ in range(1000):
        told = one.recv(timeout=10)
        if isinstance(told, str) and "error" in json.loads(told):
            return str(json.loads(told)["error"])
    raise AssertionError("no error was told")


def test_so_many_watch_and_no_more(served: Served) -> None:
    served.local.desk.playground.command({"do": "pause"}).result(
        20
    )  # readers here are slow to close
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(served.live()).recv(timeout=10)
        with pytest.raises(InvalidStatus), served.live():
            pass
    end = time.monotonic() + 10
    while served.local.desk.playground.watching and time.monotonic() < end:
        time.sleep(0.02)
    assert not served.local.desk.playground.watching


# --- the command ------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named(served: Served) -> None:
    from sloy.app.server import Local

    with pytest.raises(NotAvailable, match=f"port {served.port} cannot be had.*listens there"):
        Local(port=served.port)
    for port in (65_536, 99_999, -1):
        with pytest.raises(InvalidArgument, match=r"at least 0 and at most 65535"):
            Local(port=port)
    with pytest.raises(InvalidArgument, match="there is no such file or folder"):
        Local("nothing/here")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"a text", r"notes\.txt: is no table by its name \(\.csv"),
        ("net.onnx", b"net", "is an ONNX file; `sloy import"),
        ("t.csv", b"\0\1", "holds zero bytes"),
        ("labels", b"\0\0\x08\1\0\0\0\1\0", "is one IDX file"),
    ],
)
def test_what_is_no_data_is_not_opened(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    from sloy.app.server import Local

    (tmp_path / name).write_bytes(content)
    with pytest.raises(SloyError, match=said):
        Local(str(tmp_path / name))


def test_a_port_for_the_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from sloy.app.server import Local

    def refused(self: socket.socket, address: tuple[str, int]) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("sloy.app.server.socket.socket.bind", refused)
    with pytest.raises(NotAvailable, match=r"port 80 .*Permission denied.*below 1024"):
        Local(port=80)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("65536", "--port (=65536) must be an integer of at least 0 and at most 65535"),
        ("-1", "argument --port: '-1' is not an integer of at least 0"),
        ("http", "argument --port: 'http' is not an integer of at least 0"),
    ],
)
def test_a_port_that_there_is_not(
    port: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from sloy.cli.main import main

    assert main(["app", "--no-browser", "--port", port]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_the_command_prints_a_link_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sloy", "app", "--no-browser"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:")
        assert "/#token=" in link
        process.send_signal(2)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == "sloy app: interrupted\n"
