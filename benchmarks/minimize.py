"""How long it takes to write random Boolean functions as the shortest disjunction, and how often that is proved.

    python benchmarks/minimize.py [functions of each size] [seconds for each function]

For each number of variables and share of ones: time of `sloy.theory.minimize`, how many results are proved to be
minimal, how far the others may be from it, and the time to build the network and to check it on all inputs.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from sloy.theory import TruthTable, disjunction_network, minimize

SIZES = (4, 5, 6, 7, 8, 9, 10, 11, 12)
ONES = (0.1, 0.3, 0.5)


def study(variables: int, ones: float, count: int, seconds: float) -> str:
    """A line of the table: `count` random functions of a size."""
    rng = np.random.default_rng([variables, round(100 * ones)])
    times, checks, terms, proved, apart = [], [], [], 0, 0
    for _ in range(count):
        table = TruthTable.of((rng.random(1 << variables) < ones).astype(int))
        start = time.perf_counter()
        found = minimize(table, time_limit=seconds)
        middle = time.perf_counter()
        model = disjunction_network(found, engine="reference")
        if not table.agrees(model(table.inputs)[:, 0]).all():
            raise SystemExit(f"a network of {variables} variables is wrong")
        times.append(middle - start)
        checks.append(time.perf_counter() - middle)
        terms.append(len(found.terms))
        proved += found.minimal
        apart = max(apart, len(found.terms) - found.least)
    return (
        f"{variables:9d} {ones:5.0%} {np.mean(terms):8.1f} {np.median(times):10.4f} {max(times):9.4f}"
        f" {np.median(checks):10.4f} {proved:6d}/{count} {apart:8d}"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    print("variables  ones    terms  median, s  longest, s  network, s  proved  at most beyond")
    for variables in SIZES:
        for ones in ONES:
            print(study(variables, ones, count, seconds), flush=True)


if __name__ == "__main__":
    main()
