"""The learners of the suite, at their defaults, each with the data in the form that suits it best.

Boosting takes categories as they are, forests take them as numbers with NaN for missing values, the
network one-hot, imputed and scaled. A "stopped" booster has up to 5,000 rounds of rate 0.05 and
ends after 50 without gain on 15 % of the training rows.
"""

import warnings
from collections.abc import Callable
from functools import partial
from tempfile import mkdtemp
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from datasets import ordinal
from numpy.typing import NDArray
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from deepforest import CascadeForestClassifier, CascadeForestRegressor, HistForestClassifier

N_JOBS = 2
ROUNDS, RATE, PATIENCE, SHARE = 5000, 0.05, 50, 0.15
BUDGET = 180  # seconds of fit, for those that are given a time


class Fitted(NamedTuple):
    estimator: Any
    prepare: Callable[[pd.DataFrame], Any]  # what its predict takes


class Task(NamedTuple):
    X: pd.DataFrame
    y: NDArray
    regression: bool
    seed: int


def as_numbers(X: pd.DataFrame) -> NDArray:
    """Return categories as numbers and missing values as NaN; pixels stay uint8."""
    return X.to_numpy() if (X.dtypes == np.uint8).all() else ordinal(X)


def pixels_or_frame(X: pd.DataFrame) -> NDArray | pd.DataFrame:
    """Return pixels as an array and a table as it is."""
    return X.to_numpy() if (X.dtypes == np.uint8).all() else X


def cascade(task: Task, preset: str = "balanced", max_time: float | None = None) -> Fitted:
    kind = CascadeForestRegressor if task.regression else CascadeForestClassifier
    model = kind(preset=preset, max_time=max_time, n_jobs=N_JOBS, random_state=task.seed)
    return Fitted(model.fit(pixels_or_frame(task.X), task.y), pixels_or_frame)


def layers_for_pixels() -> dict[str, Any]:
    """Return parameters: two extra-trees that try a tenth of the pixels (docs/default.md)."""
    forest = HistForestClassifier(100, splitter="random", max_features=0.1)
    return {"estimators": [("extra_trees_1", forest), ("extra_trees_2", forest)], "max_layers": 6}


def cascade_for_pixels(task: Task) -> Fitted:
    model = CascadeForestClassifier(**layers_for_pixels(), n_jobs=N_JOBS, random_state=task.seed)
    return Fitted(model.fit(as_numbers(task.X), task.y), as_numbers)


def autogluon_in_time(task: Task) -> Fitted:
    """Fit AutoGluon's strongest preset for the log loss; it gives no seed to choose."""
    from autogluon.tabular import TabularPredictor

    model = TabularPredictor("y", eval_metric="log_loss", path=mkdtemp(), verbosity=0)
    frame = task.X.assign(y=task.y)
    model.fit(frame, presets="best_quality", time_limit=BUDGET, num_cpus=N_JOBS)
    return Fitted(model, unchanged)


def random_forest(task: Task, n_estimators: int = 500) -> Fitted:
    kind = RandomForestRegressor if task.regression else RandomForestClassifier
    model = kind(n_estimators, n_jobs=N_JOBS, random_state=task.seed)
    return Fitted(model.fit(as_numbers(task.X), task.y), as_numbers)


def extra_trees(task: Task) -> Fitted:
    kind = ExtraTreesRegressor if task.regression else ExtraTreesClassifier
    model = kind(500, n_jobs=N_JOBS, random_state=task.seed)
    return Fitted(model.fit(as_numbers(task.X), task.y), as_numbers)


def hist_gradient_boosting(task: Task, stopped: bool = False) -> Fitted:
    kind = HistGradientBoostingRegressor if task.regression else HistGradientBoostingClassifier
    model = kind(random_state=task.seed)
    if not stopped:
        return Fitted(model.fit(few_categories(task.X), task.y), few_categories)
    (X, y), (X_stop, y_stop) = held_out(task)
    model.set_params(
        max_iter=ROUNDS, learning_rate=RATE, early_stopping=True, n_iter_no_change=PATIENCE
    )
    model.fit(few_categories(X), y, X_val=few_categories(X_stop), y_val=y_stop)
    return Fitted(model, few_categories)


def lightgbm(task: Task, stopped: bool = False) -> Fitted:
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    kind = LGBMRegressor if task.regression else LGBMClassifier
    model = kind(n_jobs=N_JOBS, random_state=task.seed, verbosity=-1)
    if not stopped:
        return Fitted(model.fit(task.X, task.y), unchanged)
    (X, y), (X_stop, y_stop) = held_out(task)
    model.set_params(n_estimators=ROUNDS, learning_rate=RATE)
    stop = [early_stopping(PATIENCE, verbose=False)]
    return Fitted(model.fit(X, y, eval_X=X_stop, eval_y=y_stop, callbacks=stop), unchanged)


def xgboost(task: Task, stopped: bool = False) -> Fitted:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBRegressor if task.regression else XGBClassifier
    model = kind(n_jobs=N_JOBS, random_state=task.seed, enable_categorical=True)
    if not stopped:
        return Fitted(model.fit(task.X, task.y), unchanged)
    (X, y), (X_stop, y_stop) = held_out(task)
    model.set_params(n_estimators=ROUNDS, learning_rate=RATE, early_stopping_rounds=PATIENCE)
    return Fitted(model.fit(X, y, eval_set=[(X_stop, y_stop)], verbose=False), unchanged)


def catboost(task: Task, stopped: bool = False) -> Fitted:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if task.regression else CatBoostClassifier
    common = {
        "thread_count": N_JOBS,
        "random_seed": task.seed,
        "verbose": False,
        "allow_writing_files": False,
        "cat_features": categories(task.X),
    }
    if not stopped:
        return Fitted(kind(**common).fit(as_strings(task.X), task.y), as_strings)
    (X, y), (X_stop, y_stop) = held_out(task)
    model = kind(**common, iterations=ROUNDS, learning_rate=RATE)
    model.fit(
        as_strings(X), y, eval_set=(as_strings(X_stop), y_stop), early_stopping_rounds=PATIENCE
    )
    return Fitted(model, as_strings)


def network(task: Task) -> Fitted:
    columns = make_column_transformer(
        (
            OneHotEncoder(
                min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False
            ),
            make_column_selector(dtype_include="category"),
        ),
        (MinMaxScaler(), make_column_selector(dtype_include="uint8")),
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="float32"),
        ),
    )
    if task.regression:
        learner = MLPRegressor(random_state=task.seed)
        learner = TransformedTargetRegressor(learner, transformer=StandardScaler())
    else:
        learner = MLPClassifier(random_state=task.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its default is 200 epochs
        return Fitted(make_pipeline(columns, learner).fit(task.X, task.y), unchanged)


MODELS: dict[str, Callable[[Task], Fitted]] = {
    "cascade": cascade,
    "random_forest": random_forest,
    "extra_trees": extra_trees,
    "hist_gradient_boosting": hist_gradient_boosting,
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "catboost": catboost,
    "mlp": network,
    "hist_gradient_boosting_stopped": partial(hist_gradient_boosting, stopped=True),
    "lightgbm_stopped": partial(lightgbm, stopped=True),
    "xgboost_stopped": partial(xgboost, stopped=True),
    "catboost_stopped": partial(catboost, stopped=True),
}
# In no rank: the other presets, a cascade for pixels, what seconds are measured in where 500 trees
# take too long, and two that are given the same seconds.
BESIDE = {
    "cascade_fast": partial(cascade, preset="fast"),
    "cascade_best": partial(cascade, preset="best"),
    "cascade_for_pixels": cascade_for_pixels,
    "random_forest_100": partial(random_forest, n_estimators=100),
    "cascade_best_in_time": partial(cascade, preset="best", max_time=BUDGET),
    "autogluon_in_time": autogluon_in_time,
}


def library(model: str) -> str:
    """Return the name of the module that a rival comes from."""
    if model == "autogluon_in_time":
        return "autogluon.tabular"
    name = model.removesuffix("_stopped")
    return name if name in ("lightgbm", "xgboost", "catboost") else "sklearn"


def unchanged(X: pd.DataFrame) -> pd.DataFrame:
    return X


def categories(X: pd.DataFrame) -> list[str]:
    return [c for c in X if isinstance(X[c].dtype, pd.CategoricalDtype)]


def few_categories(X: pd.DataFrame) -> pd.DataFrame:
    """Return categories as numbers where there are more than scikit-learn's boosting takes."""
    many = [c for c in categories(X) if len(X[c].cat.categories) > 255]
    return X.assign(**{c: X[c].cat.codes.where(X[c].notna()).astype(np.float32) for c in many})


def as_strings(X: pd.DataFrame) -> pd.DataFrame:
    """Return categories as strings; CatBoost takes no NaN there."""
    return X.assign(
        **{
            c: np.where(X[c].isna(), "missing", X[c].astype(object)).astype(object)
            for c in categories(X)
        }
    )


def held_out(task: Task):
    """Return the rows to train and to stop on; the former hold every class."""
    rng = np.random.default_rng(task.seed)
    stop = np.zeros(len(task.y), dtype=bool)
    groups = np.zeros(len(task.y), dtype=np.intp) if task.regression else task.y
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        stop[rows[: round(SHARE * len(rows))]] = True
    return (task.X[~stop], task.y[~stop]), (task.X[stop], task.y[stop])
