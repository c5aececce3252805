"""ONNX's own tests of operators (`onnx.backend.test`), converted for the shapes of their inputs, run by both engines.

The cases, their data and their tolerances (relative 1e-3, absolute 1e-7; shape and dtype exact) are the onnx package's.
What is not run is listed, each with its reason, and the numbers that are run are asserted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from available import ENGINES, available
from sloy import ops
from sloy.engines import Engine
from sloy.graph import Graph

onnx = pytest.importorskip("onnx", minversion="1.23")  # the numbers below are those of its cases

# Operators of inference, and how many cases of each there are.
INFERENCE = {
    "Add": 8, "AveragePool": 20, "BatchNormalization": 4, "Clip": 12, "Concat": 12, "Conv": 6, "Dropout": 12, "Elu": 3,
    "Flatten": 9, "Gemm": 11, "GlobalAveragePool": 2, "LeakyRelu": 3, "LogSoftmax": 7, "MatMul": 7, "Max": 14,
    "MaxPool": 19, "Mul": 9, "Pad": 6, "Relu": 1, "Reshape": 10, "Sigmoid": 2, "Softmax": 7, "Tanh": 2, "Transpose": 7,
}  # fmt: skip
TRAINING = {
    "Adagrad": 2, "Adam": 2, "Momentum": 3, "NegativeLogLikelihoodLoss": 18, "SoftmaxCrossEntropyLoss": 34,
}  # fmt: skip
# More operators that sloy reads, without a promise of how many of their cases run.
MORE = (
    "Abs", "Acos", "Acosh", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu",
    "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear", "Div", "Einsum", "Equal", "Erf",
    "Exp", "Expand", "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "GlobalLpPool", "GlobalMaxPool",
    "Greater", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "InstanceNormalization",
    "IsInf", "IsNaN", "LRN", "LayerNormalization", "Less", "Log", "LpNormalization", "LpPool", "Mean",
    "MeanVarianceNormalization", "Min", "Mish", "Mod", "Neg", "OneHot", "Or", "PRelu", "Pow", "QuantizeLinear",
    "RMSNormalization", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Resize", "Round", "Scatter",
    "ScatterElements", "ScatterND", "Selu", "Shrink", "Sign", "Sin", "Sinh", "Slice", "Softplus", "Softsign",
    "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Swish", "Tan", "ThresholdedRelu", "Tile", "TopK",
    "Trilu", "Unsqueeze", "Upsample", "Where",
)  # fmt: skip
# Operators that are made of others (`sloy.exchange.onnx.expansions`), and newer ones; of each so many cases run.
EACH = {"reference": 6, "native": 2, "jax": 0}
MADE = (
    "AffineGrid", "Attention", "BlackmanWindow", "CausalConvWithState", "CenterCropPad", "Col2Im", "Compress",
    "ConvInteger", "CumProd", "DFT", "DynamicQuantizeLinear", "EyeLike", "GRU", "GridSample", "HammingWindow",
    "HannWindow", "If", "LSTM", "LinearAttention", "Loop", "MatMulInteger", "QLinearConv", "QLinearMatMul", "RNN",
    "ReverseSequence", "RotaryEmbedding", "STFT", "Scan", "SwiGLU",
)  # fmt: skip
# Operators on what is known beforehand: their inputs are given as initialisers are.
KNOWN = (
    "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BlackmanWindow", "ConstantOfShape", "Det",
    "HammingWindow", "HannWindow", "MelWeightMatrix", "NonZero", "Range",
)  # fmt: skip
KNOWN_SECOND = ("CenterCropPad",)  # of these the second input
EXECUTED = {"inference": 189, "training": 59, "more": 548, "made": 142}

NUMPY_MASK = "draws at random"  # the cases expect the very mask that NumPy's old generator draws
FLOAT64 = "does not compute in float64"
# name → (engines, reason, as the error says it)
SKIPPED: dict[str, tuple[tuple[str, ...], str]] = {
    "test_training_dropout": (ENGINES, NUMPY_MASK),
    "test_training_dropout_default": (ENGINES, NUMPY_MASK),
    "test_training_dropout_default_mask": (ENGINES, NUMPY_MASK),
    "test_training_dropout_mask": (ENGINES, NUMPY_MASK),
    "test_celu_bfloat16": (ENGINES, "'bfloat16'"),
    **{f"test_resize_downsample_scales_{mode}_align_corners": (ENGINES, "Not equal to tolerance")
       for mode in ("linear", "cubic")},  # onnxruntime is followed: docs/exchange.md
    **{f"test_{name}": (ENGINES, "'object'") for name in (
        *(f"{op}quantizelinear_{kind}" for op in ("", "de")
          for kind in ("e4m3fn", "e5m2", "uint4", "int4", "uint2", "int2", "float4e2m1")),
        "dequantizelinear_e4m3fn_float16", "dequantizelinear_e4m3fn_zero_point", "equal_string",
        "equal_string_broadcast")},  # numbers of less than 8 bits, words
    **{f"test_{name}": (ENGINES, "'bfloat16'") for name in (
        "einsum_batch_matmul_bfloat16", "einsum_sum_bfloat16", "einsum_transpose_bfloat16",
        "onehot_with_bfloat16_values")},
    **{f"test_reduce_{name}": (ENGINES, "has no elements") for name in (
        "log_sum_exp_empty_set", "max_empty_set", "max_empty_set_bool", "min_empty_set")},
    **{f"test_{name}": (ENGINES, "'bfloat16'") for name in (
        *(f"attention_{kind}_bf16" for kind in ("4d_causal", "4d_padded_kv", "4d_causal_padded_kv",
          "4d_attn_mask_causal", "3d_causal")),
        "compress_bfloat16", "range_bfloat16_type_positive_delta", "reversesequence_bfloat16")},
    **{f"test_{name}": (ENGINES, "dtype('float16')") for name in (
        "attention_4d_fp16", "attention_4d_gqa_with_past_and_present_fp16", "attention_4d_causal_fp16",
        "attention_4d_gqa_causal_nonpad_decode_fp16", "attention_24_qk_matmul_output_mode3_softmax_precision",
        "attention_local_window_ext_cache_float16_mask", "causal_conv_with_state_fp16",
        "causal_conv_with_state_silu_fp16")},  # half precision comes back as float32
    **{f"test_{name}": (ENGINES, "Not equal to tolerance") for name in (
        "dft_inverse", "dft_inverse_opset19")},  # 10 numbers that are 0 are expected to be 2e-7
    "test_if_seq": (ENGINES, "'res'"),  # results that are sequences
    "test_if_opt": (ENGINES, "'sequence'"),
    **{f"test_{name}": (ENGINES, "is no sequence") for name in ("loop13_seq", "loop16_seq_none")},
    "test_scan_sum": (ENGINES, "its form of opset 8"),
    **{f"test_div_{kind}": (("native",), FLOAT64) for kind in
       ("int8", "int16", "int32_trunc", "uint8", "uint16", "uint32", "uint64")},
}  # fmt: skip


@cache
def cases() -> Mapping[str, Any]:
    """Name → case, of those that are one node."""
    with warnings.catch_warnings():  # the package's own arithmetic on limits
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    return {c.name: c for c in found if c.model is not None and len(c.model.graph.node) == 1}


def operator(name: str) -> str:
    return str(cases()[name].model.graph.node[0].op_type)


def skipped(name: str) -> tuple[tuple[str, ...], str]:
    """Engines that leave a case out, and why; the native one does not compute in float64."""
    if name in SKIPPED:
        return SKIPPED[name]
    inputs = [np.asarray(value) for inputs, _ in cases()[name].data_sets for value in inputs]
    return (("native",), FLOAT64) if any(a.dtype == np.float64 for a in inputs) else ((), "")


def names(operators: object, each: int | None = None) -> list[str]:
    """The cases of some operators, of each the first so many or all."""
    chosen = set(operators)  # type: ignore[call-overload]
    found = [n for n in cases() if operator(n) in chosen and not n.endswith("_expanded")]
    seen: Counter[str] = Counter()
    kept = []
    for name in found:
        seen[operator(name)] += 1
        if each is None or seen[operator(name)] <= each:
            kept.append(name)
    return kept


def outputs_of(model: Any, inputs: Sequence[Any], engine: Engine) -> tuple[np.ndarray, ...]:
    """Convert a model for the shapes of its inputs, and run it.

    Operands that sloy needs to know before anything runs (shapes, axes, pads) are read off the inputs; all arithmetic
    is the engine's.
    """
    import sloy.exchange.onnx.expansions
    import sloy.exchange.onnx.operators  # noqa: F401  fill the tables
    from sloy.exchange.onnx.conversion import Conversion
    from sloy.exchange.onnx.reading import from_proto
    from sloy.exchange.onnx.values import known

    onnx.checker.check_model(model)
    read = from_proto(model)
    given = dict(zip([info.name for info in read.inputs], map(np.asarray, inputs), strict=True))
    dtype = "float64" if any(a.dtype == np.float64 for a in given.values()) else "float32"
    conversion = Conversion(read, dtype)
    fed = {name: fed_as(name, array) for name, array in given.items()}
    op = model.graph.node[0].op_type
    for name in [*given][op in KNOWN_SECOND :] if op in (*KNOWN, *KNOWN_SECOND) else ():
        fed[name] = (known(given[name]), given[name])
    wanted = [info.name for info in read.outputs]
    found = conversion.run({name: value for name, (value, _) in fed.items()}, wanted)
    graph = Graph.of({name: conversion.tensor(value) for name, value in found.items()})
    feeds = {name: fed[name][1].astype(spec.dtype) for name, spec in graph.inputs.items()}
    outputs = engine.compile(graph, {}).run(feeds)
    return tuple(outputs[name].astype(found[name].dtype, copy=False) for name in wanted)


def fed_as(name: str, array: np.ndarray) -> tuple[Any, np.ndarray]:
    """An input as a tensor that is fed and as what it is, and what is fed."""
    from sloy.exchange.onnx.conversion import _fits
    from sloy.exchange.onnx.values import HELD, Value, identity

    dtype = array.dtype.name
    kept = "float32" if dtype == "float16" else HELD.get(dtype, dtype)
    tensor = ops.input(name, array.shape, kept)
    value = Value(array.shape, dtype, array, tensor, identity(array.ndim), array.shape)
    return value, array if array.dtype.kind == "f" else _fits(array, kept)


def run(name: str, engine: str) -> None:
    from onnx.backend.test.runner import Runner

    case = cases()[name]
    for inputs, outputs in case.data_sets:
        found = outputs_of(case.model, inputs, available(engine, threads=1))
        expected = [
            onnx.numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v)
            for v in outputs
        ]
        Runner.assert_similar_outputs(expected, found, case.rtol, case.atol)


@pytest.mark.parametrize(
    ("group", "operators"),
    [("inference", INFERENCE), ("training", TRAINING), ("more", MORE), ("made", {*MADE, *KNOWN})],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_node_cases(engine: str, group: str, operators: object) -> None:
    """On jax, which compiles each for long and has the same conversion, the first case of each operator."""
    available(engine)
    executed, failed = 0, []
    few = EACH[engine] if group == "made" else {"jax": 1}.get(engine)
    chosen = names(operators, few)
    for name in chosen:
        engines, reason = skipped(name)
        try:
            run(name, engine)
        except Exception as error:
            if engine not in engines or reason not in str(error):
                failed.append(f"{name}: {type(error).__name__}: {error}")
        else:
            executed += 1
            if engine in engines:
                failed.append(f"{name}: runs, but is listed as skipped")
    assert not failed, "\n".join(failed)
    left_out = [skipped(n)[0] for n in chosen]
    assert executed == len(left_out) - sum(engine in engines for engines in left_out)
    if engine == "jax" or (few and engine != "reference"):
        return
    only_here = left_out.count(("native",))
    assert executed == EXECUTED[group] - (only_here if engine == "native" else 0)


@pytest.mark.parametrize("counts", [INFERENCE, TRAINING])
def test_no_case_is_overlooked(counts: Mapping[str, int]) -> None:
    assert Counter(map(operator, names(counts))) == Counter(counts)


def test_what_is_skipped_exists() -> None:
    assert set(SKIPPED) <= set(names([*INFERENCE, *TRAINING, *MORE, *MADE, *KNOWN]))


@pytest.mark.parametrize("wrong", [np.zeros_like, lambda y: y * 1.01], ids=["zeros", "1 %"])
def test_the_comparison_sees_wrong_values(wrong: Any) -> None:
    from onnx.backend.test.runner import Runner

    case = cases()["test_basic_conv_with_padding"]
    (_, outputs), *_ = case.data_sets
    with pytest.raises(AssertionError):
        Runner.assert_similar_outputs(
            outputs, [wrong(np.asarray(y)) for y in outputs], case.rtol, case.atol
        )


@pytest.mark.parametrize("kind", ["pytorch-converted", "pytorch-operator"])
def test_graphs_that_pytorch_wrote(kind: str) -> None:
    """Whole layers and functions with real weights, most of opset 6; all 117 of them run on the reference engine."""
    from onnx import numpy_helper
    from onnx.backend.test.loader import load_model_tests

    executed = 0
    for case in load_model_tests(kind=kind):
        folder = Path(case.model_dir)
        model = onnx.load(folder / "model.onnx")
        for data in sorted(folder.glob("test_data_set_*")):
            inputs, outputs = (
                [
                    numpy_helper.to_array(onnx.load_tensor(f))
                    for f in sorted(data.glob(f"{side}_*.pb"))
                ]
                for side in ("input", "output")
            )
            given = outputs_of(model, inputs, available("reference"))
            for found, expected in zip(given, outputs, strict=True):
                np.testing.assert_allclose(found, expected, rtol=case.rtol, atol=1e-5)
        executed += 1
    assert executed == {"pytorch-converted": 82, "pytorch-operator": 35}[kind]
