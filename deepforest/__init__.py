"""Deep forests (gcForest): deep models of trees, with scikit-learn's interface."""

from deepforest.binning import Binner
from deepforest.cascade import CascadeForestClassifier, CascadeForestRegressor
from deepforest.config import dump_config, load_config
from deepforest.container import ModelFileError
from deepforest.df21 import from_df21_params
from deepforest.estimators import default_estimators, default_scan_estimators
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.gcforest import GCForestClassifier, GCForestRegressor
from deepforest.inspection import (
    FeatureImportanceDisplay,
    LayerScoreDisplay,
    ScanImportanceDisplay,
)
from deepforest.onnx_export import to_onnx
from deepforest.persistence import load
from deepforest.scanning import MultiGrainedScanner
from deepforest.shap_trees import to_shap

__version__ = "0.1.0"

__all__ = [
    "GCForestClassifier",
    "GCForestRegressor",
    "CascadeForestClassifier",
    "CascadeForestRegressor",
    "HistForestClassifier",
    "HistForestRegressor",
    "MultiGrainedScanner",
    "Binner",
    "LayerScoreDisplay",
    "FeatureImportanceDisplay",
    "ScanImportanceDisplay",
    "load",
    "ModelFileError",
    "to_onnx",
    "to_shap",
    "load_config",
    "dump_config",
    "from_df21_params",
    "default_estimators",
    "default_scan_estimators",
]
