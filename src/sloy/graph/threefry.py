"""Counter-based random numbers: threefry2x32 on the logical index.

Every random number of sloy is a function of a key and an index, so it does not depend on the engine, the number of
threads, or what was drawn before. The definition is the one JAX uses (`jax_threefry_partitionable`).

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from zlib import crc32

import numpy as np

from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.text import shown

Key = np.ndarray  # uint32 of shape (2,)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_BLOCK = 1 << 16  # numbers drawn together: what they are drawn from stays in the cache


def threefry2x32(key: Key, high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encrypt counters under a key: 20 rounds, five key injections.

    Parameters
    ----------
    key : uint32 array, shape (2,)
    high, low : uint32 arrays of one shape
        The two words of each counter.

    Returns
    -------
    tuple of uint32 arrays of that shape

    Examples
    --------
    The first known answer of the Random123 distribution:

    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(int(word[0])) for word in threefry2x32(np.zeros(2, np.uint32), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    words = (key[0:1], key[1:2], key[0:1] ^ key[1:2] ^ _PARITY)
    x0 = high + words[0]
    x1 = low + words[1]
    for injection in range(5):
        for rotation in _ROTATIONS[injection % 2]:
            x0 = x0 + x1
            x1 = (x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))
            x1 = x1 ^ x0
        x0 = x0 + words[(injection + 1) % 3]
        x1 = x1 + words[(injection + 2) % 3] + np.uint32(injection + 1)
    return x0, x1


def make_key(seed: int, *folds: int | str) -> Key:
    """The key of a seed, with numbers or names folded in one after another.

    Parameters
    ----------
    seed : int
        From 0 to 2^64 - 1.
    folds : int or str
        What the key is for; a name counts as its CRC-32.

    Returns
    -------
    uint32 array, shape (2,)
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise InvalidArgument(f"`seed` (={shown(seed)}) must be an integer from 0 to 2^64 - 1.")
    key = np.array([int(seed) >> 32, int(seed) & 0xFFFFFFFF], np.uint32)
    for fold in folds:
        key = fold_in(key, crc32(fold.encode()) if isinstance(fold, str) else fold)
    return key


def fold_in(key: Key, number: int) -> Key:
    """A new key from a key and a 32-bit number: the encryption of (0, number)."""
    counter = np.array([number & 0xFFFFFFFF], np.uint32)
    x0, x1 = threefry2x32(key, np.zeros(1, np.uint32), counter)
    return np.concatenate([x0, x1])


def fold_in_range(key: Key, first: int, count: int) -> Key:
    """`fold_in` for each number `first` … `first` + count - 1 below 2^32: uint32 (count, 2)."""
    numbers = np.arange(first, first + count, dtype=np.uint64).astype(np.uint32)
    return np.stack(threefry2x32(key, np.zeros_like(numbers), numbers), axis=1)


def words(key: Key, count: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two random 32-bit words for each index `first` … `first` + count - 1."""
    index = np.arange(first, first + count, dtype=np.uint64)
    high = (index >> np.uint64(32)).astype(np.uint32)
    return threefry2x32(key, high, index.astype(np.uint32))


def uniform(key: Key, shape: Shape) -> np.ndarray:
    """float64 numbers uniform in [0, 1), on a grid of 2^-53."""

    def numbers(x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        bits = (x0.astype(np.uint64) << np.uint64(32)) | x1.astype(np.uint64)
        return (bits >> np.uint64(11)) * 2.0**-53

    return _drawn(key, shape, numbers)


def normal(key: Key, shape: Shape) -> np.ndarray:
    """float64 numbers of the standard normal law, by the Box-Muller transform of the two words of each index."""

    def numbers(x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        radius = np.sqrt(-2.0 * np.log((x0 + 0.5) * 2.0**-32))
        return np.asarray(radius * np.cos((2.0 * np.pi * 2.0**-32) * x1))

    return _drawn(key, shape, numbers)


def _drawn(
    key: Key, shape: Shape, numbers: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """What `numbers` makes of the words of each index, in blocks, which take little memory."""
    result = np.empty(prod(shape))
    for first in range(0, len(result), _BLOCK):
        part = result[first : first + _BLOCK]
        part[...] = numbers(*words(key, len(part), first))
    return result.reshape(shape)


def permutation(count: int, key: Key) -> np.ndarray:
    """A random order of 0 … count - 1 (int64): the stable order of one 64-bit draw per index."""
    x0, x1 = words(key, count)
    return np.argsort((x0.astype(np.uint64) << np.uint64(32)) | x1, kind="stable")


def permutations(count: int, keys: Key) -> np.ndarray:
    """`permutation` for each of several keys, uint32 (n, 2): int64 (n, count)."""
    x0, x1 = words(keys.T[:, :, None], count)  # (1, n, count) each
    return np.argsort((x0[0].astype(np.uint64) << np.uint64(32)) | x1[0], axis=1, kind="stable")


def keep_threshold(keep: float) -> int:
    """The integer threshold t such that (bits >> 9) < t happens with probability `keep` (as float32), exactly.

    Equal to comparing the float32 uniform of `jax.random.uniform` with `keep`.
    """
    return int(np.ceil(np.float64(np.float32(keep)) * 2.0**23))


def keep_mask(key: Key, shape: Shape, keep: float) -> np.ndarray:
    """Boolean mask, True with probability `keep`, element by element of the row-major index."""
    x0, x1 = words(key, prod(shape))
    return (((x0 ^ x1) >> np.uint32(9)) < np.uint32(keep_threshold(keep))).reshape(shape)
