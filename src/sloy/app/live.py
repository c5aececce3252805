"""The WebSocket: what the page asks of the playground goes up, frames and states come down."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from sloy.app.playground import Playground
from sloy.errors import SloyError
from sloy.files.documents import parse

MOST_WATCHING = 16
LARGEST = 20_000  # characters of a message


class Slots:
    """The newest frame of each line, and what must not be lost; a slow reader gets fewer frames, never older ones."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._words: list[dict[str, Any]] = []
        self._frames: dict[int, bytes] = {}
        self._ready = asyncio.Event()

    def put(self, told: bytes | dict[str, Any]) -> None:
        """From the playground's thread."""
        self._loop.call_soon_threadsafe(self.take, told)

    def take(self, told: bytes | dict[str, Any]) -> None:
        """From the loop's own."""
        if isinstance(told, bytes):
            self._frames[_line_of(told)] = told
        else:
            if "scene" in told:  # a newer state says all that an older one did
                self._words = [word for word in self._words if "scene" not in word]
                self._frames.clear()
            self._words.append(told)
        self._ready.set()

    async def send(self, socket: WebSocket) -> None:
        """What is there, as it comes, until the socket closes."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            words, frames = self._words, self._frames
            self._words, self._frames = [], {}
            for word in words:
                await socket.send_text(json.dumps(word))
            for number in sorted(frames):
                await socket.send_bytes(frames[number])


def _line_of(frame: bytes) -> int:
    head = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "little")])
    return int(head["line"])


async def live(socket: WebSocket, playground: Playground) -> None:
    """One page's connection."""
    if len(playground.watching) >= MOST_WATCHING:
        await socket.close(1013)
        return
    await socket.accept()
    slots = Slots()
    playground.watch(slots.put)
    sending = asyncio.create_task(slots.send(socket))
    try:
        while True:
            await _command(await socket.receive_text(), slots, playground)
    except (WebSocketDisconnect, KeyError):  # KeyError: bytes came, none are expected
        pass
    finally:
        playground.leave(slots.put)
        sending.cancel()
        with suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
            await sending
        with suppress(RuntimeError):
            await socket.close(1003)


async def _command(words: str, slots: Slots, playground: Playground) -> None:
    """Do what a message asks for; what is wrong with it is told."""
    try:
        if len(words) > LARGEST:
            raise ValueError("the message is too long")
        given = parse(words)
        if not isinstance(given, dict):
            raise ValueError("the message must be an object")
        await asyncio.wrap_future(playground.command(given))
    except (SloyError, ValueError) as error:
        slots.take({"error": " ".join(str(error).split())})
