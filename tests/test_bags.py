"""Bags: windows are drawn evenly, none twice, and only those that are present."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepforest import bags
from deepforest.bags import draw_distinct, draw_windows


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 300), st.integers(1, 100), st.integers(0, 2**31))
def test_distinct_numbers_ascend_below_their_limit(n, n_draws, seed):
    drawn = draw_distinct(n, n_draws, seed)
    assert len(drawn) == min(n, n_draws)
    assert np.all(np.diff(drawn) > 0)
    assert n == 0 or 0 <= drawn[0] <= drawn[-1] < n
    np.testing.assert_array_equal(draw_distinct(n, n_draws, seed), drawn)


@pytest.mark.parametrize(("n", "n_draws"), [(100, 2), (5, 2), (5, 3), (6, 4)])
def test_all_subsets_are_equally_likely(n, n_draws):
    # Of many draws each number is in a share n_draws / n, each pair in the share of both.
    times = 4000
    together = np.zeros((n, n))
    for seed in range(times):
        drawn = draw_distinct(n, n_draws, seed)
        together[np.ix_(drawn, drawn)] += 1
    one, two = n_draws / n, n_draws * (n_draws - 1) / (n * (n - 1))
    error = np.sqrt(one * (1 - one) / times)
    assert np.abs(np.diag(together) / times - one).max() < 4.5 * error
    pairs = together[~np.eye(n, dtype=bool)] / times
    assert np.abs(pairs - two).max() < 6 * np.sqrt(two * (1 - two) / times)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 9),
    st.integers(1, 7),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([1, 10, 2**20]),
    st.integers(0, 2**31),
)
def test_drawn_windows_are_present_and_distinct(n, p, max_windows, missing, block, seed):
    rng = np.random.default_rng(seed)
    present = rng.random((n, p)) < 0.5 if missing else None
    arrays = np.flatnonzero(rng.random(n) < 0.7)
    if not len(arrays):
        return
    before = bags.BLOCK_WINDOWS
    try:
        bags.BLOCK_WINDOWS = block
        place, window = draw_windows(arrays, p, present, max_windows, seed)
    finally:
        bags.BLOCK_WINDOWS = before
    there = np.ones((n, p), bool) if present is None else present
    assert there[arrays[place], window].all()
    assert len(place) == min(max_windows, there[arrays].sum())
    assert np.all(np.diff(place * p + window) > 0)
    # The size of the blocks changes nothing.
    again = draw_windows(arrays, p, present, max_windows, seed)
    np.testing.assert_array_equal((place, window), again)


def test_windows_that_are_present_are_drawn_evenly():
    present = np.array([[True, False, True], [False, False, False], [True, True, True]])
    arrays = np.array([2, 0])
    counts = np.zeros((2, 3))
    for seed in range(3000):
        place, window = draw_windows(arrays, 3, present, 2, seed)
        counts[place, window] += 1
    assert counts[1, 1] == 0
    drawn = counts[present[arrays]] / 3000
    assert np.abs(drawn - 2 / 5).max() < 4 * np.sqrt(0.24 / 3000)


@pytest.mark.parametrize("missing", [False, True])
def test_drawing_takes_memory_for_what_is_drawn(missing, monkeypatch):
    monkeypatch.setattr("deepforest.bags.BLOCK_WINDOWS", 10_000)
    n, p = 20_000, 400
    present = np.ones((n, p), bool) if missing else None
    arrays = np.arange(0, n, 2)
    tracemalloc.start()
    try:
        draw_windows(arrays, p, present, 10_000, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * 10_000 + 16 * n  # all 4 million windows would take 32 MB
