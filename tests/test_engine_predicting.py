import naive_engine as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepforest._engine.predicting import add_leaves
from deepforest.bins import Bins
from deepforest.coding import CodedTable
from deepforest.forest import HistForestClassifier, HistForestRegressor


@given(st.integers(0, 10**6), st.integers(1, 40), st.booleans())
@settings(deadline=None, max_examples=40)
def test_leaves_and_votes(seed, n, careful):
    rng = np.random.default_rng(seed)
    codes = np.asfortranarray(rng.integers(0, 6, (60, 3)).astype(np.uint8))
    if careful:
        codes[rng.random(codes.shape) < 0.2] = naive.MISSING
    kinds = np.full(3, careful), np.array([False, careful, False])
    edges = tuple(np.arange(6, dtype=np.float32) for _ in range(3))
    table = CodedTable(codes, Bins(edges, *kinds))
    y = rng.integers(0, 3, 60)
    forest = HistForestClassifier(3, min_samples_leaf=2, random_state=seed)._fit_coded(table, y)
    trees = forest.trees_
    rows = codes[rng.integers(0, 60, n)]
    leaves = trees.leaves(rows, None)
    votes = np.zeros((n, 3))
    ends = [*trees.roots[1:], len(trees.feature)]
    for t, (start, end) in enumerate(zip(trees.roots, ends, strict=True)):
        tree = one_tree(trees, start, end)
        for i, row in enumerate(rows):
            leaf = naive.find_leaf(tree, row, *kinds)
            assert leaves[i, t] == leaf
            held = tree.leaf[leaf]
            votes[i] += np.eye(3)[held] if held >= 0 else trees.leaf_outputs[~held]
    np.testing.assert_allclose(forest._predict_coded(CodedTable(rows, table.bins)), votes / 3)


def test_counts_of_a_leaf_add_up_to_more_than_16_bits():
    leaves, counts = np.zeros(1, np.int32), np.full((1, 2), 40_000, np.uint16)
    for add in (add_leaves, add_leaves.py_func):
        out = np.zeros((1, 2))
        add(np.array([-1], np.int32), counts, True, leaves, leaves, out)
        assert out.tolist() == [[0.5, 0.5]]


class OneTree:
    """The nodes of one tree, numbered from 0 as `naive.find_leaf` wants them."""


def one_tree(trees, start, end):
    tree = OneTree()
    for name in ("feature", "code", "missing_left", "leaf"):
        setattr(tree, name, getattr(trees, name)[start:end])
    tree.children_left = trees.children_left[start:end] - start
    tree.left_sets = trees.left_sets
    if not len(trees.left_sets):
        tree.left_sets = np.zeros((end - start, 8), np.uint32)
    return tree


@pytest.mark.parametrize("n", [1, 7, 8, 9, 511, 512, 513, 1100])
def test_numbers_of_rows_that_fill_no_group(n):
    rng = np.random.default_rng(n)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    forest = HistForestRegressor(4, oob_score=True, random_state=0).fit(X, y)
    one_by_one = np.concatenate([forest.predict(X[i : i + 1]) for i in range(0, n, 37)])
    np.testing.assert_array_equal(forest.predict(X)[::37], one_by_one)


def test_out_of_bag_votes_against_the_bags():
    # With one tree the rows that it did not see are those that it predicts out of bag.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1300, 6)), rng.normal(size=1300)
    forest = HistForestRegressor(1, oob_score=True, random_state=0).fit(X, y)
    seen = np.isclose(forest.oob_prediction_, y.mean())
    np.testing.assert_array_equal(forest.oob_prediction_[~seen], forest.predict(X)[~seen])
    assert seen.mean() == pytest.approx(1 - np.exp(-1), abs=0.04)
    # A tree fits the rows that it saw, and not those that it did not.
    np.testing.assert_allclose(forest.predict(X)[seen], y[seen])
    assert not np.isclose(forest.predict(X)[~seen], y[~seen]).any()
