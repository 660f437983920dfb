"""Confidence screening: which rows leave, where they go, and that nothing leaks by it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import most_confident_rows, screened_walk
from recording import RecordingClassifier
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    HistForestClassifier,
)
from deepforest.growth import cut_back
from deepforest.layer import CascadeLayer
from deepforest.screening import (
    MIN_OF_CLASS,
    MOST_POWER,
    Screen,
    best_power,
    lowest_threshold,
    mean_weights,
    rows_that_train,
    sharpened,
)
from deepforest.target import Target
from deepforest.walk import walked

# The threshold


def binary(confidences, right, weight=None):
    """Class vectors that are so sure of class 1, and a target that says where they are right."""
    vectors = np.array([[1 - p, p] for p in confidences], dtype=np.float32)
    return vectors, Target(np.array(right, dtype=np.int64), weight, 2)


def test_the_largest_set_leaves_that_is_accurate_enough():
    # Of 5 rows one may be wrong by 1 - 0.6 = 2 / 5, as one error more than was seen counts.
    confidences = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65]
    right = [1, 1, 0, 1, 1, 0, 0]
    assert lowest_threshold(*binary(confidences, right), 0.6) == np.float32(0.75)
    # Two errors, and one more, are at most 2 / 5 of 8 rows: there are 7.
    assert lowest_threshold(*binary([*confidences, 0.6], [*right, 1]), 0.6) == np.float32(0.75)
    assert lowest_threshold(*binary([*confidences, 0.6], [*right[:5], 1, 0, 1]), 0.6) == (
        np.float32(0.6)
    )


def test_a_few_right_rows_are_no_evidence():
    for accuracy, n in ((0.9, 10), (0.99, 100), (0.5, 2)):
        few = binary(np.linspace(0.9, 0.99, n - 1), np.ones(n - 1))
        enough = binary(np.linspace(0.9, 0.99, n), np.ones(n))
        assert lowest_threshold(*few, accuracy) == np.inf
        assert lowest_threshold(*enough, accuracy) == np.float32(0.9)


def test_rows_that_are_equally_sure_leave_together():
    vectors, target = binary([0.9] * 10 + [0.8] * 4, [1] * 10 + [1, 1, 0, 0])
    assert lowest_threshold(vectors, target, 0.9) == np.float32(0.9)
    vectors, target = binary([0.9] * 12, [1] * 10 + [0, 0])
    assert lowest_threshold(vectors, target, 0.9) == np.inf


def test_no_rows_have_no_threshold():
    vectors, target = binary([], [])
    assert lowest_threshold(vectors.reshape(0, 2), target, 0.9) == np.inf


def test_only_the_ratio_of_weights_counts():
    rng = np.random.default_rng(0)
    confidences, right = rng.uniform(0.5, 1, 300), rng.random(300) < 0.95
    weight = np.where(right, 1.0, 0.1)  # errors that hardly count
    plain = lowest_threshold(*binary(confidences, right), 0.97)
    for factor in (1e-3, 1.0, 50.0):
        same = lowest_threshold(*binary(confidences, right, np.full(300, factor)), 0.97)
        assert same == plain
    weighted = [lowest_threshold(*binary(confidences, right, weight * f), 0.97) for f in (1, 7)]
    assert weighted[0] == weighted[1] != plain


@given(
    confidences=st.lists(st.sampled_from([0.5, 0.6, 0.75, 0.9, 0.95, 1.0]), max_size=40),
    accuracy=st.sampled_from([0.3, 0.5, 0.75, 0.9]),
    seed=st.integers(0, 2**16),
    weighted=st.booleans(),
)
@settings(deadline=None)
def test_the_threshold_is_that_of_the_slow_twin(confidences, accuracy, seed, weighted):
    rng = np.random.default_rng(seed)
    right = rng.random(len(confidences)) < 0.8
    weight = rng.integers(1, 4, len(confidences)).astype(float) if weighted else None
    vectors, target = binary(confidences, right, weight)
    vectors = vectors.reshape(-1, 2)
    threshold = lowest_threshold(vectors, target, accuracy)
    leaving = set(np.flatnonzero(vectors.max(axis=1) >= threshold).tolist())
    weights = [1.0] * len(confidences) if weight is None else weight.tolist()
    wrong = (vectors.argmax(axis=1) != target.y).tolist()
    assert leaving == most_confident_rows(vectors.max(axis=1).tolist(), wrong, weights, accuracy)


# The probabilities of rows that leave


def test_a_power_sharpens_and_blunts_but_keeps_the_order():
    vectors = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], dtype=np.float32)
    squares = [[36 / 46, 9 / 46, 1 / 46], [4 / 44, 4 / 44, 36 / 44]]
    np.testing.assert_allclose(sharpened(vectors, 2.0), squares, rtol=1e-6)
    np.testing.assert_allclose(sharpened(vectors, 1.0), vectors, rtol=1e-6)
    assert sharpened(vectors, 2.0).dtype == np.float32
    blunt = sharpened(vectors, 0.5)
    np.testing.assert_array_equal(np.sort(blunt.argmax(axis=1)), [0, 2])
    assert (blunt.max(axis=1) < vectors.max(axis=1)).all()


@pytest.mark.parametrize(("n", "wrong"), [(99, 0), (999, 0), (199, 3)])
def test_the_best_power_says_how_often_such_rows_are_wrong(n, wrong):
    # All rows say 0.7; with one error more, wrong + 1 of n + 1 rows are wrong.
    vectors = np.tile(np.array([0.7, 0.3], dtype=np.float32), (n, 1))
    y = np.zeros(n, dtype=np.int64)
    y[:wrong] = 1
    power = best_power(vectors, Target(y, None, 2))
    said = sharpened(vectors[:1], power)[0, 1]
    assert said == pytest.approx((wrong + 1) / (n + 1), rel=0.01)


def test_the_best_power_has_the_lowest_loss_of_a_grid():
    rng = np.random.default_rng(0)
    vectors = rng.dirichlet([8.0, 1, 1], size=400)
    y = np.where(rng.random(400) < 0.95, vectors.argmax(axis=1), rng.integers(0, 3, 400))
    for weight in (None, rng.uniform(size=400)):
        found = best_power(vectors, Target(y, weight, 3))
        least = vectors.max(axis=1).argmin()
        said = np.vstack([vectors, vectors[[least]]])
        true = np.append(y, np.argsort(vectors[least])[1])
        counted = np.ones(401) if weight is None else np.append(weight, weight.mean())

        def loss(power, said=said, true=true, counted=counted):
            raised = sharpened(said, power)[np.arange(401), true]
            return -np.average(
                np.log(np.maximum(raised, np.finfo(np.float32).eps)), weights=counted
            )

        grid = np.geomspace(1 / MOST_POWER, MOST_POWER, 400)
        assert loss(found) <= min(map(loss, grid)) + 1e-6


def test_one_class_needs_no_power():
    assert best_power(np.ones((3, 1)), Target(np.zeros(3, dtype=int), None, 1)) == 1


# The rows that train


def test_the_least_sure_rows_that_left_train_half_as_many_as_go_on(monkeypatch):
    monkeypatch.setattr("deepforest.screening.MIN_OF_CLASS", 1)
    p = np.array([0.9, 0.6, 0.99, 0.95, 0.5, 0.98, 0.5, 0.55, 0.5, 0.97])
    y = np.zeros(10, dtype=int)
    y[2] = 1
    goes_on = p < 0.7
    weight = np.ones(10)
    for unknown, also in [([], [0, 3]), ([3], [0, 9])]:
        weight[unknown] = 0
        trains = rows_that_train(np.column_stack([p, 1 - p]), Target(y, weight, 2), goes_on)
        assert np.flatnonzero(trains & ~goes_on).tolist() == sorted([2, *also])


def test_the_least_sure_rows_of_each_class_train_even_if_they_left(monkeypatch):
    monkeypatch.setattr("deepforest.screening.STAY", 0)
    n = 4 * MIN_OF_CLASS
    p = np.linspace(0.99, 0.51, n)
    vectors = np.column_stack([p, 1 - p])
    y = np.repeat([0, 1], n // 2)
    goes_on = np.arange(n) >= n // 2
    trains = rows_that_train(vectors, Target(y, None, 3), goes_on)
    of_class_0 = np.flatnonzero(trains[: n // 2])
    assert trains[n // 2 :].all()
    assert of_class_0.tolist() == list(range(n // 2 - MIN_OF_CLASS, n // 2))


def test_a_class_of_few_rows_trains_whole():
    vectors = np.tile([0.9, 0.1], (5, 1))
    target = Target(np.array([0, 0, 1, 1, 1]), None, 2)
    assert rows_that_train(vectors, target, np.zeros(5, dtype=bool)).all()


# The walk


class Said:
    """A fitted model that says probabilities by the first column of X: p, p^2, ..."""

    classes_ = np.array([0, 1])

    def __init__(self, power):
        self.power = power

    def predict_proba(self, X):
        share = X[:, 0].astype(float) ** self.power
        return np.column_stack([1 - share, share])


def layer(*powers):
    return CascadeLayer([str(p) for p in powers], [[Said(p)] for p in powers], 2)


LAYERS = [layer(1, 2), layer(3, 1), layer(2, 4)]
WEIGHTS = np.array([[0.0, 0.25], [0.25, 0.0], [0.5, 0.0]])
SCREENS = [
    Screen(np.array([[0.5, 0.5]]), 0.9, 0.2),
    Screen(np.array([[0.0, 0.5], [0.5, 0.0]]), 0.75, 0.3, power=2.5),
]


def test_new_rows_walk_as_the_slow_twin_does():
    X = np.random.default_rng(0).random((50, 1)).astype(np.float32)
    for screens in ([], SCREENS[:1], SCREENS):
        for power in (1.0, 1.7):
            said = walked(LAYERS, WEIGHTS, screens, [X], None, power)
            expected = [screened_walk(LAYERS, WEIGHTS, screens, x, power) for x in X]
            np.testing.assert_allclose(said, expected, rtol=1e-6)


@pytest.mark.parametrize("shares", [[0.99], [0.01, 0.99, 1.0], [0.5]])
def test_a_row_walks_alone_as_among_others(shares):
    X = np.array(shares, dtype=np.float32).reshape(-1, 1)
    together = walked(LAYERS, WEIGHTS, SCREENS, [X], None)
    assert together.shape == (len(X), 2)
    for x, said in zip(X, together, strict=True):
        np.testing.assert_array_equal(walked(LAYERS, WEIGHTS, SCREENS, [x[None]], None)[0], said)


def test_a_layer_that_only_leaving_rows_use_is_kept():
    screens = [
        Screen(np.array([[0.0, 1.0]]), 0.9, 0.1),
        Screen(np.array([[0, 0.5], [0, 0.5]]), 0.8, 0),
    ]
    grown = cut_back(list(LAYERS), np.array([[1.0, 0], [0, 0], [0, 0]]), [1, 2, 3], screens)
    assert len(grown.layers) == 2
    assert [len(models) for models in grown.layers[1].models] == [0, 1]
    X = np.random.default_rng(0).random((50, 1)).astype(np.float32)
    full = walked(LAYERS, np.array([[1.0, 0], [0, 0], [0, 0]]), screens, [X], None)
    cut = walked(grown.layers, grown.weights, grown.screens, [X], None)
    np.testing.assert_array_equal(cut, full)


def test_a_screen_behind_a_dropped_layer_still_lets_rows_leave():
    screens = [SCREENS[0], Screen(np.array([[1.0, 0], [0, 0]]), 0.6, 0.3)]
    weights = np.array([[0.0, 1.0], [0, 0], [0, 0]])
    grown = cut_back(list(LAYERS), weights, [1, 2, 3], screens)
    assert len(grown.layers) == 1
    X = np.random.default_rng(0).random((50, 1)).astype(np.float32)
    full = walked(LAYERS, weights, screens, [X], None)
    np.testing.assert_array_equal(
        walked(grown.layers, grown.weights, grown.screens, [X], None), full
    )
    assert (full != walked(LAYERS, weights, [], [X], None)).any()


def test_the_mean_weights_are_those_of_all_rows():
    mean = mean_weights(WEIGHTS, SCREENS)
    np.testing.assert_allclose(mean, 0.5 * WEIGHTS + [[0.1, 0.1 + 0.15], [0.15, 0], [0, 0]])
    assert mean.sum() == pytest.approx(1)
    assert mean_weights(WEIGHTS, []).tolist() == WEIGHTS.tolist()


# A fitted cascade


def easy(n=600, n_classes=3, seed=0):
    """Rows most of which are easy, some with a label that is wrong."""
    return make_classification(
        n,
        8,
        n_informative=5,
        n_classes=n_classes,
        class_sep=2.0,
        n_clusters_per_class=1,
        flip_y=0.05,
        random_state=seed,
    )


def cascade(**parameters):
    layer = [
        ("forest", HistForestClassifier(20)),
        ("bayes", GaussianNB()),
        ("tree", DecisionTreeClassifier(max_depth=4)),
    ]
    common = {"max_layers": 3, "n_iter_no_change": 3, "cv": 3, "random_state": 0}
    return CascadeForestClassifier(layer, **(common | parameters))


def growing(monkeypatch):
    """The training rows after each layer: (rows, goes_on, said), and where they left."""
    from deepforest import growth

    seen, screens = [], []

    class Recording(growth.TrainingRows):
        def predict(self, weights):
            super().predict(weights)
            seen.append((self.rows.copy(), self.goes_on.copy(), self.said.copy()))

        def leave(self, weights, accuracy):
            screens.append(super().leave(weights, accuracy))
            return screens[-1]

    monkeypatch.setattr(growth, "TrainingRows", Recording)
    return seen, screens


@pytest.mark.parametrize("combine", ["select", "mean"])
def test_rows_that_left_keep_their_prediction_and_are_scored(combine, monkeypatch):
    seen, screens = growing(monkeypatch)
    X, y = easy()
    fitted = cascade(screening=0.95, combine=combine).fit(X, y)
    (first, all_go, said_1), (second, some_go, said_2), *_ = seen
    assert len(first) == 600 and all_go.all()
    assert 0 < some_go.sum() < 500
    going = np.zeros(600, dtype=bool)
    going[second[some_go]] = True
    left = sharpened(said_1[~going], screens[0].power)
    np.testing.assert_array_equal(said_2[~going], left)
    np.testing.assert_array_equal(left.argmax(axis=1), said_1[~going].argmax(axis=1))
    for _, _, later in seen[2:]:
        np.testing.assert_array_equal(later[~going], left)
    assert (said_2[going] != said_1[going]).any()
    # Those that left were right often enough; the score is of all rows.
    assert (said_1[~going].argmax(axis=1) == y[~going]).mean() >= 0.95
    scores = [(said.argmax(axis=1) == y).mean() for _, _, said in seen]
    np.testing.assert_allclose(fitted.layer_scores_, scores)
    if fitted.n_layers_ > 1:
        assert fitted.screens_[0].share == (~going).mean()


def grown_deep(**parameters):
    """A cascade that keeps all of its layers, whatever their scores."""
    scores = [0.1, 0.2, 0.3]
    return cascade(scoring=lambda *rows: scores.pop(0), **parameters)


@pytest.mark.parametrize("combine", ["select", "mean"])
def test_later_layers_are_trained_on_fewer_rows_and_predict_by_the_walk(combine):
    X, y = easy()
    fitted = grown_deep(screening=0.95, combine=combine).fit(X[:500], y[:500])
    assert fitted.screens_
    rows = X[500:].astype(np.float32)
    walk = fitted.layers_, fitted.estimator_weights_, fitted.screens_
    expected = np.array([screened_walk(*walk, x, fitted.power_) for x in rows])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X[500:]), expected, atol=1e-6)


def test_validation_rows_leave_as_new_rows_do():
    X, y = easy()
    fitted = cascade(screening=0.95, scoring="neg_log_loss").fit(
        X[:400], y[:400], X_val=X[400:], y_val=y[400:]
    )
    best = fitted.layer_scores_.argmax()
    said = fitted.predict_proba(X[400:])
    expected = np.mean(np.log(said[np.arange(200), y[400:]]))
    assert fitted.layer_scores_[best] == pytest.approx(expected, rel=1e-5)


def test_an_accuracy_that_is_never_reached_changes_nothing():
    X, y = easy()
    plain, screened = (cascade(screening=s).fit(X, y) for s in (None, 0.9999))
    assert screened.screens_ == plain.screens_ == []
    np.testing.assert_array_equal(screened.predict_proba(X), plain.predict_proba(X))


def test_the_growth_ends_where_all_rows_leave():
    X = np.repeat([[0.0], [1.0]], 50, axis=0)
    y = np.repeat([0, 1], 50)
    fitted = cascade(screening=0.9).fit(X, y)
    assert len(fitted.layer_scores_) == 1
    np.testing.assert_array_equal(fitted.predict(X), y)


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_the_same_bits_for_any_number_of_threads(n_jobs):
    X, y = easy()
    one, many = (grown_deep(screening=0.95, n_jobs=n).fit(X, y) for n in (1, n_jobs))
    assert one.screens_
    np.testing.assert_array_equal(one.predict_proba(X), many.predict_proba(X))


@pytest.mark.parametrize(
    "forest", [HistForestClassifier(30), RandomForestClassifier(30), DecisionTreeClassifier()]
)
def test_a_class_that_has_left_for_good_is_no_obstacle(forest, monkeypatch):
    # One class is far away from two that overlap, and no row of it has to train.
    monkeypatch.setattr("deepforest.screening.MIN_OF_CLASS", 0)
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(100, 2)) + 50, rng.normal(size=(200, 2))])
    y = np.repeat([1, 0, 2], 100)
    scores = [0.1, 0.2]
    fitted = CascadeForestClassifier(
        [("forest", forest), ("bayes", GaussianNB())],
        scoring=lambda *rows: scores.pop(0),
        max_layers=2,
        screening=0.97,
        combine="mean",
        random_state=0,
    ).fit(X, y)
    assert fitted.screens_[0].share == pytest.approx(1 / 3, abs=0.02)
    assert fitted.predict(X[:100]).tolist() == [1] * 100
    assert fitted.predict_proba(X).shape == (300, 3)
    assert fitted.score(X, y) > 0.6


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_without_weight_and_rows_never_held_out_do_not_leave(weighted, monkeypatch):
    seen, _ = growing(monkeypatch)
    X, y = easy()
    weight, cv = None, TimeSeriesSplit(3)
    if weighted:
        weight, cv = np.random.default_rng(0).integers(0, 3, 600).astype(float), 3
    cascade(screening=0.96, cv=cv).fit(X, y, weight)
    known = weight > 0 if weighted else np.arange(600) >= 150
    rows, goes_on, _ = seen[1]
    going = np.zeros(600, dtype=bool)
    going[rows[goes_on]] = True
    assert going[~known].all()
    assert not going.all()


class Graded(RecordingClassifier):
    """Surely class 0 of rows that it saw; of others class 1, as sure as the second column says."""

    def predict_proba(self, X):
        sure = np.where(self.saw(X) > 0, 0.0, X[:, 1])
        return np.column_stack([1 - sure, sure])


@pytest.mark.parametrize("cv", [4, GroupKFold(4)])
def test_rows_of_a_group_stay_in_their_fold(cv):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)  # the recorder takes all rows of a group for one
    X = np.column_stack([groups, rng.uniform(0.5, 1, 600)])
    y = (rng.random(600) < X[:, 1]).astype(int)
    surest = []

    def class_0(estimator, X, y):
        surest.append(float(estimator.predict_proba(X)[:, 0].max()))
        return len(surest)  # each layer gains

    fitted = CascadeForestClassifier(
        [("graded", Graded())],
        max_layers=3,
        cv=cv,
        screening=0.9,
        scoring=class_0,
        combine="mean",
    ).fit(X, y, groups=groups)
    assert len(fitted.screens_) >= 1
    assert len(fitted.layers_[1].models[0][0].seen_) > 0
    assert len(surest) == 3 and max(surest) <= 0.5


def test_screening_works_behind_a_scanner_with_many_grains():
    X, y = load_digits(return_X_y=True)
    scores = [0.1, 0.2, 0.3]
    forest = GCForestClassifier(
        [4, 6],
        n_scan_estimators=5,
        estimators=[("forest", HistForestClassifier(20)), ("bayes", GaussianNB())],
        screening=0.98,
        max_layers=3,
        scoring=lambda *rows: scores.pop(0),
        random_state=0,
    ).fit(X[:600].reshape(-1, 8, 8), y[:600])
    assert forest.screens_
    assert forest.score(X[600:].reshape(-1, 8, 8), y[600:]) > 0.85


def test_importances_count_the_rows_that_left():
    X, y = easy()
    fitted = grown_deep(screening=0.95).fit(X, y)
    importances = fitted.feature_importances_
    assert importances.shape == (8,)
    assert importances.sum() == pytest.approx(1)


def test_screening_keeps_the_accuracy_of_digits():
    X, y = load_digits(return_X_y=True)
    settings = {"n_estimators": 30, "max_layers": 3, "cv": 3, "random_state": 0}
    layer = [
        ("forest", HistForestClassifier(50)),
        ("trees", HistForestClassifier(50, splitter="random")),
    ]
    plain, screened = (
        CascadeForestClassifier(layer, screening=s, **settings).fit(X[:1200], y[:1200])
        for s in (None, 0.99)
    )
    assert screened.screens_[0].share > 0.4
    assert screened.score(X[1200:], y[1200:]) >= plain.score(X[1200:], y[1200:]) - 0.01


@pytest.mark.parametrize("screening", [0, 1, 1.5, -0.1, "auto", True, float("nan")])
def test_screening_must_be_an_accuracy(screening):
    X, y = easy(60)
    with pytest.raises(ValueError, match="screening="):
        cascade(screening=screening).fit(X, y)


def test_screening_is_for_classification():
    with pytest.raises(ValueError, match=r"screening=0.99, but only classification"):
        CascadeForestRegressor(screening=0.99).fit(np.zeros((4, 1)), np.arange(4))
