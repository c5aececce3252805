"""What the programs of the lecture's rows must print, as scripts and as notebooks."""

from __future__ import annotations

import re

SAID = {  # what a row's program must print
    1: [r"a\(x\) = σ\(.* x1 .* x2", r"right: (1\.0|0\.9)", r"Converged after \d+ passes"],
    2: [
        r"x1 \+ x2 - 3/2 > 0\] \[0\. 0\. 0\. 1\.\]", r"x1 \+ x2 - 1/2 > 0\] \[0\. 1\. 1\. 1\.\]",
        r"-x1 \+ 1/2 > 0\] \[1\. 0\.\]",
    ],
    3: [r"Not linearly separable", r"(?s)(\[0\. 1\. 1\. 0\.\].*){2}"],
    4: [r"\(a & ~b\) \| c", r"parity of three: .*&.*\|"],
    5: [r"units"],
    6: [r"123 parameters; H \(n \+ M \+ 1\) \+ M = 123", r"R² on objects held out: 0\.9"],
    7: [r"full batch: 15 steps", r"object by object: 600 steps"],
    8: [r"P\^(1\.[89]|2\.[01])\d the naive way and as P\^(0\.9|1\.[01])\d by backprop"],
    9: [r"ε\^h = Σ_m ε\^m σ′_m w_hm", r"converged after \d+ passes", r"XOR: \[0\.0\d 0\.9\d? 0\.9\d? 0\.0\d\]"],
    10: [r"σ: passed", r"L: passed", r"largest error: 0\.[01]"],
    11: [r"weights × 100: σ′ \d\.\de-0[3-9]", r"val_loss rises to [1-9]"],
    12: [r"stopped after \d\d? epochs, accuracy on unseen objects 0\.[789]"],
    13: [r"2\.0*e\+03\]", r"first object: 0\.1698", r"class_weight=balanced: finds [5-9]\d %"],
    14: [r"thinned outputs: -?\d"],
    15: [r"(?s)(passed.*){5}", r"array\(\[-1\., +1\.\]\), array\(\[0\., 0\.\]\)", r"Maxout\(4, 2\) +4 +48"],
    16: [r"0 +0 +0 +3 +18 +18 +18 126 136 175 +26 166 255 247 127"],
    17: [r"\(28, 28\) \(26, 26\)"],
    18: [r"\[\[6600\.\]\]\n\[\[0\.\]\]"],
    19: [r"\[ 6\. -9\. -8\.\]", r"7·1 \+ 2·0 \+ 3·\(−1\)", r"= 6"],
    20: [r"(?s)( 1\. +-?0\. +-1\..*){3}", r"16 × 16 × 8"],
    21: [r"conv2d_1: 5 × 5 pixels", r"conv2d_2: 10 × 10 pixels"],
    22: [r"\[\[6\. 8\.\]\n \[3\. 4\.\]\]", r"54170 without pooling, 13610 with it"],
    23: [r"9\d\.\d % of the 10 000 test digits"],
    24: [r"356 810", r"61 706"],
    25: [r"138357544", r"tabby", r"a small VGG-11 after 2000 digits: [3-9]\d %"],
}  # fmt: skip


def assert_said(number: int, said: str) -> None:
    """All patterns of a row are in what its program printed."""
    for pattern in SAID[number]:
        assert re.search(pattern, said), f"{pattern!r} is not in:\n{said}"
