"""The estimators that stand in layers and scanners: registered names and default sets."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, NamedTuple

from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from deepforest._validation import check_choice, check_integer
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.linear import ScaledLogisticRegression, ScaledRidge

Task = Literal["classification", "regression"]
NamedEstimators = list[tuple[str, BaseEstimator]]

TASKS: tuple[Task, ...] = ("classification", "regression")


def import_lightgbm() -> ModuleType:
    """Return the module `lightgbm`.

    Raises
    ------
    ImportError
        Where LightGBM's library cannot be loaded, which nearly always means that
        the system's OpenMP runtime is missing; the message says how to get it.
    """
    try:
        import lightgbm
    except OSError as error:
        raise ImportError(
            "LightGBM cannot be loaded; it needs the system's OpenMP runtime. Install it with "
            "'apt-get install libgomp1' (Debian, Ubuntu), 'dnf install libgomp' (Fedora) or "
            f"'brew install libomp' (macOS). The loader said: {error}"
        ) from error
    module: ModuleType = lightgbm
    return module


def random_forest(task: Task, **parameters: Any) -> BaseEstimator:
    """Return a random forest whose out-of-bag votes are its class vectors."""
    kind = HistForestClassifier if task == "classification" else HistForestRegressor
    return kind(**parameters)


def extra_trees(task: Task, **parameters: Any) -> BaseEstimator:
    """Return extra-trees, bootstrapped as all forests here, for their out-of-bag votes."""
    return random_forest(task, **{"splitter": "random", **parameters})


def completely_random(task: Task, **parameters: Any) -> BaseEstimator:
    """Return the paper's completely-random forest: each split tries one random feature."""
    return extra_trees(task, **{"max_features": 1, **parameters})


def lightgbm(task: Task, **parameters: Any) -> BaseEstimator:
    """Return a LightGBM estimator that gives the same model in every run.

    Cross-fitting stops its rounds early (`early_stopping_round`), so
    `n_estimators` is a bound and not a setting to tune. There, steps of the `learning_rate` 0.1
    grow after 150 rounds; other rates stay as they are. Leaves of classes are bounded
    (`max_delta_step`).
    """
    module = import_lightgbm()
    kind = module.LGBMClassifier if task == "classification" else module.LGBMRegressor
    defaults = {
        "n_estimators": 2000,
        "early_stopping_round": 20,
        "colsample_bytree": 0.5,
        "max_bin": 127,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    if task == "classification":
        # Newton's steps run away where a class is rare or already sure (docs/default.md), and a
        # ten-thousandth of log loss is not worth twenty rounds.
        defaults |= {"max_delta_step": 4.0, "early_stopping_min_delta": 1e-4}
    estimator: BaseEstimator = kind(**{**defaults, **parameters})
    return estimator


def hist_gradient_boosting(task: Task, **parameters: Any) -> BaseEstimator:
    """Return scikit-learn's histogram gradient boosting."""
    kind = (
        HistGradientBoostingClassifier
        if task == "classification"
        else HistGradientBoostingRegressor
    )
    return kind(**parameters)


def linear(task: Task, **parameters: Any) -> BaseEstimator:
    """Return logistic regression for classes, ridge regression for values."""
    return LogisticRegression(**parameters) if task == "classification" else Ridge(**parameters)


def logistic_regression(task: Task, **parameters: Any) -> BaseEstimator:
    """Return logistic regression, for classes only."""
    if task != "classification":
        raise ValueError("logistic regression is for classification: use 'ridge' for values.")
    return LogisticRegression(**parameters)


def scaled_linear(task: Task, **parameters: Any) -> BaseEstimator:
    """Return `linear` on scaled columns and indicators of categories."""
    return (ScaledLogisticRegression if task == "classification" else ScaledRidge)(**parameters)


def ridge(task: Task, **parameters: Any) -> BaseEstimator:
    """Return ridge regression, for values only."""
    if task != "regression":
        raise ValueError("ridge is for regression: use 'logistic_regression' for classes.")
    return Ridge(**parameters)


def sgd(task: Task, **parameters: Any) -> BaseEstimator:
    """Return a linear model fitted by stochastic gradient descent.

    For classes by the log loss, which gives probabilities.
    """
    if task == "regression":
        return SGDRegressor(**parameters)
    return SGDClassifier(**{"loss": "log_loss", **parameters})


ESTIMATORS: dict[str, Callable[..., BaseEstimator]] = {
    "random_forest": random_forest,
    "extra_trees": extra_trees,
    "completely_random": completely_random,
    "lightgbm": lightgbm,
    "hist_gradient_boosting": hist_gradient_boosting,
    "linear": linear,
    "logistic_regression": logistic_regression,
    "scaled_linear": scaled_linear,
    "ridge": ridge,
    "sgd": sgd,
}

# What LightGBM takes besides the constructor's own parameters. It only warns of an unknown
# name, so that a config file could not be checked without this list.
_LIGHTGBM_NAMES = """
    alpha bagging_by_query bin_construct_sample_cnt boost_from_average cat_l2 cat_smooth
    data_random_seed data_sample_strategy drop_rate drop_seed early_stopping_min_delta
    enable_bundle extra_seed extra_trees fair_c feature_contri feature_fraction_bynode
    feature_fraction_seed feature_pre_filter first_metric_only force_row_wise
    histogram_pool_size interaction_constraints is_enable_sparse is_unbalance linear_lambda
    linear_tree max_bin_by_feature max_cat_threshold max_cat_to_onehot max_delta_step max_drop
    metric min_data_in_bin min_data_per_group monotone_constraints monotone_constraints_method
    monotone_penalty neg_bagging_fraction num_grad_quant_bins objective_seed other_rate
    path_smooth poisson_max_delta_step pos_bagging_fraction quant_train_renew_leaf reg_sqrt
    scale_pos_weight sigmoid skip_drop stochastic_rounding top_rate tweedie_variance_power
    uniform_drop use_missing use_quantized_grad xgboost_dart_mode zero_as_missing
"""
LIGHTGBM_PARAMETERS = tuple(_LIGHTGBM_NAMES.split())


class Preset(NamedTuple):
    """What a cascade is made of where its estimators are not given (docs/default.md)."""

    n_estimators: int  # trees in each forest
    folds: int  # of LightGBM
    boosts_randomly: tuple[Task, ...]  # a second LightGBM there, its thresholds drawn at random
    boosts_every_layer: tuple[Task, ...]  # for other tasks the first layer only
    linear: bool  # a linear model in the first layer


MOST_COLUMNS = 50  # more cost time, and trees that see the same are worth less (docs/default.md)

PRESETS = {
    "fast": Preset(100, 3, (), (), linear=False),
    "balanced": Preset(200, 5, ("regression",), ("regression",), linear=True),
    "best": Preset(500, 5, TASKS, TASKS, linear=True),
}


def default_estimators(
    task: Task = "classification",
    *,
    preset: str = "balanced",
    n_estimators: int | None = None,
) -> NamedEstimators:
    """Return the estimators that a cascade's layers are made of by default.

    A random forest and extra-trees, whose out-of-bag votes cost nothing, and LightGBM,
    cross-fitted in folds and stopped early, for values a second one with random thresholds.
    Without the linear model of the first layer, which has no place in later ones
    (docs/default.md).

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
    preset : {"fast", "balanced", "best"}, default="balanced"
        As a cascade has it. "best" has the second LightGBM for classes, too, "fast" for neither.
    n_estimators : int, default=None
        Trees in each forest; None is 100 for "fast", 500 for "best", else 200. LightGBM's rounds
        are chosen by early stopping.

    Returns
    -------
    list of (str, estimator)
        Unfitted; a list of your own to change and to pass as `estimators=`.

    Examples
    --------
    >>> from deepforest import default_estimators
    >>> [name for name, _ in default_estimators(n_estimators=50)]
    ['random_forest', 'extra_trees', 'lightgbm']
    """
    check_choice("task", task, TASKS)
    check_choice("preset", preset, PRESETS)
    if n_estimators is None:
        n_estimators = PRESETS[preset].n_estimators
    check_integer("n_estimators", n_estimators, at_least=1)
    # For values forests do best between sqrt and all columns, and boosting with all of them.
    columns = {} if task == "classification" else {"max_features": 0.5}
    boosting = {} if task == "classification" else {"colsample_bytree": 1.0}
    layer = [
        ("random_forest", random_forest(task, n_estimators=n_estimators, **columns)),
        ("extra_trees", extra_trees(task, n_estimators=n_estimators, **columns)),
        ("lightgbm", lightgbm(task, **boosting)),
    ]
    if task in PRESETS[preset].boosts_randomly:
        layer.append(("lightgbm_random", lightgbm(task, extra_trees=True, **boosting)))
    return layer


def default_layers(
    task: Task,
    *,
    preset: str = "balanced",
    n_estimators: int | None = None,
    n_columns: int | None = None,
) -> list[NamedEstimators]:
    """Return the estimators of the first layer by default, and those of all later ones.

    On tables of ``n_columns`` LightGBM draws at most 50 of them for each tree, for classes.
    """
    layer = default_estimators(task, preset=preset, n_estimators=n_estimators)
    if task == "classification" and n_columns is not None:
        for name, estimator in layer:
            if name.startswith("lightgbm"):
                share = min(estimator.colsample_bytree, MOST_COLUMNS / n_columns)
                estimator.set_params(colsample_bytree=share)
    later = layer
    if task not in PRESETS[preset].boosts_every_layer:
        later = [pair for pair in layer if not pair[0].startswith("lightgbm")]
    linear_model = [("linear", scaled_linear(task))] if PRESETS[preset].linear else []
    return [layer + linear_model, later]


def default_scan_estimators(
    task: Task = "classification", *, n_estimators: int = 30
) -> NamedEstimators:
    """Return the estimators that scan a grain by default: one random forest, one extra-trees.

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
    n_estimators : int, default=30
        Trees in each forest.

    Returns
    -------
    list of (str, estimator)

    Examples
    --------
    >>> from deepforest import default_scan_estimators
    >>> [name for name, _ in default_scan_estimators()]
    ['random_forest', 'extra_trees']
    """
    check_choice("task", task, TASKS)
    check_integer("n_estimators", n_estimators, at_least=1)
    # Neighbouring windows are nearly the same row: smaller leaves would only remember them.
    forest = {"n_estimators": n_estimators, "min_samples_leaf": 10, "max_features": "sqrt"}
    return [
        ("random_forest", random_forest(task, **forest)),
        ("extra_trees", extra_trees(task, **forest)),
    ]


def seeded_clone(estimator: BaseEstimator, seed: int) -> BaseEstimator:
    """Return an unfitted copy with every `random_state` set to `seed`, on one thread.

    One thread an estimator, because scikit-learn's forests add up votes in the
    order in which their threads finish, and because the estimators themselves
    are what is spread over the cores. The engine's forests spread their trees: they
    take as many threads as the layer has.
    """
    copy = clone(estimator)
    parameters = copy.get_params(deep=True)
    settings: dict[str, int | None] = {}
    for name, value in parameters.items():
        owner, _, parameter = name.rpartition("__")
        if parameter == "random_state":
            settings[name] = seed
        elif parameter == "n_jobs":
            holder = parameters[owner] if owner else copy
            if isinstance(holder, HistForestClassifier | HistForestRegressor):
                settings[name] = None
            # None is one thread in scikit-learn, but every core in LightGBM and XGBoost.
            # LogisticRegression warns where it is set at all.
            elif value is not None or not type(holder).__module__.startswith("sklearn."):
                settings[name] = 1
    return copy.set_params(**settings)
