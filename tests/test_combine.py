"""Combining class vectors: cases worked by hand, and a loop as twin."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeRegressor

from deepforest import CascadeForestClassifier, CascadeForestRegressor, HistForestClassifier
from deepforest.combine import N_PICKS, combined, mean_of_last, select, select_held_out
from deepforest.splits import Splits, make_splits
from deepforest.target import Target


def binary(of_class_1):
    """A library of two classes from M lists of the probability of class 1."""
    p = np.asarray(of_class_1, dtype=np.float32)
    return np.stack([1 - p, p], axis=2)


def values(said):
    return np.asarray(said, dtype=float)[:, :, None]


def test_combined_is_the_weighted_mean():
    library = values([[1, 2], [3, 4], [100, 100]])
    assert combined(library, np.array([0.75, 0.25, 0])).tolist() == [[1.5], [2.5]]


def test_combined_never_reads_what_has_no_weight():
    library = values([[1, 2], [np.nan, np.inf]])
    assert combined(library, np.array([1.0, 0])).tolist() == [[1], [2]]


def test_the_papers_combination_is_the_mean_of_the_last_layer():
    assert mean_of_last(6, 2).tolist() == [0, 0, 0, 0, 0.5, 0.5]


def test_the_one_that_is_right_is_selected_alone():
    library = binary([[0.5, 0.5, 0.5], [0.9, 0.1, 0.9], [0.1, 0.9, 0.1]])
    assert select(library, Target(np.array([1, 0, 1]), None, 2)).tolist() == [0, 1, 0]


def test_two_that_err_in_opposite_directions_share_the_weight():
    # The mean of 1 + e and 1 - e is exact; alone, each errs by e.
    library = values([[1.5, 2.5], [0.5, 1.5], [5, 5]])
    weights = select(library, Target(np.array([1.0, 2.0]), None, None))
    assert weights.tolist() == [0.5, 0.5, 0]


def test_an_error_twice_as_large_gets_half_the_weight():
    # (1 + 1 - 2) / 3 = 0: two picks of the first, one of the second.
    library = values([[1, 1], [-2, -2]])
    weights = select(library, Target(np.zeros(2), None, None))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])


def test_of_equal_ones_the_first_is_selected():
    library = binary([[0.9, 0.1], [0.9, 0.1]])
    assert select(library, Target(np.array([1, 0]), None, 2)).tolist() == [1, 0]


def test_a_certain_error_is_a_finite_loss():
    library = binary([[0.0, 0.0], [0.0, 0.0]])
    assert select(library, Target(np.array([1, 1]), None, 2)).tolist() == [1, 0]


def test_rows_count_by_their_weight():
    # The first is right on row 0, the second on row 1.
    library = values([[0, 4], [4, 0]])
    y = np.zeros(2)
    assert select(library, Target(y, np.array([1.0, 0.0]), None)).tolist() == [1, 0]
    assert select(library, Target(y, np.array([0.0, 1.0]), None)).tolist() == [0, 1]
    assert select(library, Target(y, None, None)).tolist() == [0.5, 0.5]


@st.composite
def problems(draw, n_classes):
    n_library, n = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    weight = rng.integers(0, 3, size=n).astype(float) if draw(st.booleans()) else None
    if weight is not None and not weight.any():
        weight[0] = 1
    if n_classes is None:
        return rng.normal(size=(n_library, n, 1)), Target(rng.normal(size=n), weight, None)
    library = rng.dirichlet(np.ones(n_classes), size=(n_library, n)).astype(np.float32)
    return library, Target(rng.integers(0, n_classes, size=n), weight, n_classes)


def assert_as_good_as_the_loop(loss, library, target):
    weight = np.ones(len(target.y)) if target.sample_weight is None else target.sample_weight
    weights = select(library, target)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    # Ties may fall either way, so the loss is compared and not the picks.
    counts = weights * next(
        k for k in range(1, N_PICKS + 1) if np.allclose(weights * k, np.rint(weights * k))
    )
    picks = np.repeat(np.arange(len(library)), np.rint(counts).astype(int)).tolist()
    lowest = naive.greedy_loss(loss, library, target.y, weight, N_PICKS)
    assert loss(picks, library, target.y, weight) == pytest.approx(lowest, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(problems(n_classes=3))
def test_selection_by_log_loss_is_the_greedy_loop(problem):
    assert_as_good_as_the_loop(naive.log_loss_of_mean, *problem)


@settings(deadline=None, max_examples=25)
@given(problems(n_classes=None))
def test_selection_by_squared_error_is_the_greedy_loop(problem):
    assert_as_good_as_the_loop(naive.squared_error_of_mean, *problem)


def test_weights_are_never_selected_on_the_row_they_are_applied_to():
    # The first is right on rows 0 and 1, the second on rows 2 and 3: weights from the other
    # rows always choose the one that is wrong here, weights from the row itself the right one.
    library = values([[0, 0, 4, 4], [4, 4, 0, 0]])
    target = Target(np.zeros(4), None, None)
    halves = [(np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))]
    assert select_held_out(library, target, Splits(halves, True)).ravel().tolist() == [4, 4, 4, 4]


def test_a_label_does_not_change_the_combination_of_its_own_row():
    rng = np.random.default_rng(0)
    library = rng.dirichlet(np.ones(2), size=(5, 12)).astype(np.float32)
    y = rng.integers(0, 2, size=12)
    splits = make_splits(12, np.zeros((12, 1)), Target(y, None, 2), None, 0)  # one row at a time
    before = select_held_out(library, Target(y, None, 2), splits)
    for row in range(12):
        flipped = y.copy()
        flipped[row] = 1 - y[row]
        after = select_held_out(library, Target(flipped, None, 2), splits)
        np.testing.assert_array_equal(after[row], before[row])


def test_a_row_held_out_twice_gets_the_mean():
    library = values([[0, 0, 0, 6], [6, 6, 6, 0]])
    target = Target(np.array([0.0, 6, 0, 0]), None, None)
    folds = [
        (np.array([0, 2]), np.array([3])),
        (np.array([1]), np.array([3])),
        (np.array([3]), np.array([0, 1, 2])),
    ]
    # From rows 0 and 2 the first is selected, which says 6; from row 1 the second, which says 0.
    assert select_held_out(library, target, Splits(folds, False))[3, 0] == 3


def test_without_covered_training_rows_all_weigh_the_same():
    # As TimeSeriesSplit has it: the first fold's training rows are never held out.
    library = values([[0, 0, 2], [0, 4, 2]])
    folds = [(np.array([0]), np.array([1])), (np.array([0, 1]), np.array([2]))]
    said = select_held_out(library, Target(np.zeros(3), None, None), Splits(folds, False))
    assert said.ravel().tolist() == [0, 2, 2]  # row 0 is not held out, row 1 the mean of 0 and 4


def test_more_noise_to_choose_from_does_not_seem_to_gain():
    rng = np.random.default_rng(0)
    n = 300
    gains_held_out, gains_on_itself = [], []
    for _ in range(10):
        target = Target(rng.normal(size=n), None, None)
        splits = make_splits(5, np.zeros((n, 1)), target, None, 0)
        library = rng.normal(scale=0.3, size=(20, n, 1))

        def error(said, target=target):
            return float(np.mean((said[:, 0] - target.y) ** 2))

        few, many = library[:5], library
        gains_held_out.append(
            error(select_held_out(few, target, splits))
            - error(select_held_out(many, target, splits))
        )
        gains_on_itself.append(
            error(combined(few, select(few, target))) - error(combined(many, select(many, target)))
        )
    # Noise of variance 0.09 is smaller in the mean of more picks, by 0.09 / 5 at the most.
    assert np.mean(gains_held_out) < 0.018
    assert np.mean(gains_on_itself) > 2 * np.mean(gains_held_out)


def test_values_beyond_the_squares_that_fit_are_selected_too():
    y = np.array([1e200, -1e200, 2e200])
    library = np.stack([y, 0 * y, -y])[:, :, None]
    assert select(library, Target(y, None, None)).tolist() == [1, 0, 0]


def test_the_power_lowers_the_held_out_log_loss_and_moves_no_class():
    X, y = load_digits(return_X_y=True)
    cascade = CascadeForestClassifier(
        [("forest", HistForestClassifier(20))], max_layers=1, random_state=0
    ).fit(X[::2], y[::2])
    assert cascade.power_ > 1  # votes of few trees are blunt
    calibrated = cascade.predict_proba(X[1::2])
    cascade.power_ = 1.0
    blunt = cascade.predict_proba(X[1::2])
    assert log_loss(y[1::2], calibrated) < log_loss(y[1::2], blunt)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), blunt.argmax(axis=1))


def test_the_mean_of_the_paper_stays_as_it_is():
    X, y = load_digits(return_X_y=True)
    cascade = CascadeForestClassifier(
        [("forest", HistForestClassifier(5))], max_layers=1, combine="mean", random_state=0
    ).fit(X[::5], y[::5])
    assert cascade.power_ == 1


def test_nothing_is_selected_for_held_out_rows_that_nobody_asks(monkeypatch):
    """Rows of the user's own score the layers, and values are not calibrated."""

    def unasked(*arguments):
        raise AssertionError("selected for held-out rows")

    monkeypatch.setattr("deepforest.training_rows.select_held_out", unasked)
    X = np.random.default_rng(0).normal(size=(60, 3))
    layer = [("tree", DecisionTreeRegressor(max_depth=3)), ("ridge", Ridge())]
    cascade = CascadeForestRegressor(layer, cv=2, max_layers=2, random_state=0)
    cascade.fit(X[:40], X[:40, 0], X_val=X[40:], y_val=X[40:, 0])
    assert cascade.power_ == 1
    with pytest.raises(AssertionError, match="held-out rows"):
        cascade.fit(X[:40], X[:40, 0])
