"""The op table: every op of the registry, with operands, an independent definition and what it must refuse.

Every engine is tested against the same rows:

    for case in CASES:
        executable = engine.compile(case.graph("float32"), {})
        case.compare(executable.run(case.feeds("float32"))["y"])

An op without a row fails `tests/ops/test_registry.py`.
"""

from __future__ import annotations

from op_table import arrays, augmentation, elementwise, images, linear, probability, sparse
from op_table.case import FLOAT, Case, ErrorCase, Operand

__all__ = ["CASES", "ERRORS", "FLOAT", "Case", "ErrorCase", "Operand"]

_FAMILIES = (elementwise, arrays, linear, images, probability, augmentation, sparse)

CASES: tuple[Case, ...] = tuple(case for family in _FAMILIES for case in family.cases())
ERRORS: tuple[ErrorCase, ...] = tuple(error for family in _FAMILIES for error in family.errors())
