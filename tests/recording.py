"""Estimators that remember what they were fitted on. The first column numbers the rows."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class _Recorder(BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        self.seen_ = set(X[:, 0].tolist())
        self.n_features_in_ = X.shape[1]
        return self

    def saw(self, X):
        """1 where the row was in fit, 0 elsewhere."""
        return np.array([float(number in self.seen_) for number in X[:, 0].tolist()])


class RecordingClassifier(ClassifierMixin, _Recorder):
    """Says class 0 with certainty of rows that it saw, and class 1 of all others."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return super().fit(X, y)

    def predict_proba(self, X):
        saw = self.saw(X)
        rest = np.zeros((len(X), len(self.classes_) - 2))
        return np.column_stack([saw, 1 - saw, rest])

    def predict(self, X):
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class RecordingRegressor(RegressorMixin, _Recorder):
    """Says 1 of rows that it saw, and 0 of all others."""

    def predict(self, X):
        return self.saw(X)


class MeanRegressor(RegressorMixin, _Recorder):
    """Says the mean of the y that it was fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.mean_ = float(np.mean(y))
        return super().fit(X, y)

    def predict(self, X):
        return np.full(len(X), self.mean_)
