"""What comes before every page: who may ask at all, and how much."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "[::1]")
LARGEST_BODY = 1_000_000  # bytes of JSON
LARGEST_UPLOAD = 200_000_000
SECONDS = 20.0  # within which the next part of a body must come
UPLOADS = "/api/upload/"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass
class Keys:
    """What lets a browser in: the token of the link, which is good once, and the cookie that it is exchanged for.

    Parameters
    ----------
    port : int
        Where the server listens, of which the cookie bears the name: cookies of one host are shared by its ports.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    used: bool = False

    @property
    def name(self) -> str:
        """Of the cookie."""
        return f"sloy-{self.port}"

    @property
    def link(self) -> str:
        """What the browser opens; what stands behind # is never sent."""
        return f"http://127.0.0.1:{self.port}/#token={self.token}"

    def exchange(self, token: str) -> str | None:
        """The cookie's value for the token, once; None for any other word, and ever after."""
        if self.used or not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        self.used = True
        return self.cookie

    def knows(self, headers: Headers) -> bool:
        """Whether a request bears the cookie."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.name)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(
            found.value.encode(), self.cookie.encode()
        )


class Guard:
    """Refuses what does not come from the app's own page in a browser that was let in.

    In this order, before any route is looked at: the Host is this machine's loopback with the port; no other site's
    page asks (Origin, Sec-Fetch-Site); whatever is not a file of the page needs the cookie; bodies are JSON, or bytes
    where something is uploaded, of bounded size, and come without long waits.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        self._hosts = {f"{host}:{keys.port}" for host in HOSTS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if scope["type"] == "websocket":
            if refused is not None:
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        answer = _headed(send)
        if refused is not None:
            code, why = refused
            await PlainTextResponse(why, code)(scope, receive, answer)
            return
        await self._app(scope, _bounded(receive, _largest(scope["path"])), answer)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is refused, with its code."""
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.getlist("host")
        if len(host) != 1 or host[0].lower() not in self._hosts:
            return 403, "this server answers to 127.0.0.1 alone"
        method = scope.get("method", "")
        live = scope["type"] == "websocket"
        origins = headers.getlist("origin")
        if (live or method not in ("GET", "HEAD")) and origins != [f"http://{host[0].lower()}"]:
            return 403, "asked from another page"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "asked from another page"
        inside = live or path.startswith("/api/")
        if inside and path != "/api/session" and not self._keys.knows(headers):
            return 401, "open the link that `sloy app` printed"
        if method == "POST":
            return _of_body(headers, path)
        return None


def _largest(path: str) -> int:
    return LARGEST_UPLOAD if path.startswith(UPLOADS) else LARGEST_BODY


def _of_body(headers: Headers, path: str) -> tuple[int, str] | None:
    """Why a body is refused before it is read."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = "application/octet-stream" if path.startswith(UPLOADS) else "application/json"
    if kind != wanted:
        return 415, f"the body must be {wanted}"
    length = headers.get("content-length", "")
    if length and (not length.isascii() or not length.isdigit() or int(length) > _largest(path)):
        return 413, f"the body may have {_largest(path)} bytes"
    return None


def _bounded(receive: Receive, largest: int) -> Receive:
    """Of a body no more than so many bytes, none of which keeps waiting."""
    seen = 0
    whole = False

    async def bounded() -> Message:
        nonlocal seen, whole
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SECONDS)
        except TimeoutError:
            raise HTTPException(408, "the body did not come") from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > largest:
            raise HTTPException(413, f"the body may have {largest} bytes")
        return message

    return bounded


def _headed(send: Send) -> Send:
    """Answers with the headers that every one has."""

    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return headed


def refused(error: HTTPException) -> dict[str, Any]:
    """What the page is told of a refusal."""
    return {"error": error.detail}
