"""Ctrl-C and SIGTERM at any moment: one line, exit code 130 or 143, and what is begun is not lost on the way."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import time
import weakref

import pytest

from command_line import environment, exit_code
from sloy.cli import engines
from sloy.stopping import Stopping, Terminated

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SAID = {130: "interrupted", 143: "terminated"}


@pytest.mark.parametrize("number", list(CODES))
def test_while_a_command_runs(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        try:
            signal.raise_signal(number)
        finally:  # what is done on the way out is not disturbed by more of them
            for again in CODES:
                signal.raise_signal(again)
        return 0

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.unraisablehook
    monkeypatch.setattr(engines, "run", run)
    assert exit_code("engines") == CODES[number]
    assert capsys.readouterr() == ("", f"sloy engines: {SAID[CODES[number]]}\n")
    assert before == (
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        sys.unraisablehook,
    )


def test_another_error_made_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as error:
            raise ValueError("a library's own") from error
        return 0

    monkeypatch.setattr(engines, "run", run)
    assert exit_code("engines") == 143
    assert capsys.readouterr().err == "sloy engines: terminated\n"


class Freed:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def in_a_callback() -> None:
    class Watched:
        pass

    watched = Watched()
    reference = weakref.ref(watched, lambda _: signal.raise_signal(signal.SIGTERM))
    del watched
    assert reference() is None


@pytest.mark.parametrize("lose", [Freed, in_a_callback])
def test_an_exception_that_is_lost_comes_again(
    lose: type, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost() -> None:
        lose()
        gc.collect()
        time.sleep(5)

    with Stopping() as stopping, pytest.raises(Terminated):
        lost()
    assert stopping.code == 143
    assert capsys.readouterr().err == ""


def test_what_is_to_be_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stopping() as stopping:
            signal.raise_signal(signal.SIGINT)
        assert stopping.code == 0
    finally:
        signal.signal(signal.SIGINT, before)


NOW = """
import os, signal, sys, time
from sloy import stopping
stopping.PATIENCE = 0.05
try:
    with stopping.Stopping():
        os.kill(os.getpid(), signal.SIGTERM)
except BaseException:
    pass
with stopping.Stopping() as one:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        print("saved", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(9)
"""


def test_one_that_insists_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOW], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "saved\n", "sloy: interrupted\n")


TOLD = """
import os, sys
from sloy.stopping import Stopping
enter = Stopping.__enter__
def told(self):
    enter(self)
    os.write(1, b"!")
    return self
Stopping.__enter__ = told
sys.argv = ["sloy", "engines"]
from sloy.cli.start import start
sys.exit(start())
"""


def test_at_any_moment() -> None:
    draw, found = random.Random(0), set()
    for number in (signal.SIGINT, signal.SIGTERM):
        for _ in range(4):
            with subprocess.Popen(
                [sys.executable, "-c", TOLD],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdout is not None
                assert process.stdout.read(1) == "!"
                time.sleep(draw.uniform(0, 0.3))
                for _ in range(draw.randint(1, 3)):
                    process.send_signal(number)
                said = process.communicate(timeout=60)[1]
            assert (process.returncode, said.partition(": ")[2]) in (
                (0, ""),
                (CODES[number], f"{SAID[CODES[number]]}\n"),
            )
            found.add(process.returncode)
    assert found - {0}
