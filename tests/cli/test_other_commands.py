"""`sloy predict`, `info`, `engines`, help texts and the start of the program."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sloy as library
from command_line import Sloy, command, environment, exit_code, stripes, write_idx
from sloy import machine, text
from sloy.cli.engines import describe, report
from sloy.cli.main import COMMANDS
from sloy.data import load_idx_folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two pictures of the test data as files: grey in its own size, and large in colour."""
    folder = tmp_path_factory.mktemp("pictures")
    x, _ = stripes(2, 5)
    small, large = folder / "small.png", folder / "large.png"
    Image.fromarray(x[0].astype(np.uint8)).save(small)
    big = Image.fromarray(x[1].astype(np.uint8)).resize((80, 90), Image.Resampling.NEAREST)
    big.convert("RGB").save(large)
    return [small, large]


def show(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    """Output and errors of a command in this process."""
    assert exit_code(*map(str, arguments)) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


# --- predict --------------------------------------------------------------------------------------


def test_predict_agrees_with_the_model(
    trained: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    output, _ = show(capsys, "predict", trained / "model.sloy", *pictures, "--json", "--top", 3)
    document = json.loads(output)
    x, _ = stripes(2, 5)
    x = x.astype(np.uint8)[..., None]
    probabilities = library.load(trained / "model.sloy").predict_proba(x)
    assert document["schema"] == 1
    for said, path, row in zip(document["predictions"], pictures, probabilities, strict=True):
        assert said["file"] == str(path)
        assert said["class"] == str(row.argmax())
        assert said["probability"] == pytest.approx(row.max(), rel=1e-4)
        assert [a["class"] for a in said["top"]] == [str(k) for k in np.argsort(-row)]
        assert sum(a["probability"] for a in said["top"]) == pytest.approx(1, abs=1e-5)


def test_predict_reads_idx_and_a_run_s_folder(
    trained: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, errors = show(capsys, "predict", trained, data / "t10k-images-idx3-ubyte.gz")
    test = load_idx_folder(data).test
    expected = library.load(trained / "model.sloy").predict(test.x)
    lines = output.splitlines()
    assert [line.split()[1] for line in lines] == [str(k) for k in expected]
    assert lines[3].startswith(f"{data / 't10k-images-idx3-ubyte.gz'}[3]")
    assert all(line.endswith(" %") for line in lines)
    assert errors == ""


def test_predict_inverts_and_says_when_to(
    trained: Path, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    negative = tmp_path / "negative.png"
    Image.fromarray(255 - np.asarray(Image.open(pictures[0]))).save(negative)
    straight, nothing = show(capsys, "predict", trained, pictures[0], "--json")
    assert nothing == ""
    inverted, nothing = show(capsys, "predict", trained, negative, "--invert", "--json")
    assert nothing == ""
    first, second = (json.loads(t)["predictions"][0] for t in (straight, inverted))
    assert first["top"] == second["top"]
    _, errors = show(capsys, "predict", trained, negative)
    assert "--invert may help" in errors


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text.png", b"no picture", "is not a picture"),
        ("cut.png", None, "is damaged, or no picture"),
        ("missing.png", ..., "No such file or directory"),
        ("short.idx", b"\0\0\x08\x03\0\0", "truncated"),
    ],
)
def test_predict_names_the_bad_file(
    trained: Path,
    pictures: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: object,
    said: str,
) -> None:
    path = tmp_path / name
    if content is None:
        path.write_bytes(pictures[1].read_bytes()[:150])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    output, errors = show(capsys, "predict", trained, pictures[0], path, code=1)
    assert [line.split()[0] for line in output.splitlines()] == [str(pictures[0])]
    assert len(errors.splitlines()) == 1
    assert errors.startswith(f"sloy predict: 1 file cannot be read: {path} (")
    assert said in errors
    output, errors = show(capsys, "predict", trained, path, code=1)
    assert output == ""
    assert errors.startswith(f"sloy predict: {path}: ")
    assert said in errors


def test_predict_refuses_samples_of_another_shape(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path / "other.idx", np.zeros((2, 28, 28)))
    _, errors = show(capsys, "predict", trained, tmp_path / "other.idx", code=1)
    assert "28 × 28, the model takes 9 × 8 × 1" in errors


@pytest.mark.parametrize("name", ["my_model", "Digits", "plan", "m.sloy"])
def test_a_missing_model_is_named(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files may look like those of functions, with which the library's own messages begin."""
    monkeypatch.chdir(tmp_path)
    _, errors = show(capsys, "predict", name, "a.png", code=1)
    assert errors.startswith(f"sloy predict: {name}: cannot be read: No such file")


@pytest.mark.parametrize("command_name", ["predict", "info"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "missing"])
def test_a_damaged_model_is_one_line_and_exit_1(
    trained: Path,
    pictures: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command_name: str,
    damage: str,
) -> None:
    content = bytearray((trained / "model.sloy").read_bytes())
    path = tmp_path / "model.sloy"
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[-5] ^= 4
        path.write_bytes(content)
    elif damage == "foreign":
        path.write_bytes(pictures[0].read_bytes())
    files = pictures[:1] if command_name == "predict" else []
    output, errors = show(capsys, command_name, path, *files, code=1)
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert str(path) in errors


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "{}"),
        ("info",),
        ("test", "mnist"),
        ("prune",),
        ("export", "m.c"),
        ("report", "r.html"),
    ],
)
def test_a_run_that_is_not_finished_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (tmp_path / "configuration.json").write_text("{}")
    name, *others = words
    _, errors = show(capsys, name, tmp_path, *others, code=1)
    assert "the run is not finished" in errors
    assert f"`sloy train --resume --out {tmp_path}`" in errors


def test_messages_of_values_name_the_option_alone(capsys: pytest.CaptureFixture[str]) -> None:
    _, errors = show(capsys, "tune", "t.csv", "--time", "soon", code=2)
    assert "argument --time: 'soon' must be a time above 0" in errors
    assert "`" not in errors.partition("(see")[0]


def test_columns_are_not_taken_for_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns may be called as options are: `id`, `target`."""
    table, other = tmp_path / "t.csv", tmp_path / "u.csv"
    rows = "".join(f"{k % 7},{k % 5},{'pq'[k % 7 > 3]}\n" for k in range(60))
    table.write_text(f"id,test,target\n{rows}")
    show(capsys, "train", table, "--target", "target", "--epochs", 1, "--out", tmp_path / "run")
    other.write_text("size\n1\n")
    _, errors = show(capsys, "predict", tmp_path / "run", other, code=1)
    assert "lacks the columns `id`, `test`, which" in errors
    alone = tmp_path / "v.csv"
    alone.write_text("target\n" + "1\n2\n" * 20)
    _, errors = show(capsys, "train", alone, "--target", "target", code=1)
    assert "no column but the target `target`" in errors


# --- info, engines --------------------------------------------------------------------------------


def test_info_shows_the_model(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = show(capsys, "info", trained)
    for words in ("checksum ok", "dense_1", "3: 0, 1, 2", "9 × 8 × 1, minus", "8 epochs", "seed 0"):
        assert words in output


def test_info_as_json(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = tmp_path / "alone.sloy"
    alone.write_bytes((trained / "model.sloy").read_bytes())
    document = json.loads(show(capsys, "info", alone, "--json")[0])
    model = library.load(alone)
    assert document["schema"] == 1
    assert document["training"] is None
    assert document["parameters"] == sum(v.size for v in model.parameters.values())
    assert sum(layer["parameters"] for layer in document["layers"]) == document["parameters"]
    assert document["class_names"] == ["0", "1", "2"]
    assert document["bytes"] == alone.stat().st_size
    beside = json.loads(show(capsys, "info", trained, "--json")[0])
    summary = json.loads((trained / "summary.json").read_text())
    assert beside["training"]["test_accuracy"] == summary["test_accuracy"]


def test_engines_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(show(capsys, "engines", "--json")[0])
    here = {engine["name"]: engine["available"] for engine in document["engines"]}
    assert here["reference"]
    assert document["auto"] == ("native" if here["native"] else "reference")
    output, _ = show(capsys, "engines")
    assert library.__version__ in output
    assert f"takes {document['auto']}" in output


def test_engines_says_how_to_get_what_is_missing() -> None:
    found = report()
    native = found["engines"][0]
    native |= {
        "available": False,
        "threads": None,
        "reason": "libgomp.so.1 is missing: install it.",
        "mixed_precision": None,
    }
    found["auto"] = "reference"
    said = describe(found)
    assert "MISSING" in said
    assert "libgomp.so.1 is missing: install it." in said


def test_instruction_sets_are_read_from_the_flags(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu avx avx2 amx_tile\n")
    found = machine.instruction_sets(tmp_path / "cpuinfo")
    assert found is not None
    assert [name for name, has in found.items() if has] == ["AVX", "AVX2", "AMX"]
    assert machine.instruction_sets(tmp_path / "missing") is None


# --- the program ----------------------------------------------------------------------------------


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    options = {
        "train": "--network --epochs --batch-size --optimizer --learning-rate --schedule --precision"
        " --threads --engine --seed --validation --samples --out --resume --overwrite --json --quiet"
        " --debug",
        "predict": "--top --invert --json --engine --threads --debug",
        "info": "--json --debug",
        "engines": "--json --debug",
    }
    general, _ = show(capsys, "--help")
    for name, names in options.items():
        assert name in general
        said, _ = show(capsys, name, "--help")
        for option in names.split():
            assert option in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, "--version")[0] == f"sloy {library.__version__}\n"


def test_python_m_sloy() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sloy", "--version"],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"sloy {library.__version__}\n"


def test_help_is_quick() -> None:
    """Processor time, best of five, so that other work on the machine does not count."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command("--help"), env=environment(), check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.3


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from sloy.cli.main import build_parser; build_parser().format_help();"
        "print([m for m in ('numpy', 'rich', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"


def test_a_closed_pipe_is_no_traceback(trained: Path, data: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("predict", trained, data / "t10k-images-idx3-ubyte.gz"),
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_internal_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "system", lambda: 1 / 0)
    _, errors = show(capsys, "engines", code=1)
    assert errors == (
        "sloy engines: internal error, ZeroDivisionError: division by zero (--debug shows where)\n"
    )
    _, errors = show(capsys, "engines", "--debug", code=1)
    assert "Traceback" in errors


def test_a_full_disk_is_one_line(sloy: Sloy, data: Path) -> None:
    done = sloy("train", data, "--network", "mlp", "--epochs", 1, "--out", "/dev/null/run", code=1)
    assert done.stderr.splitlines()[-1] == "sloy train: /dev/null/run: Not a directory"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (text.seconds(0.834), "0.83 s"),
        (text.seconds(59.96), "60.0 s"),
        (text.seconds(185), "3 min 5 s"),
        (text.seconds(7800), "2 h 10 min"),
        (text.percent(0.99123), "99.12 %"),
        (
            text.as_json({"x": float("nan"), "y": [1.5]}),
            '{\n  "schema": 1,\n  "x": null,\n  "y": [\n    1.5\n  ]\n}\n',
        ),
    ],
)
def test_numbers_as_people_write_them(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize("name", [one.NAME for one in COMMANDS])
def test_unknown_words_name_the_commands_own_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(name, "--nothing-like-it") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"sloy {name}: ")
    assert said.endswith(f"(see `sloy {name} --help`)\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "mnist", "--epochs", "1_0"), "--epochs: '1_0' is not an integer of at least 1"),
        (("train", "mnist", "--epochs", "\u0663"), "'\u0663' is not an integer of at least 1"),
        (("train", "mnist", "--learning-rate", "\u0661e-3"), "'\u0661e-3' is not a"),
        (("branch", "run", "--at", "9" * 5000), "is no EPOCH:STEP, such as 3:40"),
        (("branch", "run", "--at", "\u0663:1"), "'\u0663:1' is no EPOCH:STEP, such as 3:40"),
        (("info", "model", "x" * 5000), "unrecognized arguments: xxx"),
    ],
)
def test_odd_words_are_refused_in_a_short_line(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert len(line) < 300
