"""A slice of the random chains (`chains`); tools/onnx_chains.py runs any number of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from available import available

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import chains

SEEDS = range(120)


def test_equal_to_onnxruntime(tmp_path: Path) -> None:
    path, failed, seen = tmp_path / "chain.onnx", [], Counter[str]()
    for seed in SEEDS:
        outcome, chain = chains.compared(seed, path, available("native", threads=1))
        if outcome not in ("equal", chains.NOT_FINITE):
            failed.append(f"seed {seed}: {outcome}\n{chain}")
        seen.update({node.op_type for node in chain.nodes})
        seen[f"batch {chain.batch}"] += 1
    assert not failed, "\n".join(failed)
    assert len([name for name in seen if not name.startswith("batch")]) > 50
    assert min(seen[f"batch {b}"] for b in (None, 1, 2)) > 15


def test_a_chain_is_the_same_for_the_same_seed() -> None:
    assert chains.chain(5).file() == chains.chain(5).file() != chains.chain(6).file()


@pytest.mark.parametrize("wrong", [np.zeros_like, lambda y: y * 1.01], ids=["zeros", "1 %"])
def test_the_comparison_sees_wrong_values(wrong: object) -> None:
    chain = chains.chain(0)
    y = chains.expected(chain, chain.values["x"])
    assert not chains.close(wrong(y), y)  # type: ignore[operator]
