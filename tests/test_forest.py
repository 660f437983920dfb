import logging
import pickle

import naive_engine
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepforest.binning import Binner
from deepforest.bins import image_bins
from deepforest.coding import CodedTable, concatenate
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.tree_growth import are_pixels

FORESTS = [HistForestClassifier, HistForestRegressor]

BOOTSTRAP = dict.fromkeys(
    [
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ],
    "bags are drawn, so weights equal repeated rows in distribution only",
)


WITHOUT_BOOTSTRAP = {
    "check_class_weight_classifiers": (
        "without bags fully grown trees have pure leaves, whatever the weights"
    ),
}


def expected_failures(estimator):
    if estimator.bootstrap:
        return BOOTSTRAP
    return WITHOUT_BOOTSTRAP if isinstance(estimator, HistForestClassifier) else {}


@parametrize_with_checks(
    [
        HistForestClassifier(n_estimators=5),
        HistForestClassifier(n_estimators=5, splitter="random", bootstrap=False),
        HistForestRegressor(n_estimators=5),
        HistForestRegressor(n_estimators=5, splitter="random", bootstrap=False),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.uint8), y, test_size=0.5, random_state=0)


@pytest.mark.parametrize("Forest", FORESTS)
def test_nodes_too_small_for_two_leaves_are_not_searched(Forest, digits):
    # A search would draw features, and the trees' later draws would be others.
    X, _, y, _ = digits
    one = Forest(3, min_samples_leaf=10, random_state=0).fit(X, y)
    other = Forest(3, min_samples_leaf=10, min_samples_split=20, random_state=0).fit(X, y)
    np.testing.assert_array_equal(one.trees_.feature, other.trees_.feature)
    np.testing.assert_array_equal(one.trees_.code, other.trees_.code)


def test_shares_of_classes_take_a_quarter_of_the_room_of_targets(digits):
    X, _, y, _ = digits
    classes = HistForestClassifier(3, min_samples_leaf=5, random_state=0).fit(X, y)
    values = HistForestRegressor(3, min_samples_leaf=5, random_state=0).fit(X, y)
    assert classes.trees_.leaf_values.dtype == np.uint16
    assert values.trees_.leaf_values.dtype == np.float64
    np.testing.assert_allclose(classes.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


def test_one_tree_without_chance_is_scikit_learns():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.permutation(200) for _ in range(3)]).astype(np.float32)
    y = (X[:, 0] > 100).astype(int) + (X[:, 1] > 60)
    ours = HistForestClassifier(1, max_features=None, bootstrap=False, random_state=0).fit(X, y)
    theirs = DecisionTreeClassifier(random_state=0).fit(X, y)
    assert theirs.tree_.node_count == len(ours.trees_.feature)
    grid = rng.uniform(0, 200, (500, 3))
    assert np.mean(ours.predict(grid) == theirs.predict(grid)) > 0.99


@pytest.mark.parametrize(
    ("splitter", "theirs"), [("best", RandomForestClassifier), ("random", ExtraTreesClassifier)]
)
def test_as_accurate_as_scikit_learn(digits, splitter, theirs):
    X, X_test, y, y_test = digits
    scores = [
        [
            HistForestClassifier(30, splitter=splitter, random_state=seed),
            theirs(30, bootstrap=True, random_state=seed),
        ]
        for seed in range(6)
    ]
    ours, theirs = np.mean(
        [[forest.fit(X, y).score(X_test, y_test) for forest in pair] for pair in scores], axis=0
    )
    assert ours > theirs - 0.008


def test_importances_agree_with_scikit_learn():
    X, y = make_classification(600, 8, n_informative=3, shuffle=False, random_state=0)
    ours = HistForestClassifier(60, random_state=0).fit(X, y).feature_importances_
    theirs = RandomForestClassifier(60, random_state=0).fit(X, y).feature_importances_
    assert ours.sum() == pytest.approx(1)
    np.testing.assert_allclose(ours, theirs, atol=0.03)


def test_regression_agrees_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    ours = HistForestRegressor(100, oob_score=True, random_state=0).fit(X, y)
    theirs = RandomForestRegressor(100, oob_score=True, random_state=0).fit(X, y)
    assert ours.oob_score_ == pytest.approx(theirs.oob_score_, abs=0.04)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=0.06)


def test_several_outputs():
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, -3 * y])
    forest = HistForestRegressor(20, oob_score=True, random_state=0).fit(X, both)
    assert forest.predict(X).shape == forest.oob_prediction_.shape == (len(y), 2)
    np.testing.assert_allclose(forest.predict(X)[:, 1], -3 * forest.predict(X)[:, 0])
    assert forest.score(X, both) > 0.9


def test_several_columns_of_labels_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"shape \(4, 2\).*sklearn\.multioutput\.MultiOutputC"):
        HistForestClassifier(2).fit(np.zeros((4, 1)), np.eye(4, 2, dtype=int))


@pytest.mark.parametrize("Forest", FORESTS)
@pytest.mark.parametrize("splitter", ["best", "random"])
def test_threads_do_not_change_a_bit(Forest, splitter):
    X, y = load_iris(return_X_y=True)
    forests = [
        Forest(9, splitter=splitter, oob_score=True, n_jobs=jobs, random_state=3).fit(X, y)
        for jobs in (1, 2, 5)
    ]
    for forest in forests[1:]:
        np.testing.assert_array_equal(forest.trees_.threshold, forests[0].trees_.threshold)
        np.testing.assert_array_equal(forest.predict(X), forests[0].predict(X))
        assert forest.oob_score_ == forests[0].oob_score_
    other = Forest(9, splitter=splitter, random_state=4).fit(X, y)
    assert other.trees_.threshold.tolist() != forests[0].trees_.threshold.tolist()


def test_out_of_bag_votes_are_of_trees_that_did_not_see_the_row():
    # Labels are noise: a tree that saw a row gives its label, one that did not gives a guess.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 5)), rng.integers(0, 2, 400)
    forest = HistForestClassifier(60, oob_score=True, random_state=0).fit(X, y)
    assert forest.score(X, y) == 1
    assert 0.4 < forest.oob_score_ < 0.6
    votes = forest.oob_decision_function_
    np.testing.assert_allclose(votes.sum(axis=1), 1)


def test_rows_never_out_of_bag_get_the_prior():
    X = np.arange(10.0)[:, None]
    y = np.array([0] * 7 + [1] * 3)
    forest = HistForestClassifier(1, oob_score=True, random_state=0).fit(X, y)
    in_bag = (forest.oob_decision_function_ == [0.7, 0.3]).all(axis=1)
    assert 3 <= in_bag.sum() <= 9
    leaf = forest.predict_proba(X)
    np.testing.assert_array_equal(forest.oob_decision_function_[~in_bag], leaf[~in_bag])
    values = HistForestRegressor(1, oob_score=True, random_state=0).fit(X, y)
    assert (np.isclose(values.oob_prediction_, 0.3)).sum() >= 3


@pytest.mark.parametrize("Forest", FORESTS)
def test_categories_that_say_nothing_are_seldom_split_on(Forest):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = (X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=600) > 0).astype(int)
    X[:, 3] = rng.integers(0, 200, 600)  # three rows of each, such as a name or a street
    forest = Forest(50, categorical_features=[3], max_features=2, random_state=0).fit(X, y)
    # Column 2 is of no use, either.
    assert forest.feature_importances_[3] < 1.5 * forest.feature_importances_[2]


@pytest.mark.parametrize("Forest", FORESTS)
def test_categories_hide_no_column_whose_leaves_are_large_enough(Forest):
    # The best cut of the column leaves too few rows, the set of categories gains by chance.
    rng = np.random.default_rng(0)
    x = rng.permutation(2000).astype(float)
    y = (rng.random(2000) < np.where(x < 200, 0.68, 0.40)).astype(int)
    forest = Forest(
        1, categorical_features=[0], bootstrap=False, max_depth=1, min_samples_leaf=400
    ).set_params(max_features=None, random_state=0)
    forest.fit(np.column_stack([rng.integers(0, 240, 2000), x]), y)
    assert forest.trees_.feature[0] == 1


@pytest.mark.parametrize("Forest", FORESTS)
def test_categories_that_say_much_are_split_on_however_many(Forest):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    X[:, 3] = rng.integers(0, 100, 600)
    y = (X[:, 3] * 37 % 11 > 5).astype(int)
    forest = Forest(50, categorical_features=[3], random_state=0).fit(X[:400], y[:400])
    assert forest.feature_importances_[3] > 0.8
    assert forest.score(X[400:], y[400:]) > 0.7


@pytest.mark.parametrize("rows_left_out", [0.0, 0.8])
@pytest.mark.parametrize("min_samples_leaf", [1, 10])
@pytest.mark.parametrize("kind", ["counts", "ages"])
def test_values_are_told_apart_beside_a_few_large_ones(kind, min_samples_leaf, rows_left_out):
    # Ranges between the smallest and the largest would merge most of them.
    rng = np.random.default_rng(0)
    X = rng.pareto(1.0, (2000, 12)) * 2 if kind == "counts" else rng.normal(40, 12, (2000, 12))
    X[rng.random(X.shape) < rows_left_out] = 0
    y = (X[:, :5] > np.median(X[X > 0])).sum(axis=1) >= (3 if rows_left_out == 0 else 1)
    X[rng.random(X.shape) < 0.003] = 255
    X = X.clip(0, 255).astype(np.uint8)
    forest = HistForestClassifier(20, min_samples_leaf=min_samples_leaf, random_state=0)
    losses = [
        log_loss(y[1000:], clone(forest).fit(x[:1000], y[:1000]).predict_proba(x[1000:]))
        for x in (X, X.astype(np.float32))
    ]
    assert losses[0] < 1.15 * losses[1]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_columns_of_pixels(n, d, seed):
    rng = np.random.default_rng(seed)
    kinds = [rng.integers(0, 256, n), rng.geometric(0.2, n), rng.choice([0, 40, 255], n)]
    columns = [
        kinds[k] * (rng.random(n) < rng.choice([0.02, 0.5, 1])) for k in rng.integers(0, 3, d)
    ]
    codes = np.column_stack(columns).astype(np.uint8)
    each = [naive_engine.is_pixel(column) for column in codes.T]
    known = [found for found in each if found is not None]
    mostly = len(known) > 0 and np.mean(known) > 0.5
    expected = [mostly if found is None else found for found in each]
    np.testing.assert_array_equal(are_pixels(codes), expected)


def test_rows_drawn_more_often_than_16_bits_count():
    n = 200_000
    X, y, weight = np.zeros((n, 1)), np.arange(n) % 2, np.ones(n)
    X[0], weight[0] = 1, n * 2e4
    heavy = HistForestClassifier(3, random_state=0).fit(X, y, weight)
    assert np.isfinite(heavy.predict_proba(X[:9])).all()
    X, y = np.array([[0.0], [0], [0], [1]]), [0, 1, 1, 0]
    often = HistForestClassifier(1, max_samples=10**6, random_state=0).fit(X, y)
    np.testing.assert_allclose(often.predict_proba(X)[0], [1 / 3, 2 / 3], atol=1e-3)


@pytest.mark.parametrize("pixels", [False, True])
def test_weights_equal_repeated_rows_without_bootstrap(pixels):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 4)).round(1), rng.integers(0, 3, 150)
    if pixels:
        X = rng.integers(0, 256, X.shape).astype(np.uint8)
    weight = rng.integers(0, 4, 150)
    repeated = np.repeat(np.arange(150), weight)
    for Forest in FORESTS:
        forest = Forest(5, bootstrap=False, max_features=2, random_state=0)
        weighted = clone(forest).fit(X[weight > 0], y[weight > 0], weight[weight > 0])
        again = clone(forest).fit(X[repeated], y[repeated])
        zeros = clone(forest).fit(X, y, weight)
        np.testing.assert_allclose(weighted.predict(X), again.predict(X))
        np.testing.assert_allclose(zeros.predict(X[weight > 0]), again.predict(X[weight > 0]))


@pytest.mark.parametrize("Forest", FORESTS)
@pytest.mark.parametrize(
    "parameters",
    [{}, {"max_samples": 0.7}, {"bootstrap": False, "splitter": "random"}, {"max_depth": 3}],
)
def test_rows_of_no_weight_are_as_if_they_were_not_there(Forest, parameters):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 4)).round(1), rng.integers(0, 3, 150)
    weight = rng.integers(0, 4, 150) * rng.random(150)
    used = weight > 0
    X[~used] += 5
    forest = Forest(5, min_samples_leaf=0.05, random_state=0, **parameters)
    forest.set_params(oob_score=forest.bootstrap)
    zeros = clone(forest).fit(X, y, weight)
    without = clone(forest).fit(X[used], y[used], weight[used])
    np.testing.assert_array_equal(zeros.trees_.threshold, without.trees_.threshold)
    np.testing.assert_array_equal(zeros.predict(X), without.predict(X))
    if forest.bootstrap:
        assert zeros.oob_score_ == pytest.approx(without.oob_score_, rel=1e-12)


def test_weights_draw_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = rng.integers(0, 2, 300)
    weight = np.where(y == 1, 9.0, 1.0)
    forest = HistForestClassifier(30, min_samples_leaf=40, random_state=0).fit(X, y, weight)
    repeated = np.repeat(np.arange(300), weight.astype(int))
    again = HistForestClassifier(30, min_samples_leaf=40, random_state=0)
    again.fit(X[repeated], y[repeated])
    assert forest.predict_proba(X).mean(axis=0) == pytest.approx(
        again.predict_proba(X).mean(axis=0), abs=0.05
    )
    balanced = HistForestClassifier(30, min_samples_leaf=40, class_weight={0: 1, 1: 9})
    shares = balanced.set_params(random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(shares, forest.predict_proba(X))


def coded_by(binner, X):
    return CodedTable(binner.transform(X), binner._bins)


@pytest.mark.parametrize("Forest", FORESTS)
def test_codes_and_values_give_the_same_forest(Forest, digits):
    X, X_test, y, _ = digits
    X, X_test = X.astype(float), X_test.astype(float)
    X[::7, 3] = np.nan
    X_test[::5, 10] = np.nan
    plain = Forest(5, random_state=0).fit(X, y)
    binner = Binner().fit(X)
    coded = Forest(5, random_state=0)._fit_coded(coded_by(binner, X), y)
    expected = plain.predict_proba(X_test) if Forest is FORESTS[0] else plain.predict(X_test)
    np.testing.assert_array_equal(coded._predict_coded(coded_by(binner, X_test)), expected)
    np.testing.assert_array_equal(coded.predict(X_test), plain.predict(X_test))
    np.testing.assert_array_equal(plain._predict_coded(coded_by(binner, X_test)), expected)


def test_pixels_beside_augmented_columns(digits):
    X, X_test, y, y_test = digits
    image = HistForestClassifier(20, oob_score=True, random_state=0).fit(X, y)
    binner = Binner().fit(image.oob_decision_function_)
    tables = [
        concatenate(
            [
                CodedTable(image_bins(64).code(pixels), image_bins(64)),
                coded_by(binner, votes),
            ]
        )
        for pixels, votes in [
            (X, image.oob_decision_function_),
            (X_test, image.predict_proba(X_test)),
        ]
    ]
    forest = HistForestClassifier(20, random_state=0)._fit_coded(tables[0], y)
    shares = forest._predict_coded(tables[1])
    assert np.mean(shares.argmax(axis=1) == y_test) > 0.93
    raw = np.column_stack([X_test, image.predict_proba(X_test)])
    np.testing.assert_array_equal(forest.predict_proba(raw), shares)


@pytest.mark.parametrize("missing", [False, True])
def test_coding_before_reading_trees_changes_nothing(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5)).astype(np.float32)
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0]) > X[:, 1]).astype(int)
    forest = HistForestClassifier(20, random_state=0).fit(X[:1000], y[:1000])
    assert forest._as_read(X)[1]
    for rows in (X, X[:5]):  # few rows go down another way
        votes, _ = forest.trees_.votes(rows, 2, None)
        np.testing.assert_array_equal(forest.predict_proba(rows), votes / 20)


def test_images_use_all_256_codes_without_binning():
    X = np.arange(256, dtype=np.uint8)[:, None]
    forest = HistForestRegressor(1, bootstrap=False).fit(X, np.arange(256.0))
    np.testing.assert_allclose(forest.predict(X), np.arange(256.0))
    np.testing.assert_allclose(forest.predict(X.astype(float)), np.arange(256.0))
    assert len(forest.trees_.feature) == 511


def test_more_distinct_values_than_codes():
    X = np.arange(1000.0)[:, None]
    forest = HistForestRegressor(1, bootstrap=False).fit(X, np.arange(1000.0))
    leaves = forest.apply(X)[:, 0]
    counts = np.bincount(leaves)
    assert np.unique(leaves).size == 255
    assert counts[counts > 0].max() == 4


@pytest.mark.parametrize("splitter", ["best", "random"])
@pytest.mark.parametrize(
    "change", [np.cbrt, np.exp, lambda X: 3 * X + 7], ids=["cbrt", "exp", "3x+7"]
)
def test_strictly_monotone_maps_of_columns_change_no_prediction_of_known_rows(splitter, change):
    X = np.random.default_rng(0).normal(size=(900, 4)).astype(np.float32)  # more values than codes
    X[::7, 1] = np.nan
    y = (X[:, 0] + np.nan_to_num(X[:, 1]) ** 2 > 1).astype(int)
    mapped = change(X.astype(np.float64)).astype(np.float32)
    for column, other in zip(X.T, mapped.T, strict=True):
        assert len(np.unique(column)) == len(np.unique(other))
    forest = HistForestClassifier(20, splitter=splitter, oob_score=True, random_state=0)
    plain, same = clone(forest).fit(X, y), clone(forest).fit(mapped, y)
    np.testing.assert_array_equal(
        same.oob_decision_function_, plain.oob_decision_function_, strict=True
    )
    np.testing.assert_array_equal(same.predict_proba(mapped), plain.predict_proba(X), strict=True)


def test_missing_values_are_information():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = rng.integers(0, 2, 300)
    X[y == 1, 1] = np.where(rng.random((y == 1).sum()) < 0.9, np.nan, 0)
    forest = HistForestClassifier(20, max_features=None, random_state=0).fit(X[:200], y[:200])
    assert forest.score(X[200:], y[200:]) > 0.85


def test_the_sign_of_a_target_does_not_change_how_categories_are_split():
    rng = np.random.default_rng(0)
    categories = rng.integers(0, 40, 2000)
    value = rng.normal(size=40)[categories] + rng.normal(scale=0.3, size=2000)
    X = np.column_stack([categories, rng.normal(size=(2000, 2))])
    said = [
        HistForestRegressor(
            5, max_depth=3, max_features=None, categorical_features=[0], random_state=0
        )
        .fit(X, np.column_stack([value, sign * value]))
        .predict(X)
        for sign in (1, -1)
    ]
    np.testing.assert_allclose(said[1], said[0] * [1, -1], atol=1e-6)


def test_categories_of_data_frames():
    rng = np.random.default_rng(0)
    letters = rng.choice(list("abcdefgh"), 300)
    y = np.isin(letters, list("bdf")).astype(int)
    frame = pd.DataFrame({"x": rng.normal(size=300), "letter": pd.Categorical(letters)})
    forest = HistForestClassifier(1, max_features=None, bootstrap=False).fit(frame, y)
    assert len(forest.trees_.feature) == 3
    assert forest.score(frame, y) == 1
    # The same letters in another order of categories, and letters never seen.
    again = frame.assign(letter=pd.Categorical(letters, categories=list("zhgfedcba")))
    assert forest.score(again, y) == 1
    unseen = frame.assign(letter=pd.Categorical(["z"] * 300))
    assert np.unique(forest.predict(unseen)).size == 1
    by_name = HistForestClassifier(
        1, max_features=None, bootstrap=False, categorical_features=["letter"]
    ).fit(frame.astype({"letter": object}), y)
    assert by_name.score(frame, y) == 1
    with pytest.raises(ValueError, match="must name columns"):
        HistForestClassifier(categorical_features=["word"]).fit(frame, y)


def test_constant_features_one_row_one_class():
    ones = np.ones((6, 3))
    forest = HistForestClassifier(3).fit(ones, [0, 0, 0, 0, 1, 1])
    assert len(forest.trees_.feature) == 3
    assert HistForestClassifier(3).fit(ones, ["a"] * 6).predict(ones).tolist() == ["a"] * 6
    assert HistForestRegressor(3).fit([[1.0]], [4.0]).predict([[2.0]]) == [4.0]
    assert HistForestClassifier(3).fit([[1.0]], ["b"]).predict([[2.0]]) == ["b"]


def test_wide_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5000))
    y = (X[:, :500].mean(axis=1) > 0).astype(int)
    forest = HistForestClassifier(20, random_state=0).fit(X, y)
    assert forest.score(X, y) == 1


def test_large_nodes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3)).astype(np.float32)
    y = (X[:, 1] > 0.3).astype(int)
    y[rng.random(len(y)) < 0.05] ^= 1
    forest = HistForestClassifier(5, max_features=None, max_depth=1, random_state=0).fit(X, y)
    assert (forest.trees_.feature[forest.trees_.roots] == 1).all()
    np.testing.assert_allclose(forest.trees_.threshold[forest.trees_.roots], 0.3, atol=0.02)


def test_pickle_and_layouts(digits):
    X, X_test, y, _ = digits
    forest = HistForestClassifier(5, random_state=0).fit(X, y)
    expected = forest.predict_proba(X_test)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(forest)).predict_proba(X_test), expected
    )
    for layout in (np.asfortranarray(X_test), X_test.astype(np.float32), X_test.tolist()):
        np.testing.assert_array_equal(forest.predict_proba(layout), expected)
    frozen = X.copy()
    frozen.setflags(write=False)
    again = HistForestClassifier(5, random_state=0).fit(frozen, y)
    np.testing.assert_array_equal(again.predict_proba(X_test), expected)


def test_max_depth_and_apply():
    X, y = load_iris(return_X_y=True)
    forest = HistForestClassifier(4, max_depth=2, random_state=0).fit(X, y)
    leaves = forest.apply(X)
    assert leaves.shape == (150, 4)
    assert leaves.max() < 7
    assert (forest.trees_.feature[leaves + forest.trees_.roots] == -1).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_estimators": 0}, "n_estimators=0 must be an integer of at least 1"),
        ({"splitter": "worst"}, "splitter='worst' must be one of 'best', 'random'"),
        ({"criterion": "chaos"}, "criterion='chaos' must be one of"),
        ({"max_features": "all"}, "max_features='all' must be one of"),
        ({"max_features": 1.5}, "max_features=1.5 must be"),
        ({"max_depth": 0}, "max_depth=0 must be"),
        ({"min_samples_split": 1}, "min_samples_split=1 must be"),
        ({"min_samples_leaf": 0.0}, "min_samples_leaf=0.0 must be"),
        ({"max_bins": 256}, "max_bins must be"),
        ({"max_samples": 0.5, "bootstrap": False}, "needs bootstrap=True"),
        ({"oob_score": True, "bootstrap": False}, "needs bootstrap=True"),
        ({"categorical_features": [9]}, "categorical_features must be"),
    ],
)
def test_bad_parameters(parameters, message):
    forest = HistForestClassifier().set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        forest.fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(forest, "n_features_in_")


def test_an_error_leaves_a_fitted_forest_as_it_was():
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    forest = HistForestClassifier(3, random_state=0).fit(X, [0, 1, 1])
    before = dict(vars(forest))
    with pytest.raises(ValueError, match="NaN"):
        forest.fit(X.assign(b=1.0), [0, 1, np.nan])
    assert vars(forest) == before


@pytest.mark.parametrize("Forest", FORESTS)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([0, 0], "sample_weight is zero for every row: give at least one row a weight"),
        ([1, -1], r"sample_weight holds negative weights \(the least is -1.0\)"),
        ([1, np.nan], "sample_weight holds NaN or infinity: pass finite weights"),
        ([[1], [1]], r"sample_weight has shape \(2, 1\), but X has 2 rows"),
    ],
)
def test_bad_weights(Forest, weight, message):
    forest = Forest()
    with pytest.raises(ValueError, match=message):
        forest.fit([[0.0], [1.0]], [0, 1], weight)
    assert not hasattr(forest, "trees_")


@pytest.mark.parametrize("verbose", [0, 1])
def test_lines_of_progress_only_where_they_are_asked_for(verbose, caplog):
    caplog.set_level(logging.DEBUG, logger="deepforest")
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    HistForestClassifier(20, verbose=verbose).fit(X, y)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ([f"{n} of 20 trees" for n in range(2, 21, 2)] if verbose else [])


@pytest.mark.parametrize("splitter", ["best", "random"])
def test_rows_of_hardly_any_weight_have_leaves_of_their_class(splitter):
    X, y = np.arange(60.0)[:, None], np.arange(60) // 10
    weight = np.where(y < 3, 1.0, 1e-60)  # less than float32 can tell from nothing
    forest = HistForestClassifier(3, splitter=splitter, bootstrap=False, random_state=0)
    assert np.array_equal(forest.fit(X, y, weight).predict(X), y)


@pytest.mark.parametrize("scale", [1e-310, 1e-30, 1e-3, 1e5, 1e20])
def test_weights_of_any_size_grow_the_same_trees(scale):
    X, y = np.arange(60.0)[:, None], (np.arange(60) > 29).astype(int)
    weight = np.random.default_rng(0).integers(1, 4, 60)
    forest = HistForestClassifier(1, bootstrap=False, max_depth=2, random_state=0)
    expected = forest.fit(X, y, sample_weight=weight).predict_proba(X)
    assert forest.score(X, y) == 1
    found = forest.fit(X, y, sample_weight=weight * scale).predict_proba(X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
