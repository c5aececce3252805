"""The pages of L1–L3: a neuron in the plane, logic, XOR."""

from __future__ import annotations

import numpy as np

from sloy.language import say
from sloy.lecture.pages.content import Content
from sloy.pages import plain

CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def neuron() -> Content:
    """L1."""
    random = np.random.default_rng(0)
    clouds = [random.normal(side, 0.8, (10, 2)).clip(-2.9, 2.9) for side in (-1, 1)]
    objects = [
        {"x": point, "yes": bool(yes)}
        for yes, cloud in enumerate(clouds)
        for point in plain(cloud, 2)
    ]
    return Content(
        about=say(
            "A neuron adds its inputs, each times a weight, to a free term w₀ and puts the sum through σ. The line"
            " is where the sum is 0; blue is the side of the ones, orange the other."
        ),
        tries=(
            say("Move w₀: the line shifts. Move w₁ and w₂: it turns; the arrow shows (w₁, w₂)."),
            say("Multiply all three weights by 5: the line stays, and the sigmoid becomes steep."),
            say("Drag objects so that no line tells them apart, and let the neuron learn."),
        ),
        scripts=("functions", "plane", "neuron"),
        texts=_plane_texts()
        | {
            "points_hint": say(
                "Drag a point, or move it with the arrow keys; double click or Enter changes its class, Delete takes"
                " it away."
            ),
            "object": say("object of class {class} at ({x}, {y})"),
            "score": say("{right} of {total} objects right"),
            "log_loss": say("mean log-loss {loss}"),
            "points": say("objects"),
            "learn": say("learn: one pass over the objects"),
            "add": say("add one of class {class}"),
            "diagonal": say("diagonal"),
            "upright": say("upright line"),
            "steep": say("steep"),
        },
        start={
            "weights": [0.5, 1, -0.5],
            "activation": "sigmoid",
            "objects": objects,
            "range": [-3, 3],
            "presets": {"diagonal": [0, 1, 1], "upright": [0, 2, 0], "steep": [0, 5, 5]},
            "at": [1.5, -1],
        },
    )


def logic() -> Content:
    """L2."""
    from sloy.theory import AND, NOT, OR

    gates = {"AND": AND, "OR": OR}
    presets = {name: plain(np.array([gate.bias, *gate.weights])) for name, gate in gates.items()}
    presets["NOT"] = plain(np.array([NOT.bias, *NOT.weights, 0]))
    targets = {
        "AND": [0, 0, 0, 1],
        "OR": [0, 1, 1, 1],
        "NOT": [1, 1, 0, 0],
        "NAND": [1, 1, 1, 0],
        "NOR": [1, 0, 0, 0],
        "IMPLIES": [1, 1, 0, 1],
    }
    return Content(
        about=say(
            "With a threshold one neuron can be AND, OR or NOT. The four corners are all inputs there are; the table"
            " says which of them the neuron has right."
        ),
        tries=(
            say("Choose a function and find weights for it by hand: 4 of 4 corners right."),
            say("Go from AND to OR by moving w₀ alone."),
            say("Make NAND of AND's weights: what must change?"),
        ),
        scripts=("functions", "plane", "neuron"),
        texts=_plane_texts()
        | {
            "corners_hint": say(
                "Blue discs should be 1, orange squares 0; a cross marks a wrong answer. Arrow keys move the ring."
            ),
            "object": say("corner ({x}, {y}), class {class}"),
            "score": say("{right} of {total} corners right"),
            "log_loss": say("mean log-loss {loss}"),
            "corners": say("All inputs"),
            "wanted": say("wanted"),
            "right": say("right?"),
            "yes": say("yes"),
            "no": say("no"),
            "function": say("function"),
            "AND": f"x₁ ∧ x₂ ({say('AND')})",
            "OR": f"x₁ ∨ x₂ ({say('OR')})",
            "NOT": f"¬x₁ ({say('NOT')})",
            "NAND": f"¬(x₁ ∧ x₂) ({say('NAND')})",
            "NOR": f"¬(x₁ ∨ x₂) ({say('NOR')})",
            "IMPLIES": "x₁ → x₂",
        },
        start={
            "weights": [-0.5, 1, 0.4],
            "activation": "heaviside",
            "objects": [{"x": list(corner), "yes": False} for corner in CORNERS],
            "range": [-0.5, 1.5],
            "presets": presets,
            "targets": targets,
            "target": "AND",
            "at": [0.5, 1.25],
        },
    )


def xor() -> Content:
    """L3."""
    return Content(
        about=say(
            "XOR is 1 where just one of two inputs is. One neuron cannot: the middle of its two ones, (½, ½), is also"
            " the middle of its two zeros, and lies on one side of any line. There are two ways out."
        ),
        tries=(
            say("One neuron: try to get all four corners right. Three is the most."),
            say("Let it see the product x₁·x₂ as well: a curve does what no line can."),
            say(
                "Two layers: the hidden neurons move the corners, two of them to one place; there a line is enough."
            ),
        ),
        scripts=("plane", "xor"),
        texts={
            "plane": say("the plane of x₁ and x₂"),
            "corners": say("All inputs"),
            "right": say("right?"),
            "yes": say("yes"),
            "no": say("no"),
            "score": say("{right} of {total} corners right"),
            "wanted": say("wanted"),
            "best": say("best so far {best}"),
            "corner": say("corner ({x}, {y}), class {class}"),
            "weights": say("weights"),
            "presets": say("weights to start from"),
            "lecture": say("the lecture's weights"),
            "zeros": say("all zero"),
            "way": say("which way"),
            "one": say("one neuron"),
            "product": say("with x₁·x₂"),
            "layers": say("two layers"),
            "first_weights": say("first hidden neuron h₁"),
            "second_weights": say("second hidden neuron h₂"),
            "output_weights": say("output neuron, of h₁ and h₂"),
            "first_plane": say("the first hidden neuron over x₁ and x₂"),
            "second_plane": say("the second hidden neuron over x₁ and x₂"),
            "output_plane": say("the output neuron over h₁ and h₂"),
            "whole_plane": say("the whole network over x₁ and x₂"),
            "first_caption": "h₁",
            "second_caption": "h₂",
            "output_caption": say("output, over h₁ and h₂"),
            "whole_caption": say("whole network"),
            "solved": say("All four: this is XOR."),
            "one_remark": say("No line can have all four right."),
            "product_remark": say("w₃ is the weight of x₁·x₂; only the corner (1, 1) feels it."),
            "layers_remark": say(
                "Try h₁ as OR and h₂ as AND: where is each corner in the plane of h₁ and h₂?"
            ),
        },
        start={
            "range": [-0.5, 1.5],
            "ways": {
                "one": [-0.5, 1, 1],
                "product": [-0.5, 1, 1, -0.5],
                "layers": [[-0.5, 1, 1], [-1.5, 1, 1], [-0.5, 1, 0]],
                "answers": {
                    "product": [-0.5, 1, 1, -2],
                    "layers": [[-0.5, 1, 1], [-1.5, 1, 1], [-0.5, 1, -1]],
                },
            },
        },
    )


def _plane_texts() -> dict[str, str]:
    return {
        "plane": say("the plane of x₁ and x₂"),
        "weights": say("weights"),
        "heaviside": say("threshold [z > 0]"),
        "sign": say("sign"),
        "sigmoid": say("sigmoid"),
        "tanh": "tanh",
        "probe": say("the place that is computed, ({x}, {y})"),
        "answer": say("answer"),
        "presets": say("weights to start from"),
    }


SUBJECTS = {1: neuron, 2: logic, 3: xor}
