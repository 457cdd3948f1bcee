"""Rows that were trained on are known again, and others are not."""

import numpy as np

from neyman.anomaly.seen import ROWS, fraction_seen, remembered, row_hashes


def test_the_same_rows_in_any_order_and_precision(rng):
    x = rng.normal(size=(1000, 5))
    seen = remembered(x[:700], x[700:])
    assert fraction_seen(rng.permutation(x), seen) == 1
    assert fraction_seen(x.astype(np.float32), seen) == 1
    assert fraction_seen(x[:250], seen) == 0.25
    assert fraction_seen(rng.normal(size=(100_000, 5)), seen) == 0


def test_a_row_is_its_values_in_their_order(rng):
    x = rng.normal(size=(300, 4))
    hashes = row_hashes(x)
    assert len(np.unique(hashes)) == 300
    assert not np.isin(row_hashes(x[:, ::-1]), hashes).any()
    assert not np.isin(row_hashes(np.nextafter(x.astype(np.float32), np.float32(9))), hashes).any()
    assert np.isin(row_hashes(x[7:8].repeat(3, axis=0)), hashes).all()


def test_what_differs_less_than_single_precision_is_the_same_row_or_not(rng):
    x = 1e9 + rng.normal(size=(1000, 1))
    assert len(np.unique(row_hashes(x, np.float64))) == 1000
    assert len(np.unique(row_hashes(x))) < 5


def test_tables_of_few_different_numbers_have_no_hash_in_common(rng):
    """All 4,096 rows of twelve bits, and powers of two, whose bits are sums of one another."""
    bits = np.array(np.meshgrid(*[[0.0, 1.0]] * 12)).reshape(12, -1).T
    powers = 2.0 ** np.array(np.meshgrid(*[np.arange(-8, 8)] * 3)).reshape(3, -1).T
    for table in (bits, powers):
        for precision in (np.float32, np.float64):
            assert len(np.unique(row_hashes(table, precision))) == 4096


def test_whole_numbers_that_coincide_are_not_taken_for_the_same_event(rng):
    x = rng.integers(0, 3, size=(1000, 3)).astype(float)
    assert fraction_seen(x, remembered(x[:500], x[500:])) == 0


def test_some_copies_do_not_make_a_table_forgotten(rng):
    x = rng.normal(size=(1000, 3))
    x[1] = x[0]
    assert fraction_seen(rng.permutation(x), remembered(x[:500], x[500:])) == 1


def test_of_a_large_sample_some_rows_are_remembered(rng):
    x = rng.normal(size=(10_000, 2))
    seen = remembered(x[:9000], x[9000:])
    assert len(seen) == ROWS + 1000
    assert fraction_seen(x, seen) == 1
