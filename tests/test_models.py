"""One model: fitting, early stopping and class vectors."""

import copy
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from deepforest.boosted import BoostedClassifier, BoostedRegressor
from deepforest.crossfit import Table, cross_fit
from deepforest.estimators import lightgbm as registered_lightgbm
from deepforest.estimators import seeded_clone
from deepforest.forest import HistForestClassifier
from deepforest.models import (
    Sample,
    class_vectors,
    fit_model,
    gives_out_of_bag_votes,
    out_of_bag_vectors,
    quick_to_predict,
    share_rounds,
    stops_early,
)
from deepforest.splits import make_splits
from deepforest.target import Target


class Booster:
    """As much of LightGBM's as sharing rounds needs."""

    def __init__(self, best_iteration, grown):
        self.best_iteration = best_iteration
        self.grown = grown

    def current_iteration(self):
        return self.grown


def boosted(rounds, grown=100):
    return SimpleNamespace(booster_=Booster(rounds, grown))


def rounds_of(models):
    return [model.booster_.best_iteration for model in models]


def test_a_folds_rounds_are_the_median_of_the_others():
    models = [boosted(r) for r in (10, 20, 30, 90)]
    share_rounds(models)
    # Of 20 30 90, of 10 30 90, of 10 20 90 and of 10 20 30.
    assert rounds_of(models) == [30, 30, 20, 20]


def test_a_folds_own_best_round_does_not_reach_its_own_rounds():
    for own in (1, 50, 100):
        models = [boosted(own), boosted(7), boosted(9)]
        share_rounds(models)
        assert rounds_of(models)[0] == 8


def test_shared_rounds_are_at_least_one_and_at_most_what_the_model_has():
    models = [boosted(5, grown=6), boosted(0), boosted(40)]
    share_rounds(models)
    assert rounds_of(models) == [6, 22, 2]  # of 0 and 40 20, cut to 6; of 5 and 40; of 0 and 5
    models = [boosted(5), boosted(0), boosted(0)]
    share_rounds(models)
    assert rounds_of(models)[0] == 1


def test_constant_models_take_no_part_in_sharing_rounds():
    models = [boosted(10), DummyClassifier(), boosted(30)]
    share_rounds(models)
    assert [models[0].booster_.best_iteration, models[2].booster_.best_iteration] == [30, 10]


def noisy_classes(n=90, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    y = np.argmax(X[:, :n_classes] + rng.normal(size=(n, n_classes)), axis=1)
    return X, y


def test_held_out_vectors_of_lightgbm_use_the_rounds_of_the_other_folds(monkeypatch):
    X, y = noisy_classes()
    found, grown = [], []

    def recording(models):
        found.extend(m.booster_.best_iteration for m in models)
        grown.extend(copy.deepcopy(m.booster_) for m in models)
        share_rounds(models)

    monkeypatch.setattr("deepforest.crossfit.share_rounds", recording)
    table = Table(X, Target(y, None, 3))
    splits = make_splits(3, X, table.target, None, 0)
    estimator = lightgbm.LGBMClassifier(
        n_estimators=200, early_stopping_round=20, min_child_samples=5, verbosity=-1
    )
    [fitted] = cross_fit([("boosted", estimator)], table, splits, seeds=[0], n_jobs=None)
    assert len(set(found)) == 3  # else the test says nothing
    for k, (model, (_, test)) in enumerate(zip(fitted.models, splits.folds, strict=True)):
        rounds = round(np.median([rounds for i, rounds in enumerate(found) if i != k]))
        assert rounds < grown[k].current_iteration() == found[k] + 20
        expected = grown[k].predict(X[test], num_iteration=rounds)
        np.testing.assert_allclose(fitted.held_out[test], expected, rtol=1e-6)
        assert len(model.trees.roots) == 3 * rounds


@pytest.mark.parametrize("kept", [BoostedClassifier, lightgbm.LGBMClassifier])
def test_a_deep_copy_predicts_with_the_same_rounds(kept):
    X, y = noisy_classes()
    table = Table(X, Target(y, None, 3))
    splits = make_splits(3, X, table.target, None, 0)
    # Arrays cannot hold linear leaves.
    estimator = registered_lightgbm("classification").set_params(
        linear_tree=kept is lightgbm.LGBMClassifier
    )
    [fitted] = cross_fit([("boosted", estimator)], table, splits, seeds=[0], n_jobs=None)
    for model in fitted.models:
        assert isinstance(model, kept)
        again = copy.deepcopy(model)
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def grown(learning_rate, **parameters):
    """LightGBM on classes without noise, whose loss falls and falls."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (600, 6)).astype(np.float32)
    y = np.digitize(X @ [1, 2, 3, 5, 7, 11], [22, 36])
    estimator = registered_lightgbm(
        "classification", learning_rate=learning_rate, random_state=0, **parameters
    )
    samples = [Sample(X[rows], Target(y[rows], None, 3)) for rows in (slice(400), slice(400, 600))]
    return fit_model(estimator, *samples).booster_


def shrinkages(booster):
    """What each round's leaves were multiplied by, but for the first, which holds the prior."""
    lines = booster.model_to_string(num_iteration=-1).splitlines()
    values = [float(line.partition("=")[2]) for line in lines if line.startswith("shrinkage=")]
    return np.array(values[3::3])


def test_the_steps_of_lightgbm_grow_where_its_loss_falls_for_hundreds_of_rounds():
    found = shrinkages(grown(0.1, early_stopping_round=500, n_estimators=500))
    assert len(found) == 499
    rounds = np.arange(1, len(found) + 1)
    np.testing.assert_allclose(found, 0.1 * np.clip(rounds / 150, 1, 3), rtol=1e-5)


def test_a_learning_rate_of_ones_own_stays_as_it_is():
    found = shrinkages(grown(0.05))
    assert len(found) > 160
    assert set(found) == {0.05}


@pytest.mark.filterwarnings("ignore:Early stopping is not available in dart mode")
def test_boosting_that_drops_trees_scales_them_itself():
    found = shrinkages(grown(0.1, n_estimators=160, boosting_type="dart"))
    assert len(found) == 159
    assert found.max() <= 0.1


@pytest.mark.filterwarnings("ignore:Early stopping is not available in dart mode")
@pytest.mark.parametrize("name", ["boosting_type", "boosting"])
def test_boosting_that_drops_trees_keeps_all_its_rounds(name):
    X, y = noisy_classes()
    table = Table(X, Target(y, None, 3))
    splits = make_splits(3, X, table.target, None, 0)
    estimator = registered_lightgbm("classification", n_estimators=12, **{name: "dart"})
    [fitted] = cross_fit([("dart", estimator)], table, splits, seeds=[0], n_jobs=None)
    assert [len(model.trees.roots) for model in fitted.models] == [3 * 12] * 3


def test_bagging_is_not_asked_for_its_votes():
    # Its bags may lack classes, whose votes scikit-learn then adds to those of others.
    X, y = noisy_classes(n_classes=2)
    y[:], y[7] = 0, 1
    assert not gives_out_of_bag_votes(BaggingClassifier(oob_score=True))
    table = Table(X, Target(y, None, 2))
    splits = make_splits(3, X, table.target, None, 0)
    bagging = BaggingClassifier(KNeighborsClassifier(3), n_estimators=5)
    [fitted] = cross_fit([("bagging", bagging)], table, splits, seeds=[0], n_jobs=None)
    assert fitted.held_out[:, 1].mean() < 0.05


def test_a_least_gain_of_none_is_lightgbms_own():
    # As in a config file, which writes every parameter.
    X, y = noisy_classes()
    data = Table(X, Target(y, None, 3))
    estimator = lightgbm.LGBMClassifier(
        n_estimators=5, early_stopping_round=2, early_stopping_min_delta=None, verbosity=-1
    )
    model = fit_model(estimator, data.take(np.arange(60)), data.take(np.arange(60, 90)))
    assert 1 <= model.booster_.best_iteration <= 5


def test_a_folds_own_labels_do_not_change_its_held_out_vectors():
    # They reach it through early stopping only, for which the other folds' rounds are held fixed.
    X, y = noisy_classes()
    target = Target(y, None, 3)
    splits = make_splits(3, X, target, None, 0)
    train, test = splits.folds[0]
    estimator = registered_lightgbm("classification", n_estimators=50, early_stopping_round=9)

    def held_out(labels):
        table = Table(X, Target(labels, None, 3))
        model = fit_model(seeded_clone(estimator, 0), table.take(train), table.take(test))
        share_rounds([model, boosted(4), boosted(8)])
        assert model.booster_.best_iteration == 6
        return class_vectors(model, X[test], 3)

    flipped = y.copy()
    flipped[test] = (y[test] + 1) % 3
    np.testing.assert_array_equal(held_out(y), held_out(flipped))


@pytest.mark.parametrize(
    ("estimator", "early"),
    [
        (lightgbm.LGBMClassifier(), False),
        (lightgbm.LGBMClassifier(early_stopping_round=5), True),
        (lightgbm.LGBMRegressor(early_stopping_rounds=5), True),
        (lightgbm.LGBMClassifier(early_stopping_round=0), False),
        (lightgbm.LGBMClassifier(early_stopping_round=None), False),
        (registered_lightgbm("regression"), True),
        (RandomForestClassifier(), False),
    ],
)
def test_which_estimators_stop_early(estimator, early):
    assert stops_early(estimator) is early


@pytest.mark.parametrize(
    ("estimator", "votes"),
    [
        (RandomForestClassifier(), True),
        (RandomForestClassifier(bootstrap=False), False),
        (ExtraTreesClassifier(), False),
        (ExtraTreesClassifier(bootstrap=True), True),
        (HistForestClassifier(), True),
        (HistForestClassifier(bootstrap=False), False),
        (RandomForestClassifier(class_weight="balanced"), False),
        (RandomForestClassifier(class_weight="balanced_subsample"), True),
        (HistForestClassifier(class_weight="balanced"), True),
        (LogisticRegression(), False),
        (make_pipeline(StandardScaler(), RandomForestClassifier()), False),
    ],
)
def test_which_estimators_vote_out_of_bag(estimator, votes):
    assert gives_out_of_bag_votes(estimator) is votes


@pytest.mark.parametrize(
    ("weight", "of_sklearn"), [([0.0, 2, 2], True), ([1.0, 2, 2], False), ([0.0, 1, 2], False)]
)
def test_which_vote_out_of_bag_where_there_are_weights(weight, of_sklearn):
    assert gives_out_of_bag_votes(RandomForestClassifier(), np.array(weight)) is of_sklearn
    assert gives_out_of_bag_votes(HistForestClassifier(), np.array(weight)) is True


def test_early_stopping_without_rows_to_stop_on_is_an_error_with_the_remedy():
    X, y = noisy_classes()
    with pytest.raises(ValueError, match="early_stopping_round=None"):
        fit_model(lightgbm.LGBMClassifier(early_stopping_round=5), Sample(X, Target(y, None, 3)))


def test_a_class_missing_from_the_training_rows_gets_zero():
    X = np.array([[0.0], [1], [0], [1]])
    model = fit_model(LogisticRegression(), Sample(X, Target(np.array([0, 2, 0, 2]), None, 3)))
    vectors = class_vectors(model, X, 3)
    assert vectors[:, 1].tolist() == [0] * 4
    np.testing.assert_allclose(vectors.sum(axis=1), 1, rtol=1e-6)
    assert vectors[0, 0] > 0.5 > vectors[1, 0]


@pytest.mark.parametrize("early", [None, 3])
def test_lightgbm_takes_a_class_that_only_the_held_out_rows_have(early):
    X, y = noisy_classes(n_classes=2)
    y[0] = 2  # its only member: its fold is trained without it
    table = Table(X, Target(y, None, 3))
    splits = make_splits(3, X, table.target, None, 0)
    estimator = lightgbm.LGBMClassifier(n_estimators=5, early_stopping_round=early, verbosity=-1)
    [fitted] = cross_fit([("boosted", estimator)], table, splits, seeds=[0], n_jobs=None)
    assert fitted.held_out[0, 2] < 1e-12
    np.testing.assert_allclose(fitted.held_out.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_xgboost_takes_it_too(in_pipeline):
    class Strict(DecisionTreeClassifier):
        """As much of XGBoost's classifier as is needed."""

        __module__ = "xgboost.sklearn"

        def fit(self, X, y, sample_weight=None):
            assert np.array_equal(np.unique(y), np.arange(y.max() + 1))
            return super().fit(X, y, sample_weight)

    X, y = noisy_classes(n_classes=3)
    y[y == 1], y[0] = 3, 1
    table = Table(X, Target(y, None, 4))
    splits = make_splits(3, X, table.target, None, 0)
    estimator = make_pipeline(StandardScaler(), Strict()) if in_pipeline else Strict()
    [fitted] = cross_fit([("strict", estimator)], table, splits, seeds=[0], n_jobs=None)
    assert all(len(model.classes_) == 4 for model in fitted.models)
    assert fitted.held_out[0, 1] == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_counts_the_loss_of_the_right_classes_where_one_is_missing(weighted):
    X, y = noisy_classes(n_classes=4)
    weight = np.linspace(1, 2, len(y)) if weighted else None
    table = Table(X, Target(y, weight, 4))
    train, test = np.flatnonzero(y != 1)[::2], np.flatnonzero(y != 1)[1::2]
    estimator = registered_lightgbm("classification", n_estimators=30, min_child_samples=5)
    model = fit_model(estimator, table.take(train), table.take(test))
    held_out = table.target.take(test).sample_weight
    [losses] = model.evals_result_["valid_0"].values()
    for i in (1, len(losses) // 2, len(losses)):
        said = model.predict_proba(X[test], num_iteration=i)
        expected = log_loss(y[test], said, sample_weight=held_out, labels=range(4))
        assert losses[i - 1] == pytest.approx(expected)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        registered_lightgbm("classification"),
        RandomForestClassifier(3),
        HistForestClassifier(3),
    ],
)
def test_one_class_is_said_with_certainty_before_the_estimator_is_asked(estimator):
    X, _ = noisy_classes(12)
    for n_classes, expected in ((1, [1]), (3, [0, 1, 0])):
        target = Target(np.full(12, n_classes // 2), None, n_classes)
        model = fit_model(estimator, Sample(X, target))
        assert isinstance(model, DummyClassifier)
        assert class_vectors(model, X[:1], n_classes).tolist() == [expected]


def test_weights_for_an_estimator_that_takes_none_are_an_error_that_names_it():
    X, y = noisy_classes(12)
    sample = Sample(X, Target(y, np.ones(12), 3))
    with pytest.raises(ValueError, match=r"sample_weight.*KNeighborsClassifier"):
        fit_model(KNeighborsClassifier(), sample)


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        make_pipeline(MaxAbsScaler(), Ridge()),
        make_pipeline(MaxAbsScaler(), make_pipeline(MaxAbsScaler(), Ridge())),
    ],
)
def test_weights_reach_the_estimator(estimator):
    X = np.array([[0.0], [0.0]])
    target = Target(np.array([0.0, 1.0]), np.array([1.0, 3.0]), None)
    assert fit_model(estimator, Sample(X, target)).predict(X).tolist() == [0.75, 0.75]


def test_a_pipeline_that_scikit_learn_routes_weights_in_is_given_none():
    X, y = noisy_classes(12)
    with config_context(enable_metadata_routing=True), pytest.raises(ValueError, match="Pipeline"):
        fit_model(
            make_pipeline(StandardScaler(), LogisticRegression()),
            Sample(X, Target(y, np.ones(12), 3)),
        )


@pytest.mark.parametrize("last", [KNeighborsClassifier(), "passthrough"])
def test_a_pipeline_takes_no_weights_if_its_last_step_does_not(last):
    X, y = noisy_classes(12)
    sample = Sample(X, Target(y, np.ones(12), 3))
    with pytest.raises(ValueError, match=r"sample_weight.*Pipeline"):
        fit_model(make_pipeline(StandardScaler(), last), sample)


def test_an_estimators_weights_of_classes_that_a_fold_lacks_are_left_out():
    X, y = noisy_classes(30)
    y[0] = 3  # its only member
    table = Table(X, Target(y, None, 4))
    splits = make_splits(3, X, table.target, None, 0)
    weights = {0: 1.0, 1: 2.0, 2: 1.0, 3: 5.0}
    layer = [
        ("alone", LogisticRegression(class_weight=weights)),
        ("in_pipeline", make_pipeline(StandardScaler(), LogisticRegression(class_weight=weights))),
        ("forest", HistForestClassifier(3, bootstrap=False, class_weight={1: 5.0, 3: 2.0})),
    ]
    for fitted in cross_fit(layer, table, splits, seeds=[0, 1, 2], n_jobs=None):
        np.testing.assert_allclose(fitted.held_out.sum(axis=1), 1, rtol=1e-5)
        assert fitted.held_out[0, 3] == 0
    assert layer[0][1].class_weight == weights


def test_values_are_vectors_of_length_one():
    X = np.array([[0.0], [1.0]])
    model = Ridge(alpha=0).fit(X, [1, 2])
    vectors = class_vectors(model, X, None)
    assert vectors.dtype == np.float64
    np.testing.assert_allclose(vectors, [[1], [2]])


def test_seeded_clone_sets_every_seed_and_every_number_of_threads():
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(n_jobs=-1))
    copy = seeded_clone(pipeline, 7)
    assert copy[-1].random_state == 7
    assert copy[-1].n_jobs == 1
    assert (pipeline[-1].random_state, pipeline[-1].n_jobs) == (None, -1)


def test_lightgbm_gets_one_thread_though_its_none_means_all_cores():
    assert seeded_clone(lightgbm.LGBMClassifier(), 7).n_jobs == 1
    assert seeded_clone(make_pipeline(lightgbm.LGBMClassifier()), 7)[-1].n_jobs == 1


@pytest.mark.parametrize("kind", [HistForestClassifier, RandomForestClassifier])
def test_out_of_bag_votes_of_fewer_classes_than_there_are(kind):
    rng = np.random.default_rng(0)
    y = np.repeat([1, 3], 30)
    X = (y[:, None] + 0.1 * rng.normal(size=(60, 2))).astype(np.float32)
    target = Target(y, None, 5)
    forest = kind(30, bootstrap=True, oob_score=True, random_state=0)
    votes = out_of_bag_vectors(fit_model(forest, Sample(X, target)), target)
    assert votes.shape == (60, 5)
    assert votes.dtype == np.float32
    np.testing.assert_allclose(votes.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(votes.argmax(axis=1), y)


def test_what_is_quick_to_predict_says_the_same():
    """Also one model a target; what arrays cannot hold, and other models, stay as they are."""
    X, y = noisy_classes()
    values = np.column_stack([X[:, 0], X.sum(axis=1)])
    target = Target(values, None, None)
    small = {"n_estimators": 5, "verbosity": -1}
    each = fit_model(lightgbm.LGBMRegressor(**small), Sample(X, target))
    quick = quick_to_predict(each)
    assert all(isinstance(model, BoostedRegressor) for model in quick.models)
    np.testing.assert_array_equal(quick.predict(X), each.predict(X))
    linear = lightgbm.LGBMClassifier(**small, linear_tree=True).fit(X, y)
    forest = RandomForestClassifier(2).fit(X, y)
    assert quick_to_predict(linear) is linear
    assert quick_to_predict(forest) is forest
