"""The scripts of examples/ on the lecture's topics: small settings, what they say, how many figures they draw."""

LECTURE_EXAMPLES: dict[str, tuple[list[str], list[str], int]] = {
    "neuron_and_logic.py": (
        [],
        [r"Converged after", r"(?s)(is beyond one neuron.*){2}", r"De Morgan: True", r"= \(a & ~b\) \| \(b & c\)"],
        2,
    ),
    "approximation.py": (["--tolerances", "0.1"], [r"(?s)(sigmoid: \d+ units.*){3}"], 3),
    "descent.py": (["--epochs", "3"], [r"neuron, full batch: 3 steps", r"network, object by object: 144 steps"], 2),
    "descent_animation.py": (
        ["--frames", "3"],
        [r"(xor|circles|spirals): epoch 300, loss 0\.0\d+, right: (1\.000|0\.9\d\d)"],
        3,
    ),
    "gradient_cost.py": (
        ["--widths", "4", "16", "64"],
        [r"differ by at most \d\.\de-0[5-9]", r"P\^1\.\d\d the naive way and as P\^(0\.9|1\.0)"],
        1,
    ),
    "backprop_by_hand.py": (
        [],
        [r"--- step 2", r"library and hand differ by (0e\+00|\de-1[3-9])", r"XOR: \[0?\.?9?", r"winner: u\("],
        3,
    ),
    "drawbacks.py": (
        ["--seeds", "2", "--starts", "10", "--epochs", "3"],
        [r"1 +diverges", r"8 +10\n", r"100 +0\.0\d+ ±", r"early stopping +0\.\d+ ±", r"that is stuck: \["],
        4,
    ),
    "dropout.py": (
        ["--draws", "2000", "--seeds", "2", "--epochs", "2"],
        [r"dropout_1 \[\[[01]", r"convolution: -?\d\.\d+ ± 0\.0\d+ on average", r"correlation of hidden neurons +0\."],
        2,
    ),
    "invariance.py": (
        ["--samples", "500", "--epochs", "1"],
        [r"trained on plain digits", r"conv2d_1( +0\.00){4}  ", r"right answers, %"],
        3,
    ),
    "activations.py": (["--epochs", "5"], [r"(?s)(passed: 41.*){7}", r"one for each neuron: largest error"], 1),
    "what_computers_see.py": ([], [r"curve detector: \[\[6600\.\]\].*\[\[0\.\]\]", r"784 numbers become 196"], 8),
    "convolutional_layers.py": (["--samples", "500"], [r"lenet5: 61706 parameters", r"standard: \d+ parameters"], 6),
}  # fmt: skip
