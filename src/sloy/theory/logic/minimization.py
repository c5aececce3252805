"""The shortest disjunction of conjunctions of a Boolean function (L4).

Quine-McCluskey: find every prime implicant, then the fewest that cover all rows that are 1. Here a product
of literals is a place in an array of shape (3,) * n: index 0 for ~x, 1 for x, 2 where x is left out. The array of all
implicants comes from the truth table by one `all` per axis, the primes from it by one comparison per axis. The
covering problem is reduced by the classical rules, and what is left is searched by branch and bound, large ones by an
integer program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy.arguments import real
from sloy.text import Shown
from sloy.theory.logic.covering import fewest_columns
from sloy.theory.logic.truth_table import FREE, Table, TruthTable
from sloy.theory.notation import input_names

__all__ = ["Disjunction", "minimize", "prime_implicants"]

OUT = 2  # index of a variable that is left out


@dataclass(frozen=True, eq=False)
class Disjunction(Shown):
    """A disjunction of conjunctions of literals (a DNF).

    Attributes
    ----------
    terms : array of int8, shape (T, n)
        A row for each conjunction: 1 for x, 0 for ~x, 2 where x is left out. No row at all is the constant 0, a row of
        2 the constant 1.
    least : int
        No disjunction of the same function has fewer terms than this; proved.
    """

    terms: np.ndarray
    least: int

    @property
    def minimal(self) -> bool:
        """Whether it is proved that no disjunction has fewer terms."""
        return len(self.terms) == self.least

    @property
    def variables(self) -> int:
        """n."""
        return self.terms.shape[1]

    def values(self, inputs: np.ndarray) -> np.ndarray:
        """The function on inputs (N, n) of 0 and 1: int8 (N,)."""
        given = np.asarray(inputs)[:, None, :]
        return ((self.terms == OUT) | (self.terms == given)).all(2).any(1).astype(np.int8)

    def text(self, names: Sequence[str] | None = None) -> str:
        """The disjunction as an expression that `sloy.theory.parse` reads.

        Examples
        --------
        >>> minimize([0, 1, 1, 1]).text(["a", "b"])
        'a | b'
        """
        words = input_names("text", names, self.variables)
        products = []
        for term in self.terms.tolist():
            literals = [
                ("" if kind else "~") + word
                for kind, word in zip(term, words, strict=True)
                if kind != OUT
            ]
            product = " & ".join(literals) or "1"
            several = len(literals) > 1 and len(self.terms) > 1
            products.append(f"({product})" if several else product)
        return " | ".join(products) or "0"

    def __str__(self) -> str:
        return self.text()


def minimize(table: Table, *, time_limit: float = 10.0) -> Disjunction:
    """The disjunction of the fewest conjunctions that has the values of a truth table.

    Parameters
    ----------
    table : TruthTable, or what `TruthTable.of` takes
        Rows that do not matter are used where they make the result shorter.
    time_limit : float
        Seconds for the search of the covering. Where it is reached (dense random functions of 10 variables and more;
        of 8 without SciPy, ``pip install 'sloy[theory]'``), the best cover found is given, which may vary from run to
        run, and `least` is below its number of terms; benchmarks/minimize.py measures times and gaps.

    Returns
    -------
    Disjunction

    Notes
    -----
    Among the covers of the fewest terms, terms of fewer literals are preferred, without a proof that
    their total is the least.

    References
    ----------
    .. [1] W. V. Quine, "The problem of simplifying truth functions", Am. Math. Monthly 59 (1952) 521-531.
    .. [2] E. J. McCluskey, "Minimization of Boolean functions", Bell Syst. Tech. J. 35 (1956) 1417-1444.

    Examples
    --------
    >>> found = minimize("0110 1111")
    Traceback (most recent call last):
        ...
    sloy.errors.InvalidArgument: truth table: `table` has 9 rows; n variables have 2^n rows, such as 8 or 16.
    >>> print(minimize("01101111"))
    x1 | (x2 & ~x3) | (~x2 & x3)
    """
    seconds = real("minimize", "time_limit", time_limit, above=0)
    truth = TruthTable.of(table)
    primes = prime_implicants(truth)
    problem = _Covering.of(truth, primes)
    chosen = problem.essential()
    found, least = problem.rest(seconds)
    rows = sorted([*chosen, *found], key=lambda c: tuple(primes[c] == OUT) + tuple(1 - primes[c]))
    return Disjunction(primes[rows], len(chosen) + least)


def prime_implicants(table: Table) -> np.ndarray:
    """All prime implicants: products of literals that are never 1 where the function is 0, and no longer so
    without any one of their literals.

    Returns
    -------
    array of int8, shape (P, n)
        1 for x, 0 for ~x, 2 where x is left out. Those that cover only rows that do not matter are left out.
    """
    truth = TruthTable.of(table)
    n = truth.variables
    allowed = _products(truth.values != 0, n)
    prime = allowed.copy()
    for axis in range(n):
        literal, without = ([slice(None)] * n for _ in range(2))
        literal[axis], without[axis] = slice(0, 2), slice(2, 3)
        prime[tuple(literal)] &= ~allowed[tuple(without)]
    if (truth.values == FREE).any():
        prime &= ~_products(truth.values != 1, n)
    return np.argwhere(prime).astype(np.int8)


def _products(rows: np.ndarray, n: int) -> np.ndarray:
    """For each product of literals, whether all rows it covers are True: bool (3,) * n."""
    found = rows.reshape((2,) * n)
    for axis in range(n):
        found = np.concatenate([found, found.all(axis=axis, keepdims=True)], axis=axis)
    return found


@dataclass
class _Covering:
    """Choose the fewest columns such that each row has one: bool matrix (rows, columns).

    `columns` numbers the columns as the caller does, `length` counts the literals of each.
    """

    matrix: np.ndarray
    columns: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, truth: TruthTable, primes: np.ndarray) -> _Covering:
        """Rows that are 1 against primes."""
        inputs = truth.inputs[truth.values == 1].astype(np.int8)
        matrix = np.ones((len(inputs), len(primes)), bool)
        for j in range(truth.variables):
            matrix &= (primes[:, j] == OUT) | (primes[:, j] == inputs[:, j, None])
        return cls(matrix, np.arange(len(primes)), (primes != OUT).sum(1))

    def essential(self) -> list[int]:
        """Reduce the problem to its cyclic core; returns the columns that were found necessary on the way."""
        chosen: list[int] = []
        while self.matrix.size:
            before = self.matrix.shape
            alone = np.unique(self.matrix[self.matrix.sum(1) == 1].argmax(1))
            chosen += self.columns[alone].tolist()
            self.matrix = self.matrix[~self.matrix[:, alone].any(1)]
            self._keep_columns(self.matrix.sum(0) > 0)
            self._keep_columns(~_inside(self.matrix, self.length))
            self.matrix = self.matrix[~_inside(~self.matrix.T, np.arange(len(self.matrix)))]
            if self.matrix.shape == before:
                break
        return chosen

    def rest(self, seconds: float) -> tuple[list[int], int]:
        """Columns for the rows that are left, and the least number that any choice has."""
        if not self.matrix.size:
            return [], 0
        taken, least = fewest_columns(self.matrix, seconds)
        return self.columns[taken].tolist(), least

    def _keep_columns(self, kept: np.ndarray) -> None:
        self.matrix = self.matrix[:, kept]
        self.columns, self.length = self.columns[kept], self.length[kept]


def _inside(matrix: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Which columns have all their rows in another column, of equal columns all but the cheapest."""
    if not matrix.size:
        return np.zeros(matrix.shape[1], bool)
    numbers = matrix.astype(np.float32)
    inside = numbers.T @ numbers >= numbers.sum(0)[:, None]  # [i, j]: i within j
    np.fill_diagonal(inside, val=False)
    equal = inside & inside.T
    rank = np.argsort(np.argsort(cost, kind="stable"), kind="stable")
    return (inside & ~equal).any(1) | (equal & (rank[None, :] < rank[:, None])).any(1)
