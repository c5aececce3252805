"""The server of the app, on this machine's loopback alone."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sloy.app import runs
from sloy.app.actions import Busy, Desk
from sloy.app.guard import Guard, Keys
from sloy.app.live import LARGEST, live
from sloy.app.texts import TEXTS
from sloy.arguments import integer
from sloy.errors import InvalidArgument, NotAvailable, SloyError
from sloy.files.documents import parse
from sloy.text import finite

WEB = Path(__file__).parent / "web"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONNECTIONS = 64
PORTS = 65_535
WHY = {
    errno.EADDRINUSE: "another `sloy app`, or another program, listens there",
    errno.EACCES: "those below 1024 may be for the system alone",
}
NAME_HEADER = "x-name"  # of an upload, percent-encoded


def application(desk: Desk, keys: Keys) -> Starlette:
    """The app for a port: files of the page by their names, actions, uploads, the WebSocket."""
    files = {path.name: path for path in WEB.iterdir() if path.suffix in TYPES}

    def page(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name == "texts.js":
            return Response(_texts(), media_type=TYPES[".js"])
        if name not in files:
            raise HTTPException(404, "there is no such file")
        return Response(files[name].read_bytes(), media_type=TYPES[files[name].suffix])

    async def session(request: Request) -> Response:
        given = await _json(request)
        token = given.get("token") if isinstance(given, dict) else None
        cookie = keys.exchange(token) if isinstance(token, str) else None
        if cookie is None:
            raise HTTPException(401, "the link is not good, or was used already")
        answer = JSONResponse({})
        answer.set_cookie(keys.name, cookie, httponly=True, samesite="strict")
        return answer

    async def act(request: Request) -> Response:
        given = await _json(request)
        if not isinstance(given, dict):
            raise HTTPException(400, "the body must be an object")
        found = await run_in_threadpool(desk.answer, request.path_params["name"], given)
        return JSONResponse(finite(found))

    async def upload(request: Request) -> Response:
        return JSONResponse(finite(await _uploaded(desk, request)))

    def download(request: Request) -> Response:
        path, name = runs.file(desk.shelf, **request.path_params)
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    async def watch(socket: WebSocket) -> None:
        await live(socket, desk.playground)

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(desk.close)

    def failed(request: Request, error: Exception) -> Response:
        word = {"error": desk.shelf.said(error)}
        return JSONResponse(word, 409 if isinstance(error, Busy) else 400)

    routes = [
        Route("/", page),
        Route("/web/{name}", page),
        Route("/api/session", session, methods=["POST"]),
        Route("/api/do/{name}", act, methods=["POST"]),
        Route("/api/upload/{kind}", upload, methods=["POST"]),
        Route("/api/file/{id}/{name}", download),
        WebSocketRoute("/live", watch),
    ]
    return Starlette(
        routes=routes,
        lifespan=life,
        middleware=[Middleware(Guard, keys=keys)],
        exception_handlers={HTTPException: _refused, SloyError: failed, OSError: failed},
    )


class Local:
    """The app on a port of this machine.

    Parameters
    ----------
    opened : str, optional
        A run, data or a model to begin with.
    port : int
        At most 65535; 0 takes one that is free.
    threads : int
        Of each engine.

    Attributes
    ----------
    keys : Keys
        With the link that opens the page.

    Raises
    ------
    InvalidArgument
        Where there is no such port, or what is opened is not there.
    NotAvailable
        Where the port cannot be had.
    """

    def __init__(self, opened: str | None = None, *, port: int = 0, threads: int = 1) -> None:
        integer("app", "port", port, 0, PORTS)
        self.desk = Desk.of(opened, threads)
        self._listening = _bound(port)
        self.keys = Keys(self._listening.getsockname()[1])
        config = uvicorn.Config(
            application(self.desk, self.keys),
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=2,
            ws_max_size=4 * LARGEST,
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # nothing leaves this machine: it would take time from the training
            lifespan="on",
        )
        self._server = _Server(config)

    def serve(self, ready: Callable[[str], None] = lambda link: None) -> None:
        """Serve until Ctrl-C, or until `stop`; `ready` is told the link once the server listens."""
        self._server.told = lambda: ready(self.keys.link)
        with self._listening:
            self._server.run(sockets=[self._listening])

    def stop(self) -> None:
        """End it, from another thread."""
        self._server.should_exit = True


def _bound(port: int) -> socket.socket:
    """A socket at a port of this machine's loopback."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
    except OSError as error:
        found.close()
        advice = WHY.get(error.errno or 0, "0 takes one that is free")
        why = os.strerror(error.errno) if error.errno else str(error)
        raise NotAvailable(f"app: port {port} cannot be had ({why}); {advice}.") from None
    return found


class _Server(uvicorn.Server):
    """Tells when it listens."""

    told: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        await super().startup(sockets)
        self.told()


# --- requests -------------------------------------------------------------------------------------


async def _json(request: Request) -> Any:
    """The body of a request.

    Raises
    ------
    HTTPException
        Where it is no JSON.
    """
    try:
        return parse((await request.body()).decode())
    except ValueError:
        raise HTTPException(400, "the body is no JSON") from None


async def _uploaded(desk: Desk, request: Request) -> dict[str, Any]:
    """Put a body into a file of the temporary folder."""
    kind, name = request.path_params["kind"], unquote(request.headers.get(NAME_HEADER, ""))
    shelf = desk.shelf
    if kind == "table":
        path = shelf.table_place(name)
    elif kind.startswith("data"):
        path = shelf.picture_place(kind, name)
    elif kind.startswith("look-"):
        path = Path(tempfile.mkstemp(prefix="picture-", dir=shelf.uploads)[1])
    else:
        raise InvalidArgument("upload: `kind` must be table, look-MODEL, or the id of a folder.")
    try:
        with path.open("wb") as file:
            async for part in request.stream():
                file.write(part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if kind.startswith("look-"):
        try:
            return await run_in_threadpool(desk.gallery.uploaded, kind.removeprefix("look-"), path)
        finally:
            path.unlink()
    if kind == "table":
        return (await run_in_threadpool(shelf.uploaded, path)).told()
    return {}


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


def _texts() -> str:
    """The table of texts as a module."""
    return f"export const TEXTS = {json.dumps(TEXTS, ensure_ascii=False)};\n"
