"""Exercises to L1–L5: neurons, logic, approximation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product

import numpy as np

from sloy.language import say
from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake
from sloy.lecture.exercises.learner import Wrong, numbers, shown, text_of

__all__ = ["EXERCISES"]

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
NAMES = (  # of the functions of two inputs; the number's bits are the values at the corners
    "0", "AND", "x1 ∧ ¬x2", "x1", "¬x1 ∧ x2", "x2", "XOR", "OR",
    "NOR", "XNOR", "¬x2", "x1 ∨ ¬x2", "¬x1", "¬x1 ∨ x2", "NAND", "1",
)  # fmt: skip


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _neuron_cases(random: np.random.Generator) -> list[Case]:
    cases = [
        (random.normal(size=n), random.normal(size=n), random.normal()) for n in (2, 2, 3, 3, 5, 5)
    ]
    return [tuple(np.round(part, 2) for part in case) for case in cases]


NEURON = FunctionOf(
    ("x", "w", "w0"),
    lambda x, w, w0: _sigmoid(w0 + w @ x),
    _neuron_cases,
    (
        Mistake(lambda x, w, w0: _sigmoid(w @ x), "The free term w0 is left out."),
        Mistake(lambda x, w, w0: w0 + w @ x, "This is the sum before σ: put it through the sigmoid."),
        Mistake(lambda x, w, w0: w @ x, "Both w0 and σ are missing."),
        Mistake(lambda x, w, w0: _sigmoid(-(w0 + w @ x)), "This is 1 / (1 + e^z): the exponent is −z."),
        Mistake(lambda x, w, w0: np.tanh(w0 + w @ x), "This is tanh; σ is the sigmoid here."),
        Mistake(lambda x, w, w0: np.sign(w0 + w @ x), "This is the sign; σ is the sigmoid here."),
        Mistake(lambda x, w, w0: w0 + w @ x > 0, "This is a threshold; σ is the sigmoid here."),
        Mistake(lambda x, w, w0: _sigmoid(w0 + w * x), "The products are not summed: σ takes their sum."),
        Mistake(lambda x, w, w0: w0 + w @ _sigmoid(x), "σ comes last: it takes the whole sum, not the inputs."),
        Mistake(lambda x, w, w0: w0 + _sigmoid(w @ x), "w0 belongs inside σ."),
        Mistake(lambda x, w, w0: _sigmoid(w0 + np.sum(w) * np.sum(x)), "Each input has its own weight: Σ wⱼ xⱼ is not Σ wⱼ · Σ xⱼ."),
        Mistake(lambda x, w, w0: _sigmoid(w0 + np.sum(w + x)), "Weights are multiplied with inputs, not added to them."),
        Mistake(lambda x, w, w0: _sigmoid(w0 * (w @ x)), "w0 is added to the sum, not multiplied with it."),
    ),
)  # fmt: skip


def _weights(answer: object) -> np.ndarray:
    """w0, w1, w2 of a neuron."""
    weights = numbers(answer)
    if weights.shape != (3,):
        raise Wrong(
            say("a neuron of two inputs is (w0, w1, w2); this is {value}.", value=shown(answer))
        )
    if not np.isfinite(weights).all():
        raise Wrong(say("weights must be finite; these are {value}.", value=shown(weights)))
    return weights


def _table(weights: np.ndarray, inputs: np.ndarray = CORNERS) -> np.ndarray:
    """Values of a threshold neuron, (N,)."""
    return (weights[0] + inputs @ weights[1:] > 0).astype(int)


def _name(table: np.ndarray) -> str:
    """English; `say` has it in the language that is spoken."""
    return NAMES[int("".join(map(str, table)), 2)]


def _nand(answer: object) -> None:
    weights = _weights(answer)
    table, wanted = _table(weights), np.array([1, 1, 1, 0])
    wrong = np.nonzero(table != wanted)[0]
    if not wrong.size:
        return
    at = CORNERS[wrong[-1]]
    sum_there = weights[0] + at @ weights[1:]
    fact = say(
        "NAND at ({x1}, {x2}) must be {right}; your sum there is {sum}, so the neuron gives {given}.",
        x1=at[0],
        x2=at[1],
        right=wanted[wrong[-1]],
        sum=shown(sum_there),
        given=table[wrong[-1]],
    )
    raise Wrong(f"{fact} {_why_not_nand(weights, table, float(sum_there))}")


def _why_not_nand(weights: np.ndarray, table: np.ndarray, sum_there: float) -> str:
    if (_table(np.roll(weights, 1)) == [1, 1, 1, 0]).all():
        return say("It would be right as (w1, w2, w0); w0 comes first.")
    if sum_there == 0:
        return say("The line passes through this point, and 0 > 0 does not hold: move it by w0.")
    if _name(table) == "AND":
        return say("This is AND, the very opposite: turn the signs of all three weights.")
    if (weights[1:] < 0).all() and _name(table) == "1":
        return say("The line lies beyond (1, 1), so all corners are on one side: w0 is too large.")
    if (weights[1:] < 0).all() and _name(table) in ("NOR", "0"):
        return say("The line cuts off more corners than (1, 1): w0 is too small.")
    if _name(table) in ("0", "1"):
        return say("All four corners are on one side of the line.")
    if _name(table) in ("¬x1", "¬x2"):
        return say("Only one input counts: this is {name}.", name=say(_name(table)))
    return say("Your neuron is {name}.", name=say(_name(table)))


def _xnor(answer: object) -> None:
    if not isinstance(answer, tuple | list | np.ndarray) or len(answer) != 3:
        raise Wrong(
            say("Three neurons are asked for: (hidden 1, hidden 2, output); this is {value}.", value=shown(answer))
        )  # fmt: skip
    first, second, output = map(_weights, answer)
    hidden = np.stack([_table(first), _table(second)], axis=1)  # (4, 2)
    table = _table(output, hidden)
    if list(table) == [1, 0, 0, 1]:
        return
    at = int(np.nonzero(table != [1, 0, 0, 1])[0][0])
    fact = say(
        "At ({x1}, {x2}) the network gives {given}; the hidden neurons give {h1} and {h2} there.",
        x1=CORNERS[at][0],
        x2=CORNERS[at][1],
        given=table[at],
        h1=hidden[at][0],
        h2=hidden[at][1],
    )
    raise Wrong(f"{fact} {_why_not_xnor(hidden, table, output)}")


def _why_not_xnor(hidden: np.ndarray, table: np.ndarray, output: np.ndarray) -> str:
    names = [_name(hidden[:, 0]), _name(hidden[:, 1])]
    said = say("Hidden: {first}, {second}.", first=say(names[0]), second=say(names[1]))
    if (_table(np.roll(output, 1), hidden) == [1, 0, 0, 1]).all():
        return say("The output would be right as (w1, w2, w0); w0 comes first.")
    if _name(table) == "XOR":
        return say("This is XOR, the very opposite: turn the signs of the output's weights.")
    for equal, other in ((0, 1), (0, 2), (1, 3), (2, 3)):
        if (hidden[equal] == hidden[other]).all():
            one, two = (
                f"({CORNERS[k][0]}, {CORNERS[k][1]})" for k in (equal, other)
            )  # values that must differ
            told = say("For {one} and {two} they are the same, so no output can tell these apart.", one=one, two=two)  # fmt: skip
            return f"{said} {told}"
    told = say(
        "They suffice; the output neuron must take them otherwise: it makes {name}.",
        name=say(_name(table)),
    )
    return f"{said} {told}"


VARIABLES = ("a", "b", "c")
MOST = 3  # conjunctions of the majority of three
SIGNS = str.maketrans({"∧": "&", "∨": "|", "¬": "~", "!": "~"})


def _value(node: ast.expr, values: dict[str, bool]) -> bool:
    """Of an expression of `a`, `b`, `c` with and, or, not."""
    match node:
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return _value(left, values) and _value(right, values)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _value(left, values) or _value(right, values)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(part, values) for part in parts)
        case ast.Name(id=name):
            raise Wrong(say("There is no variable {name}: only a, b and c.", name=name))
    raise Wrong(say("Only &, |, ~, a, b and c may be used; not {part}.", part=ast.unparse(node)))


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    """What is joined by or."""
    match node:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            yield from (*_terms(left), *_terms(right))
        case ast.BoolOp(op=ast.Or(), values=parts):
            for part in parts:
                yield from _terms(part)
        case _:
            yield node


def _is_conjunction(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return _is_conjunction(left) and _is_conjunction(right)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(map(_is_conjunction, parts))
        case ast.UnaryOp(operand=operand):
            return isinstance(operand, ast.Name)
    return isinstance(node, ast.Name)


def _majority(answer: object) -> None:
    try:
        tree = ast.parse(text_of(answer).translate(SIGNS).strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise Wrong(say("{value} is no expression.", value=shown(answer))) from None
    terms = list(_terms(tree))
    for corner in product((0, 1), repeat=3):
        values = dict(zip(VARIABLES, map(bool, corner), strict=True))
        given, right = _value(tree, values), sum(corner) >= 2
        if given == right:
            continue
        at = ", ".join(f"{n} = {v}" for n, v in zip(VARIABLES, corner, strict=True))
        fact = say("At {at} it gives {given}; it must be {right}:", at=at, given=int(given), right=int(right))  # fmt: skip
        if right:
            raise Wrong(f"{fact} {say('none of its conjunctions holds there.')}")
        guilty = next(ast.unparse(term) for term in terms if _value(term, values))
        raise Wrong(f"{fact} {say('{term} holds there.', term=guilty)}")
    for term in terms:
        if not _is_conjunction(term):
            raise Wrong(
                say("The values are right, but {term} is no conjunction of variables and their negations: multiply it out.", term=ast.unparse(term))
            )  # fmt: skip
    if len(terms) > MOST:
        raise Wrong(
            say("The values are right, but {given} conjunctions are too many: join two that differ in one variable only, as a & b & c | a & b & ~c = a & b.", given=len(terms))
        )  # fmt: skip


def _pieces(values: np.ndarray, height: float) -> int:
    """Fewest runs of neighbours of which each lies within a height."""
    low = high = values[0]
    found = 1
    for value in values:
        low, high = min(low, value), max(high, value)
        if high - low > height:
            low = high = value
            found += 1
    return found


def _by_first(values: np.ndarray, height: float) -> int:
    """As `_pieces`, but measured from the first value of a run."""
    first, found = values[0], 1
    for value in values:
        if abs(value - first) > height:
            first, found = value, found + 1
    return found


def _value_cases(random: np.random.Generator) -> list[Case]:
    walks: list[Case] = [(np.array([0.0, 0.4, 0.9, 1.3, 1.2, 0.2]), 0.3)]
    walks += [(np.round(np.cumsum(random.normal(size=n)), 3), 0.7) for n in (12, 30, 60)]
    return [*walks, (np.sin(np.linspace(0, 6, 200)), 0.13)]


UNITS = FunctionOf(
    ("values", "eps"),
    lambda v, e: _pieces(v, 2 * e) - 1,
    _value_cases,
    (
        Mistake(lambda v, e: _pieces(v, 2 * e), "These are the pieces; between n pieces there are n − 1 jumps, a unit each: the first piece is the free term."),
        Mistake(lambda v, e: _pieces(v, e) - 1, "A piece may be 2ε high, not ε: its constant lies in the middle."),
        Mistake(lambda v, e: _pieces(v, e), "A piece may be 2ε high, not ε; and n pieces have n − 1 jumps."),
        Mistake(lambda v, e: np.ceil(np.ptp(v) / (2 * e)) - 1, "The range over 2ε is enough only where the function is monotone: going down again costs jumps too."),
        Mistake(lambda v, e: np.ceil(np.ptp(v) / (2 * e)), "The range over 2ε is enough only where the function is monotone: going down again costs jumps too."),
        Mistake(lambda v, e: np.ceil(np.abs(np.diff(v)).sum() / (2 * e)) - 1, "All ways up and down over 2ε is too many: around a peak one piece takes both sides."),
        Mistake(lambda v, e: np.ceil(np.abs(np.diff(v)).sum() / (2 * e)), "All ways up and down over 2ε is too many: around a peak one piece takes both sides."),
        Mistake(lambda v, e: _by_first(v, 2 * e) - 1, "You compare with the first value of a piece; what counts is its largest minus its smallest value."),
        Mistake(lambda v, e: _by_first(v, e) - 1, "You compare with the first value of a piece; what counts is its largest minus its smallest value."),
        Mistake(lambda v, e: (np.abs(np.diff(v)) > 2 * e).sum(), "You compare neighbours only; small steps add up."),
        Mistake(lambda v, e: (np.abs(np.diff(v)) > e).sum(), "You compare neighbours only; small steps add up."),
        Mistake(lambda v, e: len(v) - 1, "A unit for every value is more than is needed: values within 2ε share a piece."),
        Mistake(lambda v, e: len(v), "A unit for every value is more than is needed: values within 2ε share a piece."),
    ),
)  # fmt: skip

EXERCISES = (
    Exercise(
        name="L1",
        title="Write a neuron",
        task="Write a function that is a neuron: x are the inputs and w their weights (arrays of one length), w0 is the free term, σ is the sigmoid.",
        formula="a(x, w) = σ(w₀ + Σⱼ wⱼ xⱼ),   σ(z) = 1 / (1 + e⁻ᶻ)",
        form="def answer(x, w, w0):\n    return ...",
        judge=NEURON,
        tips=(
            "First the sum of products, then the free term, σ last.",
            "The sum of products of two arrays is `w @ x`; the exponential is `np.exp`.",
        ),
        solution="""\
import numpy as np


def answer(x, w, w0):
    return 1 / (1 + np.exp(-(w0 + np.dot(w, x))))
""",
    ),
    Exercise(
        name="L2",
        title="A neuron for NAND",
        task="Find weights with which one threshold neuron is NAND: 0 at (1, 1), and 1 at the three other corners.",
        formula="[w₀ + w₁ x₁ + w₂ x₂ > 0]",
        form="answer = (w0, w1, w2)",
        judge=_nand,
        tips=(
            "NAND is NOT AND. Which neuron is AND, and what turns yes into no?",
            "The line must pass between (1, 1) and the other corners, and the origin must be on the side of 1.",
            "[z > 0] turns into its opposite with −z: AND has the sum x₁ + x₂ − 3/2.",
        ),
        solution="answer = (1.5, -1, -1)\n",
    ),
    Exercise(
        name="L3",
        title="XNOR by two layers",
        task="XNOR is 1 where both inputs are equal. Build it of three threshold neurons: two hidden ones that see x₁ and x₂, and an output that sees the two hidden ones.",
        formula="h₁, h₂ = [w₀ + w₁ x₁ + w₂ x₂ > 0],   a = [v₀ + v₁ h₁ + v₂ h₂ > 0]",
        form="answer = ((w0, w1, w2), (w0, w1, w2), (v0, v1, v2))",
        judge=_xnor,
        tips=(
            "XNOR is NOT XOR, and the row has a network for XOR.",
            "With h₁ = OR and h₂ = AND, XOR is [h₁ − h₂ − 1/2 > 0].",
            "Turn the signs of the output: [−h₁ + h₂ + 1/2 > 0].",
        ),
        solution="answer = ((-0.5, 1, 1), (-1.5, 1, 1), (0.5, -1, 1))\n",
    ),
    Exercise(
        name="L4",
        title="A disjunction of conjunctions",
        task="Write the majority of three as a disjunction of at most three conjunctions: 1 where at least two of a, b, c are 1. A hidden neuron would be needed for each conjunction. Write & for and, | for or, ~ for not.",
        form='answer = "(a & ~b) | c"',
        judge=_majority,
        tips=(
            "Each conjunction names a case in which it is 1. In which cases are two of them 1?",
            "If a and b are 1, does c matter?",
            "One conjunction for each pair of variables.",
        ),
        solution='answer = "(a & b) | (a & c) | (b & c)"\n',
    ),
    Exercise(
        name="L5",
        title="How many units are needed",
        task="A network of H threshold units with a free term is a step function: H jumps, H + 1 constant pieces. Given the values of a function in order (an array) and a tolerance ε, find the fewest units with which every value can be met to within ε. (For sin on (0, 2π) and ε = 0.1 these are 17, with perfectly steep jumps exactly in their places: that is why 17 sigmoids fail.)",
        formula="|f(x) − network(x)| ≤ ε  for every value",
        form="def answer(values, eps):\n    return ...",
        judge=UNITS,
        tips=(
            "A constant can meet several values to within ε if the largest minus the smallest is at most 2ε.",
            "Go from left to right, and begin a new piece only where the old one cannot take the next value.",
            "n pieces have n − 1 jumps, and each jump is a unit.",
        ),
        solution="""\
def answer(values, eps):
    jumps, low, high = 0, values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
        if high - low > 2 * eps:
            jumps, low, high = jumps + 1, value, value
    return jumps
""",
    ),
)  # fmt: skip
