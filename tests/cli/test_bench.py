"""`sloy bench`: figures that fit together, and what it refuses."""

from __future__ import annotations

import json

import pytest

from available import available
from command_line import exit_code
from sloy.cli.options import counts

QUICK = ("--seconds", "0.01", "--threads", "1")


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert exit_code("bench", *arguments, *QUICK, "--json") == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_figures_fit_together(capsys: pytest.CaptureFixture[str]) -> None:
    available("native")
    found = document(capsys, "mlp", "--batch-size", "4")
    (step,) = found["steps"]
    # Forward 784·128 + 128·10 multiply-adds a sample, twice for the weights' gradients, and the second layer's input.
    products = (784 * 128 + 128 * 10) * 2 + 128 * 10
    assert step["step_flops"] == 2 * 4 * products
    assert step["step_seconds_median"] >= step["step_seconds"] > 0
    assert step["prediction_seconds"] > 0
    reached = step["step_flops"] / step["step_seconds"]
    assert step["share_of_peak"] == pytest.approx(reached / found["peak"]["flops"])
    assert sum(row["flops"] for row in step["instructions"]) == step["step_flops"]
    first = next(row for row in step["instructions"] if row["op"] == "matmul")
    assert first["layer"] == "dense_1"
    assert {row["bound"] for row in step["instructions"]} <= {"arithmetic", "memory", "overhead"}


def test_the_weight_gradients_and_updates_know_their_layer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    available("native")
    (step,) = document(capsys, "lenet5", "--batch-size", "3")["steps"]
    rows = step["instructions"]
    gradients = [row["layer"] for row in rows if row["op"] == "conv2d_weight_grad"]
    assert sorted(gradients) == ["conv2d_1", "conv2d_2"]
    written = {row["layer"] for row in rows if row["op"] == "elementwise"}
    assert {"conv2d_1", "conv2d_2", "dense_1", "dense_2", "dense_3"} <= written


def test_the_table_has_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    available("native")
    assert exit_code("bench", "mlp", "--batch-size", "2", "3", "--profile", *QUICK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("mlp ")] == ["2", "3"]
    assert any("dense_1: matmul [3, 784]" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["vgg99"], 2, "no network is named 'vgg99'"),
        (["mlp", "--batch-size", "0"], 2, "'0'"),
        (["mlp", "--seconds", "0"], 2, "'0'"),
        (["mlp", "--engine", "reference"], 1, "cannot time its instructions"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("bench", *arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_what_is_named_twice_is_measured_once(capsys: pytest.CaptureFixture[str]) -> None:
    available("native")
    found = document(capsys, "mlp", "mlp", "--batch-size", "4", "4")
    assert len(found["steps"]) == 1  # type: ignore[arg-type]
    assert counts("2,1,2,1") == (2, 1)


@pytest.mark.parametrize("option", [("--profile",), ("--precision", "mixed"), ("--threads", "2")])
def test_options_of_one_device_are_refused_beside_devices(
    option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("bench", "mlp", "--engine", "jax", "--devices", "1,2", *option) == 2
    assert f"{option[0]} is for steps on one device" in capsys.readouterr().err
