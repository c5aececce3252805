"""Breaks the graph, its ops and the reference engine on purpose, one place at a time; some test must fail each time.

Run it by hand after a change to the tests or to these rooms (a few minutes on two cores):

    python tests/mutation.py [--jobs 2] [WORD …]

With words, only mutants whose file or text contains one of them run. The exit status is 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "graph/ops": ("tests/ops",),
    "graph": ("tests/graph",),
    "engines": ("tests/engines/test_protocol.py", "tests/engines/test_protocol_batches.py"),
}


@dataclass(frozen=True)
class Mutant:
    """One change: in a file below src/sloy, the first `old` becomes `new`."""

    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}: {self.old.strip()!r} → {self.new.strip()!r}"


def _in(file: str, *changes: tuple[str, str]) -> list[Mutant]:
    return [Mutant(file, old, new) for old, new in changes]


ELEMENTWISE = _in(
    "graph/ops/elementwise.py",
    ("lambda n, g: [-g]", "lambda n, g: [g]"),
    ("g * sign(n.inputs[0])", "g * n.inputs[0]"),
    ("[g * (n + 1.0)]", "[g * n]"),
    ("g * 0.5 / n", "g * 0.5 * n"),
    ("g * (1.0 - n * n)", "g * (1.0 + n * n)"),
    ("g * n * (1.0 - n)", "g * n"),
    ("2.0 / np.sqrt(np.pi)", "1.0 / np.sqrt(np.pi)"),
    ("where(n > 0.0, g, 0.0)", "where(n >= 0.0, g, 0.0)"),
    ("lambda n, g: [g, -g]", "lambda n, g: [g, g]"),
    ("[g * n.inputs[1], g * n.inputs[0]]", "[g * n.inputs[0], g * n.inputs[1]]"),
    ("-g * n / n.inputs[1]", "g * n / n.inputs[1]"),
    ("g * y * x ** (y - 1.0)", "g * y * x**y"),
    ("if _may_be_zero(y):", "if False:"),
    ("half = equal(x, y) * 0.5", "half = equal(x, y) * 1.0"),
    ("[None, where(n.inputs[0], g, 0.0)", "[None, where(n.inputs[0], 0.0, g)"),
    ("np.where(np.not_equal(condition, 0), x, y)", "np.where(condition > 0, x, y)"),
    ("(n.inputs[0] >= n.attributes", "(n.inputs[0] > n.attributes"),
    ('"equal", np.equal', '"equal", np.greater_equal'),
    ('"less", np.less', '"less", np.less_equal'),
    ("small = np.exp(-np.abs(x))", "small = np.exp(-x)"),
)
ARRAYS = [
    *_in(
        "graph/ops/reduction.py",
        ("[chosen * _spread(n, g / count)]", "[chosen * _spread(n, g)]"),
        ("np.argmax(arrays[0], axis=a", "arrays[0].shape[0] - 1 - np.argmax(arrays[0][::-1], axis=a"),
        ("1 if axis in axes else extent", "extent if axis in axes else 1"),
    ),
    *_in(
        "graph/ops/shape.py",
        ("axis < lead or x.shape", "x.shape"),
        ("if axes else g", "if False else g"),
        ("[pad(g, n.attributes[\"start\"], after)]", "[pad(g, after, n.attributes[\"start\"])]"),
        ("tuple(np.argsort(n.attributes[\"permutation\"]).tolist())", "n.attributes[\"permutation\"]"),
        ("position += x.shape[axis]", "position += 1"),
        ("attributes[\"value\"], x.dtype", "0, x.dtype"),
        ("np.arange(a[\"classes\"])", "np.arange(1, a[\"classes\"] + 1)"),
    ),
    *_in(
        "graph/ops/linear.py",
        ("transpose_b=not tb", "transpose_b=tb"),
        ("transpose_a=not ta", "transpose_a=ta"),
        ("transpose_b=ta", "transpose_b=not ta"),
        ("a.T if attributes", "a if attributes"),
        ("specs[0].shape[0 if", "specs[0].shape[1 if"),
    ),
]  # fmt: skip
IMAGES = [
    *_in(
        "graph/ops/window.py",
        ("(padded[0] - reach[0]) // self.stride[0]", "(padded[0] - reach[0]) // self.stride[1]"),
        ("(i * self.dilation[0], j * self.dilation[1])", "(i * self.dilation[1], j * self.dilation[0])"),
        ("((0, 0), (top, bottom), (left, right)", "((0, 0), (bottom, top), (left, right)"),
        ("((0, 0), (top, bottom), (left, right)", "((0, 0), (left, right), (top, bottom)"),
        ("top:height, left:width", "left:height, top:width"),
        ("total // 2 for total", "total - total // 2 for total"),
        ("sides = (sides[0], sides[0], sides[1], sides[1])", "sides = (sides[0], sides[1]) * 2"),
    ),
    *_in(
        "graph/ops/convolution.py",
        ("g[..., outputs] @ w[i, j, :, outputs].T", "g[..., outputs] @ w[-1 - i, -1 - j, :, outputs].T"),
        ("dw[i, j, :, outputs] = ", "dw[j % kernel[0], i % kernel[1], :, outputs] = "),
        ("padded[seen][..., inputs] @ w", "padded[seen][..., :inputs.stop - inputs.start] @ w"),
        ("_weight_grad(n, n.inputs[0], g, n.inputs[1].shape[:2]),", "None,"),
        ("_weight_grad(n, g, n.inputs[0], n.inputs[1].shape[:2]),",
         "-_weight_grad(n, g, n.inputs[0], n.inputs[1].shape[:2]),"),
        ("n.inputs[0].shape[1:3]),\n            _weight", "n.inputs[0].shape[2:0:-1]),\n            _weight"),
    ),
    *_in(
        "graph/ops/pooling.py",
        ("free &= ~chosen", "pass"),
        ("free & inside[seen] &", "free &"),
        (" | (np.isnan(tap) & np.isnan(y))", ""),
        ("padded = window.pad(x, -np.inf)\n    for", "padded = window.pad(x)\n    for"),
        ("dx[seen] += np.where(chosen, g, 0)", "dx[seen] = np.where(chosen, g, 0)"),
        ("return y / _counts", "return y * _counts"),
        ("share = g / _counts(shape, attributes, g.dtype)", "share = g / np.prod(window.size)"),
        ("window.size[0] * window.size[1], dtype", "window.size[0] ** 2, dtype"),
    ),
]  # fmt: skip
PROBABILITY = [
    *_in(
        "graph/ops/probability.py",
        ("n * (g - reduce_sum(g * n, -1, keepdims=True))", "n * (g + reduce_sum(g * n, -1, keepdims=True))"),
        ("softmax(n.inputs[0]) * reduce_sum(g, -1, keepdims=True)", "softmax(n.inputs[0]) * g"),
        ("softmax(logits) * total - targets", "softmax(logits) - targets"),
        ("-log_softmax(logits) * column", "log_softmax(logits) * column"),
        ("np.where(targets == 0, 0, targets * _log_softmax(logits))", "targets * _log_softmax(logits)"),
        ("weights = np.exp(x - np.max(x, axis=-1, keepdims=True))", "weights = np.exp(x)"),
        ("np.maximum(z, 0) - z * t", "np.maximum(z, 0) + z * t"),
        ("softplus(inputs[0]) - inputs[0] * inputs[1]", "softplus(inputs[0]) - inputs[1]"),
    ),
    *_in(
        "graph/ops/normalization.py",
        ("np.sqrt(variance + x.dtype.type(attributes[\"epsilon\"]))", "np.sqrt(variance)"),
        ("(x - mean) * factor + shift", "(x - mean) * factor - shift"),
        ("reduce_mean(square(x - mean), axes)", "reduce_mean(square(x), axes)"),
    ),
    *_in("graph/ops/random.py", ("int(step))", "0)"), ("attributes[\"stream\"])\n    mask", "0)\n    mask")),
    *_in(
        "graph/threefry.py",
        ("(13, 15, 26, 6)", "(13, 15, 26, 7)"),
        ("x1 + words[(injection + 2) % 3]", "x1 + words[(injection + 1) % 3]"),
        ("< np.uint32(keep_threshold", "<= np.uint32(keep_threshold"),
        ("x0.astype(np.uint64) << np.uint64(32)) | x1.astype", "x0.astype(np.uint64) << np.uint64(31)) | x1.astype"),
        ("np.log((x0 + 0.5)", "np.log((x1 + 0.5)"),
        ("[int(seed) >> 32, int(seed) & 0xFFFFFFFF]", "[int(seed) & 0xFFFFFFFF, int(seed) >> 32]"),
        ("crc32(fold.encode()) if isinstance(fold, str)", "0 if isinstance(fold, str)"),
    ),
]  # fmt: skip
GRAPH = [
    *_in(
        "graph/backprop.py",
        ("gx if before is None else before + gx", "gx"),
        ("partial=True), strict", "partial=False), strict"),
        ("found.pop(id(x), None)", "found.get(id(x))"),
        ("constant(1.0, loss.dtype)", "constant(2.0, loss.dtype)"),
        ("constant(0.0, w.dtype)", "constant(1.0, w.dtype)"),
        ("if gx.spec != x.spec:", "if False:"),
        ("ends=targets if partial else ()", "ends=()"),
    ),
    *_in(
        "graph/passes.py",
        ("self._key(tensor.attributes), tensor.spec)", "tensor.spec)"),
        ("else repr(value)", "else value"),
        ("node.spec.size > FOLD_LIMIT", "False"),
        ("source.spec.size != 1", "source.spec.size < 1"),
        ('definition.kind == "movement"', 'definition.kind == "assembly"'),
        ("if definition.expand is None:", "if False:"),
    ),
    *_in(
        "graph/check.py",
        ("0 <= i < number for i", "i < number for i"),
        ("0 <= i < number for i", "0 <= i for i"),
        ("if inferred != node.spec:", "if False:"),
        ("if known != node.spec:", "if False:"),
        ("spec is not None and spec != graph.nodes", "False and spec != graph.nodes"),
        ("len(specs) != definition.arity:", "len(specs) > definition.arity:"),
        ("check_attributes(place,", "(place,"),
    ),
    *_in(
        "graph/graph.py",
        ("reversed(tensor.inputs) if id(x) not in done", "tensor.inputs if id(x) not in done"),
        ("if value.spec != node.spec:", "if False:"),
        ("sorted(node.attributes.items())", "list(node.attributes.items())"),
        ("dict.fromkeys(node.inputs)", "node.inputs"),
    ),
    *_in(
        "graph/tensor.py",
        ("array.flags.writeable = False", "pass"),
        ("elementwise(\"sub\", other, self)", "elementwise(\"sub\", self, other)"),
        ("elementwise(\"div\", other, self)", "elementwise(\"div\", self, other)"),
        ("if value.dtype != dtype:", "if False:"),
        ("MappingProxyType(dict(attributes))", "attributes"),
    ),
]  # fmt: skip
ENGINES = [
    *_in(
        "engines/reference.py",
        ("if not all(np.isfinite", "if False and not all(np.isfinite"),
        ("updates = {name: np.array(values[i])", "updates = {name: values[i]"),
        ("_write([self._variables[name] for", "_write([self._variables[name].copy() for"),
        ("check_inputs(self.graph, inputs)", "pass"),
        ("check_variables(graph, variables)", "pass"),
        ("{*graph.outputs.values(), *graph.updates.values()}", "{*graph.outputs.values()}"),
        ("outputs = {name: np.array(values[i])", "outputs = {name: values[i]"),
    ),
    *_in(
        "engines/base.py",
        ("column[rows]", "column[np.sort(rows)]"),
        ("np.asarray(values[step])", "np.asarray(values[0])"),
        ("poll(record.steps, record.scalars())", "poll(record.steps + 1, record.scalars())"),
        ("return record.end(\"interrupted\", started, ended.error)", "pass"),
        ("return record.end(\"not finite\", started)", "pass"),
        ("np.concatenate(rows)", "np.concatenate(rows[::-1])"),
        ("needed = epochs * (steps + bool(rest))", "needed = epochs * steps"),
        ("_check_feeds(executables[rows].graph, rows, columns, step_inputs)", "pass"),
        ("0 <= order.min() <= order.max() < samples", "order.max() < samples"),
    ),
]  # fmt: skip
MUTANTS = [*ELEMENTWISE, *ARRAYS, *IMAGES, *PROBABILITY, *GRAPH, *ENGINES]


def _copy(to: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.so*", "bundled", "trajectories.npz")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", to)


def _run(folder: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the tests pass, and the first failure."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100
        )
    except subprocess.TimeoutExpired:
        return False, "it hangs"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode == 0, failed[0] if failed else done.stdout.strip()[-200:]


def try_mutant(mutant: Mutant) -> tuple[bool, str]:
    """Whether some test fails with the mutant, and which."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        file = folder / "src" / "sloy" / mutant.file
        text = file.read_text()
        if mutant.old not in text:
            return False, "the text to change is not there: update this table"
        file.write_text(text.replace(mutant.old, mutant.new, 1))
        home = next(room for room in TESTS if mutant.file.startswith(f"{room}/"))
        for room in sorted(TESTS, key=lambda room: room != home):  # its own tests first
            passed, said = _run(folder, TESTS[room])
            if not passed:
                return True, said
        return False, said


def main() -> int:
    """Try the mutants; 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [
        m for m in MUTANTS if not arguments.words or any(w in str(m) for w in arguments.words)
    ]
    with tempfile.TemporaryDirectory() as name:
        _copy(Path(name))
        passed, said = _run(Path(name), tuple(test for room in TESTS.values() for test in room))
        if not passed:
            print(f"the tests fail without a mutant: {said}")
            return 1
    survivors = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, (killed, said) in zip(chosen, pool.map(try_mutant, chosen), strict=True):
            survivors += not killed
            print(f"{'killed  ' if killed else 'SURVIVED'} {mutant}\n         {said}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants killed")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
