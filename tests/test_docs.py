"""The README's Python example and the scripts in examples/ run, and say what they should."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from command_line import finished
from lecture_examples import LECTURE_EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = {
    "train_mnist.py": (["--epochs", "1", "--samples", "2000"], r"predicted: \[\d"),
    "own_activation.py": (["--epochs", "1", "--samples", "2000"], r"gives the same: True"),
    "loop_by_hand.py": ([], r"the same weights to the last bit: True"),
    "own_loss.py": (["--epochs", "20"], r"log cosh: 0\.\d+ away"),
    "resume.py": (["--samples", "600"], r"bit for bit: True"),
    "digits_pipeline.py": (["--epochs", "2"], r"network: 0\.9\d+ .*\n(.*\n)*best: "),
    "breast_cancer_pipeline.py": (["--epochs", "10"], r"logistic +accuracy 0\.9\d+"),
    "diabetes_pipeline.py": (["--epochs", "20"], r"Huber's loss +R² 0\.[345]\d"),
}


def run(program: list[str], folder: Path) -> str:
    return finished([sys.executable, *program], folder).stdout


def test_every_example_is_here() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == {
        *EXAMPLES,
        *LECTURE_EXAMPLES,
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path) -> None:
    arguments, said = EXAMPLES[name]
    path = ROOT / "examples" / name
    assert len(path.read_text().splitlines()) < 80
    assert re.search(said, run([str(path), *arguments], tmp_path))


def test_python_of_the_readme(tmp_path: Path) -> None:
    """As it stands, on fewer samples."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    whole = "digits = sloy.data.mnist()"
    assert whole in program
    fewer = "; digits = type(digits)(digits.train.take(range(1500)), digits.test.take(range(500)))"
    program = program.replace(whole, whole + fewer, 1)
    output = run(["-c", program], tmp_path)
    accuracy = re.search(r"'accuracy': ([0-9.]+)", output)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.6
    assert re.search(r"\[\d \d \d \d \d\]", output)


def test_python_of_the_page_on_experiments(tmp_path: Path) -> None:
    page = (ROOT / "docs/experiments.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    lines = run(["-c", program], tmp_path).splitlines()
    assert lines[0] == "10000 samples to test on, 101770 parameters"
    assert [line.partition(":")[0] for line in lines[1:4]] == [f"epoch {e} of 3" for e in (1, 2, 3)]
    assert lines[4].startswith("test accuracy 8")
    assert lines[-1] == "4 epochs"


def test_links_lead_to_files() -> None:
    """Links and pictures of the pages that name a file of the repository."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
