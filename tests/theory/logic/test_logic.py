"""Logic by threshold neurons: the lecture's weights, tables, ordinary networks (L2-L4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from available import installed
from sloy.errors import InvalidArgument
from sloy.layers import Dense, Heaviside, Sign
from sloy.model import Model, load
from sloy.optimizers import Adam
from sloy.problem import Network
from sloy.theory import (
    AND,
    NOT,
    OR,
    TruthTable,
    minimize,
    network_from_expression,
    network_from_truth_table,
    parse,
    ready_model,
    separable,
    to_expression,
    xor_by_layers,
    xor_by_product,
)
from sloy.theory.logic.truth_table import all_inputs
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


def test_a_table_is_shown_in_notebooks_as_it_prints() -> None:
    assert "x1 x2 | y\n 0  0 | 0" in TruthTable.of("0110")._repr_html_()


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
