"""Scores of held-out class vectors by scikit-learn's names."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    get_scorer_names,
    log_loss,
    make_scorer,
)
from sklearn.naive_bayes import GaussianNB

from deepforest import CascadeForestClassifier, CascadeForestRegressor
from deepforest.scoring import check_scores_classes, check_scoring, held_out_score, score_name

# Predicted: a, b, b, b.
Y = np.array(["a", "a", "b", "b"])
VECTORS = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]], dtype=np.float32)
CLASSES = np.array(["a", "b"])


def score_of(scoring, **more):
    scorer = check_scoring(scoring, classification=True)
    return held_out_score(scorer, Y, VECTORS, classes=CLASSES, **more)


@pytest.mark.parametrize(
    ("scoring", "score"),
    [
        (None, 3 / 4),
        ("accuracy", 3 / 4),
        ("balanced_accuracy", (1 / 2 + 1) / 2),
        ("f1_macro", (2 / 3 + 4 / 5) / 2),
        ("roc_auc", 1.0),
        ("roc_auc_ovr", 1.0),
        ("neg_log_loss", np.mean(np.log([0.9, 0.4, 0.7, 0.8]))),
    ],
)
def test_names_score_probabilities_of_string_labels(scoring, score):
    assert score_of(scoring) == pytest.approx(score, rel=1e-6)


def test_three_classes_are_ranked_one_against_the_rest():
    scorer = check_scoring("roc_auc_ovr", classification=True)
    vectors = np.array([[0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]])
    y = np.array([10, 20, 30, 20])
    # Pairs in order: 2 of 3 for class 10, 3 of 4 for class 20, 3 of 3 for class 30.
    score = held_out_score(scorer, y, vectors, classes=np.array([10, 20, 30]))
    assert score == pytest.approx((2 / 3 + 3 / 4 + 1) / 3)


def test_float32_vectors_that_sum_to_one_only_nearly_are_scored():
    rng = np.random.default_rng(0)
    vectors = rng.dirichlet(np.ones(7), size=200).astype(np.float32)
    y = rng.integers(0, 7, size=200)
    scorer = check_scoring("neg_log_loss", classification=True)
    score = held_out_score(scorer, y, vectors, classes=np.arange(7))
    exact = vectors.astype(float) / vectors.astype(float).sum(axis=1, keepdims=True)
    assert score == pytest.approx(-log_loss(y, exact))


@pytest.mark.parametrize(
    ("scoring", "score"),
    [(None, 1 - 2 / 8), ("r2", 1 - 2 / 8), ("neg_mean_absolute_error", -2 / 3)],
)
def test_names_score_values(scoring, score):
    scorer = check_scoring(scoring, classification=False)
    y = np.array([1.0, 3.0, 5.0])
    said = np.array([[1.0], [4.0], [4.0]])  # errors 0, 1 and -1
    assert held_out_score(scorer, y, said, classes=None) == pytest.approx(score)


def test_a_callable_gets_an_estimator_that_predicts_the_held_out_vectors():
    def share_of_b(estimator, X, y):
        return float(np.mean(estimator.predict(X) == "b"))

    assert score_of(share_of_b) == 3 / 4


def test_weights_reach_the_score():
    weight = np.array([1.0, 5, 1, 1])
    assert score_of("accuracy", sample_weight=weight) == pytest.approx(3 / 8)


def test_a_callable_that_takes_no_weights_is_called_without_them():
    def plain(estimator, X, y):
        return 0.25

    assert score_of(plain, sample_weight=np.ones(4)) == 0.25


def test_a_callable_that_takes_weights_gets_them():
    def weighted(estimator, X, y, sample_weight=None):
        return float(sample_weight.sum())

    assert score_of(weighted, sample_weight=np.full(4, 2.0)) == 8


def test_an_unknown_name_is_an_error_that_says_where_to_find_the_known_ones():
    with pytest.raises(ValueError, match=r"scoring='acuracy'.*get_scorer_names"):
        check_scoring("acuracy", classification=True)


def test_what_is_no_scorer_is_an_error():
    with pytest.raises(ValueError, match="scoring=3"):
        check_scoring(3, classification=True)


def test_a_line_of_progress_names_the_score():
    def my_score(estimator, X, y):
        return 0.0

    assert score_name(None, classification=True) == "accuracy"
    assert score_name(None, classification=False) == "R2"
    assert score_name("roc_auc", classification=True) == "roc_auc"
    assert score_name(my_score, classification=True) == "my_score"


def test_a_score_that_the_rows_do_not_allow_is_named():
    vectors = np.full((4, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"scoring=.*roc_auc.* cannot score these 4 held-out rows"):
        held_out_score(
            check_scoring("roc_auc_ovr", classification=True),
            np.array([0, 1, 0, 1]),
            vectors,
            classes=np.arange(3),
        )


# Every name of scikit-learn


def scores_values(name):
    try:
        check_scoring(name, classification=False)
    except ValueError as error:
        assert "scores classes, but this is regression" in str(error)
        return False
    return True


VALUES = [name for name in get_scorer_names() if scores_values(name)]
LABELS = [name for name in get_scorer_names() if name not in VALUES]


def test_scores_of_values_are_told_from_scores_of_classes():
    assert {"r2", "neg_mean_absolute_error", "neg_mean_poisson_deviance"} <= set(VALUES)
    assert {"roc_auc", "f1", "neg_log_loss", "adjusted_rand_score", "accuracy"} <= set(LABELS)
    assert len(VALUES) >= 12
    with pytest.raises(ValueError, match=r"scoring='r2' scores values, but this is class"):
        check_scoring("r2", classification=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", VALUES)
def test_every_score_of_values_takes_held_out_values(name, weighted):
    rng = np.random.default_rng(0)
    y = rng.uniform(1, 2, size=20)
    weight = rng.uniform(size=20) if weighted else None
    scorer = check_scoring(name, classification=False)
    scores = [
        held_out_score(scorer, y, (y + error)[:, None], classes=None, sample_weight=weight)
        for error in (rng.uniform(0.1, 0.2, size=20), np.zeros(20))
    ]
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1]


def fits(name, n_classes):
    try:
        check_scores_classes(check_scoring(name, classification=True), np.arange(n_classes))
    except ValueError as error:
        assert f"scoring={name!r} does not fit the {n_classes} class(es)" in str(error)
        return False
    return True


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")  # 2 of 2 classes
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", LABELS)
def test_every_score_of_classes_takes_words_as_it_takes_numbers(name, n_classes, weighted):
    if not fits(name, n_classes):
        binary = ("f1", "jaccard", "precision", "recall", "roc_auc")
        likelihood = name.endswith("likelihood_ratio")
        assert name.endswith("_samples") or (n_classes == 3 and (name in binary or likelihood))
        return
    rng = np.random.default_rng(0)
    y = np.arange(40) % n_classes
    vectors = rng.dirichlet(np.ones(n_classes), size=40).astype(np.float32)
    words = np.array(["no", "yes", "zero"])[:n_classes]
    scorer = check_scoring(name, classification=True)
    weight = rng.uniform(size=40) if weighted else None
    scores = [
        held_out_score(scorer, classes[y], vectors, classes=classes, sample_weight=weight)
        for classes in (np.arange(n_classes), words, words.astype(object))
    ]
    assert np.isfinite(scores[0])
    assert scores == [scores[0]] * 3


def test_the_second_of_two_words_is_the_positive_class():
    assert score_of("f1") == pytest.approx(f1_score(Y, ["a", "b", "b", "b"], pos_label="b"))
    expected = average_precision_score(Y, VECTORS[:, 1], pos_label="b")
    assert score_of("average_precision") == pytest.approx(expected)


def test_a_metric_is_no_scorer():
    with pytest.raises(ValueError, match=r"sklearn.metrics.make_scorer\(f1_score\)"):
        check_scoring(f1_score, classification=True)
    check_scoring(make_scorer(f1_score), classification=True)


def test_a_scorer_of_your_own_gets_the_labels_themselves():
    scorer = make_scorer(f1_score, pos_label="a")
    assert score_of(scorer) == pytest.approx(f1_score(Y, ["a", "b", "b", "b"], pos_label="a"))


def test_the_log_loss_of_rows_that_lack_a_class():
    vectors = np.array([[0.2, 0.3, 0.5], [0.4, 0.5, 0.1]])
    scorer = check_scoring("neg_log_loss", classification=True)
    score = held_out_score(scorer, np.array(["b", "a"]), vectors, classes=np.array(["a", "b", "c"]))
    assert score == pytest.approx(np.log([0.3, 0.4]).mean())


@pytest.mark.parametrize("said", [None, "0.5", np.array([0.5, 0.6])])
def test_a_callable_must_return_a_number(said):
    with pytest.raises(ValueError, match="a scorer must return a number"):
        score_of(lambda estimator, X, y: said)


def test_very_many_classes_are_checked_at_once():
    scorer = check_scoring("roc_auc_ovo", classification=True)
    check_scores_classes(scorer, np.arange(200_000))


# In a cascade


class Untrainable(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise AssertionError("no layer should be trained")

    def predict_proba(self, X):
        raise AssertionError


@pytest.mark.parametrize(("name", "n_classes"), [("roc_auc", 3), ("f1", 3), ("r2", 2)])
def test_a_score_that_does_not_fit_is_an_error_before_a_layer_is_trained(name, n_classes):
    X = np.arange(30.0).reshape(15, 2)
    cascade = CascadeForestClassifier([("no", Untrainable())], scoring=name)
    with pytest.raises(ValueError, match=f"scoring='{name}'"):
        cascade.fit(X, np.arange(15) % n_classes)


GROWN_BY = ["balanced_accuracy", "matthews_corrcoef", "neg_log_loss", "roc_auc_ovr", "roc_auc_ovo"]


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", GROWN_BY)
def test_a_cascade_grows_by_a_score_of_classes(name, weighted, validated):
    X, y = make_classification(150, 6, n_informative=4, n_classes=3, random_state=0)
    y = np.array(["x", "y", "z"])[y]
    X_val, y_val = (X[100:], y[100:]) if validated else (None, None)
    weight = np.random.default_rng(0).uniform(size=100) if weighted else None
    cascade = CascadeForestClassifier(
        [("bayes", GaussianNB()), ("logistic", LogisticRegression())],
        scoring=name,
        max_layers=2,
        n_iter_no_change=2,
        random_state=0,
    ).fit(X[:100], y[:100], weight, X_val=X_val, y_val=y_val)
    assert len(cascade.layer_scores_) == 2
    if validated:
        scorer = check_scoring(name, classification=True)
        expected = held_out_score(
            scorer, y_val, cascade.predict_proba(X_val), classes=cascade.classes_
        )
        assert cascade.layer_scores_.max() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["r2", "neg_mean_absolute_error", "neg_max_error"])
def test_a_cascade_grows_by_a_score_of_values(name):
    X = np.random.default_rng(0).normal(size=(80, 3))
    cascade = CascadeForestRegressor(
        [("ridge", Ridge())], scoring=name, max_layers=2, n_iter_no_change=2
    ).fit(X, X[:, 0], np.ones(80))
    assert len(cascade.layer_scores_) == 2
