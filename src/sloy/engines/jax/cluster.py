"""Processes that JAX connects: what they agree on, and that the end of one ends all."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import jax
import numpy as np

from sloy.engines.jax.devices import in_words
from sloy.engines.processes import Processes, numbered
from sloy.errors import LostProcess
from sloy.stopping import Terminated

BEAT = 0.5  # seconds between signs of life
SILENT = 20.0  # seconds without one, after which a process counts as ended
SUSPECT = 5.0  # the same once something has failed
GRACE = 20.0  # seconds to end by itself for who heard of another's end
TOLD = 60.0  # seconds of waiting, after each of which that is said
PIECE = 1 << 26  # bytes of an array that are sent together


class Cluster(Processes):
    """Processes that agree by the keys and values of JAX's coordination service.

    Parameters
    ----------
    client : jaxlib's DistributedRuntimeClient
    count, rank : int
    """

    def __init__(self, client: Any, count: int, rank: int) -> None:
        self.count, self.rank = count, rank
        self._client = client
        self._round = 0
        self._old: list[str] = []
        self._watch = Watch(client, count, rank)
        self._watch.start()

    # --- agreement --------------------------------------------------------------------------------

    def largest(self, value: float) -> float:
        """See `Processes.largest`."""
        place = self._next()
        if not self.leads:
            self._set(f"{place}/{self.rank}", repr(float(value)))
            return float(self._get(f"{place}/answer", [0]))
        others = range(1, self.count)
        found = max([float(value), *(float(self._get(f"{place}/{r}", [r])) for r in others)])
        self._set(f"{place}/answer", repr(found))
        while len(self._old) > 1:  # all have answered, so that they have read what was before
            with suppress(Exception):
                self._client.key_value_delete(self._old.pop(0))
        return found

    def of_leader(self, value: Any) -> Any:
        """See `Processes.of_leader`."""
        place = self._next()
        if self.leads:
            self._set(f"{place}/answer", json.dumps(value))
            return value
        return json.loads(self._get(f"{place}/answer", [0]))

    def array_of_leader(self, array: np.ndarray) -> np.ndarray:
        """See `Processes.array_of_leader`."""
        from jax.experimental.multihost_utils import broadcast_one_to_all

        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        pieces = [flat[first : first + PIECE] for first in range(0, len(flat), PIECE)]
        sent = [np.asarray(broadcast_one_to_all(piece)) for piece in pieces]
        whole = np.concatenate([np.zeros(0, np.uint8), *sent])
        return whole.view(array.dtype).reshape(array.shape).copy()

    def gathered(self, rows: np.ndarray) -> np.ndarray:
        """See `Processes.gathered`."""
        from jax.experimental.multihost_utils import process_allgather

        flat = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        with in_words():
            whole = np.asarray(process_allgather(flat, tiled=True))
        return whole.view(rows.dtype).reshape(-1, *rows.shape[1:])

    def _next(self) -> str:
        self._watch.check()
        self._round += 1
        place = f"sloy/rounds/{self._round}"
        self._old.append(place)
        return place

    def _set(self, key: str, value: str) -> None:
        try:
            self._client.key_value_set(key, value, allow_overwrite=True)
        except jax.errors.JaxRuntimeError as error:
            self._watch.lost(error)

    def _get(self, key: str, ranks: list[int]) -> str:
        """A value, once it is there; long waiting is said, and ends with the process that would give it."""
        told = time.monotonic()
        while True:
            try:
                return str(self._client.blocking_key_value_get(key, 1000))
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    self._watch.lost(error)
            self._watch.check()
            if time.monotonic() - told > TOLD:
                if self.together:
                    raise LostProcess(f"{numbered(ranks, self.count)} cannot be reached.")
                told = time.monotonic()
                say(f"{numbered([self.rank], self.count)} waits for {numbered(ranks, self.count)}")

    # --- the end ----------------------------------------------------------------------------------

    def ended(self, error: BaseException) -> None:
        """See `Processes.ended`."""
        self._watch.tell(error)

    def end_together(self) -> None:
        """See `Processes.end_together`."""
        self._watch.together = True

    @property
    def together(self) -> bool:
        """Whether all end, as was agreed."""
        return self._watch.together

    def blame(self) -> None:
        """See `Processes.blame`."""
        self._watch.suspect()

    def close(self) -> None:
        """Wait for the others to be here too, and watch them no more."""
        if not self._watch.over.is_set():
            self.largest(0)
            self.end_together()
            self.drop()

    def drop(self) -> None:
        """Watch the others no more."""
        self._watch.over.set()


class Watch(threading.Thread):
    """Gives signs of life, and looks for those of the others: the end of one ends this process, with a sentence."""

    def __init__(self, client: Any, count: int, rank: int) -> None:
        super().__init__(name="sloy-processes", daemon=True)
        self._client = client
        self._count, self._rank = count, rank
        self._seen = dict.fromkeys(range(count), ("", time.monotonic()))
        self._silent = SILENT
        self._sentence = ""
        self._signal = 0  # that stopped who ended
        self._heard = threading.Event()
        self.together = False
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        beats, missed = 0, 0
        while not self.over.wait(BEAT):
            beats += 1
            try:
                self._client.key_value_set(
                    f"sloy/alive/{self._rank}", str(beats), allow_overwrite=True
                )
                self._look()
                missed = 0
            except jax.errors.JaxRuntimeError:
                missed += 1
                if missed * BEAT > SUSPECT:
                    self._hear(f"{numbered([0], self._count)} cannot be reached")
            if self._sentence and not self.together and self.over.wait(GRACE):
                return
            if self._sentence and not self.together:
                say(self._sentence)
                os._exit(128 + self._signal if self._signal else 1)

    def _look(self) -> None:
        """Look for who has said that it ends, and for who says nothing any more."""
        for _, told in self._client.key_value_dir_get("sloy/ended/"):
            rank, why, number = json.loads(told)
            if rank != self._rank:
                who = numbered([rank], self._count)
                self._signal = number
                self._hear(f"{who} was {why}" if number else f"{who} ended: {why}")
                return
        now = time.monotonic()
        for key, beat in self._client.key_value_dir_get("sloy/alive/"):
            rank = int(key.rpartition("/")[2])
            if self._seen[rank][0] != beat:
                self._seen[rank] = beat, now
        gone = [r for r, (_, when) in self._seen.items() if now - when > self._silent]
        if gone:
            self._hear(f"{numbered(gone, self._count)} ended without a word")

    def _hear(self, sentence: str) -> None:
        self._sentence = self._sentence or sentence
        self._heard.set()

    def check(self) -> None:
        """Raise `LostProcess` where another one has ended; what its signal raises where that stopped it."""
        if not self._sentence or self.together:
            return
        said = f"{self._sentence}; this one ends with it."
        if not self._signal:
            raise LostProcess(said)
        error = KeyboardInterrupt() if self._signal == signal.SIGINT else Terminated()
        error.add_note(said.removesuffix("."))
        raise error

    def suspect(self) -> None:
        """Something failed: look closer, and raise `LostProcess` where another process is the reason."""
        self._silent = SUSPECT
        self._heard.wait(SUSPECT + 4 * BEAT)
        self.check()

    def lost(self, error: BaseException) -> None:
        """The coordination service answers no more."""
        self.suspect()
        raise LostProcess(
            f"{numbered([0], self._count)} cannot be reached ({first_line(error)})."
        ) from error

    def tell(self, error: BaseException) -> None:
        """Say why this one ends."""
        if self.together or self._sentence:
            return
        with suppress(Exception):
            self._client.key_value_set(
                f"sloy/ended/{self._rank}",
                json.dumps([self._rank, first_line(error), signal_of(error)]),
            )


def signal_of(error: BaseException) -> int:
    """The signal that an exception stands for; 0 where for none."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return signal.SIGTERM if isinstance(error, Terminated) else 0


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    if number := signal_of(error):
        return "interrupted" if number == signal.SIGINT else "terminated"
    return " ".join(str(error).split())[:300] or type(error).__name__


def say(sentence: str) -> None:
    """On the error stream, whatever state that is in."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    with suppress(OSError):
        os.write(2, f"sloy: {sentence}\n".encode())
