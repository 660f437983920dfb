"""One small fitted model of every kind that a model file can hold.

`python tests/model_kinds.py` writes them to `tests/data`, with what they predict: files of a
version of the format that every later version must read. Write new ones for a new version of the
format only, under its number, and leave the old ones.
"""

from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepforest import (
    Binner,
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    HistForestClassifier,
    HistForestRegressor,
    MultiGrainedScanner,
)
from deepforest.estimators import lightgbm
from deepforest.linear import ScaledLogisticRegression, ScaledRidge

DATA = Path(__file__).parent / "data"


def table(seed=0, n=120):
    """A table with missing values and a column of categories, and three classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[:, 3] = rng.integers(0, 6, n)
    y = np.digitize(X[:, 0] + (X[:, 3] % 2) + rng.normal(scale=0.3, size=n), [-0.2, 1.2])
    X[rng.random((n, 4)) < 0.05] = np.nan
    return X, y


def images(seed=0, n=60):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.integers(0, 200, (n, 5, 6), dtype=np.uint8)
    X[y == 1, 1:3, 1:4] //= 4
    return X, y


def sequences(seed=0, n=60):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8, 2)).astype(np.float32).cumsum(axis=1)
    y = X[:, :4, 0].mean(axis=1)
    X[::6, 5:] = np.nan
    return X, y


def as_frame(X):
    """The table as a data frame whose last column holds letters."""
    frame = pd.DataFrame(X[:, :3], columns=["one", "two", "three"])
    frame["letter"] = pd.Categorical.from_codes(np.nan_to_num(X[:, 3]).astype(int), list("uvwxyz"))
    return frame


def rising():
    """A score that gains with every layer, so that all of them are kept."""
    numbers = count()
    return lambda estimator, X, y: next(numbers)


def few(task, prefix=""):
    """Forests and LightGBM, small enough for a file that is committed."""
    forest = HistForestClassifier if task == "classification" else HistForestRegressor
    return [
        (f"{prefix}forest", forest(4, max_depth=3, random_state=0)),
        (f"{prefix}extra", forest(4, max_depth=3, splitter="random", bootstrap=False)),
        (f"{prefix}lightgbm", lightgbm(task, n_estimators=5, num_leaves=4, early_stopping_round=2)),
    ]


def binner():
    X, _ = table()
    return Binner(8, categorical_features=[3]).fit(X), X


def forest_classifier():
    X, y = table()
    forest = HistForestClassifier(4, max_depth=4, oob_score=True, categorical_features=[3])
    forest.set_params(random_state=0, class_weight={"a": 1.0, "b": 2.0, "c": 1.0})
    return forest.fit(X, np.array(["a", "b", "c"])[y]), X


def forest_of_pixels():
    """A forest whose leaves hold counts."""
    X, y = images()
    X = X.reshape(len(X), -1)
    return HistForestClassifier(4, min_samples_leaf=5, random_state=0).fit(X, y), X


def forest_of_frame():
    X, y = table()
    return HistForestClassifier(4, max_depth=4, random_state=0).fit(as_frame(X), y), X


def forest_regressor():
    X, y = table()
    forest = HistForestRegressor(4, max_depth=4, oob_score=True, random_state=0)
    return forest.fit(X, np.column_stack([y, -2.5 * y])), X


def cascade_classifier():
    X, y = table()
    cascade = CascadeForestClassifier(few("classification"), max_layers=3, n_iter_no_change=3)
    cascade.set_params(cv=3, random_state=0, screening=0.6, combine="mean", scoring=rising())
    cascade.fit(X, np.array(["red", "green", "blue"])[y])
    return cascade.set_params(scoring=None), X


def cascade_of_two_classes():
    X, y = table()
    estimators = [few("classification")[2]]
    return CascadeForestClassifier(estimators, max_layers=1, random_state=0).fit(X, y > 1), X


def cascade_of_one_class():
    X, y = table(n=30)
    return CascadeForestClassifier(few("classification"), max_layers=1).fit(X, y * 0), X


def cascade_regressor():
    X, y = table()
    cascade = CascadeForestRegressor(few("regression"), max_layers=2, n_iter_no_change=2)
    return cascade.set_params(cv=3, random_state=np.random.RandomState(3)).fit(X, y * 1.5), X


def scanner():
    X, y = images()
    scanner = MultiGrainedScanner([2, {"size": (3, 2), "padding": 1, "pool_method": "max"}])
    scanner.set_params(n_estimators=2, cv=3, random_state=0)
    scanner.set_params(estimators=[("forest", HistForestClassifier(2, max_depth=3))])
    return scanner.fit(X, y), X


def gcforest_classifier():
    X, y = images()
    forest = GCForestClassifier(
        [2, 3], scan_estimators=few("classification", "scan_"), max_layers=3
    )
    forest.set_params(estimators=few("classification"), n_iter_no_change=2, passthrough=True)
    forest.set_params(stride=2, cv=2, random_state=0, combine="mean", scoring=rising())
    return forest.fit(X, y).set_params(scoring=None), X


def gcforest_regressor():
    X, y = sequences()
    forest = GCForestRegressor(
        [(3,), (0.5,)], scan_estimators=few("regression", "scan_")[:1], max_layers=2
    )
    forest.set_params(estimators=few("regression")[:2], n_iter_no_change=2, grains="concatenate")
    return forest.set_params(random_state=0).fit(X, y), X


def cascade_with_linear():
    X, y = table()
    linear = ScaledLogisticRegression(categorical_features=[3])
    estimators = [("forest", HistForestClassifier(3, max_depth=3)), ("linear", linear)]
    cascade = CascadeForestClassifier(estimators, max_layers=2, n_iter_no_change=2, cv=2)
    return cascade.set_params(combine="mean", random_state=0).fit(X, y), X


def cascade_with_ridge():
    X, y = table()
    ridge = ScaledRidge(categorical_features=[3])
    estimators = [("forest", HistForestRegressor(3, max_depth=3)), ("linear", ridge)]
    cascade = CascadeForestRegressor(estimators, max_layers=2, n_iter_no_change=2, cv=2)
    return cascade.set_params(combine="mean", random_state=0).fit(X, y * 1.5), X


def cascade_with_foreign():
    X, y = table()
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    estimators = [("forest", HistForestClassifier(3, max_depth=3)), ("linear", linear)]
    cascade = CascadeForestClassifier(estimators, max_layers=2, n_iter_no_change=2, cv=2)
    X = np.nan_to_num(X)
    return cascade.set_params(random_state=0).fit(X, y), X


KINDS = {
    make.__name__: make
    for make in (
        binner,
        forest_classifier,
        forest_of_frame,
        forest_of_pixels,
        forest_regressor,
        cascade_classifier,
        cascade_of_two_classes,
        cascade_of_one_class,
        cascade_regressor,
        scanner,
        gcforest_classifier,
        gcforest_regressor,
        cascade_with_linear,
        cascade_with_ridge,
        cascade_with_foreign,
    )
}


def said(model, X):
    """What a model says of rows, by method."""
    if hasattr(model, "feature_names_in_"):
        X = as_frame(X)
    methods = ("predict_proba", "predict", "transform", "apply")
    return {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}


def write_data():
    for name, make in KINDS.items():
        if name == "cascade_with_foreign":
            continue  # what skops writes is for one version of scikit-learn
        model, X = make()
        model.save(DATA / f"v1_{name}.dforest")
        np.savez_compressed(DATA / f"v1_{name}.npz", X=X[:20], **said(model, X[:20]))


if __name__ == "__main__":
    write_data()
