"""The neural networks of the examples learn, stop early and keep their best epoch."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

sys.path.append(str(Path(__file__).parents[1] / "examples"))

pytest.importorskip("torch")
neural, real_data = import_module("neural"), import_module("real_data")


@pytest.fixture(scope="module")
def digits():
    return real_data.images()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("kind", neural.KINDS)
def test_network_learns_digits(kind, batch_norm, digits):
    network = neural.network(kind, batch_norm=batch_norm).fit(digits.X_train, digits.y_train)
    # The network of sequences takes the mean over rows of pixels, and forgets which was above.
    assert network.score(digits.X_test, digits.y_test) > (0.85 if kind == "series" else 0.93)
    said = network.predict_proba(digits.X_test)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert log_loss(digits.y_test, said) < (0.5 if kind == "series" else 0.3)


def test_network_keeps_its_best_epoch(digits):
    """At a rate that is too high the loss rises soon: training ends, and its best epoch is kept."""
    network = neural.network("mlp", learning_rate=0.03, max_epochs=100, patience=3)
    network.fit(digits.X_train, digits.y_train)
    epochs = len(network.validation_scores_)
    assert epochs < 100
    fewer = clone(network).set_params(max_epochs=epochs - 3).fit(digits.X_train, digits.y_train)
    np.testing.assert_array_equal(
        fewer.predict_proba(digits.X_test), network.predict_proba(digits.X_test)
    )
