"""JavaScript from the emitter of C: every op row that it has, in a browser, with and without WebAssembly."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from browser import open_page
from model_tasks import trained_cnn
from op_cases import CASES, Case
from sloy import layers, losses
from sloy.data.tables import load_table
from sloy.errors import InvalidArgument, NotAvailable
from sloy.exchange.source.dialect import JavaScript
from sloy.exchange.source.javascript import (
    FOLDER,
    JavaScriptProgram,
    network_script,
    rounded,
    runtime,
)
from sloy.exchange.source.program import SUPPORTED, fixed
from sloy.graph import REGISTRY, Graph
from sloy.graph.tensor import apply, input
from sloy.model import Model
from sloy.problem import Network, Problem

if TYPE_CHECKING:
    from playwright.sync_api import Page

BY_SAMPLE = {"conv2d", "max_pool2d", "average_pool2d", "conv2d_input_grad"}  # kernels of one sample
ROOT = Path(__file__).parents[2]


def encoded(array: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def parts_of(case: Case) -> list[list[np.ndarray]]:
    """The operands; of kernels that take one sample those of each."""
    arrays = case.arrays("float32")
    if case.op not in BY_SAMPLE:
        return [arrays]
    return [[arrays[0][n : n + 1], *arrays[1:]] for n in range(len(arrays[0]))]


def job(case: Case) -> dict[str, Any]:
    """A row's statements, and its operands in their order."""
    parts = parts_of(case)
    operands = [input(f"x{k}", a.shape, a.dtype.name) for k, a in enumerate(parts[0])]
    graph = Graph.of({"y": apply(case.op, operands, case.attributes_in("float32"))})
    program = JavaScriptProgram(fixed(graph, ["y"], {}, "JavaScript"), JavaScript("sloy"))
    order = [int(name[1:]) for name in program.graph.inputs]
    return {
        "script": program.text({}, "float32"),
        "inputs": [[encoded(part[k]) for k in order] for part in parts],
    }


def has_javascript(case: Case) -> bool:
    there = case.op in SUPPORTED or REGISTRY[case.op].expand is not None
    return there and bool(case.operands) and bool(parts_of(case))


RUN = """(jobs) => jobs.map((job) => {
  const numbers = (text) => new Float32Array(bytesOf(text).buffer);
  const made = new Function("started", "bytesOf", `${job.script}; return (kernels) =>
    started(layout, weights, forward, kernels);`)(started, bytesOf);
  return (job.script.includes("quick.") ? [kernels, null] : [null]).map((with_) => {
    const network = made(with_), found = [];
    if (with_ && !network.quick) throw new Error("no WebAssembly");
    for (const operands of job.inputs) {
      network.run(...operands.map(numbers));
      found.push(...network.output("y"));
    }
    let text = "";
    for (const byte of new Uint8Array(Float32Array.from(found).buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  });
})"""


def test_every_row_of_the_op_table(tmp_path: Path) -> None:
    """Each op that has statements, or is written in terms of such, gives what its formula says."""
    rows = []
    for case in filter(has_javascript, CASES):
        try:
            rows.append((case, job(case)))
        except NotAvailable:  # it is written in terms of what has none
            continue
    assert {case.op for case, _ in rows} >= SUPPORTED - {"cast"}
    assert Counter(case.op for case, _ in rows)["conv2d"] > 20
    page = tmp_path / "ops.html"
    page.write_text(f"<!doctype html><title>ops</title><script>{runtime()}</script>")
    with open_page(page) as browser:
        found = browser.evaluate(RUN, [told for _, told in rows])
    for (case, _), both in zip(rows, found, strict=True):
        for text in both:
            got = np.frombuffer(b64decode(text), np.float32).reshape(case.expected.shape)
            case.compare(
                got if case.expected.dtype.kind == "f" else got.astype(case.expected.dtype)
            )


def imported(browser: Page, path: Path, x: list[Any]) -> list[list[float]]:
    """What a module's `predict` gives for some inputs."""
    code = b64encode(path.read_bytes()).decode()
    script = """async ([code, inputs]) => {
      const module = await import(`data:text/javascript;base64,${code}`);
      return inputs.map((x) => [...module.predict(x)]);
    }"""
    found: list[list[float]] = browser.evaluate(script, [code, x])
    return found


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, dict[str, list[Any]]]:
    """A model of a table with numbers, gaps, words and dates; and raw rows."""
    folder = tmp_path_factory.mktemp("houses")
    random = np.random.default_rng(0)
    n = 60
    columns: dict[str, list[Any]] = {
        "area": [
            None if k % 7 == 0 else float(v)
            for k, v in enumerate(random.uniform(20, 90, n).round(1))
        ],
        "city": random.choice(["Ulm", "Köln", "Bonn"], n).tolist(),
        "built": [f"19{50 + int(k)}-0{1 + int(k) % 9}-15" for k in random.integers(0, 49, n)],
        "price": random.uniform(1, 9, n).round(2).tolist(),
    }
    lines = [",".join(columns)]
    rows = zip(*columns.values(), strict=True)
    lines += [",".join("" if v is None else str(v) for v in row) for row in rows]
    (folder / "houses.csv").write_text("\n".join(lines))
    loaded = load_table(folder / "houses.csv", target="price")
    first = layers.Categories(loaded.reader.classes, (2,))
    hidden = [layers.Dense(3), layers.Tanh(), layers.Dense(1)]
    network = Network((loaded.reader.width,), [first, *hidden])
    problem = Problem(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    model = Model(problem, network.initialize(3), reader=loaded.reader, engine="reference")
    return model, columns


def test_modules(tmp_path: Path, houses: tuple[Model, dict[str, list[Any]]]) -> None:
    """What a module gives is what the model does: of raw pictures, of raw rows with gaps, words and dates."""
    pictures, (table, columns) = trained_cnn(), houses
    x = (
        np.random.default_rng(0)
        .integers(0, 256, (3, *pictures.network.input_shape))
        .astype(np.uint8)
    )
    pictures.to_javascript(tmp_path / "pictures.js")
    table.export(tmp_path / "table.js")
    days = [
        np.datetime64(day).astype("datetime64[s]").astype(int).item() for day in columns["built"]
    ]
    rows = [
        {"area": area, "city": city, "built": day}
        for area, city, day in zip(columns["area"], columns["city"], days, strict=True)
    ]
    (tmp_path / "empty.html").write_text("<!doctype html><title>modules</title>")
    with open_page(tmp_path / "empty.html") as browser:
        found = imported(browser, tmp_path / "pictures.js", [one.ravel().tolist() for one in x])
        answers = imported(
            browser, tmp_path / "table.js", [*rows, {"area": None, "city": "Rome", "built": None}]
        )
    assert np.abs(np.array(found) - pictures.predict_proba(x)).max() < 1e-5
    expected = table.predict({k: v for k, v in columns.items() if k != "price"})
    assert np.abs(np.array(answers)[:-1] - expected).max() < 1e-5
    types = (tmp_path / "pictures.d.ts").read_text()
    assert "predict(x: ArrayLike<number>): Float32Array" in types
    assert "Record<string" in (tmp_path / "table.d.ts").read_text()


REFUSED = """async ([code, inputs]) => {
  const module = await import(`data:text/javascript;base64,${code}`);
  const said = [];
  for (const text of inputs)
    try { said.push(String([...module.predict(eval(`(${text})`))])); } catch (e) { said.push(String(e)); }
  return said;
}"""
OF_NUMBERS = {  # what is given → what is said
    "undefined": "TypeError: predict: x must be an array of 3 numbers, row-major; it is undefined",
    "'abc'": 'TypeError: predict: x must be an array of 3 numbers, row-major; it is "abc"',
    "({a: 1})": "TypeError: predict: x must be an array of 3 numbers, row-major; it is an object",
    "[1, 2]": "RangeError: predict: x has 2 numbers; the network takes 3, row-major",
    "[[1, 2, 3]]": "RangeError: predict: x has 1 numbers; the network takes 3, row-major",
    "[1, 'two', 3]": 'TypeError: predict: x[1] is "two"; it must be a finite number',
    "new Float64Array([1, NaN, 3])": "TypeError: predict: x[1] is NaN; it must be a finite number",
    "[1, 2, null]": "TypeError: predict: x[2] is null; it must be a finite number",
}
_ROW = "({area: 50, city: 'Ulm', built: 0})"
_NUMBER = "it takes a number, or null"
_DATE = "it takes a Date, or seconds since 1970-01-01 00:00, or null"
OF_ROWS = {
    "undefined": "must be a row, {column: value}, of area, built, city; it is undefined",
    "[50, 'Ulm', 0]": "must be a row, {column: value}, of area, built, city; it is an array of 3",
    "({aera: 50, city: 'Ulm', built: 0})": 'column "area" (null stands for a missing one); it has aera, city, built',
    "({...ROW, area: undefined})": 'no value for the column "area"',
    "({...ROW, area: 'large'})": f'the column "area" is "large"; {_NUMBER}',
    "({...ROW, area: '1,5'})": f'the column "area" is "1,5"; {_NUMBER}',
    "({...ROW, area: '0x10'})": f'the column "area" is "0x10"; {_NUMBER}',
    "({...ROW, area: true})": f'the column "area" is true; {_NUMBER}',
    "({...ROW, area: [50]})": f'the column "area" is an array of 1; {_NUMBER}',
    "({...ROW, built: '1950-01-15'})": f'the column "built" is "1950-01-15"; {_DATE}',
    "({...ROW, built: new Date('x')})": f'the column "built" is Invalid Date; {_DATE}',
    "({...ROW, built: Infinity})": f'the column "built" is Infinity; {_DATE}',
    "({...ROW, city: ['Ulm']})": 'the column "city" is an array of 1; it takes a word, or null',
}
ALIKE = {  # rows that are one and the same
    "({...ROW, area: ' 5e1 '})": _ROW,
    "({...ROW, id: 7})": _ROW,
    "({...ROW, built: new Date(0)})": _ROW,
    "({...ROW, area: 'NA'})": "({...ROW, area: null})",
    "({...ROW, area: NaN})": "({...ROW, area: null})",
    "({...ROW, city: ''})": "({...ROW, city: null})",
    "({...ROW, city: ' \\u2009'})": "({...ROW, city: null})",
    "({...ROW, city: '\\u00a0Ulm\\t \\u200b'})": _ROW,
    "({...ROW, city: 'Köln', area: '\\ufeff 50\\u00a0'})": "({...ROW, city: 'Köln', area: 50})",
}


def test_what_a_module_does_not_take(
    tmp_path: Path, houses: tuple[Model, dict[str, list[Any]]]
) -> None:
    """No answer to a mistyped row, and one line that names what is wrong."""
    network = Network((3,), [layers.Dense(2)])
    problem = Problem(network, losses.SquaredError(), target_shape=(2,), target_dtype="float32")
    Model(problem, network.initialize(0), engine="reference").export(tmp_path / "plain.js")
    houses[0].export(tmp_path / "rows.js")
    (tmp_path / "empty.html").write_text("<!doctype html><title>modules</title>")

    def said(file: str, given: list[str]) -> list[str]:
        code = b64encode((tmp_path / file).read_bytes()).decode()
        inputs = [one.replace("...ROW", f"...{_ROW}") for one in given]
        found: list[str] = browser.evaluate(REFUSED, [code, inputs])
        return found

    with open_page(tmp_path / "empty.html") as browser:
        assert said("plain.js", list(OF_NUMBERS)) == list(OF_NUMBERS.values())
        told = said("rows.js", list(OF_ROWS))
        for one, expected in zip(told, OF_ROWS.values(), strict=True):
            assert one.startswith("TypeError: predict: ")
            assert one.endswith(expected) or f"{expected} (" in one, one
        assert said("rows.js", list(ALIKE)) == said("rows.js", list(ALIKE.values()))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node, node")
def test_node_takes_the_module(tmp_path: Path) -> None:
    model = trained_cnn()
    model.to_javascript(tmp_path / "net.mjs.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    x = np.zeros((1, *model.network.input_shape), np.uint8)
    (tmp_path / "use.js").write_text(
        'import { predict, inputShape, classNames } from "./net.mjs.js";\n'
        f"console.log(JSON.stringify([[...predict(new Uint8Array({x.size}))], inputShape, classNames]));\n"
    )
    done = subprocess.run(["node", tmp_path / "use.js"], capture_output=True, text=True, check=True)
    answer, shape, names = json.loads(done.stdout)
    assert np.abs(np.array(answer) - model.predict_proba(x)[0]).max() < 1e-5
    assert shape == list(model.network.input_shape)
    assert names == list(model.class_names)


def test_weights_in_fewer_bits() -> None:
    random = np.random.default_rng(0)
    w = random.normal(size=(3, 3, 4, 5)).astype(np.float32)
    assert np.array_equal(rounded(w, "float32"), w)
    assert np.array_equal(rounded(w, "float16"), w.astype(np.float16).astype(np.float32))
    step = np.abs(w).reshape(-1, 5).max(0) / 127
    assert (np.abs(rounded(w, "int8") - w) <= step / 2 + 1e-7).all()
    assert np.array_equal(rounded(w[0, 0, 0], "int8"), w[0, 0, 0])  # of one axis: as they are
    network = Network((40,), [layers.Dense(30), layers.Dense(2)])
    sizes = []
    for precision in ("float32", "float16", "int8"):
        graph = Graph.of({"y": network.build(input("x", (1, 40), "float32")).output})
        sizes.append(len(network_script(graph, ["y"], network.initialize(0), precision=precision)))
    assert sizes[0] > sizes[1] > sizes[2]


def test_where_it_may_not_go(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"must end in \.js"):
        trained_cnn().to_javascript(tmp_path / "net.ts")


@pytest.mark.skipif(
    shutil.which("clang-14") is None or shutil.which("wasm-ld-14") is None,
    reason="needs clang-14 and lld-14, of Debian 12",
)
def test_the_kernels_are_those_of_their_source(tmp_path: Path) -> None:
    made = tmp_path / "kernels.wasm"
    subprocess.run([ROOT / "tools" / "build_wasm.sh", made], check=True, capture_output=True)
    assert made.read_bytes() == (FOLDER / "wasm" / "kernels.wasm").read_bytes()
