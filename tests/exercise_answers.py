"""What learners hand in to the exercises of L1–L10: right answers, and wrong ones with what must be said of them."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

Answers = dict[str, list[Any]]
Wrong = dict[str, list[tuple[Any, str]]]


def s(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def loop_neuron(x: Any, w: Any, w0: float) -> float:
    total = w0
    for one, weight in zip(x, w, strict=True):
        total += one * weight
    return 1 / (1 + math.exp(-total))


def greedy(values: Any, eps: float, start: int = 0, height: float = 2.0) -> int:
    units, run = start, [values[0]]
    for v in values[1:]:
        if max([*run, v]) - min([*run, v]) > height * eps:
            units, run = units + 1, []
        run.append(v)
    return units


def forward(Q: Any, w: Any, h: float) -> list[float]:
    base = Q(w)
    return [(Q(w + h * unit) - base) / h for unit in np.eye(len(w))]


def both_ways(Q: Any, w: Any, h: float) -> list[float]:
    return [(Q(w + h * unit) - Q(w - h * unit)) / (2 * h) for unit in np.eye(len(w))]


def stays(Q: Any, w: Any, h: float) -> list[float]:
    base, found = Q(w), []
    for j in range(len(w)):
        w[j] += h
        found.append((Q(w) - base) / h)
    return found


def stopping(w: Any, x: Any, y: Any, eta: float) -> list[float]:
    return [
        w[j] - eta * sum(2 * (x[i] @ w - y[i]) * x[i][j] for i in range(len(y)))
        for j in range(len(w))
    ]


def raises(*arguments: Any) -> None:
    raise KeyError("lost")


XNOR = ((-0.5, 1, 1), (-1.5, 1, 1), (0.5, -1, 1))

RIGHT: Answers = {
    "L1": [loop_neuron, lambda x, w, w0: s(w0 + (x * w).sum()), lambda *a: np.array([s(a[2] + a[0] @ a[1])])],
    "L2": [(1.5, -1, -1), [3, -2, -2], np.array([0.7, -0.5, -0.4]), (Fraction(3, 2), -1, -1)],
    "L3": [XNOR, np.array(XNOR), [[-1.5, 1, 1], [0.5, -1, -1], [-0.5, 1, 1]]],
    "L4": ["(a & b) | (a & c) | (b & c)", "a and b or b and c or a and c", "b∧a ∨ c∧a ∨ c∧b"],
    "L5": [greedy, lambda values, eps: np.float64(greedy(list(values), eps))],
    "L6": [83, 83.0, [83], np.array(83)],
    "L7": [stopping, lambda w, x, y, eta: w - 2 * eta * (x.T @ x @ w - x.T @ y)],
    "L7b": [0.2, [0.2], 0.201],
    "L8": [(84, 100), [84.0, 99], np.array([84, 98.9]), (84, 831 * 10 / 84)],
    "L8b": [forward, lambda Q, w, h: np.array([-(Q(w - h * e) - b) / h for b in [Q(w)] for e in np.eye(len(w))])],
    "L9": [
        lambda eps, slope, w: sum(e * d * v for e, d, v in zip(eps, slope, w, strict=True)),
        lambda eps, slope, w: np.dot(eps * slope, w),
        lambda e, d, v: [np.einsum("m,m,m", e, d, v)],
    ],
    "L9b": [
        lambda w, eps, slope, u, eta: w - eta * u[:, None] * (eps * slope)[None, :],
        lambda w, eps, slope, u, eta: [
            [w[h][m] - eta * eps[m] * slope[m] * u[h] for m in range(len(eps))] for h in range(len(u))
        ],
    ],
    "L10": [
        (np.sin, np.cos),
        (lambda z: max(z, 0.0), lambda z: float(z > 0)),
        [lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2],
    ],
}  # fmt: skip

WRONG: Wrong = {
    "L1": [
        (lambda x, w, w0: s(x @ w), "free term w0 is left out"),
        (lambda x, w, w0: x @ w + w0, "sum before σ"),
        (lambda x, w, w0: 1 / (1 + np.exp(x @ w + w0)), "exponent is −z"),
        (lambda x, w, w0: math.tanh(x @ w + w0), "This is tanh"),
        (lambda x, w, w0: np.sign(x @ w + w0), "This is the sign"),
        (lambda x, w, w0: float(x @ w + w0 > 0), "This is a threshold"),
        (lambda x, w, w0: s(x * w + w0), "not summed"),
        (lambda x, w, w0: s(x @ w) + w0, "w0 belongs inside"),
        (lambda x, w, w0: s(sum(x) * sum(w) + w0), "its own weight"),
        (lambda x, w, w0: s(w0 * sum(x * w)), "w0 is added"),
        (lambda x, w: s(x @ w), r"takes \(x, w\); it is called as answer\(x, w, w0\)"),
        (lambda x, w, w0: 0.5, "same for all inputs"),
        (lambda x, w, w0: print("", end=""), "nothing \\(None\\): is a `return` missing"),
    ],
    "L2": [
        ((-1.5, 1, 1), "This is AND, the very opposite"),
        ((2.5, -1, -1), r"NAND at \(1, 1\) must be 0; your sum there is 0.5.*beyond \(1, 1\)"),
        ((0.5, -1, -1), "more corners than \\(1, 1\\): w0 is too small"),
        ((-0.5, 1, 1), "Your neuron is OR"),
        ((-1, -1, 1.5), "w0 comes first"),
        ((1, -1, -1), r"your sum there is 0,.*passes through this point"),
        ((0.5, -1, 0), "Only one input counts: this is ¬x1"),
        ((0.5, 0, -1), "Only one input counts: this is ¬x2"),
        ((5, 1, 1), "All four corners are on one side"),
        ((-5, -1, -1), "w0 is too small"),
        ((1.5, -1), r"is \(w0, w1, w2\); this is \[1.5, −1\]"),
        ("NAND", "'NAND' is text"),
        ((1.5, float("nan"), -1), "Weights must be finite"),
        ((0, 0, 0), "0 > 0 does not hold"),
    ],
    "L3": [
        (((-0.5, 1, 1), (-1.5, 1, 1), (-0.5, 1, -1)), "This is XOR, the very opposite"),
        (((-0.5, 1, 1), (-0.5, 1, 1), (0.5, -1, 1)), r"Hidden: OR, OR\. For \(0, 1\) and \(1, 1\) they are the same"),
        (((-0.5, 1, 1), (-1.5, 1, 1), (-1, 1, 0.5)), "w0 comes first"),
        (((-0.5, 1, 1), (-1.5, 1, 1), (-0.5, 1, 1)), "Hidden: OR, AND. They suffice.*it makes OR"),
        (((-0.5, 1, 1), (-1.5, 1, 1), (-0.5, 0, 1)), "They suffice.*it makes AND"),
        (((-0.5, 1, 0), (-0.5, 0, 1), (0.5, -1, -1)), "Hidden: x1, x2. They suffice.*it makes NOR"),
        (((-0.5, 1, 0), (-0.5, 1, 0), (0.5, -1, 1)), r"Hidden: x1, x1\. For \(0, 0\) and \(0, 1\) they are the same"),
        (((-0.5, 0, 1), (-0.5, 0, 1), (0.5, -1, 1)), r"Hidden: x2, x2\. For \(0, 0\) and \(1, 0\)"),
        (((0, 0, 0), (0, 0, 0), (0, 0, 0)), r"Hidden: 0, 0\. For \(0, 0\) and \(0, 1\)"),
        (((-0.5, 1, 1), (-1.5, 1, 1)), "Three neurons are asked for"),
        (((-0.5, 1, 1), (-1.5, 1, 1), (0.5, -1)), r"is \(w0, w1, w2\)"),
        ("XNOR", "Three neurons are asked for"),
        (((-1.5, 1, 1), (-1.5, 1, 1), (-0.5, 1, 1)), r"Hidden: AND, AND\. For \(0, 0\) and \(0, 1\)"),
    ],
    "L4": [
        ("a & b", "a = 0, b = 1, c = 1 it gives 0; it must be 1: none of its conjunctions"),
        ("a & b | a & c", "none of its conjunctions holds there"),
        ("a & b | c", "a = 0, b = 0, c = 1 it gives 1; it must be 0: c holds there"),
        ("a | b | c", "it gives 1; it must be 0: c holds"),
        ("a & b & c", "it gives 0; it must be 1"),
        ("a & (b | c) | b & c", r"values are right, but a & \(b \| c\) is no conjunction"),
        ("a&b&c | a&b&~c | a&~b&c | ~a&b&c", "4 conjunctions are too many"),
        ("(a | b) & (a | c) & (b | c)", "no conjunction of variables"),
        ("a & b | a & d | b & c", "There is no variable d"),
        ("a ^ b", r"may be used; not a \^ b"),
        ("a + b", r"may be used; not a \+ b"),
        ("(a & b", "is no expression"),
        (7, "Text in quotes is asked for; this is 7"),
        ("__import__('os')", "may be used; not __import__"),
        ("~(~(a & b) & ~(a & c) & ~(b & c))", "no conjunction of variables"),
    ],
    "L5": [
        (lambda v, e: greedy(v, e, start=1), "These are the pieces"),
        (lambda v, e: greedy(v, e, height=1.0), "2ε high, not ε: its constant"),
        (lambda v, e: greedy(v, e, start=1, height=1.0), "not ε; and n pieces"),
        (lambda v, e: math.ceil((max(v) - min(v)) / (2 * e)) - 1, "only where the function is monotone"),
        (lambda v, e: math.ceil((max(v) - min(v)) / (2 * e)), "only where the function is monotone"),
        (lambda v, e: math.ceil(sum(abs(np.diff(v))) / (2 * e)), "around a peak one piece takes both sides"),
        (lambda v, e: sum(abs(b - a) > 2 * e for a, b in pairwise(v)), "neighbours only"),
        (lambda v, e: sum(abs(b - a) > e for a, b in pairwise(v)), "neighbours only"),
        (lambda v, e: len(v) - 1, "A unit for every value"),
        (lambda v, e: len(v), "A unit for every value"),
        (lambda v, e: 17, "same for all inputs"),
        (lambda v, e: greedy(v, e) + 3, "always 3 more"),
        (lambda v, e: [v[0]] * 9, "must be one number; yours is an array of 9"),
        (17, "A function answer\\(values, eps\\) is asked for; this is 17"),
    ],
    "L6": [
        (80, "H \\(n \\+ M \\+ 1\\): the free terms of the M outputs"),
        (70, "every neuron has one"),
        (73, "free terms of the hidden neurons"),
        (120, "added, not multiplied"),
        (40, "weights of the first layer alone"),
        (50, "first layer alone; the outputs"),
        (33, "second layer alone"),
        (17, "these are the neurons"),
        (13, "free terms alone"),
        (87, "inputs have no free terms"),
        (84, "too large"),
        (-83, "sign is the other way round"),
        ("83", "'83' is text"),
        (83.5, "whole number"),
        ((8, 3), r"1 number asked for \(parameters\); you give 2"),
    ],
    "L7": [
        (lambda w, x, y, eta: w + 2 * eta * (x @ w - y) @ x, "You climb: descent"),
        (lambda w, x, y, eta: w - eta * (x @ w - y) @ x, "The 2 of the square"),
        (lambda w, x, y, eta: w - 2 * eta * np.mean((x @ w - y)[:, None] * x, axis=0), "mean over objects"),
        (lambda w, x, y, eta: 2 * (x @ w - y) @ x, "This is the gradient"),
        (lambda w, x, y, eta: -2 * eta * (x @ w - y) @ x, "change −η ∇Q"),
        (lambda w, x, y, eta: w - 2 * (x @ w - y) @ x, "η is missing"),
        (lambda w, x, y, eta: w - 2 * eta * (x[0] @ w - y[0]) * x[0], "Only the first object"),
        (lambda w, x, y, eta: w - 2 * eta * sum(x @ w - y), "xᵢ is missing"),
        (lambda w, x, y, eta: w - 2 * eta * (x @ w) @ x, "y is missing"),
        (lambda w, x, y, eta: w - eta * (x @ w - y) ** 2 @ x, "square itself"),
        (lambda w, x, y, eta: w, "weights have not moved"),
        (lambda w, x, y, eta: w - 2 * eta * x @ (x @ w - y), "your function stops with ValueError"),
        (lambda w, x, y, eta: float(w[0]), "One number came where several"),
    ],
    "L7b": [
        (0.1111111111, "slower of the two counts"),
        (2 / 9, "jumps from one side to the other"),
        (0.25, r"w₁ by 0.75 and w₂ by −1.25\. Beyond 2/9 w₂ grows"),
        (1, r"w₁ by 0 and w₂ by −8\. Beyond 2/9"),
        (0.01, "w₁ is the slower one: a larger η"),
        (0.15, "w₁ is the slower one"),
        (0.21, "overshoots, is the slower one: a smaller η"),
        (-0.2, "negative η climbs"),
        (0, "Nothing moves"),
        (5, "it diverges"),
        (float("inf"), "One finite number"),
        ((0.2, 0.3), "One finite number"),
        ("0.2", "is text"),
    ],
    "L8": [
        ((83, 100), "where no parameter is moved.*\nRight: times the arithmetic"),
        ((166, 100), "moved once here; the unmoved"),
        ((167, 100), "not both ways"),
        ((6889, 100), "squared is the arithmetic"),
        ((2, 100), "what backpropagation takes"),
        ((1, 100), "what backpropagation takes"),
        ((17, 100), "not neurons"),
        ((84, 10), "linear would be backpropagation.*\nRight: forward passes"),
        ((84, 20), "multiplied, not added"),
        ((84, 1000), "one factor of ten too many"),
        ((100, 84), "The right numbers, in another order"),
        (84, "2 numbers asked for"),
        ((83, 10), "where no parameter is moved.*\n.*linear would be"),
        ((84, -100), "sign is the other way"),
    ],
    "L8b": [
        (both_ways, "called 6 times for 3 parameters; 4 calls.*one way only"),
        (lambda Q, w, h: [(Q(w + h * e) - Q(w)) / h for e in np.eye(len(w))], "called 6 times.*compute it once"),
        (stays, "stay moved"),
        (lambda Q, w, h: [g * h for g in forward(Q, w, h)], "not divided by h"),
        (lambda Q, w, h: [-g for g in forward(Q, w, h)], "sign is the other way"),
        (lambda Q, w, h: [g / 2 for g in forward(Q, w, h)], "moved by h on one side only"),
        (lambda Q, w, h: [2 * g for g in both_ways(Q, w, h)], "divided by 2h"),
        (lambda Q, w, h: np.full(len(w), (Q(w + h) - Q(w)) / h), "moved at once"),
        (lambda Q, w, h: 3 * w**2, "Q is never called"),
        (lambda Q, w, h: sum(forward(Q, w, h)), "One difference for each of the 3"),
        (lambda Q, w, h: [Q(v) for v in w], "Q takes 3 parameters; you call it with"),
        (lambda Q, w, h: [g + 1 for g in forward(Q, w, h)], "For parameter 0 you give"),
        (lambda w, h: w, "is called as answer\\(Q, w, h\\)"),
        (lambda Q, w, h: [g * h * h for g in forward(Q, w, h)], "multiplied by h"),
    ],
    "L9": [
        (lambda eps, slope, w: eps @ w, "Σ ε w: σ′ₘ is missing"),
        (lambda eps, slope, w: eps @ slope, "weights w_hm are missing"),
        (lambda eps, slope, w: slope @ w, "errors ε\\^m are missing"),
        (lambda eps, slope, w: eps * slope * w, "not summed: the hidden neuron hears"),
        (lambda eps, slope, w: sum(eps * slope * w) / len(w), "This is the mean"),
        (lambda eps, slope, w: sum(eps) * sum(slope) * sum(w), "product of three sums"),
        (lambda eps, slope, w: sum(slope) * (eps @ w), "belongs inside the sum"),
        (lambda eps, slope, w: sum(eps * slope * (1 - slope) * w), "not put through s"),
        (lambda eps, slope, w: -sum(eps * slope * w), "always minus"),
        (lambda eps, slope, w: 2 * sum(eps * slope * w), "always 2 times"),
        (lambda eps, slope, w: sum(eps / slope * w), "You divide by σ′"),
        (lambda eps, slope, w: sum(abs(eps * slope * w)), "Errors keep their signs"),
        (lambda eps, slope, w: math.prod(eps * slope * w), "summed, not multiplied"),
        (lambda eps, slope: eps @ slope, "takes \\(eps, slope\\)"),
    ],
    "L9b": [
        (lambda w, eps, slope, u, eta: w + eta * np.outer(u, eps * slope), "You climb"),
        (lambda w, eps, slope, u, eta: w - eta * np.outer(u, eps), "σ′ₘ is missing"),
        (lambda w, eps, slope, u, eta: w - np.outer(u, eps * slope), "η is missing"),
        (lambda w, eps, slope, u, eta: w - eta * eps * slope, "u\\^h is missing"),
        (lambda w, eps, slope, u, eta: w - eta * np.outer(u, slope), "ε\\^m is missing"),
        (lambda w, eps, slope, u, eta: np.outer(u, eps * slope), "This is the gradient"),
        (lambda w, eps, slope, u, eta: -eta * np.outer(u, eps * slope), "change alone"),
        (lambda w, eps, slope, u, eta: w - eta * np.outer(u * (1 - u), eps * slope), "hidden slope"),
        (lambda w, eps, slope, u, eta: (w - eta * np.outer(u, eps * slope)).T, "yours are exchanged"),
        (lambda w, eps, slope, u, eta: w, "weights have not moved"),
        (lambda w, eps, slope, u, eta: w - eta * np.outer(eps * slope, u), "ValueError"),
        (lambda w, eps, slope, u, eta: w - eta * w * np.outer(u, eps * slope), "no factor w"),
        (lambda w, eps, slope, u, eta: 0.0, "must be an array of 2 × 1 numbers; yours is one number"),
    ],
    "L10": [
        ((s, s), "gives the values of σ, not its slope"),
        ((s, lambda a: a * (1 - a)), "given a = σ\\(z\\) instead of z"),
        ((np.tanh, lambda a: 1 - a**2), "given a = σ\\(z\\) instead of z"),
        ((np.cos, np.sin), "sign is the other way"),
        ((lambda z: z**2, lambda z: z), "always 0.5 times"),
        ((lambda z: 3 * z + 1, lambda z: 3.0), "straight line"),
        ((lambda z: 4.0, lambda z: 0.0), "Your σ is constant"),
        ((lambda z: float(z > 0), lambda z: 0.0), "σ is flat wherever it does not jump"),
        ((np.sin, lambda z: 1.0), "same everywhere"),
        ((lambda z: math.sin(2 * z), lambda z: math.cos(2 * z)), "inner derivative"),
        ((np.sin, lambda z: np.cos(z) + 1), "off by the same number"),
        ((math.log, lambda z: 1 / z), "σ at z = .*ValueError: math domain error"),
        ((math.tan, lambda z: 1 / math.cos(z) ** 2), r"jumps near z = −?1\.571"),
        ((lambda z: math.tanh(z) + (z > 0), lambda z: 1 - math.tanh(z) ** 2), "jumps near z = "),
        ((lambda z: z if z < 2.9 else 5, lambda z: 1.0), r"jumps near z = 2\.9"),
        ((lambda z: 1 / z, lambda z: -1 / z**2), "σ at z = 0"),
        (np.sin, r"Two functions are asked for, \(σ, σ′\)"),
        ((np.sin, 3), "A function answer\\(z\\) is asked for; this is 3"),
        ((np.sin, lambda z: np.cos(z) ** 2), "Compare with"),
    ],
}  # fmt: skip
