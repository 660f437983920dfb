"""What of each estimator is in a model file: its parameters and fitted attributes by name and type.

`SCHEMAS` is the one place that knows. An attribute that is not in it makes `save` fail, so that
none is lost without a word; an entry of a file that is not in it makes `load` fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from deepforest import consistency
from deepforest.binning import Binner
from deepforest.cascade import CascadeForestClassifier, CascadeForestRegressor
from deepforest.codecs import (
    ANY_ARRAY,
    PLAIN,
    REAL,
    SWITCH,
    TEXT,
    Codec,
    Json,
    Reader,
    Writer,
    array,
    choice,
    decode_fields,
    encode_fields,
    integer,
    optional,
    record,
    sequence,
)
from deepforest.container import ModelFileError
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.gcforest import GCForestClassifier, GCForestRegressor
from deepforest.grains import GrainLayout
from deepforest.layer import CascadeLayer
from deepforest.linear import ScaledLogisticRegression, ScaledRidge
from deepforest.model_codecs import (
    decode_other_model,
    decode_other_template,
    encode_other_model,
    encode_other_template,
    kind_of,
)
from deepforest.multioutput import ModelPerTarget
from deepforest.scanning import Grain, MultiGrainedScanner
from deepforest.screening import Screen
from deepforest.tree_codecs import BINS, FRAME_ENCODER, LEAF_TARGETS, TREES
from deepforest.windows import POOL_METHODS, WindowGrid

COUNT = integer(at_least=1)
PER_TARGET = ModelPerTarget.__name__
SIZES = sequence(integer(0), tuple)


NOT_SAVED = ("checkpoint",)
"""Parameters of a run, not of a model: no file names a folder that a later `fit` would write to."""


class Schema(NamedTuple):
    """What of one class is in a model file."""

    make: type
    parameters: dict[str, Codec]  # those of the constructor
    fitted: dict[str, Codec]  # every attribute that `fit` may set
    check: Callable[[Any], None]  # raises a ValueError where these do not fit each other
    may_lack: tuple[str, ...] = ("feature_names_in_",)  # what `fit` sets at times only
    of_rows: tuple[str, ...] = ()  # what speaks of the training rows, and a layer does not need


def _encode_model(model: Any, out: Writer) -> Json:
    """Return a fitted model of a layer or scanner."""
    if _is_own(model):
        return encode_estimator(model, out, within=True)
    if isinstance(model, ModelPerTarget):
        return {"kind": PER_TARGET, "models": [_encode_model(one, out) for one in model.models]}
    return encode_other_model(model, out)


def _decode_model(node: Json, source: Reader) -> Any:
    if kind_of(node) in SCHEMAS:
        return decode_estimator(node, source)
    if kind_of(node) == PER_TARGET:
        models = sequence(Codec(_encode_model, _decode_model))
        fields = decode_fields(node, {"kind": TEXT, "models": models}, source)
        return ModelPerTarget(fields["models"])
    return decode_other_model(node, source)


def _encode_template(pair: tuple[str, Any], out: Writer) -> Json:
    """Return name and estimator of a list parameter, without what it may have learnt."""
    name, estimator = pair
    if _is_own(estimator):
        return [name, encode_estimator(estimator, out, fitted=False)]
    return [name, encode_other_template(estimator, out)]


def _decode_template(node: Json, source: Reader) -> tuple[str, Any]:
    if not isinstance(node, list) or len(node) != 2:
        raise ModelFileError("an estimator has no name.")
    name = TEXT.decode(node[0], source)
    if kind_of(node[1]) in SCHEMAS:
        return name, decode_estimator(node[1], source, fitted=False)
    return name, decode_other_template(node[1], source)


def _within(kind: type) -> Codec:
    """Return the codec of a fitted estimator of ours that is an attribute of another."""

    def decode(node: Json, source: Reader) -> Any:
        if kind_of(node) != kind.__name__:
            raise ModelFileError(f"{kind_of(node)!r:.200} stands where {kind.__name__} is meant.")
        return decode_estimator(node, source)

    return Codec(lambda value, out: encode_estimator(value, out, within=True), decode)


MODELS = sequence(sequence(Codec(_encode_model, _decode_model)))
TEMPLATES = sequence(Codec(_encode_template, _decode_template))

LAYERS = sequence(
    record(
        CascadeLayer,
        names=sequence(TEXT),
        models=MODELS,
        n_classes=optional(COUNT),
    )
)

SCREENS = sequence(
    record(Screen, weights=array("float64", 2), threshold=REAL, share=REAL, power=REAL)
)

GRAINS = sequence(
    record(
        Grain,
        layout=record(
            GrainLayout,
            grid=record(
                WindowGrid,
                window=SIZES,
                stride=SIZES,
                padding=SIZES,
                positions=SIZES,
                base=array("int64", 1),
                offset=array("int64", 1),
            ),
            pool=SIZES,
            pool_method=choice(POOL_METHODS),
        ),
        models=MODELS,
    )
)

N_JOBS = optional(integer(-1024, 1024))

_TABLE = {"n_features_in_": COUNT, "feature_names_in_": ANY_ARRAY}

_FOREST_PARAMETERS = {
    "n_estimators": COUNT,
    "splitter": TEXT,
    "criterion": TEXT,
    "max_features": PLAIN,
    "max_depth": PLAIN,
    "min_samples_split": PLAIN,
    "min_samples_leaf": PLAIN,
    "bootstrap": SWITCH,
    "max_samples": PLAIN,
    "max_bins": integer(2, 255),
    "categorical_features": PLAIN,
    "oob_score": SWITCH,
    "n_jobs": N_JOBS,
    "random_state": PLAIN,
    "verbose": PLAIN,
}

_FOREST = {
    **_TABLE,
    "trees_": TREES,
    "feature_importances_": array("float64", 1),
    "oob_score_": REAL,
    "_n_columns": COUNT,
    "_encoder": FRAME_ENCODER,
}

_LINEAR = {
    **_TABLE,
    "columns_": array("int64", 1),
    "values_": array("float32", 1),
    "center_": array("float64", 1),
    "scale_": array("float64", 1),
    "coef_": array("float64", 2),
    "intercept_": array("float64", 1),
    "feature_importances_": array("float64", 1),
}

_SCAN_PARAMETERS = {
    "windows": PLAIN,
    "stride": PLAIN,
    "padding": PLAIN,
    "pool": PLAIN,
    "pool_method": TEXT,
    "max_windows": COUNT,
    "passthrough": SWITCH,
    "input_shape": PLAIN,
}

_CASCADE_PARAMETERS = {
    "estimators": optional(TEMPLATES),
    "preset": TEXT,
    "n_estimators": optional(COUNT),
    "max_layers": COUNT,
    "cv": PLAIN,
    "scoring": PLAIN,
    "tol": PLAIN,
    "n_iter_no_change": COUNT,
    "max_time": PLAIN,
    "combine": TEXT,
    "screening": PLAIN,
    "class_weight": PLAIN,
    "keep_targets": SWITCH,
    "n_jobs": N_JOBS,
    "random_state": PLAIN,
    "verbose": PLAIN,
}

_CASCADE = {
    **_TABLE,
    "layers_": LAYERS,
    "n_layers_": COUNT,
    "layer_scores_": array("float64", 1),
    "estimator_weights_": array("float64", 2),
    "screens_": SCREENS,
    "power_": REAL,
    "_residuals": optional(_within(HistForestRegressor)),
}

# Of cascades whose features are the columns of a table.
_COLUMNS = {"_encoder": FRAME_ENCODER}
_COLUMNS_PARAMETERS = {**_CASCADE_PARAMETERS, "categorical_features": PLAIN}

_CLASSES = {"classes_": ANY_ARRAY, "class_weight_": array("float64", 1)}

_GCFOREST_PARAMETERS = {
    **_CASCADE_PARAMETERS,
    **_SCAN_PARAMETERS,
    "scan_estimators": optional(TEMPLATES),
    "n_scan_estimators": COUNT,
    "grains": TEXT,
}

_SCANNER = {
    **_TABLE,
    "grains_": GRAINS,
    "input_shape_": SIZES,
    "classes_": optional(ANY_ARRAY),
    "_prior": array("float64", 1),
    "_bins": optional(BINS),
    "_sklearn_output_config": PLAIN,
}

_OUT_OF_BAG = ("oob_score_", "oob_decision_function_", "oob_prediction_")

SCHEMAS = {
    schema.make.__name__: schema
    for schema in (
        Schema(
            Binner,
            {"max_bins": integer(2, 255), "categorical_features": PLAIN},
            {**_TABLE, "_bins": BINS, "_sklearn_output_config": PLAIN},
            consistency.check_binner,
            ("feature_names_in_", "_sklearn_output_config"),
        ),
        Schema(
            HistForestClassifier,
            {**_FOREST_PARAMETERS, "class_weight": PLAIN},
            {**_FOREST, "classes_": ANY_ARRAY, "oob_decision_function_": array("float64", 2)},
            consistency.check_forest,
            ("feature_names_in_", *_OUT_OF_BAG),
            _OUT_OF_BAG,
        ),
        Schema(
            HistForestRegressor,
            {**_FOREST_PARAMETERS, "keep_targets": SWITCH},
            {
                **_FOREST,
                "_leaf_targets": optional(LEAF_TARGETS),
                "n_outputs_": COUNT,
                "_center": array("float64", 1),
                "_scale": array("float64", 1),
                "_flat": SWITCH,
                "oob_prediction_": ANY_ARRAY,
            },
            consistency.check_forest,
            ("feature_names_in_", "_leaf_targets", *_OUT_OF_BAG),
            _OUT_OF_BAG,
        ),
        Schema(
            ScaledLogisticRegression,
            {"C": REAL, "categorical_features": PLAIN},
            {**_LINEAR, "classes_": ANY_ARRAY},
            consistency.check_linear,
        ),
        Schema(
            ScaledRidge,
            {"alpha": REAL, "categorical_features": PLAIN},
            {**_LINEAR, "range_": array("float64", 1)},
            consistency.check_linear,
        ),
        Schema(
            MultiGrainedScanner,
            {
                **_SCAN_PARAMETERS,
                "estimators": optional(TEMPLATES),
                "n_estimators": COUNT,
                "target_type": TEXT,
                "cv": PLAIN,
                "n_jobs": N_JOBS,
                "random_state": PLAIN,
                "verbose": PLAIN,
            },
            _SCANNER,
            consistency.check_scanner,
            ("feature_names_in_", "_sklearn_output_config"),
        ),
        Schema(
            CascadeForestClassifier,
            _COLUMNS_PARAMETERS,
            {**_CASCADE, **_COLUMNS, **_CLASSES},
            consistency.check_cascade,
        ),
        Schema(
            CascadeForestRegressor,
            _COLUMNS_PARAMETERS,
            {**_CASCADE, **_COLUMNS, "n_outputs_": COUNT},
            consistency.check_cascade,
        ),
    )
}


for _make, _fitted in (
    (GCForestClassifier, {**_CASCADE, **_CLASSES}),
    (GCForestRegressor, {**_CASCADE, "n_outputs_": COUNT}),
):
    _fitted = {**_fitted, "scanner_": _within(MultiGrainedScanner), "input_shape_": SIZES}
    SCHEMAS[_make.__name__] = Schema(
        _make, _GCFOREST_PARAMETERS, _fitted, consistency.check_gcforest
    )


def _is_own(estimator: Any) -> bool:
    schema = SCHEMAS.get(type(estimator).__name__)
    return schema is not None and schema.make is type(estimator)


def encode_estimator(
    estimator: Any, out: Writer, *, within: bool = False, fitted: bool = True
) -> Json:
    """Return an estimator of a public class.

    Parameters
    ----------
    estimator : estimator of a class in `SCHEMAS`
    out : Writer
    within : bool, default=False
        Whether it is part of another, where what it says of the training rows is left out.
    fitted : bool, default=True
        False leaves out everything but the parameters.
    """
    if not _is_own(estimator):
        raise ModelFileError(
            f"{type(estimator).__name__} is none of {', '.join(SCHEMAS)}: use joblib.dump."
        )
    kind = type(estimator).__name__
    schema = SCHEMAS[kind]
    attributes = {name: v for name, v in vars(estimator).items() if name not in NOT_SAVED}
    node = {
        "kind": kind,
        "parameters": encode_fields(
            {name: attributes[name] for name in schema.parameters}, schema.parameters, out
        ),
    }
    if fitted:
        values = {name: v for name, v in attributes.items() if name not in schema.parameters}
        unknown = sorted(values.keys() - schema.fitted)
        if unknown:
            raise ModelFileError(
                f"{kind} has the attributes {unknown!r}, which a model file does not hold: delete "
                "them with delattr, or use joblib.dump."
            )
        if within:
            values = {name: v for name, v in values.items() if name not in schema.of_rows}
        node["fitted"] = encode_fields(values, schema.fitted, out)
    return node


def decode_estimator(node: Json, source: Reader, *, fitted: bool = True) -> Any:
    """Return what `encode_estimator` was given."""
    schema = SCHEMAS.get(kind_of(node))
    if schema is None:
        raise ModelFileError(f"{kind_of(node)!r:.200} is no estimator that is known.")

    fields = {
        "kind": TEXT,
        "parameters": _checked_fields(schema.parameters),
        "fitted": _checked_fields(schema.fitted, schema.may_lack),
    }
    if not fitted:
        del fields["fitted"]
    values = decode_fields(node, fields, source)
    estimator = schema.make(**values["parameters"])
    if fitted:
        vars(estimator).update(values["fitted"])
        try:
            schema.check(estimator)
        except ValueError as error:
            raise ModelFileError(f"{values['kind']}: {error}.") from None
    return estimator


def _checked_fields(fields: dict[str, Codec], may_lack: tuple[str, ...] = ()) -> Codec:
    return Codec(
        lambda values, out: encode_fields(values, fields, out),
        lambda node, source: decode_fields(node, fields, source, may_lack),
    )
