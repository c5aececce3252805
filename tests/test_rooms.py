"""The table of rooms in docs/architecture.md, enforced: who imports whom, and what `import sloy` loads."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sloy
from available import available
from sloy.graph import REGISTRY

PACKAGE = Path(sloy.__file__).parent
REPOSITORY = Path(__file__).parents[1]
FOR_ALL = {"errors", "later", "arguments", "options", "text", "language"}
THIRD_PARTY = {"numpy"}  # what every room but `errors` may import; more of it:
MORE_THIRD_PARTY = {
    "data": {"PIL", "fastexcel", "pillow_heif", "polars"},
    "engines": {"jax", "jaxlib"},
    "estimators": {"sklearn", "joblib"},
    "exchange": {"h5py", "onnx", "pooch"},
    "inspection": {"matplotlib", "PIL"},
    "search": {"optuna"},
    "theory": {"matplotlib", "scipy"},
    "training": {"rich"},
    "cli": {"rich"},
    "app": {"PIL", "starlette", "uvicorn"},
}
LAZY = (
    "matplotlib",
    "sklearn",
    "scipy",
    "jax",
    "rich",
    "PIL",
    "torch",
    "h5py",
    "pooch",
    "onnx",
    "optuna",
    "polars",
    "starlette",
    "uvicorn",
    "websockets",
)
ENGINES = {"native", "reference", "jax"}


def table() -> dict[str, set[str]]:
    """Room → the rooms it may import, from the first table of docs/architecture.md."""
    rooms: dict[str, set[str]] = {}
    text = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not (row := re.match(r"\| `sloy/(.+?)` \|.*\| ([^|]+) \|$", line)):
            continue
        braces = re.fullmatch(r"\{(.+)\}\.py", row[1])
        names = braces[1].split(",") if braces else [row[1].removesuffix(".py").removesuffix("/")]
        above = set(rooms) if "all above" in row[2] else set()
        allowed = above | set(re.findall(r"`(\w+)`", row[2]))
        rooms |= {name: allowed | (set(names) if braces else set()) for name in names}
    return rooms


ROOMS = table()
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Dotted names of what a file imports at run time; imports for type checkers do not count."""
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{file}:{node.lineno}: a relative import hides the room it names"
            )
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            waiting += ast.iter_child_nodes(node)


def identify(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_table_was_read() -> None:
    assert {"errors", "graph", "engines", "layers", "training", "cli"} <= set(ROOMS)
    assert "graph" in ROOMS["engines"]
    assert "graph" in ROOMS["cli"]
    assert "training" not in ROOMS["graph"]


def test_every_room_is_in_the_table() -> None:
    there = {room_of(file) for file in FILES} - {"__init__"}
    assert there <= set(ROOMS), "missing in docs/architecture.md"


@pytest.mark.parametrize("file", FILES, ids=identify)
def test_imports_go_one_way(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":  # the front door opens every room
        return
    assert room in ROOMS, "missing in docs/architecture.md"
    allowed = ROOMS[room] | {room} | (FOR_ALL if room != "errors" else set())
    packages = THIRD_PARTY | MORE_THIRD_PARTY.get(room, set()) if room != "errors" else set()
    for name in imports(file):
        package, _, rest = name.partition(".")
        if package == "sloy":
            target = rest.split(".")[0]
            if "sloy" in allowed and target not in ROOMS:  # a name of the front door
                target = "sloy"
            if target == "_native":
                assert room == "engines", f"{name}: only `engines` knows the extension"
            else:
                assert target in allowed, f"`{room}` imports {name}; allowed are {sorted(allowed)}"
        elif package not in sys.stdlib_module_names:
            assert package in packages, f"`{room}` imports {name}; allowed are {sorted(packages)}"


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def everything_imported(file: Path) -> Iterator[str]:
    """Modules that a file imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from full & MODULES
            if full - MODULES:
                yield str(node.module)


MODULES = set(map(module_of, FILES))
# A class and the table that says how it is made from outside: each is of no use without the other.
CIRCLES = {("sloy.graph.tensor", "sloy.graph.opdef"), ("sloy.layers.base", "sloy.layers.config")}
# The lecture's programs use the front door, as everybody does; they are run from their source.
PROGRAMS = {f"sloy.lecture.{name}" for name in ("neurons", "networks", "learning", "pictures")}


def test_no_import_circles() -> None:
    imported = {module_of(file): set(everything_imported(file)) & MODULES for file in FILES}
    for one, other in CIRCLES:
        assert other in imported[one]
        assert one in imported[other]
        imported[one].remove(other)
    for program in PROGRAMS:
        imported[program].remove("sloy")
    TopologicalSorter(imported).prepare()  # raises a CycleError


CLI = [file for file in FILES if room_of(file) == "cli"]


def test_nobody_imports_the_command_line() -> None:
    others = [file for file in FILES if room_of(file) not in ("cli", "__main__")]
    assert not [identify(f) for f in others for name in imports(f) if name.startswith("sloy.cli")]


def test_the_command_line_holds_no_library() -> None:
    """It parses and shows: what trains, or decides how, is in rooms that others can use too."""
    trains = ("fit", "fine_tune", "loop", "step", "checkpoint", "resume")
    rooms = tuple(f"sloy.training.{name}" for name in trains)
    found = [(identify(file), name) for file in CLI for name in imports(file)]
    assert not [pair for pair in found if pair[1].startswith(rooms)]
    assert not [pair for pair in found if pair[1] in ("sloy.fit", "sloy.fine_tune")]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in CLI) <= 3800


def test_no_file_is_too_long_to_read() -> None:
    lengths = {identify(f): len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert not {name: length for name, length in lengths.items() if length > 400}


def compared_strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string constant in a comparison or a `case`, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def test_the_search_for_comparisons_finds_them() -> None:
    code = "if engine.name == 'native': pass\nif name in ('jax',): pass\nmatch n:\n case 'reference': pass"
    assert {text for _, text in compared_strings(ast.parse(code))} == ENGINES


@pytest.mark.parametrize("file", [f for f in FILES if room_of(f) != "engines"], ids=identify)
def test_nobody_else_asks_an_engines_name(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [f"{file.name}:{line}" for line, text in compared_strings(tree) if text in ENGINES]
    assert not found, "compares an engine's name"


def test_the_graph_knows_no_engine() -> None:
    """Neither imports one nor names an op that is only a kernel's."""
    assert "engines" not in ROOMS["graph"]
    available("native")
    from sloy.engines.native.engine import _native
    from sloy.engines.native.fused import FUSED

    kernels = {*FUSED, *_native.kernel_names()} - set(REGISTRY) - {"copy", "elementwise"}
    assert "conv2d_pooled" in kernels
    words = re.compile(rf"\b({'|'.join(sorted(kernels))})\b")
    found = {
        identify(file): words.findall(file.read_text(encoding="utf-8"))
        for file in FILES
        if room_of(file) == "graph"
    }
    assert {name: named for name, named in found.items() if named} == {}


def test_environment_names_are_few_and_read_in_one_file() -> None:
    found: dict[str, set[str]] = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"SLOY_[A-Z_]+", str(node.value)):
                found.setdefault(str(node.value), set()).add(identify(file))
    assert len(found) <= 3
    assert len(set().union(*found.values())) <= 1, found


def test_only_the_binding_knows_python() -> None:
    sources = [*(REPOSITORY / "csrc").rglob("*.cpp"), *(REPOSITORY / "csrc").rglob("*.h")]
    knows = {
        source.relative_to(REPOSITORY).as_posix()
        for source in sources
        if re.search(r"#include\s*[<\"](nanobind/|Python\.h)", source.read_text(encoding="utf-8"))
    }
    assert knows == {"csrc/bind/module.cpp"}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_sloy_loads_nothing_heavy() -> None:
    loaded = run(
        "import sys, sloy; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    ).split()
    assert "sloy" in loaded
    assert not set(loaded) & set(LAZY)


def test_import_sloy_is_quick() -> None:
    """At most 0.2 s beyond NumPy's own import, the best of three tries."""
    code = (
        "import time; start = time.perf_counter(); import numpy; middle = time.perf_counter(); import sloy;"
        "print(time.perf_counter() - middle)"
    )
    assert min(float(run(code)) for _ in range(3)) < 0.2


# What runs after training, or for other kinds of data alone.
NOT_FOR_PARSING = (
    "sloy.app", "sloy.diagnosis", "sloy.estimators", "sloy.exchange", "sloy.inspection.", "sloy.lecture", "sloy.pages",
    "sloy.pruning", "sloy.search", "sloy.theory", "sloy.data.handwriting", "sloy.data.tables.division",
    "sloy.data.tables.reader", "sloy.data.tables.sources", "sloy.engines.native", "sloy.engines.reference",
    "sloy.experiments.running", "importlib.metadata",
)  # fmt: skip


def test_the_parser_imports_no_room_that_it_does_not_need() -> None:
    code = "import sys; from sloy.cli.main import build_parser; build_parser('train'); print(*sys.modules)"
    loaded = run(code).split()
    assert "sloy.experiments.experiment" in loaded
    assert not [name for name in loaded if name.startswith(NOT_FOR_PARSING)]


def later_names(file: Path) -> dict[str, str]:
    """Module → names, as `later` of a room is told."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "later":
            found: dict[str, str] = ast.literal_eval(node.args[1])
            return found
    return {}


LATER = [file for file in FILES if file.name == "__init__.py" and later_names(file)]


@pytest.mark.parametrize("file", LATER, ids=identify)
def test_what_comes_later_is_there_and_no_modules_name(file: Path) -> None:
    """An attribute of a module's name is that module, once somebody imported it."""
    room = importlib.import_module(module_of(file))
    for module, names in later_names(file).items():
        own = importlib.import_module(f"{room.__name__}.{module}")
        for name in names.split():
            assert f"{room.__name__}.{name}" not in MODULES
            assert getattr(room, name) is getattr(own, name)
