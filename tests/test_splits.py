"""Splits of the training rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, TimeSeriesSplit

from deepforest.splits import Splits, held_out_rows, make_splits, stratified_folds
from deepforest.target import Target


def classes(labels, weight=None):
    labels = np.asarray(labels)
    return Target(labels, weight, int(labels.max()) + 1)


def values(n, weight=None):
    return Target(np.arange(n, dtype=float), weight, None)


def table(n):
    return np.zeros((n, 1), dtype=np.float32)


def as_lists(splits):
    return [(train.tolist(), test.tolist()) for train, test in splits.folds]


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(2, 8), st.integers(0, 99))
def test_stratified_folds_hold_each_row_out_once_and_each_class_evenly(labels, k, seed):
    target = classes(labels)
    folds = stratified_folds(target, k, seed)
    assert len(folds) == min(k, len(labels))
    times = np.zeros(len(labels), dtype=int)
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(labels)))
        times[test] += 1
    assert times.tolist() == [1] * len(labels)
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    for label in set(labels):
        members = [int(np.sum(target.y[test] == label)) for _, test in folds]
        assert max(members) - min(members) <= 1


@given(st.integers(2, 30), st.integers(2, 8), st.integers(0, 99))
def test_folds_of_values_hold_each_row_out_once(n, k, seed):
    folds = stratified_folds(values(n), k, seed)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(n))


def test_another_seed_gives_other_folds_and_the_same_seed_the_same():
    target = classes([0, 1] * 10)
    first, again, other = (
        [test.tolist() for _, test in stratified_folds(target, 4, seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_class_with_one_member_is_held_out_once():
    folds = stratified_folds(classes([0, 0, 0, 0, 0, 1]), 3, 0)
    assert sum(5 in test for _, test in folds) == 1


def test_an_integer_allows_out_of_bag_votes():
    assert make_splits(3, table(9), values(9), None, 0).allow_out_of_bag


def test_none_is_five_folds():
    assert len(make_splits(None, table(9), values(9), None, 0).folds) == 5


GROUPS = [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("cv", "groups"),
    [
        (GroupKFold(3), GROUPS),
        (TimeSeriesSplit(3), None),
        (KFold(3), None),
        ([([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2])], None),
        (3, GROUPS),
    ],
)
@pytest.mark.parametrize("target", [values(6), classes([0, 1, 0, 1, 0, 1])])
def test_an_explicit_splitter_and_groups_rule_out_of_bag_votes_out(cv, groups, target):
    assert not make_splits(cv, table(6), target, groups, 0).allow_out_of_bag


@pytest.mark.parametrize("target", [values(6), classes([0, 1, 0, 1, 0, 1])])
def test_a_group_is_never_on_both_sides(target):
    groups = np.array(GROUPS)
    splits = make_splits(5, table(6), target, GROUPS, 0)
    for train, test in splits.folds:
        assert not set(groups[train]) & set(groups[test])
    assert held_out_rows(splits, 6).all()


def test_a_list_of_splits_is_taken_as_it_is():
    cv = [([0, 1], [2]), ([2, 3], [0])]
    splits = make_splits(cv, table(4), values(4), None, 0)
    assert as_lists(splits) == cv
    assert held_out_rows(splits, 4).tolist() == [True, False, True, False]


def test_masks_are_read_as_the_rows_they_mark():
    mask = np.array([True, False, True, False])
    splits = make_splits([(mask, ~mask), (~mask, mask)], table(4), values(4), None, 0)
    assert as_lists(splits) == [([0, 2], [1, 3]), ([1, 3], [0, 2])]


def test_repeated_splits_may_hold_a_row_out_more_than_once():
    cv = ShuffleSplit(4, test_size=0.5, random_state=0)
    splits = make_splits(cv, table(8), values(8), None, 0)
    assert sum(len(test) for _, test in splits.folds) == 16


def test_rows_without_weight_are_in_no_fold():
    weight = np.array([1.0, 0, 2, 1, 0, 1])
    for cv in (2, [([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2])]):
        splits = make_splits(cv, table(6), values(6, weight), None, 0)
        rows = np.concatenate([part for fold in splits.folds for part in fold])
        assert sorted(set(rows.tolist())) == [0, 2, 3, 5]


def test_rows_without_weight_do_not_change_the_folds_of_the_others():
    weight = np.array([1.0, 1, 1, 1, 0])
    with_it = make_splits(2, table(5), values(5, weight), None, 7)
    without = make_splits(2, table(4), values(4, weight[:4]), None, 7)
    assert as_lists(with_it) == as_lists(without)


def test_groups_of_classes_rarer_than_folds_get_fewer_folds():
    target = classes([0, 0, 1, 1, 2, 2])
    splits = make_splits(5, table(6), target, list(range(6)), 0)
    assert held_out_rows(splits, 6).all()


@pytest.mark.parametrize("cv", [1, 0, -3, True])
def test_a_number_of_folds_below_two_is_an_error(cv):
    with pytest.raises(ValueError, match=f"cv={cv}.*at least 2"):
        make_splits(cv, table(6), values(6), None, 0)


def test_splits_that_train_on_what_they_hold_out_are_an_error():
    with pytest.raises(ValueError, match=r"cv=.*disjoint"):
        make_splits([([0, 1], [1, 2]), ([2], [0])], table(3), values(3), None, 0)


@pytest.mark.parametrize("row", [-1, 3])
def test_splits_that_name_rows_which_x_does_not_have_are_an_error(row):
    with pytest.raises(ValueError, match=r"cv=.*3 rows"):
        make_splits([([0, row], [1]), ([2], [0])], table(3), values(3), None, 0)


def test_one_split_is_an_error():
    with pytest.raises(ValueError, match=r"cv=.*at least 2"):
        make_splits([([0, 1], [2])], table(3), values(3), None, 0)


def test_one_group_is_an_error():
    with pytest.raises(ValueError, match=r"groups.*at least 2"):
        make_splits(3, table(3), values(3), [7, 7, 7], 0)


def test_a_weight_on_one_row_only_is_an_error():
    with pytest.raises(ValueError, match=r"sample_weight.*at least 2"):
        make_splits(3, table(3), values(3, np.array([0.0, 1, 0])), None, 0)


# Some of the rows


def test_some_of_the_rows_stay_in_their_folds():
    folds = [(np.array([0, 1, 4]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1, 4]))]
    taken = Splits(folds, True).take(np.array([1, 3, 4]))
    assert as_lists(taken) == [([0, 2], [1]), ([1], [0, 2])]
    assert taken.allow_out_of_bag


def test_a_fold_that_holds_out_none_of_the_rows_is_left_out():
    folds = [(np.array([0, 1]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1]))]
    assert as_lists(Splits(folds, False).take(np.array([0, 1]))) == [([], [0, 1])]


@given(st.integers(4, 30), st.integers(2, 5), st.integers(0, 99))
@settings(deadline=None)
def test_taken_rows_are_held_out_with_the_same_rows_as_before(n, k, seed):
    rng = np.random.default_rng(seed)
    splits = make_splits(k, table(n), values(n), None, seed)
    rows = np.flatnonzero(rng.random(n) < 0.6)
    before = [set(rows) & set(test.tolist()) for _, test in splits.folds]
    after = [set(rows[test].tolist()) for _, test in splits.take(rows).folds]
    assert after == [test for test in before if test]
    for train, test in splits.take(rows).folds:
        assert sorted([*train, *test]) == list(range(len(rows)))
