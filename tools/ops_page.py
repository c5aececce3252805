"""Make docs/ops.md, the reference of `sloy.ops`: each op with its arguments and its first sentence.

python tools/ops_page.py
"""

from __future__ import annotations

from importlib import import_module
from inspect import Signature, getdoc, signature
from pathlib import Path

FAMILIES = (
    "elementwise", "reduction", "shape", "linear", "convolution", "pooling", "normalization", "probability", "random",
    "augmentation", "sparse",
)  # fmt: skip
PAGE = Path(__file__).parents[1] / "docs/ops.md"
HEAD = """# The ops

What activations, losses, layers and metrics [of your own](write-your-own.md) are written with: functions of `sloy.ops`
that take and give symbolic tensors; Python's numbers and NumPy's arrays may stand beside them, and `+ - * /` work on
tensors. Elementwise ops broadcast like NumPy. Where NumPy says `axis`, reductions say `axes`: an integer, several, or
None for all. Made by `tools/ops_page.py`; `help(sloy.ops.NAME)` says more.

Beginnings: `input(name, shape, dtype)`, `variable(name, shape, dtype)`, `constant(value)`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for family in FAMILIES:
        module = import_module(f"sloy.graph.ops.{family}")
        lines = "\n".join(f"| {_row(name, getattr(module, name))} |" for name in module.__all__)
        parts.append(f"\n## {family.capitalize()}\n\n| op | |\n| --- | --- |\n{lines}\n")
    return "".join(parts)


def _row(name: str, op: object) -> str:
    plain = [p.replace(annotation=p.empty) for p in signature(op).parameters.values()]  # type: ignore[arg-type]
    said = (getdoc(op) or "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    return f"`{name}{Signature(plain)}` | {said}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
