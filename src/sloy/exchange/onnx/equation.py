"""What an equation of Einsum says."""

from __future__ import annotations

from collections.abc import Sequence

from sloy.errors import FileFormatError
from sloy.exchange.onnx.nodes import Unsupported
from sloy.text import shown


def labels(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """One letter for each axis of operands and result; an ellipsis becomes letters of its own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise FileFormatError(f"{shown(equation)} for {len(ranks)} operands.")
    dots = max(
        (r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True) if "..." in t),
        default=0,
    )
    rest = "".join(chr(0x3B1 + k) for k in range(dots))
    full = []
    for term, rank in zip(terms, ranks, strict=True):
        own = rank - len(term.replace("...", ""))
        found = term.replace("...", rest[len(rest) - own :] if own > 0 else "")
        if len(found) != rank:
            raise Unsupported(f"the term {shown(term)} of {shown(equation)} for {rank} axes")
        full.append(found)
    if not arrow:
        every = "".join(terms).replace(".", "")
        right = ("..." if dots else "") + "".join(
            x for x in sorted(set(every)) if every.count(x) == 1
        )
    result = right.replace("...", rest)
    if not set(result) <= set("".join(full)) or len(set(result)) != len(result):
        raise FileFormatError(
            f"the result of {shown(equation)} has other labels than its operands."
        )
    return full, result
