"""scikit-learn's own checks, on every public estimator.

Small trees and few folds: the checks ask whether the contract holds, not how good a
model is. Expected failures are strict (xfail_strict): one that passes fails the test.
"""

import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    MultiGrainedScanner,
)

SMALL = {"max_layers": 2, "cv": 3, "random_state": 0}
# The checks' tables have few columns: one window takes them whole.
SCAN = {"windows": [1.0], "pool": 1, "n_scan_estimators": 10}

# Beside the default estimators one that is cross-fitted in folds. It is a tree because linear
# models do not pass: BLAS sums a row's products in another order where the row stands elsewhere,
# which check_methods_sample_order_invariance sees in the last digit.
# check_class_weight_classifiers sets the least weight of a leaf where an estimator has it: a leaf
# of one class is of that class, however small its weight.
TREE = [("tree", DecisionTreeClassifier(max_depth=3, min_weight_fraction_leaf=0.01))]
TREE_OF_VALUES = [("tree", DecisionTreeRegressor(max_depth=5))]

ESTIMATORS = [
    CascadeForestClassifier(**SMALL, n_estimators=20),
    # Selection would take the linear model alone: the tables of values are linear.
    CascadeForestRegressor(**SMALL, n_estimators=20, combine="mean"),
    CascadeForestClassifier(TREE, **SMALL),
    CascadeForestRegressor(TREE_OF_VALUES, **SMALL),
    GCForestClassifier(estimators=TREE, **SMALL, **SCAN),
    GCForestRegressor(
        estimators=TREE_OF_VALUES, grains="concatenate", passthrough=True, **SMALL, **SCAN
    ),
    MultiGrainedScanner(
        [1.0], padding=1, pool=1, passthrough=True, n_estimators=3, cv=3, random_state=0
    ),
]

WEIGHTS = (
    "a weight of 2 and a row twice draw different bootstraps; the cascades of trees without "
    "one pass, and test_cascade.py asks linear models for 4 digits"
)
SPARSE = "scikit-learn 1.6 asks estimators for dense data for a TypeError; ours is a ValueError"
CROSS_FITTED = (
    "fit_transform gives held-out class vectors, transform those of all fold models; "
    "that they differ is the point, as for TargetEncoder"
)


def forests_bootstrap(estimator):
    lists = ("estimators", "scan_estimators")
    return any(getattr(estimator, name, ()) is None for name in lists)


def expected_failures(estimator):
    failures = {}
    if not get_tags(estimator).input_tags.sparse:
        failures["check_sample_weight_equivalence_on_sparse_data"] = SPARSE
    if forests_bootstrap(estimator):
        failures["check_sample_weight_equivalence_on_dense_data"] = WEIGHTS
        failures["check_sample_weight_equivalence_on_sparse_data"] = WEIGHTS
    if isinstance(estimator, MultiGrainedScanner):
        failures["check_transformer_general"] = CROSS_FITTED
        failures["check_transformer_data_not_an_array"] = CROSS_FITTED
    return failures


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")  # few trees
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_sklearn_contract(estimator, check):
    check(estimator)
