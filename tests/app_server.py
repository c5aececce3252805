"""A server of the app that tests ask, as its page does or as an attacker would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from websockets.sync.client import connect

from sloy.app.server import Local


@dataclass
class Served:
    """A server that listens, and the folder that it serves."""

    local: Local
    folder: Path

    @property
    def port(self) -> int:
        return self.local.keys.port

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return f"{self.local.keys.name}={self.local.keys.cookie}"

    def ask(
        self, path: str, body: Any = None, *, method: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer; as the page asks, but for the headers that are given."""
        usual = {"Cookie": self.cookie}
        data = None
        if body is not None:
            usual |= {"Origin": self.base, "Content-Type": "application/json"}
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {k: v for k, v in {**usual, **named}.items() if v}
        request = Request(self.base + path, data, sent, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    def do(self, action: str, **given: Any) -> Any:
        """What an action answers."""
        status, _, text = self.ask(f"/api/do/{action}", given)
        assert status == 200, text
        return json.loads(text)

    def live(self, origin: str | None = "", cookie: str = "") -> Any:
        """A WebSocket to the playground, to be entered; as the page opens it, but for what is given."""
        return connect(
            f"ws://127.0.0.1:{self.port}/live",
            origin=self.base if origin == "" else origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookie or self.cookie},
            max_size=None,
        )
