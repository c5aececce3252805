"""The native engine and its process: import, fork, cores, Ctrl-C in a long step."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import sloy
from sloy.engines.native import cpu, library
from sloy.errors import NotAvailable

SOURCE = str(Path(sloy.__file__).parents[1])

MODEL = """
import numpy as np, os, sys
from sloy.engines import engine
from sloy.graph import Graph, input
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.elementwise import tanh

def compute():
    x = input("x", (256, 256))
    graph = Graph.of({"y": tanh(matmul(x, x))})
    a = np.linspace(-1, 1, 65536, dtype=np.float32).reshape(256, 256)
    return engine("native", 2).compile(graph, {}).run({"x": a})["y"].tobytes()
"""


def python(program: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=False,
    )


def test_a_forked_child_computes_after_its_parent_did() -> None:
    """libgomp's team is not inherited: without the pause at fork the child would wait for ever."""
    program = (
        MODEL
        + """
expected = compute()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if compute() == expected else 3)
    assert os.waitpid(child, 0)[1] == 0
    assert compute() == expected
print("ok")
"""
    )
    done = python(program)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_a_pool_of_forked_processes() -> None:
    program = (
        MODEL
        + """
import multiprocessing
if __name__ == "__main__":
    expected = compute()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert [r.get(30) for r in [pool.apply_async(compute) for _ in range(4)]] == [expected] * 4
    print("ok")
"""
    )
    done = python(program)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_control_c_in_a_long_step() -> None:
    """A step of many seconds ends between two of its instructions, and no variable has changed."""
    program = (
        MODEL
        + """
import signal, threading, time
from sloy.graph import variable
x = y = input("x", (1200, 1200))
for _ in range(400):
    y = tanh(matmul(y, x))
v = variable("v", ())
state = {"v": np.zeros((), np.float32)}
e = engine("native", 1)
executable = e.compile(Graph.of({"y": y}, {"v": v + 1.0}), state)
data = np.full((1200 * 50, 1200), 0.01, np.float32)
before = state["v"].copy()
threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
started = time.perf_counter()
result = e.run_batches({1200: executable}, {"x": data}, np.arange(1200 * 50), 1200, {})
late = time.perf_counter() - started - 0.5
print(result.status, type(result.error).__name__, result.steps, state["v"] - before, late < 1.0)
"""
    )
    done = python(program, 250)
    assert done.stdout == "interrupted KeyboardInterrupt 0 0.0 True\n", done.stdout + done.stderr


def test_a_missing_extension_is_said_in_one_sentence_and_reference_runs() -> None:
    program = """
import sys
sys.modules["sloy._native"] = None
from sloy.engines import engine
print(engine("auto").name, engine("auto").name)
try:
    engine("native")
except Exception as error:
    print(type(error).__name__)
"""
    done = python(program)
    assert (done.returncode, done.stdout) == (0, "reference reference\nNotAvailable\n"), done.stderr
    assert done.stderr.count("not part of this installation") == 1  # said once


def fail_with(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def import_module(name: str) -> ModuleType:
        raise ImportError(message)

    monkeypatch.setattr(importlib, "import_module", import_module)


def test_a_missing_libgomp_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(
        monkeypatch, "libgomp.so.1: cannot open shared object file: No such file or directory"
    )
    with pytest.raises(NotAvailable, match="apt install libgomp1"):
        library.load()


def test_another_reason_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, "undefined symbol: f")
    with pytest.raises(NotAvailable, match="undefined symbol: f"):
        library.load()


def test_an_extension_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace(version="0.0.1")
    monkeypatch.setattr(importlib, "import_module", lambda name: other)
    monkeypatch.setattr(library, "_installed_version", lambda: "0.1.0")
    with pytest.raises(NotAvailable, match=r"0\.0\.1.*0\.1\.0.*reinstall"):
        library.load()


# --- cores ---------------------------------------------------------------------------------------------------------


def test_cores_follow_the_affinity_mask() -> None:
    allowed = os.sched_getaffinity(0)
    assert 1 <= cpu.usable_cores() <= len(allowed)
    one = {min(allowed)}
    try:
        os.sched_setaffinity(0, one)
        assert cpu.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_cores_follow_the_cgroup(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cpu._quota_of(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu._quota_of(tmp_path) is None
    old = tmp_path / "v1"
    (old / "cpu").mkdir(parents=True)
    (old / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    (old / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cpu._quota_of(old) is None
    (old / "cpu/cpu.cfs_quota_us").write_text("200000\n")
    assert cpu._quota_of(old) == 2.0


def test_hyperthreads_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpu, "_siblings", lambda number: f"{number % 4},{number % 4 + 4}")
    monkeypatch.setattr(cpu, "_cgroup_quota", lambda: None)
    assert cpu.usable_cores() == 4
    monkeypatch.setattr(cpu, "_cgroup_quota", lambda: 2.5)
    assert cpu.usable_cores() == 3
