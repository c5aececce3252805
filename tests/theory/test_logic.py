"""Logic by threshold neurons: the lecture's weights, tables, expressions, minimisation (L2-L4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from available import installed
from sloy.errors import InvalidArgument
from sloy.layers import Dense, Heaviside, Sign
from sloy.model import Model, load
from sloy.network import Network
from sloy.optimizers import Adam
from sloy.theory import (
    AND,
    NOT,
    OR,
    Disjunction,
    TruthTable,
    disjunction_network,
    minimize,
    network_from_expression,
    network_from_truth_table,
    parse,
    prime_implicants,
    ready_model,
    separable,
    table_of,
    to_expression,
    xor_by_layers,
    xor_by_product,
)
from sloy.theory.truth_table import all_inputs
from sloy.training.fit import fit

PAIRS = [[0, 0], [0, 1], [1, 0], [1, 1]]


def table_bits(number: int, variables: int) -> list[int]:
    return [number >> row & 1 for row in range(1 << variables)]


# --- the lecture's neurons ------------------------------------------------------------------------


def test_and_or_not_have_the_lectures_weights_and_tables() -> None:
    assert (AND.weights.tolist(), AND.bias) == ([1, 1], -3 / 2)
    assert (OR.weights.tolist(), OR.bias) == ([1, 1], -1 / 2)
    assert (NOT.weights.tolist(), NOT.bias) == ([-1], 1 / 2)
    assert AND(PAIRS).tolist() == [0, 0, 0, 1]
    assert OR(PAIRS).tolist() == [0, 1, 1, 1]
    assert NOT([[0], [1]]).tolist() == [1, 0]


def test_xor_by_an_extra_feature_has_the_lectures_weights() -> None:
    model = xor_by_product()
    assert model(PAIRS)[:, 0].tolist() == [0, 1, 1, 0]
    assert model.parameters["dense_1/weight"].ravel().tolist() == [1, 1, -2]
    assert model.parameters["dense_1/bias"].tolist() == [-1 / 2]


def test_xor_by_two_layers_is_or_without_and() -> None:
    model = xor_by_layers()
    assert model(PAIRS)[:, 0].tolist() == [0, 1, 1, 0]
    hidden = model.activations(np.array(PAIRS, np.float32), ["heaviside_1"])["heaviside_1"]
    assert hidden[:, 0].tolist() == OR(PAIRS).tolist()
    assert hidden[:, 1].tolist() == AND(PAIRS).tolist()
    assert model.parameters["dense_2/weight"].ravel().tolist() == [1, -1]
    assert model.parameters["dense_2/bias"].tolist() == [-1 / 2]


def test_no_single_neuron_is_xor() -> None:
    proof = separable([0, 1, 1, 0])
    assert not proof
    assert proof.exact
    assert proof.common.tolist() == [0.5, 0.5]


def test_how_many_functions_one_neuron_can_be() -> None:
    """14 of 2 variables and 104 of 3 (S. Muroga, "Threshold Logic and Its Applications", 1971)."""
    for variables, expected in ((2, 14), (3, 104)):
        tables = [table_bits(k, variables) for k in range(1 << (1 << variables))]
        answers = [separable(table) for table in tables]
        assert sum(a.separable for a in answers) == expected
        assert all(a.exact for a in answers)
        inputs = all_inputs(variables)
        for table, answer in zip(tables, answers, strict=True):
            if answer.separable:
                assert (inputs @ answer.weights + answer.bias > 0).astype(int).tolist() == table


def test_a_neuron_need_not_have_rows_that_do_not_matter() -> None:
    assert separable([0, 1, 1, None]).separable
    with pytest.raises(InvalidArgument, match="no row"):
        separable("----")


# --- minimisation ---------------------------------------------------------------------------------


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


def test_an_unfinished_search_says_so() -> None:
    table = np.random.default_rng(0).random(1 << 10) < 0.7
    found = minimize(table.astype(int), time_limit=0.05)
    assert found.values(all_inputs(10)).tolist() == table.astype(int).tolist()
    assert 60 < found.least < len(found.terms)
    assert not found.minimal


# --- tables ---------------------------------------------------------------------------------------


def test_tables_in_every_form_are_one_table() -> None:
    expected = [0, 1, 1, -1]
    forms = (
        [0, 1, 1, None],
        "011-",
        {(0, 0): 0, (0, 1): 1, (1, 0): True, (1, 1): None},
        TruthTable.of("011-"),
        np.array([0, 1, 1, None], object),
    )
    for form in forms:
        assert TruthTable.of(form).values.tolist() == expected
    free = TruthTable.of({(0, 0): 0, (0, 1): 1, (1, 0): 1}, missing="free")
    assert free.values.tolist() == expected
    assert TruthTable.of_function(lambda a, b, c: a and not (b and c), 3).values.tolist() == [
        0, 0, 0, 0, 1, 1, 1, 0,
    ]  # fmt: skip
    assert free.inputs.tolist() == PAIRS


BAD_TABLES: list[tuple[object, str]] = [
    ([0, 1, 2, 0], r"the value of row \(1, 0\) is 2; it must be 0 or 1"),
    ([0, 0.5], r"row \(1,\) is 0.5"),
    ([0, float("nan")], r"row \(1,\) is nan"),
    ("01a0", r"row \(1, 0\) is 'a'"),
    ([0, 1, 1], "has 3 rows; n variables have 2\\^n rows, such as 2 or 4"),
    ([0, 1, 1, 0, 1, 0], "6 rows.*such as 4 or 8"),
    ([], "0 rows"),
    ([1], "1 rows"),
    (7, r"`table` \(=7\) must be a sequence"),
    ({(0, 0): 1, (1, 1): 0}, r"2 of 4 rows are missing: \(0, 1\), \(1, 0\); give them"),
    ({(0, 0): 1, (1,): 0}, "tuples of 0 and 1 of one length"),
    ({(0, 2): 1}, "tuples of 0 and 1"),
    ({"00": 1}, "tuples of 0 and 1"),
    ({}, "tuples of 0 and 1"),
    ([0] * (1 << 17), "17 variables are too many"),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES, ids=[m[:30] for _, m in BAD_TABLES])
def test_bad_tables(table: object, message: str) -> None:
    for function in (TruthTable.of, minimize, network_from_truth_table, separable):
        with pytest.raises(InvalidArgument, match=message):
            function(table)


# --- expressions ----------------------------------------------------------------------------------

SPELLED = [
    ("(a & ~b) | c", lambda a, b, c: (a and not b) or c),
    ("a and not b or c", lambda a, b, c: (a and not b) or c),
    ("a ∧ ¬b ∨ c", lambda a, b, c: (a and not b) or c),
    ("a && !b || c", lambda a, b, c: (a and not b) or c),
    ("a | b & c", lambda a, b, c: a or (b and c)),
    ("a ^ b ^ c", lambda a, b, c: (a + b + c) % 2),
    ("a ^ b & c", lambda a, b, c: a != (b and c)),
    ("a | b ^ c", lambda a, b, c: a or (b != c)),
    ("~a & b | c", lambda a, b, c: ((not a) and b) or c),
    ("~~(a or b xor c)", lambda a, b, c: a or (b != c)),
    ("NOT a AND (b OR TRUE) OR c AND 0", lambda a, b, c: not a),
    ("1 & a & b & c", lambda a, b, c: a and b and c),
]


@pytest.mark.parametrize(("text", "meaning"), SPELLED, ids=[text for text, _ in SPELLED])
def test_expressions_mean_what_they_say(text: str, meaning: Callable[..., object]) -> None:
    table = parse(text, ["a", "b", "c"]).table().values.tolist()
    assert table == [int(bool(meaning(*bits))) for bits in itertools.product((0, 1), repeat=3)]


def expressions(names: str) -> st.SearchStrategy[str]:
    """Python's own expressions, fully in parentheses."""
    leaves = st.sampled_from([*names, "0", "1"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda a: f"(1 ^ {a})"),
            st.tuples(inner, st.sampled_from("&|^"), inner).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
        ),
        max_leaves=20,
    )


@settings(max_examples=150)
@given(expressions("abcd"))
def test_expressions_agree_with_pythons(text: str) -> None:
    table = parse(text, list("abcd")).table().values.tolist()
    rows = itertools.product((0, 1), repeat=4)
    assert table == [eval(text, {}, dict(zip("abcd", row, strict=True))) for row in rows]


@settings(max_examples=40)
@given(expressions("abcd"))
def test_the_way_there_and_back(text: str) -> None:
    model = network_from_expression(text, list("abcd"), engine="reference")
    back = to_expression(model, list("abcd"))
    same = parse(back, list("abcd")).table().values
    assert same.tolist() == parse(text, list("abcd")).table().values.tolist()


def test_names_are_sorted_as_a_reader_would() -> None:
    assert parse("x10 | x2 & x1 | b").names == ("b", "x1", "x2", "x10")
    assert parse("b & a", ["b", "a", "c"]).names == ("b", "a", "c")


BAD_TEXTS = [
    ("a & | b", 5, r"`\|` stands where a variable"),
    ("a b", 3, "`b` stands where an operator or the end must be"),
    ("(a | b", 6, r"the text ends where an operator or `\)`"),
    ("a)", 2, r"`\)` stands where an operator or the end"),
    ("a @ b", 3, "`@` is no part"),
    ("a & 2b", 5, "`2b` is no part"),
    ("a and", 5, "the text ends where a variable"),
    ("", 1, "the text ends where a variable"),
    ("not", 3, "the text ends"),
    ("~" * 300 + "a", 202, "more than 200 operators are nested"),
    ("(" * 100000, 202, "more than 200"),
    ("__import__('os')", 12, r"`'` is no part"),
]


@pytest.mark.parametrize(("text", "position", "message"), BAD_TEXTS, ids=[m for *_, m in BAD_TEXTS])
def test_syntax_errors_show_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        network_from_expression(text)
    line, pointer = str(caught.value).split("\n    ", 1)[1].split("\n")
    assert line == text
    found = len(pointer) - 4  # the caret's column, from 1
    assert pointer.strip() == "^"
    assert f"position {found} " in str(caught.value)
    assert abs(found - position) <= 1


def test_long_chains_need_no_deep_recursion() -> None:
    text = " & ".join(["a", "b"] * 20_000)
    assert parse(text).table().values.tolist() == [0, 0, 0, 1]


def test_other_mistakes_in_expressions() -> None:
    with pytest.raises(InvalidArgument, match="the variable c is not among a, b"):
        parse("a | c", ["a", "b"])
    with pytest.raises(InvalidArgument, match="must be different names"):
        parse("a", ["a", "a"])
    with pytest.raises(InvalidArgument, match="has no variable"):
        parse("1 | 0")
    with pytest.raises(InvalidArgument, match="17 variables are too many"):
        network_from_expression(" | ".join(f"x{j}" for j in range(17)))
    with pytest.raises(InvalidArgument, match="`text`"):
        parse(7)  # type: ignore[arg-type]


# --- ordinary networks ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", installed())
def test_it_saves_and_trains_like_any_other(engine: str, tmp_path: object) -> None:
    """From AND, trained on XOR's table: the thresholds pass gradients, and the loss falls."""
    model = network_from_expression("a & b | ~a & ~b & c", engine=engine)
    inputs = all_inputs(3)
    model.save(f"{tmp_path}/logic.sloy")
    again = load(f"{tmp_path}/logic.sloy", engine=engine)
    assert again(inputs)[:, 0].tolist() == model(inputs)[:, 0].tolist()
    target = parse("a & b | c", list("abc")).table().values[:, None].astype(np.float32)
    before = float(((model(inputs) - target) ** 2).mean())
    trained, history = fit(
        model.network, (inputs, target), parameters=model.parameters, optimizer=Adam(0.02),
        epochs=300, batch_size=8, preprocessing=None, engine=engine, verbose=False,
    )  # fmt: skip
    assert history["loss"][0] == before
    assert float(((trained(inputs) - target) ** 2).mean()) < before


@pytest.mark.parametrize("make", [xor_by_layers, xor_by_product])
def test_it_goes_to_other_tools_like_any_other(make: Callable[[], Model], tmp_path: object) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")

    model = make()
    model.export(f"{tmp_path}/xor.onnx")
    session = onnxruntime.InferenceSession(f"{tmp_path}/xor.onnx")
    (answers,) = session.run(None, {session.get_inputs()[0].name: all_inputs(2)})
    assert answers[:, 0].tolist() == [0, 1, 1, 0]


def test_networks_of_signs_go_back_too() -> None:
    network = Network((2,), [Dense(1), Sign()])
    model = ready_model(network, {"dense_1/weight": [[1], [-1]], "dense_1/bias": [-0.5]})
    assert to_expression(model) == "x1 & ~x2"


def test_what_is_no_threshold_network_is_refused() -> None:
    smooth = ready_model(
        Network((2,), [Dense(1)]), {"dense_1/weight": [[1], [1]], "dense_1/bias": [0.5]}
    )
    with pytest.raises(InvalidArgument, match=r"the network gives 0\.5"):
        to_expression(smooth)
    wide = Network((17,), [Dense(1), Heaviside()])
    model = ready_model(wide, wide.initialize(0))
    with pytest.raises(InvalidArgument, match=r"\(17,\) → \(1,\); it must have up to 16 inputs"):
        to_expression(model)
