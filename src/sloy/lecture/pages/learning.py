"""The pages of L7, L14 and L15: descent, dropout, activations."""

from __future__ import annotations

import numpy as np

from sloy.language import say
from sloy.lecture.pages.content import Content
from sloy.pages import plain


def descent() -> Content:
    """L7."""
    random = np.random.default_rng(0)
    xs = random.uniform(-1, 2, 12).round(2)
    ys = (1.5 * xs - 0.5 + random.normal(0, 0.3, 12)).round(2)
    return Content(
        about=say(
            "A line w₁·x + w₀ is fitted to N objects: each pair of weights is a place on the loss surface"
            " Q(w)/N = (1/N) Σ (w₁·x + w₀ − y)², and a step goes down its gradient, w := w − η∇Q(w)/N. Q is the"
            " sum on the lecture's slide; what sloy's fit makes small is this mean, the sum divided by N."
        ),
        tries=(
            say(
                "Raise η slowly past the two bounds that are named: the path begins to swing, then runs away."
            ),
            say(
                "Let every step see one object alone: it is cheap, and the path wanders about the lowest place."
            ),
            say("Move the points towards one x: the valley gets long, and descent slow."),
        ),
        scripts=("plane", "descent"),
        texts={
            "surface": say("the loss surface"),
            "surface_hint": say("Click, drag the ring or use the arrow keys to choose the start."),
            "data": say("the objects, and the line now"),
            "data_hint": say("Drag a point, or move it with the arrow keys."),
            "history": say("the loss, step by step"),
            "steps": say("steps so far"),
            "step": say("step"),
            "gradient_of": say("gradient of"),
            "full": say("all objects"),
            "single": say("one object"),
            "start": say("start: w1 = {w1}, w0 = {w0}"),
            "object": say("object: x = {x}, y = {y}"),
            "numbers": say("Now"),
            "moves": say("descent"),
            "play": say("play"),
            "pause": say("pause"),
            "one_step": say("one step"),
            "ten_steps": say("ten steps"),
            "reset": say("back to the start"),
            "bounds": say(
                "The surface curves by λ = {steep} where it is steepest and {flat} where it is flattest. Descent over"
                " all objects does not swing for η ≤ 1/λ = {half} and converges for η < 2/λ = {bound}."
            ),
            "diverges": say(
                "η = {rate} is not below 2/λ = {bound}: every step overshoots, the path runs away. A step multiplies"
                " the offset from the minimum along the steepest direction by 1 − ηλ = {factor}."
            ),
            "swings": say(
                "η = {rate} is between 1/λ = {half} and 2/λ = {bound}: the path swings across the valley and"
                " converges. A step multiplies the offset from the minimum along the steepest direction by"
                " 1 − ηλ = {factor}."
            ),
            "direct": say(
                "η = {rate} is not above 1/λ = {half}: down without swinging. A step multiplies the offset from the"
                " minimum along the steepest direction by 1 − ηλ = {factor}."
            ),
            "wanders": say(
                "Each object pulls its own way: the path does not settle while η stays as it is."
            ),
            "gone": say("The steps of single objects overshoot: η is too large."),
        },
        start={
            "xs": plain(xs),
            "ys": plain(ys),
            "order": random.permutation(12).tolist(),
            "start": [2, -1],
            "rate": 0.1,
            "ranges": {"w1": [-2, 5], "w0": [-4, 3], "x": [-1.5, 2.5], "y": [-4, 4]},
        },
    )


def dropout() -> Content:
    """L14."""
    from sloy.layers import Dense, ReLU
    from sloy.problem.network import Network

    network = Network((3,), [Dense(6), ReLU(), Dense(1)])
    numbers = {name: array.round(2) for name, array in network.initialize(74, "float64").items()}
    return Content(
        about=say(
            "In training each neuron is dropped with probability p, and those that are kept are scaled by 1/(1 − p);"
            " in use all are there, unscaled. Where the output is linear in the mask, its mean over all masks is what"
            " the network gives in use."
        ),
        tries=(
            say("Draw masks: the blue mean comes to the dashed line of the output in use."),
            say("Raise p: single masks scatter more, the exact mean stays where it is."),
            say(
                "Put a sigmoid behind the output: now the two differ a little, since σ of a mean is no mean of σ."
            ),
        ),
        scripts=("functions", "plane", "dropout"),
        texts={
            "p": say("p, the probability to be dropped"),
            "output": say("output"),
            "linear": say("linear"),
            "sigmoid": say("sigmoid"),
            "drawing": say("The network: inputs, hidden neurons, output; dropped neurons faded"),
            "caption": say(
                "Inputs, hidden neurons (scaled), output. A click on a hidden neuron drops it or brings it back."
            ),
            "kept": say("hidden neuron {h} is kept"),
            "kept_short": "m",
            "numbers": say("The hidden neurons with this mask"),
            "plot": say("Outputs of the masks that were drawn, and their mean"),
            "plot_hint": say(
                "Grey: the output with each mask. Blue: their mean so far. Dashed: the output in use."
            ),
            "masks": say("masks"),
            "new_mask": say("new mask"),
            "many_masks": say("100 masks"),
            "forget": say("forget them"),
            "thinned": say("output with this mask"),
            "mean_of": say("mean over the masks that were drawn ({count})"),
            "exact": say("exact mean over all 64 masks"),
            "in_use": say("output in use"),
            "equal": say("The exact mean is the output in use."),
            "unequal": say("The exact mean is {difference} away from the output in use."),
        },
        start={
            "network": {
                "weights": numbers["dense_1/weight"].tolist(),
                "biases": numbers["dense_1/bias"].tolist(),
                "v": numbers["dense_2/weight"][:, 0].tolist(),
                "v0": float(numbers["dense_2/bias"][0]),
                "x": [1, 0.5, -0.8],
            },
            "rate": 0.5,
            "mask": [1, 0, 1, 1, 0, 1],
        },
    )


def activations() -> Content:
    """L15."""
    return Content(
        about=say(
            "σ decides what a neuron answers; its slope σ′ decides what comes back through it in learning. Blue is σ,"
            " dashed orange σ′, the short line is the tangent."
        ),
        tries=(
            say("Sigmoid and tanh: move z out to ±5. What is left of σ′?"),
            say("ReLU against Leaky ReLU and ELU: what comes back where z is below 0?"),
            say("Maxout: make ReLU, the absolute value and Leaky ReLU out of its two lines."),
        ),
        scripts=("functions", "plane", "activations"),
        texts={
            "plane": say("σ and σ′ over z"),
            "plane_hint": say("Drag the ring, or move it with the arrow keys."),
            "point": "z = {z}, σ(z) = {value}",
            "activation": say("activation σ"),
            "slope": say("slope"),
            "flat": say("σ′ = {slope}: nearly nothing comes back through this neuron here."),
            "nothing": say("σ′ = 0: nothing comes back through this neuron here."),
            "passes": say("What comes back to this neuron is multiplied by σ′ = {slope}."),
            "sign": say("sign"),
            "sigmoid": say("sigmoid"),
            "tanh": "tanh",
            "relu": "ReLU",
            "leaky": "Leaky ReLU",
            "elu": "ELU",
            "maxout": "Maxout",
            "sign_formula": "σ(z) = sign z,  σ′(z) = 0",
            "sigmoid_formula": "σ(z) = 1 / (1 + e⁻ᶻ),  σ′ = σ (1 − σ)",
            "tanh_formula": "σ(z) = tanh z,  σ′ = 1 − σ²",
            "relu_formula": "σ(z) = max(0, z),  σ′ = [z > 0]",
            "leaky_formula": "σ(z) = max(slope·z, z)",
            "elu_formula": "σ(z) = z, z > 0;  α (eᶻ − 1), z ≤ 0",
            "maxout_formula": "σ(z) = max(w₁z + b₁, w₂z + b₂)",
        },
        start={
            "kinds": ["sign", "sigmoid", "tanh", "relu", "leaky", "elu", "maxout"],
            "kind": "sigmoid",
            "numbers": {"slope": 0.1, "alpha": 1, "w1": 1, "b1": 0, "w2": -0.5, "b2": 0},
            "z": 1,
        },
    )


SUBJECTS = {7: descent, 14: dropout, 15: activations}
