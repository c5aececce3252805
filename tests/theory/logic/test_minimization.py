"""Minimisation of logic functions: exact, and against linear duality (L4)."""

from __future__ import annotations

import itertools
import sys
from functools import cache

import numpy as np
import pytest

from available import installed
from sloy.model import Model
from sloy.theory import (
    Disjunction,
    TruthTable,
    disjunction_network,
    minimize,
    network_from_truth_table,
    prime_implicants,
    table_of,
)
from sloy.theory.logic import covering
from sloy.theory.logic.truth_table import all_inputs


def table_bits(number: int, variables: int) -> list[int]:
    return [number >> row & 1 for row in range(1 << variables)]


@cache
def cubes(variables: int) -> list[int]:
    """Every product of literals as the bit set of the rows where it is 1, by its definition."""
    found = []
    for kinds in itertools.product((0, 1, 2), repeat=variables):
        rows = 0
        for row, bits in enumerate(itertools.product((0, 1), repeat=variables)):
            if all(kind in (2, bit) for kind, bit in zip(kinds, bits, strict=True)):
                rows |= 1 << row
        found.append(rows)
    return found


@cache
def least_terms(variables: int) -> np.ndarray:
    """The least number of products for every function: a breadth-first walk over all 2^2^n functions."""
    least = np.full(1 << (1 << variables), -1)
    least[0] = 0
    products = np.array(cubes(variables))
    reached, terms = np.array([0]), 0
    while len(reached):
        terms += 1
        following = np.unique(reached[:, None] | products)
        reached = following[least[following] < 0]
        least[reached] = terms
    assert (least >= 0).all()
    return least


def check_exact(table: list[int], found: Disjunction, model: Model) -> None:
    """The network has the table's values on every input, and a hidden neuron for each term."""
    inputs = all_inputs(len(table).bit_length() - 1)
    assert model(inputs)[:, 0].tolist() == table
    assert found.values(inputs).tolist() == table
    hidden = model.parameters["dense_1/bias"].size if "dense_2/bias" in model.parameters else 0
    assert hidden == len(found.terms)


@pytest.mark.parametrize("engine", installed())
def test_all_256_functions_of_3_variables(engine: str) -> None:
    least = least_terms(3)
    for number in range(256):
        table = table_bits(number, 3)
        model = network_from_truth_table(table, engine=engine)
        found = minimize(table)
        check_exact(table, found, model)
        assert len(found.terms) == least[number]
        assert found.minimal
        assert table_of(model).values.tolist() == table


def test_random_functions_of_4_variables_are_minimal() -> None:
    least = least_terms(4)
    assert least.max() == 8  # parity
    for number in np.random.default_rng(4).integers(0, 1 << 16, 400).tolist():
        found = minimize(table_bits(number, 4))
        assert len(found.terms) == least[number]


# How many of each number of variables; benchmarks/minimize.py takes equal shares.
SHARES = {4: 700, 5: 600, 6: 400, 7: 200, 8: 60, 9: 25, 10: 15}


@pytest.mark.parametrize("variables", SHARES)
def test_2000_random_functions(variables: int) -> None:
    """Tables of fair coins up to 8 variables, then such with fewer ones; each network is exact, each count of
    hidden neurons is proved to be the least.
    """
    assert sum(SHARES.values()) == 2000
    rng = np.random.default_rng(variables)
    for _ in range(SHARES[variables]):
        ones = 0.5 if variables <= 8 else rng.uniform(0.05, 0.45)
        table = (rng.random(1 << variables) < ones).astype(int).tolist()
        found = minimize(table, time_limit=120)
        assert found.minimal
        check_exact(table, found, disjunction_network(found, engine="reference"))


def test_the_bound_holds_by_linear_duality() -> None:
    """Independent rows: no product of literals covers two of them, so each needs its own."""
    rng = np.random.default_rng(2)
    tight = 0
    for _ in range(40):
        table = rng.integers(0, 2, 64).tolist()
        found = minimize(table)
        apart: list[np.ndarray] = []
        inputs = all_inputs(6)
        on = {tuple(row) for row in inputs[np.array(table) == 1]}
        for row in inputs[np.array(table) == 1]:
            if all(not _together(row, other, on) for other in apart):
                apart.append(row)
        assert len(apart) <= found.least <= len(found.terms)
        tight += len(apart) == len(found.terms)
    assert tight >= 5


def _together(a: np.ndarray, b: np.ndarray, on: set[tuple[float, ...]]) -> bool:
    """Whether one product may cover two rows: all rows of the smallest one that does are 1."""
    free = np.flatnonzero(a != b)
    for bits in itertools.product((0.0, 1.0), repeat=len(free)):
        row = a.copy()
        row[free] = bits
        if tuple(row) not in on:
            return False
    return True


@pytest.mark.parametrize("variables", [1, 2, 3, 4, 5])
def test_prime_implicants_by_their_definition(variables: int) -> None:
    rng = np.random.default_rng(variables)
    products = cubes(variables)
    for _ in range(10):
        values = rng.choice([0, 1, -1], 1 << variables, p=[0.4, 0.4, 0.2])
        zero = sum(1 << row for row in np.flatnonzero(values == 0).tolist())
        one = sum(1 << row for row in np.flatnonzero(values == 1).tolist())
        inside = [p for p in products if not p & zero]
        prime = {p for p in inside if not any(p != q and p & q == p for q in inside)}
        expected = {p for p in prime if p & one}
        found = prime_implicants(TruthTable.of([None if v < 0 else int(v) for v in values]))
        inputs = all_inputs(variables)
        rows = ((found[:, None] == 2) | (found[:, None] == inputs)).all(2)
        assert {sum(1 << r for r in np.flatnonzero(row).tolist()) for row in rows} == expected


def test_rows_that_do_not_matter_make_it_shorter() -> None:
    """A decimal digit is at least 5: rows 10 … 15 never happen (E. McCluskey's kind of example)."""
    digits = [int(d >= 5) if d < 10 else None for d in range(16)]
    assert minimize([d or 0 for d in digits]).text(list("abcd")) != minimize(digits).text(
        list("abcd")
    )
    assert minimize(digits).text(list("abcd")) == "a | (b & c) | (b & d)"
    model = network_from_truth_table(digits)
    assert model(all_inputs(4))[:10, 0].tolist() == digits[:10]


def test_twelve_variables() -> None:
    """A comparison of two 6-bit numbers: 63 products, found and verified on 4096 inputs within seconds."""
    table = [int(row >> 6 > (row & 63)) for row in range(1 << 12)]
    found = minimize(table, time_limit=30)
    assert found.minimal
    assert len(found.terms) == 63
    assert network_from_truth_table(table)(all_inputs(12))[:, 0].tolist() == table


def test_small_tables_need_no_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("scipy", "scipy.optimize", "scipy.sparse"):
        monkeypatch.setitem(sys.modules, module, None)
    least = least_terms(4)
    for number in np.random.default_rng(5).integers(0, 1 << 16, 100).tolist():
        found = minimize(table_bits(number, 4))
        assert (len(found.terms), found.minimal) == (least[number], True)
    table = (np.random.default_rng(6).random(1 << 7) < 0.5).astype(int)
    found = minimize(table)
    assert found.minimal
    assert found.values(all_inputs(7)).tolist() == table.tolist()
    dense = (np.random.default_rng(0).random(1 << 9) < 0.7).astype(int)  # not within its time
    found = minimize(dense, time_limit=0.3)
    assert found.values(all_inputs(9)).tolist() == dense.tolist()
    assert 30 < found.least < len(found.terms)


@pytest.mark.parametrize("seed", range(30))
def test_the_fewest_columns_by_trying_all(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering, "_integer_program", lambda matrix, seconds: None)
    rng = np.random.default_rng(seed)
    matrix = rng.random((int(rng.integers(1, 14)), int(rng.integers(1, 12)))) < 0.25
    matrix[np.arange(len(matrix)), rng.integers(0, matrix.shape[1], len(matrix))] = True
    columns, least = covering.fewest_columns(matrix, 60)
    assert matrix[:, columns].any(1).all()
    smallest = next(
        size
        for size in range(1, matrix.shape[1] + 1)
        if any(
            matrix[:, list(chosen)].any(1).all()
            for chosen in itertools.combinations(range(matrix.shape[1]), size)
        )
    )
    assert len(columns) == least == smallest


def test_an_unfinished_search_says_so() -> None:
    table = np.random.default_rng(0).random(1 << 10) < 0.7
    found = minimize(table.astype(int), time_limit=0.05)
    assert found.values(all_inputs(10)).tolist() == table.astype(int).tolist()
    assert 60 < found.least < len(found.terms)
    assert not found.minimal
