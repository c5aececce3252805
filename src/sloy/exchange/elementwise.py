"""What the elementwise ops are elsewhere: one row each, in ONNX, in C and in JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# ``emit(operator, *operands) -> name of the result``; numbers among the operands become constants.
Emit = Callable[..., str]


@dataclass(frozen=True)
class Form:
    """An elementwise op in ONNX, C and JavaScript.

    Parameters
    ----------
    onnx : str, callable or None
        The operator that does the same, which is then also read as the op; ``(emit, *operands) -> name`` where it
        takes several; None where `sloy.exchange.onnx.writers` has a rule of its own.
    c : str
        The expression, with {0}, {1} … for operands; or the definition of a function ``sloy_<op>`` of them and of
        the op's attributes in the order of its schema, whose name gets the file's prefix.
    javascript : str
        Likewise, on numbers that are float32, with ``f`` to round to such: each op by itself is then what C's is.
    """

    onnx: str | Callable[..., str] | None
    c: str
    javascript: str


def _expm1(emit: Emit, x: str) -> str:
    """tanh(x / 2) (e^x + 1), which keeps the digits of small x."""
    return emit("Mul", emit("Tanh", emit("Mul", x, 0.5)), emit("Add", emit("Exp", x), 1.0))


_ERF = """function sloy_erf(x) { // Numerical Recipes' Chebyshev fit of erfc, within 1.2e-7
    if (Math.abs(x) < 0.5) {
        const z = x * x;
        return f(x * (1.1283791670955126 - z * (0.37612638903183754 - z * (0.11283791670955126 - z * (
            0.026866170645131252 - z * (0.005223977625442188 - z * (0.0008548327023450853
            - z * 0.00012055332981789664)))))));
    }
    const t = 1 / (1 + 0.5 * Math.abs(x));
    const y = t * Math.exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
        + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
    return f(x > 0 ? 1 - y : y - 1);
}"""

FORMS: dict[str, Form] = {
    "neg": Form("Neg", "(-{0})", "(-{0})"),
    "abs": Form("Abs", "fabsf({0})", "Math.abs({0})"),
    "sign": Form(
        "Sign",
        "static float sloy_sign(float x) { return (float)((x > 0.0f) - (x < 0.0f)); }",
        "Math.sign({0})",
    ),
    "exp": Form("Exp", "expf({0})", "f(Math.exp({0}))"),
    "expm1": Form(_expm1, "expm1f({0})", "f(Math.expm1({0}))"),
    "log": Form("Log", "logf({0})", "f(Math.log({0}))"),
    "log1p": Form(
        lambda emit, x: emit("Log", emit("Add", x, 1.0)), "log1pf({0})", "f(Math.log1p({0}))"
    ),
    "sqrt": Form("Sqrt", "sqrtf({0})", "f(Math.sqrt({0}))"),
    "floor": Form("Floor", "floorf({0})", "Math.floor({0})"),
    "sin": Form("Sin", "sinf({0})", "f(Math.sin({0}))"),
    "cos": Form("Cos", "cosf({0})", "f(Math.cos({0}))"),
    "tanh": Form("Tanh", "tanhf({0})", "f(Math.tanh({0}))"),
    "sigmoid": Form(
        "Sigmoid",
        """static float sloy_sigmoid(float x)
{
    float small = expf(-fabsf(x)); /* never overflows */
    return x >= 0.0f ? 1.0f / (1.0f + small) : small / (1.0f + small);
}""",
        """function sloy_sigmoid(x) {
    const small = Math.exp(-Math.abs(x)); // never overflows
    return f(x >= 0 ? 1 / (1 + small) : small / (1 + small));
}""",
    ),
    "erf": Form("Erf", "erff({0})", _ERF),
    "softplus": Form(
        "Softplus",
        """static float sloy_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x)));
}""",
        """function sloy_softplus(x) {
    return f((x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x))));
}""",
    ),
    "relu": Form(
        "Relu",
        "static float sloy_relu(float x) { return x <= 0.0f ? 0.0f : x; }",
        "function sloy_relu(x) { return x <= 0 ? 0 : x; }",
    ),
    "add": Form("Add", "({0} + {1})", "f({0} + {1})"),
    "sub": Form("Sub", "({0} - {1})", "f({0} - {1})"),
    "mul": Form("Mul", "({0} * {1})", "f({0} * {1})"),
    "div": Form("Div", "({0} / {1})", "f({0} / {1})"),
    "power": Form(
        "Pow",
        "powf({0}, {1})",
        """function sloy_power(x, y) { // as C has it: 1 to any power, and (−1) to an infinite one
    return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : f(Math.pow(x, y));
}""",
    ),
    "maximum": Form(
        "Max",
        "static float sloy_maximum(float x, float y) { return x > y || x != x ? x : y; }",
        "function sloy_maximum(x, y) { return x > y || x !== x ? x : y; }",
    ),
    "minimum": Form(
        "Min",
        "static float sloy_minimum(float x, float y) { return x < y || x != x ? x : y; }",
        "function sloy_minimum(x, y) { return x < y || x !== x ? x : y; }",
    ),
    "equal": Form("Equal", "(float)({0} == {1})", "Number({0} === {1})"),
    "not_equal": Form(
        lambda emit, x, y: emit("Not", emit("Equal", x, y)),
        "(float)({0} != {1})",
        "Number({0} !== {1})",
    ),
    "less": Form("Less", "(float)({0} < {1})", "Number({0} < {1})"),
    "less_equal": Form("LessOrEqual", "(float)({0} <= {1})", "Number({0} <= {1})"),
    "greater": Form("Greater", "(float)({0} > {1})", "Number({0} > {1})"),
    "greater_equal": Form("GreaterOrEqual", "(float)({0} >= {1})", "Number({0} >= {1})"),
    "where": Form(
        None,
        "static float sloy_where(float c, float x, float y) { return c != 0.0f ? x : y; }",
        "function sloy_where(c, x, y) { return c !== 0 ? x : y; }",
    ),
    "clip": Form(
        None,
        """static float sloy_clip(float x, float low, float high)
{
    float most = x > high ? high : x;
    return most < low ? low : most;
}""",
        """function sloy_clip(x, low, high) {
    const most = x > high ? high : x;
    return most < low ? low : most;
}""",
    ),
}
