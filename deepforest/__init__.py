"""Deep forests (gcForest): deep models of trees, with scikit-learn's interface."""

__version__ = "0.1.0"
