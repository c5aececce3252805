"""Random chains of ONNX's operators, sloy beside onnxruntime.

    PYTHONPATH=src:tests python tools/onnx_chains.py [COUNT [FIRST]]

Prints every chain that differs or is refused, and how many there were; seeds FIRST, FIRST + 1, … (0 by default).
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import chains
from sloy.engines import engine


def main() -> int:
    """Run them; exit code 1 where one failed."""
    count, first = (int(word) for word in (*sys.argv[1:], *("2000", "0")[len(sys.argv) - 1 :]))
    outcomes, operators, native = Counter[str](), Counter[str](), engine("native", threads=1)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            outcome, chain = chains.compared(seed, Path(folder) / "chain.onnx", native)
            if outcome not in ("equal", chains.NOT_FINITE):
                print(f"seed {seed}: {outcome}\n{chain}", flush=True)
            outcomes[outcome.partition(":")[0]] += 1
            operators.update(node.op_type for node in chain.nodes)
    print(", ".join(f"{n} {what}" for what, n in outcomes.most_common()))
    print(", ".join(f"{name} {n}" for name, n in operators.most_common()))
    return int(set(outcomes) > {"equal", chains.NOT_FINITE})


if __name__ == "__main__":
    sys.exit(main())
