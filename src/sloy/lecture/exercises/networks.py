"""Exercises to L6, L8 and L9: networks, the cost of their gradient, backpropagation."""

from __future__ import annotations

import numpy as np

from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake
from sloy.lecture.exercises.values import Numbers, Part

__all__ = ["EXERCISES"]

n, H, M = 4, 10, 3  # of the network of L6 and L8
PARAMETERS = H * (n + 1) + M * (H + 1)

COUNT = Numbers(
    (
        Part("parameters", PARAMETERS, (
            (H * (n + M + 1), "this is the lecture's H (n + M + 1): the free terms of the M outputs are missing."),
            (H * (n + M), "free terms are missing: every neuron has one, hidden or output."),
            (H * (n + M) + M, "the free terms of the hidden neurons are missing."),
            (n * H * M, "weights of two layers are added, not multiplied."),
            (n * H, "these are the weights of the first layer alone."),
            (H * (n + 1), "this is the first layer alone; the outputs have weights and free terms too."),
            (M * (H + 1), "this is the second layer alone."),
            (n + H + M, "these are the neurons; the parameters are the numbers on the connections."),
            (H + M, "these are the free terms alone."),
            (H * (n + M) + n + H + M, "inputs have no free terms: they compute nothing."),
        )),
    ),
)  # fmt: skip

PASSES = Numbers(
    (
        Part("forward passes", PARAMETERS + 1, (
            (PARAMETERS, "the loss where no parameter is moved is needed too."),
            (2 * PARAMETERS, "each parameter is moved once here; the unmoved loss is computed once for all."),
            (2 * PARAMETERS + 1, "each parameter is moved once here, not both ways."),
            (PARAMETERS**2, "squared is the arithmetic, not the number of passes."),
            (1, "one forward pass and one backward pass is what backpropagation takes."),
            (2, "one forward pass and one backward pass is what backpropagation takes."),
            (n + H + M, "parameters are moved, not neurons."),
        )),
        Part("times the arithmetic", 100, (
            (10, "linear would be backpropagation; here ten times the passes cost ten times as much each."),
            (20, "the two factors of ten are multiplied, not added."),
            (1000, "one factor of ten too many: passes, and the cost of each."),
            (1, "both the number of passes and the cost of each grow."),
        ), least=98.9),  # 831 · 10 / 84 of this network, 100 of a large one
    ),
)  # fmt: skip


def _hidden_cases(random: np.random.Generator) -> list[Case]:
    return [
        tuple(random.normal(size=m).round(2) if part != 1 else random.uniform(0.02, 0.3, m).round(2) for part in range(3))
        for m in (2, 3, 5)
    ]  # fmt: skip


HIDDEN = FunctionOf(
    ("eps", "slope", "w"),
    lambda e, s, w: np.sum(e * s * w),
    _hidden_cases,
    (
        Mistake(lambda e, s, w: np.sum(e * w), "What you computed is Σ ε w: σ′ₘ is missing."),
        Mistake(lambda e, s, w: np.sum(e * s), "What you computed is Σ ε σ′: the weights w_hm are missing."),
        Mistake(lambda e, s, w: np.sum(s * w), "What you computed is Σ σ′ w: the errors ε^m are missing."),
        Mistake(lambda e, s, w: np.sum(e), "What you computed is Σ ε: σ′ₘ and w_hm are missing."),
        Mistake(lambda e, s, w: e * s * w, "The products are not summed: the hidden neuron hears of all outputs m."),
        Mistake(lambda e, s, w: np.mean(e * s * w), "This is the mean; the parts of the outputs are summed."),
        Mistake(lambda e, s, w: np.sum(e) * np.sum(s) * np.sum(w), "This is a product of three sums; the sum goes over products, m by m."),
        Mistake(lambda e, s, w: np.sum(s) * np.sum(e * w), "σ′ₘ belongs inside the sum: each output has its own."),
        Mistake(lambda e, s, w: np.sum(e * s * (1 - s) * w), "The slope comes ready as σ′: it is not put through s (1 − s) again."),
        Mistake(lambda e, s, w: np.sum(e * (1 - e) * w), "σ′ is given; it is not made of ε."),
        Mistake(lambda e, s, w: np.prod(e * s * w), "The parts of the outputs are summed, not multiplied."),
        Mistake(lambda e, s, w: np.sum(np.abs(e * s * w)), "Errors keep their signs: no absolute values."),
        Mistake(lambda e, s, w: np.sum(e * w / s), "You divide by σ′; the chain rule multiplies."),
        Mistake(lambda e, s, w: np.sum(e + s + w), "You add ε, σ′ and w; the chain rule multiplies them."),
        Mistake(lambda e, s, w: np.sum(e**2 * s * w), "ε is not squared: the derivative of ½ ε² is ε."),
    ),
)  # fmt: skip


def _weight_cases(random: np.random.Generator) -> list[Case]:
    return [
        (random.normal(size=(h, m)).round(2), random.normal(size=m).round(2), random.uniform(0.05, 0.3, m).round(2), random.uniform(0.1, 0.9, h).round(2), eta)
        for h, m, eta in ((2, 1, 0.5), (2, 3, 0.5), (4, 2, 0.2))
    ]  # fmt: skip


WEIGHTS = FunctionOf(
    ("w", "eps", "slope", "u", "eta"),
    lambda w, e, s, u, eta: w - eta * np.outer(u, e * s),
    _weight_cases,
    (
        Mistake(lambda w, e, s, u, eta: w + eta * np.outer(u, e * s), "You climb: the step is minus η times the gradient."),
        Mistake(lambda w, e, s, u, eta: w - eta * np.outer(u, e), "σ′ₘ is missing."),
        Mistake(lambda w, e, s, u, eta: w - np.outer(u, e * s), "η is missing."),
        Mistake(lambda w, e, s, u, eta: w - eta * (e * s), "u^h is missing: a weight is moved by what came through it."),
        Mistake(lambda w, e, s, u, eta: w - eta * np.outer(u, s), "ε^m is missing."),
        Mistake(lambda w, e, s, u, eta: np.outer(u, e * s), "This is the gradient; the step is w − η times it."),
        Mistake(lambda w, e, s, u, eta: -eta * np.outer(u, e * s), "This is the change alone; the new weights are w plus it."),
        Mistake(lambda w, e, s, u, eta: w - eta * np.outer(u * (1 - u), e * s), "u^h (1 − u^h) is the hidden slope; the weight's gradient has u^h itself."),
        Mistake(lambda w, e, s, u, eta: w - eta * np.outer(u, e * s) * w, "The gradient has no factor w: a = Σ w u is linear in w."),
        Mistake(lambda w, e, s, u, eta: w - eta * u.sum() * e * s, "Each hidden neuron has its own u^h: no sum over h."),
        Mistake(lambda w, e, s, u, eta: w - eta * np.outer(u, np.ones_like(e)) * (e @ s), "Each output has its own ε^m σ′ₘ: no sum over m."),
        Mistake(lambda w, e, s, u, eta: (w - eta * np.outer(u, e * s)).T, "The rows of w are hidden neurons h, its columns outputs m; yours are exchanged."),
        Mistake(lambda w, e, s, u, eta: eta * np.outer(e * s, u), "This is a change, turned; the new weights have the shape of w."),
        Mistake(lambda w, e, s, u, eta: np.outer(e * s, u), "The rows of w are hidden neurons h, its columns outputs m; yours are exchanged."),
        Mistake(lambda w, e, s, u, eta: w, "The weights have not moved."),
    ),
)  # fmt: skip


EXERCISES = (
    Exercise(
        name="L6",
        title="Count the parameters",
        task="A fully connected network has 4 inputs, 10 hidden neurons and 3 outputs; each hidden neuron and each output has a free term. How many parameters has it?",
        form="answer = ...",
        judge=COUNT,
        tips=(
            "A neuron has a weight for each of its inputs, and a free term.",
            "Each hidden neuron has 4 + 1 parameters, each output 10 + 1.",
            "H (n + M + 1) + M.",
        ),
        solution="n, H, M = 4, 10, 3\nanswer = H * (n + M + 1) + M\n",
    ),
    Exercise(
        name="L8",
        title="Count the forward passes",
        task="The gradient of the network of L6, which has 83 parameters, is found the naive way: by moving each parameter once by a small h. How many forward passes does that take in all? And if a network has ten times as many parameters, and a pass costs ten times as much, about how many times the arithmetic does the naive gradient take?",
        formula="∂Q/∂wⱼ ≈ (Q(w + h eⱼ) − Q(w)) / h",
        form="answer = (passes, times)",
        judge=PASSES,
        tips=(
            "Which values of Q stand in the formula? Which of them is the same for every j?",
            "One pass for each parameter, and one for Q(w). The cost of all is their number times the cost of one.",
        ),
        solution="answer = (83 + 1, 10 * 10)\n",
    ),
    Exercise(
        name="L9",
        title="The error of a hidden neuron",
        task="Write the error of one hidden neuron h. For the M outputs, eps holds their errors, slope their σ′ and w the weights that lead to them from h: three arrays of length M. The answer is one number.",
        formula="ε^h = Σₘ ε^m σ′ₘ w_hm",
        form="def answer(eps, slope, w):\n    return ...",
        judge=HIDDEN,
        tips=(
            "The hidden neuron is to blame for each output as far as the output hears of it.",
            "Multiply the three arrays element by element; what remains to do over m?",
        ),
        solution="def answer(eps, slope, w):\n    return sum(e * s * v for e, s, v in zip(eps, slope, w))\n",
    ),
    Exercise(
        name="L9b",
        title="The step of the output's weights",
        task="Write the step of the weights between H hidden neurons and M outputs: w has shape (H, M), eps and slope (M,) are of the outputs, u (H,) is what the hidden neurons give, eta a number. Return the new weights, (H, M).",
        formula="w_hm := w_hm − η ε^m σ′ₘ u^h",
        form="def answer(w, eps, slope, u, eta):\n    return ...",
        judge=WEIGHTS,
        tips=(
            "Element (h, m) of the gradient is u^h times ε^m σ′ₘ.",
            "All products of two vectors at once are `np.outer(u, eps * slope)`.",
        ),
        solution="import numpy as np\n\n\ndef answer(w, eps, slope, u, eta):\n    return w - eta * np.outer(u, eps * slope)\n",
    ),
)  # fmt: skip
