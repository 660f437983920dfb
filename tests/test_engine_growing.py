import os
import subprocess
import sys

import naive_engine as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepforest._engine import bags
from deepforest._engine.class_rows import class_bag
from deepforest._engine.dividing import Bag, Table
from deepforest._engine.growing import Rules, grow_classes
from deepforest._engine.growing_targets import grow_targets
from deepforest._engine.random import next_random, random_below, tree_state


@st.composite
def tables(draw):
    """Codes, kinds of features, classes and weights."""
    n = draw(st.integers(1, 70))
    d = draw(st.sampled_from([1, 2, 3, 4, 11]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_codes = draw(st.sampled_from([2, 3, 6, 200]))
    codes = rng.integers(0, n_codes, (n, d)).astype(np.uint8)
    keeps_missing = rng.random(d) < 0.5
    is_categorical = (rng.random(d) < 0.3) & (n_codes <= 6)
    codes[(rng.random((n, d)) < 0.2) & (keeps_missing | is_categorical)] = naive.MISSING
    n_classes = draw(st.integers(1, 4))
    y = rng.integers(0, n_classes, n).astype(np.int32)
    weight = rng.integers(0, 4, n).astype(float)
    weight[rng.integers(n)] = 1
    # Sums that fit in bytes, that are not whole, and that do not fit.
    weight *= draw(st.sampled_from([1, 0.3, 100]))
    return np.asfortranarray(codes), keeps_missing, is_categorical, y, weight, n_classes


def rules(d, random_splits=False, max_depth=1000, min_split=2, min_leaf=1, most_searched=10**9):
    return Rules(random_splits, d, max_depth, min_split, min_leaf, most_searched)


def as_table(codes, keeps_missing, is_categorical, near_rows=20):
    n, d = codes.shape
    flat, near = codes.T.reshape(-1), np.pad(codes, ((0, 0), (0, 3))).reshape(-1)
    offset = np.arange(d) * n
    any_kinds = bool(keeps_missing.any() or is_categorical.any())
    kinds = keeps_missing, is_categorical, ~keeps_missing & ~is_categorical, any_kinds
    return Table(flat, offset, near, d + 3, near_rows, *kinds)


def grow(data, rule, seed=0, near_rows=20):
    codes, keeps_missing, is_categorical, y, weight, n_classes = data
    rows = np.argsort(y, kind="stable").astype(np.int32)
    rows = rows[weight[rows] > 0]
    with np.errstate(over="ignore"):
        table = as_table(codes, keeps_missing, is_categorical, near_rows)
        if are_counts := np.array_equal(weight, weight.astype(int)):
            weight = weight.astype(np.int32)
        bag = class_bag(rows, y[rows], weight[rows])
        return grow_classes(table, *bag, n_classes, are_counts, rule, seed, 0)


def grow_real(data, targets, rule, seed=0, near_rows=20):
    codes, keeps_missing, is_categorical, _, weight, _ = data
    rows = np.flatnonzero(weight > 0).astype(np.int32)
    with np.errstate(over="ignore"):
        table = as_table(codes, keeps_missing, is_categorical, near_rows)
        return grow_targets(table, Bag(rows, targets[rows], weight[rows]), rule, seed, 0)


def kinds(data, f):
    return {"keeps_missing": data[1][f], "is_categorical": data[2][f]}


@given(tables(), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_every_split_is_the_best_one(data, min_leaf):
    codes, keeps_missing, is_categorical, y, weight, n_classes = data
    # The order of categories is a heuristic for three classes and more, and with a least number of
    # rows the best set of those allowed need not be a prefix.
    any_sets = is_categorical.any() and (n_classes > 2 or min_leaf > 1)
    tree = grow(data, rules(codes.shape[1], min_leaf=min_leaf))
    masks = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)
    for node, mask in enumerate(masks):
        mask = mask & (weight > 0)
        best = [
            naive.best_score(
                codes[mask, f], y[mask], weight[mask], n_classes, min_leaf, **kinds(data, f)
            )
            for f in range(codes.shape[1])
        ]
        best = max((b for b in best if b is not None), default=None)
        if tree.feature[node] < 0:
            assert best is None or len(set(y[mask])) == 1 or any_sets
            continue
        left = masks[tree.children_left[node]][mask]
        assert min_leaf <= left.sum() <= mask.sum() - min_leaf
        f = tree.feature[node]
        found = naive.compared_score(
            left, codes[mask, f], y[mask], weight[mask], n_classes, **kinds(data, f)
        )
        assert found <= best * (1 + 1e-9)
        if not any_sets:
            assert found == pytest.approx(best, rel=1e-6)


def test_a_small_share_is_found_in_a_large_node_of_windows():
    codes = np.random.default_rng(0).integers(0, 30, (20_000, 2)).astype(np.uint8)
    y, none = (codes[:, 0] < 3).astype(np.int32), np.zeros(2, bool)
    data = codes, none, none, y, np.ones(len(y)), 2
    tree = grow(data, rules(2, min_leaf=1500, most_searched=1000), near_rows=0)
    assert (len(tree.feature), tree.feature[0], tree.code[0]) == (3, 0, 2)


@given(tables(), st.integers(3, 20), st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_large_nodes_of_windows_are_searched_on_some_rows(data, most_searched, min_leaf):
    codes, keeps_missing, is_categorical, y, weight, n_classes = data
    rule = rules(codes.shape[1], min_leaf=min_leaf, most_searched=most_searched)
    tree = grow(data, rule, near_rows=0)
    masks = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)
    for node, mask in enumerate(masks):
        rows = np.flatnonzero(mask & (weight > 0))
        rows = rows[np.argsort(y[rows], kind="stable")]
        step = max(1, len(rows) // most_searched)

        def best_on(some, least):
            of_each = [
                naive.best_score(
                    codes[some, f], y[some], weight[some], n_classes, least, **kinds(data, f)
                )
                for f in range(codes.shape[1])
            ]
            return max((score for score in of_each if score is not None), default=None)

        if tree.feature[node] < 0:
            if not is_categorical.any():
                assert len(set(y[rows])) == 1 or best_on(rows, min_leaf) is None
            continue
        goes_left = masks[tree.children_left[node]]
        assert min_leaf <= goes_left[rows].sum() <= len(rows) - min_leaf
        if not is_categorical.any():
            # The best for some rows, or for all if it leaves a side of these too small.
            of_some = max(-(-min_leaf // step), min(min_leaf, 10))
            found = [
                (naive.split_score(goes_left[some], y[some], weight[some], n_classes), best)
                for some, least in ((rows[::step], of_some), (rows, min_leaf))
                if (best := best_on(some, least)) is not None
            ]
            assert any(score == pytest.approx(best, rel=1e-6) for score, best in found)


@given(tables(), st.integers(1, 3), st.integers(1, 2))
@settings(deadline=None, max_examples=60)
def test_every_split_on_targets_is_the_best_one(data, min_leaf, n_outputs):
    codes, keeps_missing, is_categorical, y, weight, _ = data
    targets = np.column_stack([y, y**2])[:, :n_outputs] - 1.0
    tree = grow_real(data, targets, rules(codes.shape[1], min_leaf=min_leaf))
    masks = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)
    for node, mask in enumerate(masks):
        mask = mask & (weight > 0)
        if tree.feature[node] < 0:
            mean = np.average(targets[mask], axis=0, weights=weight[mask])
            np.testing.assert_allclose(tree.leaf_values[~tree.leaf[node]], mean, atol=1e-12)
            continue
        best = [
            naive.best_score(
                codes[mask, f], targets[mask], weight[mask], None, min_leaf, **kinds(data, f)
            )
            for f in range(codes.shape[1])
        ]
        best = max(b for b in best if b is not None)
        left = masks[tree.children_left[node]][mask]
        f = tree.feature[node]
        found = naive.compared_score(
            left, codes[mask, f], targets[mask], weight[mask], **kinds(data, f)
        )
        if not is_categorical.any() or (n_outputs == 1 and min_leaf == 1):
            assert found == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("best", range(5))
@pytest.mark.parametrize("min_leaf", [1, 20])
def test_large_nodes_search_features_of_every_kind(best, min_leaf):
    # Two classes, so that the order of categories finds the best set.
    rng = np.random.default_rng(best)
    n = 900
    codes = rng.integers(0, [2, 4, 250, 5, 200], (n, 5)).astype(np.uint8)
    codes[rng.random((n, 5)) < [0, 0.1, 0.1, 0, 0]] = naive.MISSING
    keeps_missing = np.array([False, True, True, False, False])
    is_categorical = np.array([False, False, False, True, False])
    y = ((codes[:, best] * 37 % 11 > 4) ^ (rng.random(n) < 0.1)).astype(np.int32)
    data = codes, keeps_missing, is_categorical, y, rng.integers(1, 3, n).astype(float), 2
    targets = y[:, None] + rng.normal(size=(n, 1))
    for tree, kind in (
        (grow(data, rules(5, max_depth=1, min_leaf=min_leaf)), (y, 2)),
        (grow_real(data, targets, rules(5, max_depth=1, min_leaf=min_leaf)), (targets, None)),
    ):
        left = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)[1]
        target, n_classes = kind
        scores = [
            naive.best_score(codes[:, f], target, data[4], n_classes, min_leaf, **kinds(data, f))
            for f in range(5)
        ]
        f = tree.feature[0]
        found = naive.compared_score(
            left, codes[:, f], target, data[4], n_classes, **kinds(data, f)
        )
        assert found == pytest.approx(max(scores), rel=1e-6)


@pytest.mark.parametrize(("n", "found"), [(63, 100), (64, 103), (5000, 103)])
def test_nodes_tell_ranges_of_codes_apart(n, found):
    codes = np.linspace(0, 255, n).round().astype(np.uint8)[:, None]
    y = (codes[:, 0] > 100).astype(np.int32)
    none = np.zeros(1, bool)
    tree = grow((codes, none, none, y, np.ones(n), 2), rules(1, max_depth=1))
    # Ranges of eight codes; of those that occur, 100 may be the nearest below.
    assert codes[codes <= tree.code[0]].max() == codes[codes <= found].max()


@given(tables(), st.booleans(), st.integers(1, 3), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_leaves_hold_the_shares_of_their_rows(data, random_splits, min_leaf, max_depth):
    codes, keeps_missing, is_categorical, y, weight, n_classes = data
    tree = grow(data, rules(codes.shape[1], random_splits, max_depth, 2, min_leaf))
    masks = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)
    importances = np.zeros(codes.shape[1])
    for node, mask in enumerate(masks):
        mask = mask & (weight > 0)
        assert mask.sum() >= min(min_leaf, (weight > 0).sum())
        if tree.feature[node] >= 0:
            left = masks[tree.children_left[node]][mask]
            importances[tree.feature[node]] += naive.split_score(
                left, y[mask], weight[mask], n_classes
            ) - naive.score(y[mask], weight[mask], n_classes)
            continue
        assert tree.children_left[node] == node
        shares = np.bincount(y[mask], weight[mask], minlength=n_classes) / weight[mask].sum()
        if tree.leaf[node] >= 0:
            assert shares[tree.leaf[node]] == pytest.approx(1)
        else:
            held = tree.leaf_values[~tree.leaf[node]]
            np.testing.assert_allclose(held / held.sum(), shares, rtol=1e-6)
    # Weights that are not whole are rounded to float32.
    np.testing.assert_allclose(tree.importances, importances, atol=1e-6 * weight.sum())


@given(tables(), st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_codes_in_memory_changes_nothing(data, random_splits):
    rule = rules(2, random_splits)
    targets = data[3][:, None].astype(float)
    for far, near in (
        (grow(data, rule, near_rows=0), grow(data, rule, near_rows=1000)),
        (
            grow_real(data, targets, rule, near_rows=0),
            grow_real(data, targets, rule, near_rows=1000),
        ),
    ):
        for one, other in zip(far, near, strict=True):
            np.testing.assert_array_equal(one, other)


@given(tables())
@settings(deadline=None, max_examples=30)
def test_random_splits_go_on_until_leaves_are_pure_or_alike(data):
    codes, keeps_missing, is_categorical, y, weight, _ = data
    tree = grow(data, rules(1, random_splits=True))
    masks = naive.rows_of_nodes(tree, codes, keeps_missing, is_categorical)
    for node, mask in enumerate(masks):
        mask = mask & (weight > 0)
        assert mask.any()
        if tree.feature[node] < 0 and tree.leaf[node] < 0:
            assert (codes[mask] == codes[mask][0]).all()
            assert len(set(y[mask])) > 1


def test_counts_of_large_leaves_are_rounded():
    y = np.repeat([0, 1, 2], [1, 150, 249]).astype(np.int32)
    codes, none = np.zeros((400, 1), np.uint8), np.zeros(1, bool)
    tree = grow((codes, none, none, y, np.full(400, 255.0), 3), rules(1))
    [held] = tree.leaf_values
    assert held.dtype == np.uint16
    assert held.sum() > 65000
    np.testing.assert_allclose(held / held.sum(), np.bincount(y) / 400, atol=1e-5)


def test_known_constants_do_not_hide_features():
    # Two informative features among many constant ones, one draw a node.
    codes = np.zeros((8, 50), np.uint8, order="F")
    codes[:, 17] = [0, 0, 0, 0, 1, 1, 1, 1]
    codes[:, 41] = [0, 0, 1, 1, 0, 0, 1, 1]
    y = np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int32)
    none = np.zeros(50, bool)
    for seed in range(5):
        tree = grow((codes, none, none, y, np.ones(8), 4), rules(1), seed)
        assert len(tree.feature) == 7
        assert sorted(set(tree.feature.tolist())) == [-1, 17, 41]


def test_missing_values_learn_their_side():
    codes = np.array([[0], [0], [1], [1], [255], [255]], np.uint8, order="F")
    y = np.array([0, 0, 1, 1, 0, 0], np.int32)
    tree = grow((codes, np.ones(1, bool), np.zeros(1, bool), y, np.ones(6), 2), rules(1))
    assert len(tree.feature) == 3
    assert tree.missing_left[0]
    assert tree.code[0] == 0


def test_missing_against_all_others():
    codes = np.array([[0], [9], [255], [255]], np.uint8, order="F")
    y = np.array([0, 0, 1, 1], np.int32)
    tree = grow((codes, np.ones(1, bool), np.zeros(1, bool), y, np.ones(4), 2), rules(1))
    assert len(tree.feature) == 3
    assert tree.code[0] == 254
    assert not tree.missing_left[0]


def test_category_sets_and_unseen_categories():
    codes = np.array([[0], [1], [2], [3], [3]], np.uint8, order="F")
    y = np.array([0, 1, 0, 1, 1], np.int32)
    tree = grow((codes, np.ones(1, bool), np.ones(1, bool), y, np.ones(5), 2), rules(1))
    assert len(tree.feature) == 3
    sides = [naive.find_leaf(tree, [c], [True], [True]) for c in range(4)]
    assert sides[0] == sides[2] != sides[1] == sides[3]
    # Categories never seen go to the side with more rows: 1, 3 and 3.
    for c in (4, 77, 255):
        assert naive.find_leaf(tree, [c], [True], [True]) == sides[1]


def test_code_255_is_a_value_where_nothing_is_missing():
    codes = np.array([[0], [254], [255], [255]], np.uint8, order="F")
    y = np.array([0, 0, 1, 1], np.int32)
    none = np.zeros(1, bool)
    tree = grow((codes, none, none, y, np.ones(4), 2), rules(1))
    assert tree.code.tolist() == [254, 255, 255]


def test_bags():
    with np.errstate(over="ignore"):
        bag = bags.draw_bag(1000, 50, 3, 4)
        assert bag.sum() == 1000
        np.testing.assert_array_equal(bag, bags.draw_bag(1000, 50, 3, 4))
        assert (bag != bags.draw_bag(1000, 50, 3, 5)).any()


def test_weighted_bags():
    n = 40_000
    weight = np.tile([0, 1, 0, 3.0], n // 4)
    with np.errstate(over="ignore"):
        counts, in_bag = bags.draw_weighted_bag(n // 2, weight, 3, 4)
        plain = bags.draw_bag(n // 2, n // 2, 3, 4)
        same_counts, same_bag = bags.draw_weighted_bag(n // 2, 0.3 * (weight > 0), 3, 4)
    assert counts[weight == 0].sum() == 0
    # Which rows are in the bag does not depend on their weight; how often they are drawn does.
    np.testing.assert_array_equal(in_bag[weight > 0], plain > 0)
    assert not in_bag[weight == 0].any()
    assert not counts[~in_bag].any()
    assert counts.sum() == in_bag.sum()
    light, heavy = in_bag & (weight == 1), in_bag & (weight == 3)
    assert heavy.sum() == pytest.approx(light.sum(), rel=0.1)
    assert counts[heavy].mean() / counts[light].mean() == pytest.approx(3, rel=0.1)
    # Rows of the same weight are drawn as rows without one.
    np.testing.assert_array_equal(same_counts[weight > 0], plain)
    np.testing.assert_array_equal(same_bag, in_bag)


def test_random_numbers_match_splitmix64():
    # First outputs for seed 0, from the reference implementation of splitmix64.
    state = np.zeros(1, np.uint64)
    with np.errstate(over="ignore"):
        drawn = [int(next_random(state)) for _ in range(2)]
        assert drawn == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
        counts = np.bincount([random_below(state, 7) for _ in range(7000)], minlength=7)
        assert counts.size == 7
        assert abs(counts - 1000).max() < 150
        assert tree_state(1, 2)[0] != tree_state(1, 3)[0]


WITHOUT_COMPILER = """
import numpy as np
from deepforest.forest import HistForestClassifier, HistForestRegressor
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)).astype(np.float32)
X[:9, 0] = np.nan
X[:, 2] = rng.integers(0, 5, 60)
y = rng.integers(0, 3, 60)
for splitter in ("best", "random"):
    for forest in (HistForestClassifier, HistForestRegressor):
        f = forest(3, splitter=splitter, categorical_features=[2], oob_score=True, random_state=0)
        trees = f.fit(X, y).trees_
        print(trees.feature.tolist(), trees.threshold.tolist(), trees.left_sets.tolist())
        print(f.predict(X).tolist(), f.apply(X).tolist(), f.oob_score_)
        print(f.feature_importances_.round(12).tolist())
"""


def test_without_compiler_the_trees_are_the_same():
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER],
            env=os.environ | {"NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for off in ("0", "1")
    ]
    assert outputs[0] == outputs[1]
