"""Estimators that are not ours in a model file: LightGBM's, constants, and others by skops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor

from deepforest.boosted import (
    LIGHTGBM_KINDS,
    BoostedClassifier,
    BoostedRegressor,
    is_lightgbm,
    read_model,
)
from deepforest.codecs import (
    ANY_ARRAY,
    PLAIN,
    Codec,
    Json,
    Reader,
    Writer,
    array,
    decode_fields,
    encode_fields,
)
from deepforest.container import ModelFileError
from deepforest.estimators import import_lightgbm
from deepforest.foreign import dump_foreign, load_foreign
from deepforest.tree_codecs import BOOSTED

# What a LightGBM estimator may be trained with again: nothing that names a file or a machine.
LIGHTGBM_PARAMETERS = frozenset(
    """
    alpha bagging_fraction bagging_freq bagging_seed boost_from_average boosting_type cat_l2
    cat_smooth class_weight colsample_bytree data_random_seed deterministic drop_rate
    early_stopping early_stopping_min_delta early_stopping_round early_stopping_rounds
    extra_seed extra_trees fair_c feature_fraction feature_fraction_bynode
    feature_fraction_seed first_metric_only force_col_wise force_row_wise histogram_pool_size
    importance_type is_unbalance lambda_l1 lambda_l2 learning_rate linear_lambda linear_tree
    max_bin max_bin_by_feature max_cat_threshold max_cat_to_onehot max_delta_step max_depth
    max_drop metric min_child_samples min_child_weight min_data_in_bin min_data_in_leaf
    min_data_per_group min_gain_to_split min_split_gain min_sum_hessian_in_leaf
    monotone_constraints monotone_constraints_method monotone_penalty n_estimators
    n_iter_no_change n_jobs neg_bagging_fraction num_grad_quant_bins num_leaves num_threads
    objective other_rate path_smooth poisson_max_delta_step pos_bagging_fraction
    quant_train_renew_leaf random_state reg_alpha reg_lambda reg_sqrt scale_pos_weight seed
    sigmoid skip_drop stochastic_rounding subsample subsample_for_bin subsample_freq top_k
    top_rate tweedie_variance_power uniform_drop use_missing use_quantized_grad verbose
    verbosity xgboost_dart_mode zero_as_missing
    """.split()  # noqa: SIM905, easier to read than a list
)


def _constant_classifier(classes: NDArray[Any], prior: NDArray[np.float64]) -> DummyClassifier:
    if not 0 < len(classes) == len(prior):
        raise ModelFileError("a constant has other classes than probabilities.")
    if len(np.unique(classes)) < len(classes):
        raise ModelFileError("a constant has a class twice.")
    model = DummyClassifier(strategy="prior").fit(np.zeros((len(classes), 1)), classes)
    model.class_prior_ = prior
    return model


def _constant_regressor(constant: NDArray[np.float64]) -> DummyRegressor:
    if len(constant) != 1 or constant.size == 0:
        raise ModelFileError("a constant is not one value for each target.")
    return DummyRegressor().fit(np.zeros((1, 1)), constant)


_BOOSTED_MODEL = {"trees": BOOSTED, "importances": array("float64", 1)}

# How each is built again, the attributes that its arguments were, and their codecs.
_MODELS: dict[str, tuple[Callable[..., Any], dict[str, str], dict[str, Codec]]] = {
    "BoostedClassifier": (BoostedClassifier, {}, {**_BOOSTED_MODEL, "classes": ANY_ARRAY}),
    "BoostedRegressor": (BoostedRegressor, {}, _BOOSTED_MODEL),
    "DummyClassifier": (
        _constant_classifier,
        {"classes": "classes_", "prior": "class_prior_"},
        {"classes": array("int64", 1), "prior": array("float64", 1)},
    ),
    "DummyRegressor": (
        _constant_regressor,
        {"constant": "constant_"},
        {"constant": array("float64", 2)},
    ),
}
_MODULES = ("deepforest.boosted", "sklearn.dummy")


def encode_other_model(model: BaseEstimator, out: Writer) -> Json:
    """Return a fitted model that is none of the public estimators."""
    if is_lightgbm(model):
        try:
            model = read_model(model)
        except ValueError as error:
            raise ModelFileError(
                f"{type(model).__name__} cannot be in a model file, because {error}: use "
                "joblib.dump."
            ) from error
    for kind, (_, attributes, fields) in _MODELS.items():
        if type(model).__name__ == kind and type(model).__module__ in _MODULES:
            # Only "prior" says what its prior is; the one of regression says its constant always.
            if getattr(model, "strategy", "prior") not in ("prior", "mean"):
                break
            values = {name: getattr(model, attributes.get(name, name)) for name in fields}
            return {"kind": kind, **encode_fields(values, fields, out)}
    return _encode_foreign(model, out)


def decode_other_model(node: Json, source: Reader) -> Any:
    """Return what `encode_other_model` was given; of LightGBM our own arrays."""
    kind = kind_of(node)
    if kind == "skops":
        return _decode_foreign(node, source)
    if kind not in _MODELS:
        raise ModelFileError(f"{kind!r:.200} is no model that is known.")
    make, _, fields = _MODELS[kind]
    rest = {name: value for name, value in node.items() if name != "kind"}
    return make(**decode_fields(rest, fields, source))


def encode_other_template(estimator: BaseEstimator, out: Writer) -> Json:
    """Return an unfitted estimator that is none of the public ones."""
    if not is_lightgbm(estimator):
        return _encode_foreign(estimator, out)
    parameters = estimator.get_params(deep=False)
    unknown = sorted(parameters.keys() - LIGHTGBM_PARAMETERS)
    if unknown:
        raise ModelFileError(
            f"{type(estimator).__name__} has the parameters {unknown!r}, which are not kept in a "
            "model file: use joblib.dump, or set them to None."
        )
    values = {name: PLAIN.encode(value, out) for name, value in parameters.items()}
    return {"kind": type(estimator).__name__, "parameters": values}


def decode_other_template(node: Json, source: Reader) -> BaseEstimator:
    """Return what `encode_other_template` was given."""
    kind = kind_of(node)
    if kind == "skops":
        return _decode_foreign(node, source)
    if kind not in LIGHTGBM_KINDS or node.keys() != {"kind", "parameters"}:
        raise ModelFileError(f"{kind!r:.200} is no estimator that is known.")
    parameters = node["parameters"]
    if not isinstance(parameters, dict) or not parameters.keys() <= LIGHTGBM_PARAMETERS:
        raise ModelFileError(f"{kind} has parameters that are not known.")
    make = getattr(import_lightgbm(), kind)
    estimator: BaseEstimator = make(
        **{name: PLAIN.decode(value, source) for name, value in parameters.items()}
    )
    return estimator


def kind_of(node: Json) -> str:
    """Return the name that a file has for the class of an estimator."""
    kind = node.get("kind") if isinstance(node, dict) else None
    if not isinstance(kind, str):
        raise ModelFileError(f"{node!r:.200} is no estimator.")
    return kind


def _encode_foreign(estimator: BaseEstimator, out: Writer) -> Json:
    """Return any other estimator, as skops writes it."""
    data = np.frombuffer(dump_foreign(estimator), np.uint8)
    return {"kind": "skops", "archive": out.add_array(data)}


def _decode_foreign(node: Json, source: Reader) -> BaseEstimator:
    fields = {"kind": PLAIN, "archive": array("uint8", 1)}
    return load_foreign(decode_fields(node, fields, source)["archive"].tobytes(), source.trusted)
