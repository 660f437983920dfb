"""The [tune] table: what is tried, how it is scored, what wins."""

import tomllib

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import StratifiedKFold, cross_val_score

from deepforest.config import ConfigError, make_estimator
from deepforest.tuning import read_tuning, scored_by, tune

BASE = """
random_state = 0
[cascade]
cv = 2
max_layers = 1
[[cascade.estimators]]
type = "random_forest"
name = "forest"
n_estimators = 5
"""


def run(text, X, y):
    trials = []
    best, content = tune(read_tuning(tomllib.loads(text)), X, y, trials.append)
    return trials, best, content


def test_a_grid_scores_each_candidate_as_cross_val_score_does():
    X, y = load_iris(return_X_y=True)
    text = BASE + '[tune]\nsearch = "grid"\ncv = 3\n[tune.cascade]\nmax_layers = [1, 2]\n'
    text += "[tune.cascade.estimators.forest]\nmax_depth = [1, 3]\n"
    trials, best, content = run(text, X, y)
    assert len({tuple(trial.values.items()) for trial in trials}) == len(trials) == 4
    for trial in trials:
        estimator = make_estimator(tomllib.loads(BASE)).set_params(
            max_layers=trial.values["cascade.max_layers"],
            forest__max_depth=trial.values["cascade.estimators.forest.max_depth"],
        )
        scores = cross_val_score(
            estimator, X, y, cv=StratifiedKFold(3, shuffle=True, random_state=0)
        )
        assert trial.score == scores.mean()
        assert trial.spread == scores.std()
        assert trial.n_rows == 100
        assert 1 <= trial.n_layers <= trial.values["cascade.max_layers"]
        assert trial.seconds > 0
    assert best.score == max(trial.score for trial in trials)
    assert "tune" not in content
    assert content["cascade"]["max_layers"] == best.values["cascade.max_layers"]
    [forest] = content["cascade"]["estimators"]
    assert forest["max_depth"] == best.values["cascade.estimators.forest.max_depth"]
    assert forest["n_estimators"] == 5
    make_estimator(content)


def test_halving_goes_on_with_the_best_on_more_rows():
    X, y = load_digits(n_class=3, return_X_y=True)
    text = (
        BASE + "[tune]\ncv = 2\n[tune.cascade.estimators.forest]\nn_estimators = [1, 2, 10, 20]\n"
    )
    trials, best, content = run(text, X, y)
    rows = [trial.n_rows for trial in trials]
    assert rows == sorted(rows)
    assert rows.count(rows[0]) == 4
    assert rows[-1] > rows[0]
    last = [trial for trial in trials if trial.n_rows == rows[-1]]
    assert best in last
    assert best.score == max(trial.score for trial in last)
    assert content["cascade"]["estimators"][0]["n_estimators"] in (10, 20)


def test_a_round_of_halving_may_lack_a_class():
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(150) < 3, 2, y // 2)
    text = BASE.replace("[cascade]", '[cascade]\nscoring = "neg_log_loss"', 1)
    text += "[tune]\ncv = 2\n[tune.cascade]\ntol = [0.0, 0.1, 0.2]\n"
    trials, best, _ = run(text, X, y)
    assert trials[0].n_rows < trials[-1].n_rows
    assert np.isfinite(best.score)


def test_random_draws_some_candidates_once_each():
    X, y = load_iris(return_X_y=True)
    text = BASE + '[tune]\nsearch = "random"\nn_candidates = 3\ncv = 0.5\n'
    text += "[tune.cascade]\ntol = [0.0, 0.1, 0.2]\nmax_layers = [1, 2]\n"
    trials, _, _ = run(text, X, y)
    assert len(trials) == 3
    assert len({tuple(trial.values.items()) for trial in trials}) == 3
    assert {trial.n_rows for trial in trials} == {75}
    assert [t.values for t in run(text, X, y)[0]] == [t.values for t in trials]


def test_windows_and_whole_layers_can_be_candidates():
    images, y = load_digits(n_class=2, return_X_y=True)
    images = images[:80].reshape(-1, 8, 8)
    text = (
        BASE
        + """
        [scanner]
        n_estimators = 2
        stride = 3
        [tune]
        search = "grid"
        cv = 2
        [tune.scanner]
        windows = [[[3, 3], [5, 5]], [[4, 4], [6, 6]]]
        [tune.cascade]
        estimators = [[{ type = "extra_trees", n_estimators = 2 }], [{ type = "linear" }]]
        """
    )
    trials, _, content = run(text, images, y[:80])
    assert len(trials) == 4
    assert content["scanner"]["windows"] in ([[3, 3], [5, 5]], [[4, 4], [6, 6]])
    assert content["cascade"]["estimators"][0]["type"] in ("extra_trees", "linear")


def test_values_are_scored_by_the_cascades_own_score():
    X, y = load_diabetes(return_X_y=True)
    text = BASE.replace("[cascade]", '[cascade]\nscoring = "neg_mean_squared_error"', 1)
    text = 'task = "regression"\n' + text + "[tune]\ncv = 0.3\n[tune.cascade]\ncv = [2, 3]\n"
    trials, _, _ = run(text, X[:100], y[:100])
    assert all(trial.score < -1000 for trial in trials)
    tuning = read_tuning(tomllib.loads(text))
    assert scored_by(tuning) == "neg_mean_squared_error"
    assert scored_by(tuning._replace(scoring=None)) == "R2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the file has no table \[tune\]"),
        ("tune = 3", r"tune=3 must be a table, \[tune\]"),
        ("[tune]", r"\[tune\] holds no candidates: add a table such as \[tune.cascade\]"),
        ("[tune]\nserch = 'grid'", "tune.serch='grid' is an unknown key; did you mean 'search'"),
        (
            "[tune]\nsearch = 'gird'",
            "tune.search='gird' must be one of 'grid', .*; did you mean 'grid'",
        ),
        ("[tune]\ncv = 1.5", "tune.cv=1.5 must be an integer of at least 2"),
        ("[tune]\ncv = 0", "tune.cv=0 must be a number of folds or a share"),
        ("[tune]\nfactor = 1", "tune.factor=1 must be an integer of at least 2"),
        ("[tune]\nscoring = 'r2'", "tune.scoring='r2' scores values"),
        ("[tune.cascade]\nmax_layer = [1]", "tune.cascade.max_layer=.* did you mean 'max_layers'"),
        ("[tune.cascade]\nmax_layers = 3", "tune.cascade.max_layers=3 must be a list"),
        ("[tune.cascade]\nmax_layers = []", r"tune.cascade.max_layers=\[\] must be a list"),
        (
            "[tune.cascade]\nmax_layers = [1, 0]",
            "tune.cascade.max_layers holds 0: cascade.max_layers=0 must be an integer",
        ),
        (
            "[tune.cascade.estimators.fores]\nmax_depth = [1]",
            r"no \[\[cascade.estimators\]\] of the name 'fores', but 'forest'",
        ),
        (
            "[tune.cascade.estimators.forest]\nmax_dept = [1]",
            "estimators.forest.max_dept holds 1: .*did you mean 'max_depth'",
        ),
    ],
)
def test_a_table_of_no_use_is_an_error_before_anything_is_fitted(text, message):
    with pytest.raises(ConfigError, match=message):
        read_tuning(tomllib.loads(text + BASE if text.startswith("tune") else BASE + text))


def test_values_that_cannot_be_fitted_are_an_error():
    text = BASE + "[tune.cascade]\nmax_layers = [1, 2]\n"
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        run(text, np.full((20, 2), np.inf), np.tile([0, 1], 10))
