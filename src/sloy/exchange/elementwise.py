"""What the elementwise ops are elsewhere: one row each, with the operator in ONNX and the expression in C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# ``emit(operator, *operands) -> name of the result``; numbers among the operands become constants.
Emit = Callable[..., str]


@dataclass(frozen=True)
class Form:
    """An elementwise op in ONNX and in C.

    Parameters
    ----------
    onnx : str, callable or None
        The operator that does the same, which is then also read as the op; ``(emit, *operands) -> name`` where it
        takes several; None where `sloy.exchange.onnx.writers` has a rule of its own.
    c : str
        The expression, with {0}, {1} … for operands; or the definition of a function ``sloy_<op>`` of them and of
        the op's attributes in the order of its schema, whose name gets the file's prefix.
    """

    onnx: str | Callable[..., str] | None
    c: str

    @property
    def is_function(self) -> bool:
        """Whether `c` is the definition of a function."""
        return self.c.startswith("static ")


def _expm1(emit: Emit, x: str) -> str:
    """tanh(x / 2) (e^x + 1), which keeps the digits of small x."""
    return emit("Mul", emit("Tanh", emit("Mul", x, 0.5)), emit("Add", emit("Exp", x), 1.0))


FORMS: dict[str, Form] = {
    "neg": Form("Neg", "(-{0})"),
    "abs": Form("Abs", "fabsf({0})"),
    "sign": Form(
        "Sign", "static float sloy_sign(float x) { return (float)((x > 0.0f) - (x < 0.0f)); }"
    ),
    "exp": Form("Exp", "expf({0})"),
    "expm1": Form(_expm1, "expm1f({0})"),
    "log": Form("Log", "logf({0})"),
    "log1p": Form(lambda emit, x: emit("Log", emit("Add", x, 1.0)), "log1pf({0})"),
    "sqrt": Form("Sqrt", "sqrtf({0})"),
    "floor": Form("Floor", "floorf({0})"),
    "sin": Form("Sin", "sinf({0})"),
    "cos": Form("Cos", "cosf({0})"),
    "tanh": Form("Tanh", "tanhf({0})"),
    "sigmoid": Form(
        "Sigmoid",
        """static float sloy_sigmoid(float x)
{
    float small = expf(-fabsf(x)); /* never overflows */
    return x >= 0.0f ? 1.0f / (1.0f + small) : small / (1.0f + small);
}""",
    ),
    "erf": Form("Erf", "erff({0})"),
    "softplus": Form(
        "Softplus",
        """static float sloy_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x)));
}""",
    ),
    "relu": Form("Relu", "static float sloy_relu(float x) { return x > 0.0f ? x : 0.0f; }"),
    "add": Form("Add", "({0} + {1})"),
    "sub": Form("Sub", "({0} - {1})"),
    "mul": Form("Mul", "({0} * {1})"),
    "div": Form("Div", "({0} / {1})"),
    "power": Form("Pow", "powf({0}, {1})"),
    "maximum": Form("Max", "static float sloy_maximum(float x, float y) { return x > y ? x : y; }"),
    "minimum": Form("Min", "static float sloy_minimum(float x, float y) { return x < y ? x : y; }"),
    "equal": Form("Equal", "(float)({0} == {1})"),
    "not_equal": Form(lambda emit, x, y: emit("Not", emit("Equal", x, y)), "(float)({0} != {1})"),
    "less": Form("Less", "(float)({0} < {1})"),
    "less_equal": Form("LessOrEqual", "(float)({0} <= {1})"),
    "greater": Form("Greater", "(float)({0} > {1})"),
    "greater_equal": Form("GreaterOrEqual", "(float)({0} >= {1})"),
    "where": Form(
        None,
        "static float sloy_where(float c, float x, float y) { return c != 0.0f ? x : y; }",
    ),
    "clip": Form(
        None,
        """static float sloy_clip(float x, float low, float high)
{
    float most = x < high ? x : high;
    return most > low ? most : low;
}""",
    ),
}
