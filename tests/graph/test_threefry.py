"""Random numbers: known answers, equality with JAX's, and sanity of the distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from op_table.probability import threefry as by_integers
from sloy.errors import InvalidArgument
from sloy.graph import threefry

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "threefry.npz")
ONES = 2**32 - 1


def u32(*values: int) -> np.ndarray:
    """A uint32 array."""
    return np.array(values, np.uint32)


# Random123 1.14, tests/kat_vectors, threefry2x32 with 20 rounds: key, counter, answer. The third takes digits of pi.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN)
def test_known_answers(
    key: tuple[int, int], counter: tuple[int, int], answer: tuple[int, int]
) -> None:
    high, low = threefry.threefry2x32(u32(*key), u32(counter[0]), u32(counter[1]))
    assert (int(high[0]), int(low[0])) == answer
    assert by_integers(key, counter) == answer  # the table's own definition


def test_counters_are_encrypted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    key, high, low = (rng.integers(0, 2**32, n, np.uint32) for n in (2, 40, 40))
    x0, x1 = threefry.threefry2x32(key, high, low)
    for i in range(40):
        expected = by_integers((int(key[0]), int(key[1])), (int(high[i]), int(low[i])))
        assert (int(x0[i]), int(x1[i])) == expected


# --- as JAX draws ---------------------------------------------------------------------------------
SEEDS = sorted({int(name.split("/")[1]) for name in GOLDEN.files if name.startswith("key/")})


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_are_those_of_jax(seed: int) -> None:
    key = threefry.make_key(seed)
    assert key.dtype == np.uint32
    np.testing.assert_array_equal(key, GOLDEN[f"key/{seed}"])
    np.testing.assert_array_equal(threefry.fold_in(key, 12345), GOLDEN[f"fold/{seed}"])
    np.testing.assert_array_equal(threefry.make_key(seed, 12345), GOLDEN[f"fold/{seed}"])


@pytest.mark.parametrize("name", [n for n in GOLDEN.files if n.startswith("bits/")])
def test_bits_are_those_of_jax(name: str) -> None:
    expected = GOLDEN[name]
    x0, x1 = threefry.words(threefry.make_key(int(name.split("/")[1])), expected.size)
    np.testing.assert_array_equal((x0 ^ x1).reshape(expected.shape), expected)


@pytest.mark.parametrize("name", [n for n in GOLDEN.files if n.startswith("mask/")])
def test_masks_are_those_of_jax(name: str) -> None:
    _, seed, keep = name.split("/")
    mask = threefry.keep_mask(threefry.make_key(int(seed)), (50, 23), float(keep))
    np.testing.assert_array_equal(np.packbits(mask), GOLDEN[name])


def test_the_golden_file_has_what_the_tests_ask_for() -> None:
    kinds = {name.split("/")[0] for name in GOLDEN.files}
    assert kinds == {"jax_version", "key", "fold", "bits", "mask"}
    assert len(SEEDS) >= 3


# --- keys -----------------------------------------------------------------------------------------
def test_a_wide_seed_fills_both_words() -> None:
    assert threefry.make_key(2**64 - 1).tolist() == [ONES, ONES]
    assert threefry.make_key(5 * 2**32 + 7).tolist() == [5, 7]


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "0", True, None])
def test_bad_seeds_are_named(seed: object) -> None:
    with pytest.raises(InvalidArgument, match=r"`seed` \(=.*\) must be an integer from 0"):
        threefry.make_key(seed)  # type: ignore[arg-type]


def test_names_and_numbers_make_different_keys() -> None:
    folds: list[tuple[int | str, ...]] = [
        (), (0,), (1,), ("a",), ("b",), ("a", "b"), ("b", "a"), ("a", 0), ("dense_1/weight",),
        ("dense_2/weight",),
    ]  # fmt: skip
    keys = {tuple(threefry.make_key(0, *fold).tolist()) for fold in folds}
    assert len(keys) == len(folds)
    assert tuple(threefry.make_key(0, "a").tolist()) == by_integers((0, 0), (0, 0xE8B7BE43))


# --- distributions --------------------------------------------------------------------------------
COUNT = 100_000
KEYS = [threefry.make_key(seed, "test") for seed in range(3)]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key[0]))
def test_uniform_numbers(key: np.ndarray) -> None:
    u = threefry.uniform(key, (COUNT,))
    assert u.dtype == np.float64
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert abs(u.mean() - 1 / 2) < 5 * (1 / 12 / COUNT) ** 0.5
    assert abs(u.var() - 1 / 12) < 5 * (1 / 180 / COUNT) ** 0.5
    counts = np.bincount((u * 20).astype(int), minlength=20)
    chi_square = float(np.sum((counts - COUNT / 20) ** 2) / (COUNT / 20))
    assert chi_square < 50  # 19 degrees of freedom: 1 in 10 000
    for lag in (1, 2, 32, 1024):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / COUNT**0.5


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key[0]))
def test_normal_numbers(key: np.ndarray) -> None:
    z = threefry.normal(key, (COUNT,))
    assert np.isfinite(z).all()
    assert abs(z.mean()) < 5 / COUNT**0.5
    assert abs(z.var() - 1) < 5 * (2 / COUNT) ** 0.5
    assert abs(np.mean(z**3)) < 5 * (15 / COUNT) ** 0.5
    assert abs(np.mean(z**4) - 3) < 5 * (96 / COUNT) ** 0.5
    inside = [np.mean(np.abs(z) < s) for s in (1, 2, 3)]
    assert np.allclose(inside, [0.682689, 0.954500, 0.997300], atol=5e-3)


def test_element_by_element_of_the_index() -> None:
    """Numbers are drawn in blocks of 65536; each is still a function of its own index."""
    shape, rows = (3, 50_000), [0, 65_535, 65_536, 65_537, 131_071, 131_072, 149_999]
    u, z = threefry.uniform(KEYS[0], shape).ravel(), threefry.normal(KEYS[0], shape).ravel()
    for i in rows:
        x0, x1 = by_integers(tuple(KEYS[0].tolist()), (0, i))
        assert u[i] == ((x0 << 32 | x1) >> 11) / 2**53
        radius = (-2 * np.log((x0 + 0.5) / 2**32)) ** 0.5
        assert z[i] == pytest.approx(radius * np.cos(2 * np.pi * x1 / 2**32), rel=1e-12)


def test_every_bit_is_fair() -> None:
    x0, x1 = threefry.words(KEYS[0], COUNT)
    for word in (x0, x1, x0 ^ x1):
        for bit in range(32):
            share = np.mean((word >> np.uint32(bit)) & np.uint32(1))
            assert abs(share - 0.5) < 5 * 0.5 / COUNT**0.5


def test_streams_do_not_correlate() -> None:
    u = [threefry.uniform(threefry.fold_in(KEYS[0], i), (COUNT,)) for i in range(4)]
    correlations = np.corrcoef(u) - np.eye(4)
    assert np.max(np.abs(correlations)) < 5 / COUNT**0.5


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_masks_keep_their_share(keep: float) -> None:
    mask = threefry.keep_mask(KEYS[0], (100, 1000), keep)
    assert mask.dtype == np.bool_
    assert abs(mask.mean() - keep) <= 5 * (keep * (1 - keep) / COUNT) ** 0.5


def test_a_mask_keeps_what_is_below_the_threshold_and_not_what_is_at_it() -> None:
    x0, x1 = threefry.words(KEYS[0], 50)
    for index, draw in enumerate(((x0 ^ x1) >> np.uint32(9)).tolist()):
        at, above = draw / 2**23, (draw + 1) / 2**23  # both are float32 numbers
        assert not threefry.keep_mask(KEYS[0], (50,), at)[index]
        assert threefry.keep_mask(KEYS[0], (50,), above)[index]


def test_a_mask_depends_on_the_index_only() -> None:
    long = threefry.keep_mask(KEYS[0], (1000,), 0.5)
    np.testing.assert_array_equal(
        threefry.keep_mask(KEYS[0], (10, 10), 0.5).reshape(-1), long[:100]
    )
    np.testing.assert_array_equal(
        threefry.keep_mask(KEYS[0], (4, 5, 5), 0.5).reshape(-1), long[:100]
    )


# --- permutations ---------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [0, 1, 2, 3, 17, 1000])
def test_a_permutation_is_a_permutation(count: int) -> None:
    order = threefry.permutation(count, KEYS[0])
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(count))


def test_permutations_differ_and_repeat() -> None:
    first, second = (threefry.permutation(1000, key) for key in KEYS[:2])
    assert (first != second).mean() > 0.99
    np.testing.assert_array_equal(first, threefry.permutation(1000, KEYS[0]))
    assert (first == np.arange(1000)).sum() < 10


def test_every_order_of_four_is_as_likely() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for number in range(2400):
        order = tuple(threefry.permutation(4, threefry.fold_in(KEYS[1], number)).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert (
        sum((count - 100) ** 2 / 100 for count in counts.values()) < 58
    )  # 23 degrees: 1 in 10 000
