"""Exercises to L11–L15: what goes wrong and what helps, the log-loss, dropout, activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.language import say
from sloy.lecture.exercises.base import Exercise
from sloy.lecture.exercises.functions import Case, FunctionOf, Mistake
from sloy.lecture.exercises.learner import Wrong, shown
from sloy.lecture.exercises.values import Numbers, Part

__all__ = ["EXERCISES"]

RUNS = """\
run   epoch   Q (training)   Q (validation)   mean σ′
 A       1        0.693            0.693         0.25
       100        0.688            0.689         0.25
 B       1        0.690            0.694         0.24
       100        0.214            0.236         0.19
 C       1        4.812            4.790         0.0003
       100        4.811            4.790         0.0003
 D       1        0.671            0.698         0.23
       100        0.009            1.870         0.12"""
STATES = ("paralysed", "overfitted", "slow", "fine")
RIGHT_RUNS = "CDAB"
LATIN = str.maketrans("АВСД", "ABCD")  # Cyrillic letters that look or sound the same
EVIDENCE = {
    "A": "its σ′ is as large as it can be and both Q still fall, but by 0.005 in 100 epochs: it is slow.",
    "B": "both its Q fall together and stay close: it is fine.",
    "C": "its Q do not move and its σ′ is almost 0: σ is pressed against its flat ends, it is paralysed.",
    "D": "its Q falls in training while that of validation rises: it is overfitted.",
}  # fmt: skip


def _runs(answer: object) -> None:
    letters = _letters(answer)
    for state, given, right in zip(STATES, letters, RIGHT_RUNS, strict=True):
        if given != right:
            raise Wrong(
                say(
                    "{run} is not the one that is {state}: {evidence}",
                    run=given,
                    state=say(state),
                    evidence=say(EVIDENCE[given]),
                )
            )


def _letters(answer: object) -> list[str]:
    """Of the runs, in the order of the states."""
    if not isinstance(answer, str | tuple | list):
        raise Wrong(
            say("Four letters are asked for, such as ABCD; this is {value}.", value=shown(answer))
        )
    parts: Sequence[object] = answer
    said = [part.strip() for part in parts if isinstance(part, str) and part.strip(" ,;")]
    found = [part.upper().translate(LATIN) for part in said]
    if len(found) != 4 or (len(parts) != 4 and not isinstance(answer, str)):
        raise Wrong(
            say("Four letters are asked for, such as ABCD; this is {value}.", value=shown(answer))
        )
    unknown = [letter for letter in found if letter not in RIGHT_RUNS]
    if unknown:
        raise Wrong(
            say("There is no run {run}: they are A, B, C and D, in Latin letters.", run=unknown[0])
        )
    if len(set(found)) < 4:
        raise Wrong(say("Each run is one of the four: a letter comes twice in {value}.", value="".join(found)))  # fmt: skip
    return found


def _stopped(losses: np.ndarray, patience: int, first: int = 1, *, equal: bool = False) -> tuple[int, int]:  # fmt: skip
    """The epoch after which training stops, and the best one until then."""
    best = 0
    for epoch, loss in enumerate(losses):
        if epoch and (loss < losses[best] or (equal and loss == losses[best])):
            best = epoch
        elif epoch - best >= patience:
            return epoch + first, best + first
    return len(losses) - 1 + first, best + first


def _rises(losses: np.ndarray, patience: int) -> tuple[int, int]:
    """Mistaken: losses that rise in a row are counted, not epochs since the best."""
    row = 0
    for epoch in range(1, len(losses)):
        row = row + 1 if losses[epoch] > losses[epoch - 1] else 0
        if row >= patience:
            return epoch + 1, int(np.argmin(losses[: epoch + 1])) + 1
    return len(losses), int(np.argmin(losses)) + 1


def _loss_cases(random: np.random.Generator) -> list[Case]:
    del random  # these lists hold the cases that matter: ties, rises broken by falls, later minima
    return [
        (np.array([0.9, 0.7, 0.6, 0.65, 0.7, 0.8, 0.9]), 2),
        (np.array([0.9, 0.5, 0.6, 0.55, 0.7, 0.65, 0.4, 0.3]), 3),
        (np.array([0.8, 0.6, 0.6, 0.7, 0.65, 0.7, 0.5, 0.4]), 3),
        (np.array([0.9, 0.8, 0.7, 0.6]), 2),
    ]


STOP = FunctionOf(
    ("losses", "patience"),
    _stopped,
    _loss_cases,
    (
        Mistake(lambda v, p: _stopped(v, p, 0), "Epochs are counted from 1, not from 0."),
        Mistake(lambda v, p: _stopped(v, p)[::-1], "The order is (stopped, best)."),
        Mistake(lambda v, p: _stopped(v, p + 1), "You wait one epoch too long: after `patience` epochs without a new best it stops."),
        Mistake(lambda v, p: _stopped(v, p - 1), "You stop one epoch too early: `patience` epochs without a new best are allowed to pass."),
        Mistake(lambda v, p: _stopped(v, p, equal=True), "An equal loss is no new best: it must be smaller."),
        Mistake(lambda v, p: (len(v), int(np.argmin(v)) + 1), "You never stop: the losses after the stop are not seen in a real run."),
        Mistake(lambda v, p: (_stopped(v, p)[0], int(np.argmin(v)) + 1), "The best is that of the epochs until the stop; later ones never happen."),
        Mistake(lambda v, p: _rises(v, p), "You count rises in a row; what counts are the epochs since the best one."),
        Mistake(lambda v, p: (_stopped(v, p)[0], _stopped(v, p)[0]), "The best epoch is not that of the stop: its weights are restored."),
        Mistake(lambda v, p: (_stopped(v, p)[0], np.min(v[: _stopped(v, p)[0]])), "The best is asked for as an epoch, not as its loss."),
        Mistake(lambda v, p: _stopped(v, p)[0], "Two numbers are asked for: (stopped, best)."),
        Mistake(lambda v, p: _stopped(v, p)[1], "Two numbers are asked for: (stopped, best)."),
        Mistake(lambda v, p: (_stopped(v, p)[1] + p, _stopped(v, p)[1]), "Where losses fall to the end, training ends with the last epoch, not `patience` later."),
    ),
)  # fmt: skip

SCALE = Numbers(
    (
        Part("standard deviation", float(np.sqrt(2 / 128)), (
            (2 / 128, "this is the variance 2/n; the standard deviation is its root."),
            (float(np.sqrt(1 / 128)), "this is √(1/n), right for a σ that lets all through; ReLU lets through half, hence the 2."),
            (1 / 128, "this is the variance 1/n: the 2 of ReLU is missing, and the root."),
            (float(np.sqrt(2 / 64)), "n is the number of inputs, 128, not of neurons: their sum is what must not grow."),
            (2 / 64, "n is the number of inputs, 128; and this is a variance."),
            (float(np.sqrt(2 / (128 + 64))), "this is √(2/(n + H)), made for tanh; for ReLU it is √(2/n)."),
            (float(np.sqrt(6 / 128)), "this is the end of a uniform distribution, √(6/n); its standard deviation is √3 times smaller."),
            (float(np.sqrt(2 * 128)), "turned over: the more inputs, the smaller the weights."),
            (float(np.sqrt(128)), "turned over: the more inputs, the smaller the weights."),
            (0.0, "with zeros all neurons stay the same for ever."),
            (1.0, "with 1 the sum of 128 inputs is about 11 times as large as one: layer by layer it explodes."),
        ), 2e-4),
    ),
)  # fmt: skip


def _log_loss(z: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))))


def _clipped(z: np.ndarray, y: np.ndarray, least: float) -> float:
    a = np.clip(1 / (1 + np.exp(-z)), least, 1 - least)
    return float(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))


def _logit_cases(random: np.random.Generator) -> list[Case]:
    cases: list[Case] = [
        (random.normal(0, 2, size).round(2), random.integers(0, 2, size).astype(float))
        for size in (1, 3, 4)
    ]
    cases[1] = (cases[1][0], np.array([1.0, 0.0, 1.0]))
    return [*cases, (np.array([1000.0, -1000.0, 40.0]), np.array([0.0, 1.0, 0.0]))]


UNSTABLE = "The formula is right for moderate logits, but e^1000 overflows and log 0 is infinite: a certain and wrong answer costs |z|, here 1000."
LOG_LOSS = FunctionOf(
    ("z", "y"),
    _log_loss,
    _logit_cases,
    (
        Mistake(lambda z, y: _log_loss(z, y) / len(z), "This is the mean; the sum over objects is asked for."),
        Mistake(lambda z, y: -_log_loss(z, y), "The minus before the sum is missing: a loss is never negative."),
        Mistake(lambda z, y: np.sum(y * np.logaddexp(0, -z)), "Only objects of class 1 count here: the part (1 − y) log(1 − a) is missing."),
        Mistake(lambda z, y: np.sum((1 - y) * np.logaddexp(0, z)), "Only objects of class 0 count here: the part y log a is missing."),
        Mistake(lambda z, y: np.sum(np.logaddexp(0, -z)), "y is not used: this takes all objects for class 1."),
        Mistake(lambda z, y: _log_loss(z, 1 - y), "The classes are exchanged: y = 1 goes with log a."),
        Mistake(lambda z, y: _log_loss(z, y) / np.log(2), "This is the logarithm to base 2; the natural one is asked for."),
        Mistake(lambda z, y: _log_loss(z, y) / np.log(10), "This is the logarithm to base 10; the natural one is asked for."),
        Mistake(lambda z, y: np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))), "The losses of the objects are not summed."),
        Mistake(lambda z, y: np.sum((1 / (1 + np.exp(-z)) - y) ** 2), "This is the squared error of the probabilities."),
        Mistake(lambda z, y: np.sum(np.maximum(z, 0) - z * y), "log(1 + e^−|z|) is missing: this is what it tends to for large |z|."),
        *(Mistake(lambda z, y, c=c: _clipped(z, y, c), "Probabilities are clipped: that caps the loss and kills its gradient; start from the logits instead.") for c in (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)),
    ),
    UNSTABLE,
)  # fmt: skip


def _mask_cases(random: np.random.Generator) -> list[Case]:
    return [
        (random.normal(size=size).round(2), random.integers(0, 2, size).astype(float) if size > 3 else np.array([1.0, 0.0, 1.0]), p)
        for size, p in ((3, 0.2), (4, 0.4), (8, 0.75))
    ]  # fmt: skip


DROPOUT = FunctionOf(
    ("u", "kept", "p"),
    lambda u, kept, p: u * kept / (1 - p),
    _mask_cases,
    (
        Mistake(lambda u, k, p: u * k, "Not scaled: on average the layer gives 1 − p of what it gives in use."),
        Mistake(lambda u, k, p: u * k * (1 - p), "Kept neurons become larger, not smaller: divide by 1 − p. (Times 1 − p is the other way, in use.)"),
        Mistake(lambda u, k, p: u * k / p, "1 − p is the share that is kept, and the sum is short of that: divide by 1 − p, not by p."),
        Mistake(lambda u, k, p: u * k * p, "p is the share that is dropped; divide by the share that is kept, 1 − p."),
        Mistake(lambda u, k, p: u * (1 - k) / (1 - p), "The mask is the other way round: 1 is kept, 0 is dropped."),
        Mistake(lambda u, k, p: u * (1 - k), "The mask is the other way round (1 is kept), and nothing is scaled."),
        Mistake(lambda u, k, p: u / (1 - p), "Nothing is dropped: the mask is not used."),
        Mistake(lambda u, k, p: u, "This is the layer in use; in training neurons are dropped."),
        Mistake(lambda u, k, p: u * (1 - p), "Nothing is dropped: the mask is not used."),
        Mistake(lambda u, k, p: u * k * len(k) / k.sum(), "Scaled by the share that this mask happens to keep; the expected share is 1 − p."),
        Mistake(lambda u, k, p: (u * k)[k > 0] / (1 - p), "Dropped neurons give 0; they do not disappear from the array."),
        Mistake(lambda u, k, p: np.sum(u * k) / (1 - p), "One number came where several are asked for: nothing may be summed away."),
        Mistake(lambda u, k, p: np.where(k > 0, u / (1 - p), u), "Dropped neurons give 0, not what they gave before."),
        Mistake(lambda u, k, p: np.where(k > 0, u, p * u), "Dropped neurons give 0, not a smaller number."),
    ),
)  # fmt: skip


def _points(random: np.random.Generator) -> list[Case]:
    return [(float(z),) for z in (-2.0, 3.0, 0.0, -0.5, *random.normal(0, 2, 6).round(2))]


LEAKY = FunctionOf(
    ("z",),
    lambda z: max(0.1 * z, z),
    _points,
    (
        Mistake(lambda z: max(0.0, z), "This is ReLU: below 0 it must leak, 0.1 z."),
        Mistake(lambda z: min(0.1 * z, z), "This is the minimum: the slope 0.1 is on the wrong side."),
        Mistake(lambda z: max(0.01 * z, z), "The leak here is 0.01; the lecture's is 0.1."),
        Mistake(lambda z: max(0.2 * z, z), "The leak here is 0.2; the lecture's is 0.1."),
        Mistake(lambda z: abs(z), "This is |z|: below 0 the sign stays."),
        Mistake(lambda z: z if z > 0 else -0.1 * z, "Below 0 the values stay negative: 0.1 z, not −0.1 z."),
        Mistake(lambda z: z if z > 0 else -0.1, "Below 0 it is 0.1 times z, not a constant."),
        Mistake(lambda z: z if z > 0 else 0.1, "Below 0 it is 0.1 times z, not a constant."),
        Mistake(lambda z: max(0.1, z), "Below 0 it is 0.1 times z, not a constant."),
        Mistake(lambda z: z, "This is z itself: below 0 it must be 0.1 z."),
        Mistake(lambda z: 1.0 if z > 0 else 0.1, "This is the derivative; the function itself is asked for."),
        Mistake(lambda z: z if z > 0 else np.exp(z) - 1, "This is ELU; below 0 Leaky ReLU is a straight line."),
        Mistake(lambda z: 0.1 * z, "Above 0 it is z itself."),
        Mistake(lambda z: np.tanh(z), "This is tanh."),
    ),
)  # fmt: skip


def _maxout_cases(random: np.random.Generator) -> list[Case]:
    return [
        tuple(np.round(part, 2) for part in (random.normal(size=m), random.normal(size=m), random.normal(), random.normal(size=m), random.normal()))
        for m in (2, 2, 3, 3, 4, 4)
    ]  # fmt: skip


MAXOUT = FunctionOf(
    ("x", "w1", "b1", "w2", "b2"),
    lambda x, w1, b1, w2, b2: max(w1 @ x + b1, w2 @ x + b2),
    _maxout_cases,
    (
        Mistake(lambda x, w1, b1, w2, b2: min(w1 @ x + b1, w2 @ x + b2), "This is the smaller of the two sums."),
        Mistake(lambda x, w1, b1, w2, b2: w1 @ x + b1 + w2 @ x + b2, "The two sums are added; the larger one is asked for."),
        Mistake(lambda x, w1, b1, w2, b2: max(w1 @ x, w2 @ x), "The free terms are missing."),
        Mistake(lambda x, w1, b1, w2, b2: max(w1 @ x, w2 @ x) + max(b1, b2), "Each free term belongs to its own sum, inside the maximum."),
        Mistake(lambda x, w1, b1, w2, b2: max(w1 @ x, w2 @ x) + b1 + b2, "Each free term belongs to its own sum, inside the maximum."),
        Mistake(lambda x, w1, b1, w2, b2: np.sum(np.maximum(w1 * x + b1, w2 * x + b2)), "The maximum is taken product by product; first the sums, then one maximum."),
        Mistake(lambda x, w1, b1, w2, b2: np.sum(np.maximum(w1 * x, w2 * x)) + max(b1, b2), "The maximum is taken product by product; first the sums, then one maximum."),
        Mistake(lambda x, w1, b1, w2, b2: np.maximum(w1 * x + b1, w2 * x + b2), "The products are not summed: w₁ᵀx is one number."),
        Mistake(lambda x, w1, b1, w2, b2: max(0, w1 @ x + b1, w2 @ x + b2), "There is no 0 in it: the larger sum counts, negative or not."),
        Mistake(lambda x, w1, b1, w2, b2: max(0, w1 @ x + b1), "This is ReLU of the first sum."),
        Mistake(lambda x, w1, b1, w2, b2: w1 @ x + b1, "Only the first piece is there."),
        Mistake(lambda x, w1, b1, w2, b2: w2 @ x + b2, "Only the second piece is there."),
        Mistake(lambda x, w1, b1, w2, b2: max(abs(w1 @ x + b1), abs(w2 @ x + b2)), "No absolute values: the larger sum counts, negative or not."),
        Mistake(lambda x, w1, b1, w2, b2: np.maximum(w1, w2) @ x + max(b1, b2), "The larger weights do not make the larger sum: first the sums, then the maximum."),
        Mistake(lambda x, w1, b1, w2, b2: (w1 @ x + b1 + w2 @ x + b2) / 2, "This is the mean of the two sums; the larger one is asked for."),
    ),
)  # fmt: skip

EXERCISES = (
    Exercise(
        name="L11",
        title="Which run has what",
        task="Four runs of a network with sigmoids on the same two classes. Which of them is paralysed, which overfitted, which slow, and which fine? Answer with four letters in this order.",
        formula=RUNS,
        form='answer = "...."',
        judge=_runs,
        tips=(
            "What do σ′ and the difference of the two Q say?",
            "The σ′ of a sigmoid is at most 1/4; where it is almost 0 the gradient is too.",
            "Overfitting shows where the two Q go different ways.",
        ),
        solution='answer = "CDAB"\n',
    ),
    Exercise(
        name="L12",
        title="Early stopping",
        task="Given the validation losses of all epochs, when would early stopping have ended training? It stops after `patience` epochs in a row without a new best (smaller) loss, or with the last epoch. Return two epochs, counted from 1: that after which it stopped, and the best one until then, whose weights are restored.",
        form="def answer(losses, patience):\n    return stopped, best",
        judge=STOP,
        tips=(
            "Remember the best epoch so far, and compare each loss with its loss.",
            "It stops where the present epoch is `patience` epochs after the best.",
        ),
        solution="""\
def answer(losses, patience):
    best = 1
    for epoch in range(1, len(losses) + 1):
        if losses[epoch - 1] < losses[best - 1]:
            best = epoch
        if epoch - best == patience:
            return epoch, best
    return len(losses), best
""",
    ),
    Exercise(
        name="L12b",
        title="How large are the first weights",
        task="A layer has 128 inputs and 64 neurons with ReLU. With which standard deviation should its weights be drawn, so that the size of the signals neither grows nor fades from layer to layer (He's rule)? Three decimal places are enough.",
        form="answer = ...",
        judge=SCALE,
        tips=(
            "The variance of a sum of n independent products is n times that of one.",
            "ReLU sets half of its inputs to 0, and so halves the mean square: the variance of a weight makes up for both.",
            "Variance 2/n, with n inputs.",
        ),
        solution="answer = (2 / 128) ** 0.5\n",
    ),
    Exercise(
        name="L13",
        title="The log-loss from logits",
        task="Write the log-loss of two classes, summed over objects. z are logits (what comes before the sigmoid), y the classes 0 and 1: arrays of one length. It must be exact for any finite z: 1000 too. (The slide leaves out the brackets: the minus is before both parts.)",
        formula="L = −Σᵢ [yᵢ log a(zᵢ) + (1 − yᵢ) log(1 − a(zᵢ))],   a(z) = 1 / (1 + e⁻ᶻ)",
        form="def answer(z, y):\n    return ...",
        judge=LOG_LOSS,
        tips=(
            "−log a(z) = log(1 + e⁻ᶻ), and −log(1 − a(z)) = log(1 + eᶻ).",
            "log(1 + eᶻ) = max(z, 0) + log(1 + e^−|z|), where nothing overflows.",
            "`np.logaddexp(0, z)` is log(1 + eᶻ) for any z.",
        ),
        solution="import numpy as np\n\n\ndef answer(z, y):\n    return np.sum(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))\n",
    ),
    Exercise(
        name="L14",
        title="Dropout in training",
        task="Write what a dropout layer gives in training: u are the outputs of the neurons, kept is the mask (1 kept, 0 dropped), p the probability with which a neuron is dropped. In use the layer gives u, and training must give the same on average.",
        form="def answer(u, kept, p):\n    return ...",
        judge=DROPOUT,
        tips=(
            "What is the expected value of `kept`?",
            "E[kept] = 1 − p; which factor brings it back to 1?",
        ),
        solution="def answer(u, kept, p):\n    return u * kept / (1 - p)\n",
    ),
    Exercise(
        name="L15",
        title="Write Leaky ReLU",
        task="Write Leaky ReLU as a function of one number.",
        formula="σ(z) = max(0.1 z, z)",
        form="def answer(z):\n    return ...",
        judge=LEAKY,
        tips=("Which of 0.1 z and z is larger where z is negative?",),
        solution="def answer(z):\n    return z if z > 0 else 0.1 * z\n",
    ),
    Exercise(
        name="L15b",
        title="Write Maxout",
        task="Write a Maxout neuron of two pieces: x are the inputs, w1 and w2 the weights of the pieces (arrays of one length), b1 and b2 their free terms.",
        formula="a = max(w₁ᵀx + b₁, w₂ᵀx + b₂)",
        form="def answer(x, w1, b1, w2, b2):\n    return ...",
        judge=MAXOUT,
        tips=("Each piece is the sum of a neuron without σ: one number.", "`max(w1 @ x + b1, …)`."),
        solution="def answer(x, w1, b1, w2, b2):\n    return max(w1 @ x + b1, w2 @ x + b2)\n",
    ),
)  # fmt: skip
