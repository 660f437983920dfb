"""Scores of held-out class vectors by scikit-learn's names."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from deepforest.scoring import check_scoring, held_out_score, score_name

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
