"""Bad input: errors that name parameter, value and remedy, and nothing half-fitted behind."""

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    MultiGrainedScanner,
    default_estimators,
    default_scan_estimators,
)

TREE = [("tree", DecisionTreeClassifier(max_depth=2))]
VALUES = [("values", DecisionTreeRegressor(max_depth=2))]
SCAN = [("scan", DecisionTreeClassifier(max_depth=2))]
SCAN_VALUES = [("scan", DecisionTreeRegressor(max_depth=2))]
FEW = {"max_layers": 2, "cv": 2, "random_state": 0}

KINDS = {
    "cascade": lambda **p: CascadeForestClassifier(**{"estimators": TREE, **FEW, **p}),
    "cascade_values": lambda **p: CascadeForestRegressor(**{"estimators": VALUES, **FEW, **p}),
    "gcforest": lambda **p: GCForestClassifier(
        **{"windows": [2], "scan_estimators": SCAN, "estimators": TREE, **FEW, **p}
    ),
    "gcforest_values": lambda **p: GCForestRegressor(
        **{"windows": [2], "scan_estimators": SCAN_VALUES, "estimators": VALUES, **FEW, **p}
    ),
    "scanner": lambda **p: MultiGrainedScanner(
        **{"windows": [2], "estimators": SCAN, "cv": 2, "random_state": 0, **p}
    ),
}
CASCADES = [kind for kind in KINDS if kind != "scanner"]
all_kinds = pytest.mark.parametrize("kind", KINDS)
all_cascades = pytest.mark.parametrize("kind", CASCADES)


def good(n=24, n_features=4):
    return np.random.default_rng(0).normal(size=(n, n_features)), np.arange(n) % 2


def assert_refused(kind, match, X=None, y=None, parameters=None, **arguments):
    """Fit fails with this message, and leaves the estimator as it was, fitted before or not."""
    X_good, y_good = good()
    X = X_good if X is None else X
    y = y_good if y is None else y
    for fitted_before in (False, True):
        estimator = KINDS[kind]()
        if fitted_before:
            estimator.fit(X_good, y_good)
        estimator.set_params(**(parameters or {}))
        before = dict(vars(estimator))
        content = joblib.hash(before)
        with pytest.raises(ValueError, match=match):
            estimator.fit(X, y, **arguments)
        assert vars(estimator).keys() == before.keys()
        assert all(vars(estimator)[name] is before[name] for name in before)
        assert joblib.hash(vars(estimator)) == content


@all_kinds
@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_empty_x(kind, shape):
    assert_refused(kind, r"Found array with 0 (sample|feature)\(s\)", np.zeros(shape), [0, 1, 0, 1])


@all_kinds
def test_x_and_y_of_different_length(kind):
    assert_refused(kind, "y has 23 entries, but X has 24 rows: pass one a row", y=[0, 1] * 11 + [0])


@all_kinds
def test_groups_of_another_length(kind):
    assert_refused(kind, "groups has 3 entries, but X has 24 rows", groups=[0, 1, 2])


@all_kinds
@pytest.mark.parametrize("as_frame", [False, True])
def test_text(kind, as_frame):
    X = good()[0].astype(object)
    X[3, 2] = "red"
    message = "X holds text .*'red'.*OrdinalEncoder"
    if as_frame:
        X = pd.DataFrame(X)
        if kind in ("cascade", "cascade_values"):
            message = "X column 2 of dtype object holds values that are no numbers"
    assert_refused(kind, message, X)


@all_kinds
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # 1e300 is no float32
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_infinite_values(kind, value):
    X, _ = good()
    X[3, 2] = value
    assert_refused(kind, "Input X contains infinity", X)


@all_kinds
def test_nan_in_y(kind):
    y = good()[1].astype(float)
    y[2] = np.nan
    assert_refused(kind, "y contains NaN", y=y)


@all_kinds
@pytest.mark.parametrize("absent", [None, pd.NA, pd.NaT])
def test_rows_without_a_label_or_value(kind, absent):
    y = np.array(["a", "b"] * 12, dtype=object)
    y[5] = absent
    assert_refused(kind, rf"y has no value in row 5 \({absent!r}\): leave such rows out", y=y)


@pytest.mark.parametrize("kind", ["cascade", "gcforest", "scanner"])
def test_labels_of_two_columns(kind):
    message = r"y has shape \(24, 2\), but classes are one label a row.*MultiOutputClassifier"
    assert_refused(kind, message, y=np.zeros((24, 2), dtype=int))


@all_kinds
def test_y_of_three_axes(kind):
    assert_refused(kind, "Found array with dim 3", y=np.zeros((24, 2, 2)))


@pytest.mark.parametrize("kind", ["cascade_values", "gcforest_values"])
@pytest.mark.parametrize(
    ("y_val", "message"),
    [
        (np.zeros(24), r"y_val has 1 column\(s\), but y has 2"),
        (np.zeros((24, 3)), r"y_val has 3 column\(s\), but y has 2"),
        (np.zeros((23, 2)), "y_val has 23 entries, but X_val has 24 rows"),
    ],
)
def test_y_val_of_other_targets(kind, y_val, message):
    X, _ = good()
    assert_refused(kind, message, y=np.arange(48.0).reshape(24, 2), X_val=X, y_val=y_val)


@pytest.mark.parametrize("kind", ["cascade_values", "gcforest_values"])
def test_nan_and_text_in_one_of_two_targets(kind):
    y = np.arange(48.0).reshape(24, 2)
    y[3, 1] = np.nan
    assert_refused(kind, "y contains NaN", y=y)
    text = np.array([["1", "a"]] * 24)
    assert_refused(kind, "y holds values that are no numbers", y=text)


@pytest.mark.parametrize("kind", ["cascade_values", "gcforest_values"])
def test_a_score_of_one_target_only(kind):
    assert_refused(
        kind,
        "scoring='neg_max_error' does not take the 2 targets of y: choose another one",
        y=np.arange(48.0).reshape(24, 2),
        parameters={"scoring": "neg_max_error"},
    )


@pytest.mark.parametrize("kind", ["cascade_values", "gcforest_values"])
def test_text_as_values(kind):
    assert_refused(kind, "y holds values that are no numbers", y=np.array(["a", "b"] * 12))


@pytest.mark.parametrize("kind", ["cascade", "gcforest"])
def test_values_as_classes(kind):
    assert_refused(kind, "[Uu]nknown label type", y=np.linspace(0, 1, 24))


@pytest.mark.parametrize("kind", ["gcforest", "gcforest_values", "scanner"])
@pytest.mark.parametrize("kind_of_sparse", [csr_matrix, csr_array])
def test_a_sparse_matrix(kind, kind_of_sparse):
    assert_refused(kind, r"X is a sparse matrix.*X\.toarray\(\)", kind_of_sparse(good()[0]))


@all_kinds
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.r_[-1.0, np.ones(23)], r"sample_weight holds negative weights.*-1\.0.*zero or more"),
        (np.zeros(24), "sample_weight is zero for every row: give at least one row a weight"),
        (np.r_[np.nan, np.ones(23)], "sample_weight holds NaN"),
        (np.r_[np.inf, np.ones(23)], "sample_weight holds NaN or infinity"),
        (np.ones(23), r"sample_weight has shape \(23,\), but X has 24 rows"),
        (np.ones((24, 1)), r"sample_weight has shape \(24, 1\)"),
    ],
)
def test_weights(kind, weight, message):
    assert_refused(kind, message, sample_weight=weight)


@pytest.mark.parametrize("kind", ["cascade", "gcforest"])
def test_weights_that_an_estimator_does_not_take(kind):
    estimators = [("nearest", KNeighborsClassifier())]
    assert_refused(
        kind,
        "sample_weight or class_weight was passed, but KNeighborsClassifier takes no sample_weight",
        parameters={"estimators": estimators},
        sample_weight=np.ones(24),
    )


@pytest.mark.parametrize("kind", ["cascade", "gcforest"])
def test_weights_of_classes_that_an_estimator_does_not_take(kind):
    estimators = [("nearest", KNeighborsClassifier())]
    assert_refused(
        kind,
        "sample_weight or class_weight was passed, but KNeighborsClassifier takes no sample_weight",
        parameters={"estimators": estimators, "class_weight": "balanced"},
    )


@pytest.mark.parametrize("kind", ["cascade", "gcforest"])
def test_weights_of_classes(kind):
    assert_refused(
        kind, "class_weight='even' must be 'balanced'", parameters={"class_weight": "even"}
    )
    assert_refused(
        kind,
        r"class_weight=\{0: -1\} must hold finite weights",
        parameters={"class_weight": {0: -1}},
    )


@pytest.mark.parametrize("kind", ["cascade_values", "gcforest_values"])
def test_weights_of_classes_for_values(kind):
    assert_refused(
        kind,
        "class_weight='balanced', but only classification has classes: leave it None",
        parameters={"class_weight": "balanced"},
    )


@all_cascades
@pytest.mark.parametrize(
    ("parameter", "value", "remedy"),
    [
        ("max_layers", 0, "at least 1"),
        ("max_layers", -1, "at least 1"),
        ("max_layers", 2.5, "integer"),
        ("max_layers", True, "integer"),
        ("max_layers", None, "integer"),
        ("n_iter_no_change", 0, "at least 1"),
        ("verbose", -1, "at least 0"),
        ("tol", -0.1, "at least 0"),
        ("tol", float("nan"), "finite"),
        ("tol", "small", "number"),
        ("combine", "median", "'select', 'mean'"),
        ("scoring", "acuracy", "get_scorer_names"),
        ("cv", 1, "at least 2"),
        ("cv", 2.5, "."),
        ("cv", "five", "."),
    ],
)
def test_parameters_of_the_cascade(kind, parameter, value, remedy):
    assert_refused(kind, rf"(?s){parameter}.*{value}.*{remedy}", parameters={parameter: value})


@all_cascades
def test_no_trees(kind):
    assert_refused(
        kind,
        "n_estimators=0 must be an integer of at least 1",
        parameters={"estimators": None, "n_estimators": 0},
    )


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("cascade", "estimators"),
        ("gcforest_values", "estimators"),
        ("gcforest", "scan_estimators"),
        ("gcforest_values", "scan_estimators"),
        ("scanner", "estimators"),
    ],
)
@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        ([], r"=\[\] is empty.*None for the default"),
        ("forest", "='forest' is not a list"),
        ({"a": Ridge()}, "is not a list"),
        ([Ridge()], r"holds Ridge\(\), which is no \(name, estimator\) tuple"),
        ([1], r"holds 1, which is no \(name, estimator\) tuple"),
        ([(3, Ridge())], "no .name, estimator. tuple"),
        (
            [("a", DecisionTreeClassifier())] * 2,
            "holds the name 'a' twice: give each a name of its own",
        ),
        ([("a__b", Ridge())], "'a__b': a name must not be empty or hold '__'"),
        ([("", Ridge())], "must not be empty"),
        ([("a", Ridge)], "'a' is .*Ridge.*, which is no estimator instance"),
        ([("a", "drop")], "'a' is 'drop', which is no estimator instance"),
    ],
)
def test_lists_of_estimators(kind, parameter, estimators, message):
    assert_refused(kind, f"^{parameter}.*{message}", parameters={parameter: estimators})


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("cascade", "estimators"),
        ("gcforest", "estimators"),
        ("gcforest", "scan_estimators"),
        ("scanner", "estimators"),
    ],
)
def test_classifiers_without_probabilities(kind, parameter):
    assert_refused(
        kind,
        f"^{parameter}: 'p' .Perceptron. has no predict_proba.*CalibratedClassifierCV",
        parameters={parameter: [("p", Perceptron())]},
    )


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [("cascade", "estimators"), ("gcforest", "scan_estimators"), ("scanner", "estimators")],
)
def test_an_estimator_named_like_a_parameter(kind, parameter):
    # get_params could not tell them apart.
    assert_refused(
        kind,
        f"^{parameter}.*'cv'.*name of a parameter",
        parameters={parameter: [("cv", DecisionTreeClassifier())]},
    )


ONE_SIZE = "must be a list with one size a grain, as in"
GEOMETRY = [
    ("windows", [9], r"windows holds 9, which does not fit instances with sides \(4,\)"),
    ("windows", [0], "windows holds 0: a size is at least 1"),
    ("windows", [(2, 2)], r"windows=\[\(2, 2\)\] slide over 2 axes.*shape \(4,\)"),
    ("windows", [], rf"windows=\[\] {ONE_SIZE}"),
    ("windows", 3, f"windows=3 {ONE_SIZE}"),
    ("windows", "3", f"windows='3' {ONE_SIZE}"),
    ("windows", None, f"windows=None {ONE_SIZE}"),
    ("windows", ["3"], "windows holds '3': a size is an integer or a fraction"),
    ("windows", [1.5], "windows holds 1.5: a fraction of the side is above 0 and at most 1"),
    ("windows", [{"size": 2, "strid": 1}], "windows holds .*'strid': did you mean 'stride'"),
    ("windows", [{"size": 2, "pool": 0}], "windows holds .*: pool=0 must be an integer"),
    ("passthrough", "yes", "passthrough='yes' must be True or False"),
    ("padding", -1, "padding=-1 must be an integer of at least 0"),
    ("padding", (1, 1), r"padding=\(1, 1\) has 2 sizes for 1 axes"),
    ("stride", 0, "stride=0 must be an integer of at least 1"),
    ("stride", (1, 1), r"stride=\(1, 1\) has 2 sizes for 1 axes"),
    ("pool", 0, "pool=0 must be an integer of at least 1"),
    ("pool", None, "pool=None must be an integer of at least 1"),
    ("pool_method", "median", "pool_method='median' must be one of 'mean', 'max'"),
    ("max_windows", 0, "max_windows=0 must be an integer of at least 1"),
    ("input_shape", (2, 3), r"input_shape=\(2, 3\) does not fit X"),
    ("input_shape", "abc", "input_shape='abc' must be an integer.*shape of one instance"),
]


@pytest.mark.parametrize("kind", ["scanner", "gcforest", "gcforest_values"])
@pytest.mark.parametrize(("parameter", "value", "message"), GEOMETRY)
def test_parameters_of_the_scanner(kind, parameter, value, message):
    assert_refused(kind, f"^{message}", parameters={parameter: value})


def test_no_trees_to_scan_with():
    assert_refused(
        "gcforest",
        "^n_scan_estimators=0 must be",
        parameters={"scan_estimators": None, "n_scan_estimators": 0},
    )
    assert_refused("scanner", "^n_estimators=0", parameters={"estimators": None, "n_estimators": 0})


def test_a_window_larger_than_the_image():
    X = np.zeros((24, 5, 6))
    assert_refused(
        "gcforest", r"windows holds \(6, 6\).*sides \(5, 6\)", X, parameters={"windows": [(6, 6)]}
    )


def with_nan():
    X, y = good()
    X[::5, 1] = np.nan
    return X, y


@pytest.mark.parametrize(
    ("kind", "parameter", "refusing"),
    [
        ("cascade", "estimators", LogisticRegression()),
        ("cascade_values", "estimators", Ridge()),
        ("gcforest", "scan_estimators", LogisticRegression()),
        ("gcforest_values", "scan_estimators", Ridge()),
        ("scanner", "estimators", LogisticRegression()),
    ],
)
def test_nan_is_refused_with_the_name_of_the_estimator_that_does_not_take_it(
    kind, parameter, refusing
):
    takes = SCAN if kind in ("scanner", "gcforest") else SCAN_VALUES
    takes = (
        takes
        if parameter != "estimators" or kind == "scanner"
        else (VALUES if kind.endswith("values") else TREE)
    )
    estimators = [*takes, ("linear", refusing)]
    X, y = with_nan()
    message = f"X contains NaN, which 'linear' of {parameter} does not accept.*SimpleImputer"
    assert_refused(kind, message, X, y, parameters={parameter: estimators})
    clean, _ = good()
    fitted = KINDS[kind](**{parameter: estimators}).fit(clean, y)
    with pytest.raises(ValueError, match=message):
        getattr(fitted, "predict" if hasattr(fitted, "predict") else "transform")(X)


@all_kinds
def test_nan_is_accepted_where_all_estimators_take_it(kind):
    X, y = with_nan()
    estimator = KINDS[kind]().fit(X, y)
    said = (estimator.predict if hasattr(estimator, "predict") else estimator.transform)(X)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("kind", ["cascade", "gcforest", "scanner"])
def test_a_pipeline_takes_nan_if_its_first_step_does(kind):
    name = "scan_estimators" if kind == "gcforest" else "estimators"
    X, y = with_nan()
    imputing = make_pipeline(SimpleImputer(), LogisticRegression())
    KINDS[kind](**{name: [("linear", imputing)]}).fit(X, y)
    for first in ("passthrough", make_pipeline(None, LogisticRegression())):
        refusing = [("linear", make_pipeline(first, LogisticRegression()))]
        assert_refused(kind, "X contains NaN, which 'linear'", X, y, parameters={name: refusing})


def test_the_cascade_of_gcforest_may_refuse_nan_because_it_sees_none():
    X, y = with_nan()
    GCForestClassifier(
        [2], scan_estimators=SCAN, estimators=[("l", LogisticRegression())], **FEW
    ).fit(X, y).predict(X)


@all_kinds
def test_another_number_of_features_at_predict(kind):
    X, y = good()
    estimator = KINDS[kind]().fit(X, y)
    with pytest.raises(ValueError, match=r"3 features.*4 features"):
        (estimator.predict if hasattr(estimator, "predict") else estimator.transform)(X[:, :3])


@pytest.mark.parametrize("kind", ["scanner", "gcforest", "gcforest_values"])
def test_another_shape_at_predict(kind):
    X, y = good()
    estimator = KINDS[kind]().fit(X.reshape(24, 2, 2), y)
    use = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(2, 2\): shorter sequences"):
        use(X.reshape(24, 4, 1))
    with pytest.raises(ValueError, match=r"\(2, 2\) of one instance: pass X\[None\]"):
        use(X[0].reshape(2, 2))
    estimator.set_params(windows=[1]).fit(X.reshape(24, 1, 4), y)
    assert len(use(X[:1])) == 1


@pytest.mark.parametrize("dtype", [None, object])
def test_sequences_of_several_lengths(dtype):
    X = [np.zeros(3), np.zeros(4), np.zeros(4)]
    if dtype is object:
        X = np.array(X, dtype=object)
    with pytest.raises(ValueError, match=r"X holds instances of several shapes: .* NaN"):
        KINDS["gcforest"]().fit(X, [0, 1, 0])


def test_channels_before_time_steps():
    X, y = good()
    with pytest.warns(UserWarning, match=r"nothing to scan .* \(1, 4\).*transpose"):
        KINDS["gcforest"]().set_params(windows=[(0.5,)]).fit(X[:, None], y)


@all_cascades
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": good()[0]}, "X_val and y_val go together: pass both or neither"),
        ({"y_val": good()[1]}, "X_val and y_val go together"),
        ({"X_val": good()[0], "y_val": [0, 1]}, "y_val has 2 entries, but X_val has 24 rows"),
        ({"X_val": good()[0][:, :3], "y_val": good()[1]}, "^X_val .*3 features.*4 features"),
        ({"X_val": good()[0], "y_val": [np.nan] * 24}, "y_val contains NaN"),
    ],
)
def test_validation_rows(kind, arguments, message):
    assert_refused(kind, message, **arguments)


@pytest.mark.parametrize("kind", ["cascade", "gcforest"])
def test_a_class_that_only_the_validation_rows_have(kind):
    assert_refused(
        kind, "y_val holds .*7.*, a class that y does not hold", X_val=good()[0], y_val=[7] * 24
    )


class Broken(DecisionTreeClassifier):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("broken on purpose")


@all_kinds
def test_an_error_of_an_estimator_leaves_nothing_behind(kind):
    parameter = "scan_estimators" if kind.startswith("gcforest") else "estimators"
    assert_refused(kind, "broken on purpose", parameters={parameter: [("broken", Broken())]})


@all_kinds
def test_an_interrupt_leaves_nothing_behind(kind):
    class Interrupted(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            raise KeyboardInterrupt

    parameter = "scan_estimators" if kind.startswith("gcforest") else "estimators"
    estimator = KINDS[kind]().set_params(**{parameter: [("slow", Interrupted())]})
    before = dict(vars(estimator))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*good())
    assert vars(estimator) == before


# What has to work

ODD = {
    "one class": (good(12)[0], np.full(12, 3)),
    "one feature": (good(12, 1)[0], np.arange(12) % 2),
    "constant features": (np.ones((12, 3)), np.arange(12) % 2),
    "5 rows": (good(5)[0], np.array([0, 1, 0, 1, 1])),
    "5 rows, 5 classes": (good(5)[0], np.arange(5)),
    "a class with one member": (good(12)[0], np.array([0, 1] * 5 + [0, 2])),
    "3 rows": (good(3)[0], np.array([0, 1, 0])),
}
EVERY = {
    "cascade": lambda: CascadeForestClassifier(n_estimators=5, max_layers=2, random_state=0),
    "cascade_values": lambda: CascadeForestRegressor(n_estimators=5, max_layers=2, random_state=0),
    "scikit-learn": lambda: CascadeForestClassifier(
        [("l", LogisticRegression()), *TREE], max_layers=2, random_state=0
    ),
    "gcforest": lambda: GCForestClassifier(
        n_scan_estimators=3, n_estimators=5, max_layers=2, random_state=0
    ),
    "gcforest_values": lambda: GCForestRegressor(
        n_scan_estimators=3, n_estimators=5, max_layers=2, random_state=0
    ),
    "scanner": lambda: MultiGrainedScanner(n_estimators=3, random_state=0),
}


@pytest.mark.parametrize("data", ODD)
@pytest.mark.parametrize("kind", EVERY)
def test_odd_data_fits(kind, data):
    X, y = ODD[data]
    estimator = EVERY[kind]().fit(X, y)
    if kind == "scanner":
        assert np.isfinite(estimator.transform(X)).all()
    else:
        said = estimator.predict(X)
        assert said.shape == y.shape
        assert np.isfinite(said).all()
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_allclose(estimator.predict_proba(X).sum(axis=1), 1)
        assert estimator.predict_proba(X).shape == (len(X), len(np.unique(y)))


def test_one_class_is_predicted_with_certainty():
    X, y = ODD["one class"]
    cascade = EVERY["cascade"]().fit(X, y)
    assert cascade.predict_proba(X).tolist() == [[1.0]] * 12
    assert cascade.predict(X).tolist() == [3] * 12


@pytest.mark.parametrize(
    "prepare",
    [
        np.asfortranarray,
        lambda X: X.astype(np.float32),
        lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
        lambda X: X.tolist(),
        pd.DataFrame,
    ],
)
@all_kinds
def test_the_same_values_in_other_forms_give_the_same(kind, prepare):
    X, y = good()
    X = X.astype(np.float32).astype(float)
    given = prepare(X)
    if isinstance(given, np.ndarray):
        given.flags.writeable = False
    expected, estimator = KINDS[kind]().fit(X, y), KINDS[kind]().fit(given, y)
    method = "predict" if hasattr(estimator, "predict") else "transform"
    np.testing.assert_array_equal(getattr(estimator, method)(given), getattr(expected, method)(X))


def test_the_default_estimators_check_their_arguments():
    for function in (default_estimators, default_scan_estimators):
        with pytest.raises(ValueError, match="task='regresion' must be one of 'classification'"):
            function("regresion")
        with pytest.raises(ValueError, match="n_estimators=0"):
            function(n_estimators=0)
    with pytest.raises(ValueError, match="preset='bst' must be one of 'fast', 'balanced', 'best'"):
        default_estimators(preset="bst")
