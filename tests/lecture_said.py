"""What the programs of the lecture's rows must print, as scripts and as notebooks."""

from __future__ import annotations

import re

SAID = {  # what a row's program must print
    1: [r"a\(x\) = σ\(.* x1 .* x2", r"right: (1\.0|0\.9)", r"Converged after \d+ passes"],
    2: [
        r"x1 \+ x2 - 3/2 > 0\] \[0\. 0\. 0\. 1\.\]", r"x1 \+ x2 - 1/2 > 0\] \[0\. 1\. 1\. 1\.\]",
        r"-x1 \+ 1/2 > 0\] \[1\. 0\.\]",
    ],
    3: [r"Not linearly separable", r"(?s)(\[0\. 1\. 1\. 0\.\].*){2}", r"learned: \[0 1 1 0\]"],
    4: [r"\(a & ~b\) \| c", r"parity of three: .*&.*\|"],
    5: [r"20 units \(steps\): greatest error 0\.09\d+ on", r"\d\d units \(ramps\): greatest error 0\.0009"],
    6: [r"123 parameters; H \(n \+ M \+ 1\) \+ M = 123", r"R² on objects held out: 0\.9"],
    7: [r"full batch: 15 steps", r"object by object: 600 steps, mean loss 0\.1"],
    8: [
        r"P\^(1\.[89]|2\.[01])\d the naive way and as P\^(0\.9|1\.[01])\d by backprop",
        r"seconds up to [\d ]+ parameters: a pass costs no more than starting it",
    ],
    9: [
        r"ε\^h = Σ_m ε\^m σ′_m w_hm", r"the ½ makes it ε\^m = a\^m − y\^m",
        r"stopped falling after \d+ passes", r"XOR: \[0\.0\d 0\.9\d? 0\.9\d? 0\.0\d\]",
    ],
    10: [r"σ: passed", r"L: passed", r"largest error: 0\.[01]"],
    11: [
        r"0\.03 +1\d\d\d ± \d+\n0\.1 +\d{3} ± \d+\n0\.3 +1\d\d ± \d+\n1 +diverges", r"\n2 +(6|7)\d ± 5 +0\.062\d",
        r"\n3 +9\d ± [23] ", r"\n4 +100\n8 +100\n",
        r"100 +0\.018\d ±.* 0\.(4|5)\d ± 0\.0\d\n", r"val_loss rises to [1-9]",
        r"slow: step too small \(D12\); learning rate 1e-05 → ", r"neurons: plateau \(D17\); twice as many units",
        r"paralysed: saturated units \(D09\); initial weights", r"by heart: overfit \(D19\); stopped where",
    ],
    12: [
        r"130 \w+ 258 \w+: \w+ 0\.[34]\d → 0\.[34]\d\n10\d \w+ 258 ",
        r"none +0\.000.*  1\.\d\d ±", r"L2 .* 0\.[67]\d ±", r"more data .* 0\.4\d* ± 0\.01\d +0\.8",
        r"stopped after \d\d? epochs, accuracy on the validation objects 0\.[789]",
        r"start +4 1 +17 +0\.1.*\n(.*\n)*wider +6 1 +25 +0\.0[3-8]\d+ +0\.0[4-9]\d+ ± 0\.0[01]\d+ +kept",
        r"mixed +0\.0[0-4].*\n.*tanh_1 +([12] square, [12] tanh|[12] tanh, [12] square)\n.* 0\.[12]\d+ ± 0\.0\d+ over",
    ],
    13: [
        r"L = 0\.126928 1\.313262 1000\.0\n-\[y ln a .* = 0\.126928 1\.313262\n",
        r"L = 0\.169846 0\.861995 2000\.0\n-Σ .* = 0\.169846 0\.861995\n",
        r"class_weight=balanced: finds [5-9]\d %",
    ],
    14: [
        r"dense: in use (-?\d\.\d{6}), mean over all masks \1,",
        r"convolution: in use (-?\d\.\d{6}), mean over all masks \1,",
        r"mean of 1000 drawn -?\d\.\d+ ± 0\.0\d+",
    ],
    15: [
        r"(?s)(passed.*){5}", r"= \[-1\. +1\.\] σ′\(z\) = \[0\. 0\.\]", r"Maxout\(4, 2\) +4 +48",
        r"differ by \de-0[67]",
    ],
    16: [r"0 +0 +0 +3 +18 +18 +18 126 136 175 +26 166 255 247 127", r"blue:\n 60  60  60 .*(\n.*){3}120 120 120  90"],
    17: [r"\(28, 28\) \(26, 26\)"],
    18: [r"\[\[6600\.\]\]\n\[\[0\.\]\]"],
    19: [r"\[ 6\. -9\. -8\.\]", r"7·1 \+ 2·0 \+ 3·\(−1\)", r"= 6", r"f\(2, 2\) = 2·1 \+ 8·0 \+ 4·\(−1\)"],
    20: [r"(?s)( 1\. +-?0\. +-1\..*){3}", r"16 × 16 × 8"],
    21: [
        r"conv2d_1: 5 × 5 pixels", r"conv2d_2: 10 × 10 pixels", r"conv2d_3: 20 × 20 pixels",
        r"most, (8\.\d|9\.0) are the same\s+Change",
        r"conv2d_1( +0\.00){4}  ", r"max_pool2d_1 +0\.[345]\d +0\.00 ", r"right answers, %",
    ],
    22: [r"\[\[6\. 8\.\]\n \[3\. 4\.\]\]", r"\[ 0\. +0\.1 +0\. +-0\.2\]", r"54170 without pooling, 13610 with it"],
    23: [r"9\d\.\d % of the 10 000 test digits"],
    24: [r"356 810", r"61 706"],
    25: [r"138357544", r"tabby", r"a small VGG-11 after 2000 digits: [3-9]\d %"],
}  # fmt: skip


def assert_said(number: int, said: str) -> None:
    """All patterns of a row are in what its program printed."""
    for pattern in SAID[number]:
        assert re.search(pattern, said), f"{pattern!r} is not in:\n{said}"
