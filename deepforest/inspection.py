"""Pictures of fitted deep forests, in the style of scikit-learn's displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from deepforest.scoring import score_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LayerScoreDisplay:
    """The score of a cascade after each layer, and the depth that was kept.

    Make one with `from_estimator`.

    Parameters
    ----------
    layer_scores : ndarray of shape (n_grown,)
        The score after each layer that was grown.
    n_layers : int
        Layers that prediction uses.
    score_name : str
        What the score is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import CascadeForestClassifier, LayerScoreDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> cascade = CascadeForestClassifier(n_estimators=10, random_state=0).fit(X, y)
    >>> display = LayerScoreDisplay.from_estimator(cascade)
    """

    def __init__(
        self, *, layer_scores: NDArray[np.float64], n_layers: int, score_name: str
    ) -> None:
        self.layer_scores = layer_scores
        self.n_layers = n_layers
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None, **line: Any) -> Self:
        """Draw the scores of a fitted cascade.

        Parameters
        ----------
        estimator : CascadeForest* or GCForest*, fitted
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **line
            What `Axes.plot` takes, such as ``label``.

        Returns
        -------
        LayerScoreDisplay
        """
        check_is_fitted(estimator)
        display = cls(
            layer_scores=estimator.layer_scores_,
            n_layers=estimator.n_layers_,
            score_name=score_name(estimator.scoring, classification=is_classifier(estimator)),
        )
        return display.plot(ax=ax, **line)

    def plot(self, ax: Axes | None = None, **line: Any) -> Self:
        """Draw the scores: filled points for layers that were kept, hollow ones for others.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        **line
            What `Axes.plot` takes.

        Returns
        -------
        LayerScoreDisplay
        """
        ax = _axes(ax)
        depth = np.arange(1, len(self.layer_scores) + 1)
        line = {"marker": "o", "clip_on": False, **line}
        self.line_ = ax.plot(depth, self.layer_scores, **line)[0]
        dropped = depth > self.n_layers
        ax.plot(
            depth[dropped],
            self.layer_scores[dropped],
            linestyle="none",
            marker=self.line_.get_marker(),
            color=self.line_.get_color(),
            markerfacecolor=ax.get_facecolor(),
            clip_on=self.line_.get_clip_on(),
        )
        if np.all(self.layer_scores <= 1) and ax.get_ylim()[1] > 1:
            ax.set_ylim(top=1)  # there is no accuracy above it
        ax.set_xticks(depth)
        ax.set_xlabel("layer (hollow: grown, but not kept)" if dropped.any() else "layer")
        ax.set_ylabel(f"held-out {self.score_name}")
        ax.ticklabel_format(axis="y", useOffset=False)  # scores as they are, however close
        self.ax_, self.figure_ = ax, ax.figure
        return self


class FeatureImportanceDisplay:
    """The columns that a fitted model goes by, as bars, the most important on top.

    Make one with `from_estimator`.

    Parameters
    ----------
    importances : ndarray of shape (n_features,)
    feature_names : ndarray of shape (n_features,)
        Names of the columns.
    n_shown : int, default=20
        Bars at most.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        From the least to the most important of those shown.

    See Also
    --------
    ScanImportanceDisplay : Importances of pixels and time steps.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import CascadeForestClassifier, FeatureImportanceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> cascade = CascadeForestClassifier(n_estimators=10, random_state=0).fit(X, y)
    >>> display = FeatureImportanceDisplay.from_estimator(cascade)
    """

    def __init__(
        self,
        *,
        importances: NDArray[np.float64],
        feature_names: NDArray[Any],
        n_shown: int = 20,
    ) -> None:
        self.importances = importances
        self.feature_names = feature_names
        self.n_shown = n_shown

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: ArrayLike | None = None,
        n_shown: int = 20,
        ax: Axes | None = None,
        **bars: Any,
    ) -> Self:
        """Draw the importances of the columns of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator with importances
            `CascadeForest*`, `HistForest*`, or another library's with `feature_importances_`.
        feature_names : array-like of shape (n_features,), default=None
            None: those of the data frame that the model was fitted on, else ``x0``, ``x1``, ...
        n_shown : int, default=20
            Bars at most.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **bars
            What `Axes.barh` takes, such as ``color``.

        Returns
        -------
        FeatureImportanceDisplay

        Raises
        ------
        ValueError
            For names of another number than the columns.
        """
        check_is_fitted(estimator)
        importances = estimator.feature_importances_
        if feature_names is None:
            unnamed = [f"x{column}" for column in range(len(importances))]
            feature_names = getattr(estimator, "feature_names_in_", unnamed)
        if len(names := np.asarray(feature_names)) != len(importances):
            raise ValueError(
                f"feature_names has {len(names)} names, but the model has {len(importances)} "
                "columns: give one for each."
            )
        display = cls(importances=importances, feature_names=names, n_shown=n_shown)
        return display.plot(ax=ax, **bars)

    def plot(self, ax: Axes | None = None, **bars: Any) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        **bars
            What `Axes.barh` takes.

        Returns
        -------
        FeatureImportanceDisplay
        """
        ax = _axes(ax)
        # Of equals the first column stands higher.
        shown = np.argsort(-self.importances, kind="stable")[: self.n_shown][::-1]
        self.bars_ = ax.barh(np.arange(len(shown)), self.importances[shown], **bars)
        # Places, not names, on the axis: bars of equal names would fall into one.
        ax.set_yticks(np.arange(len(shown)), self.feature_names[shown])
        ax.set_xlabel("importance")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class ScanImportanceDisplay:
    """Which pixels or time steps matter to a fitted `GCForest`.

    Make one with `from_estimator`.

    Parameters
    ----------
    importances : ndarray of shape (t,) or (h, w)
        Of each place of an array, summed over channels.
    array : ndarray of shape (t,), (t, c), (h, w) or (h, w, 3), default=None
        One array to draw beneath.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        The importances; for sequences a strip behind the curves.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from deepforest import GCForestClassifier, ScanImportanceDisplay
    >>> images, y = load_digits(n_class=3, return_X_y=True)
    >>> images = images[:90].reshape(-1, 8, 8)
    >>> forest = GCForestClassifier([3], n_scan_estimators=5, max_layers=1, random_state=0)
    >>> forest = forest.fit(images, y[:90])
    >>> display = ScanImportanceDisplay.from_estimator(forest, images[0])
    """

    def __init__(
        self, *, importances: NDArray[np.float64], array: NDArray[Any] | None = None
    ) -> None:
        self.importances = importances
        self.array = array

    @classmethod
    def from_estimator(
        cls, estimator: Any, array: ArrayLike | None = None, *, ax: Axes | None = None, **image: Any
    ) -> Self:
        """Draw the importances of the values of an array.

        Parameters
        ----------
        estimator : GCForestClassifier or GCForestRegressor, fitted
            On sequences or images.
        array : array-like of the shape of an instance, default=None
            One array to draw beneath the importances.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **image
            What `Axes.imshow` takes, such as ``cmap``.

        Returns
        -------
        ScanImportanceDisplay

        Raises
        ------
        TypeError
            For an estimator of tables.
        ValueError
            For volumes, and for an array of another shape than the instances.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "input_shape_"):
            raise TypeError(
                f"{type(estimator).__name__} was not fitted on sequences or images: use "
                "FeatureImportanceDisplay, which draws the importances of columns."
            )
        shape = estimator.input_shape_
        n_axes = len(estimator.scanner_.grains_[0].layout.grid.window)
        if n_axes > 2:
            raise ValueError(
                f"instances of shape {shape} have {n_axes} spatial axes, a picture has two: sum "
                "feature_importances_.reshape(input_shape_) over an axis and draw that."
            )
        if array is not None and np.shape(array) != shape:
            raise ValueError(f"array has shape {np.shape(array)}, but instances have {shape}.")
        importances = estimator.feature_importances_.reshape(*shape[:n_axes], -1).sum(axis=-1)
        display = cls(importances=importances, array=None if array is None else np.asarray(array))
        return display.plot(ax=ax, **image)

    def plot(self, ax: Axes | None = None, **image: Any) -> Self:
        """Draw the importances, over the array where there is one.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        **image
            What `Axes.imshow` takes.

        Returns
        -------
        ScanImportanceDisplay
        """
        ax = _axes(ax)
        settings = {"cmap": "Reds", "vmin": 0, **image}
        if self.importances.ndim == 2:
            if self.array is not None:
                # Channels that are no colours are drawn by their mean.
                colours = self.array.ndim == 3 and self.array.shape[2] == 3
                grey = self.array if self.array.ndim == 2 or colours else self.array.mean(axis=2)
                ax.imshow(grey, cmap="gray")
                settings = {"alpha": 0.6, **settings}
            self.image_ = ax.imshow(self.importances, **settings)
            ax.set_axis_off()
        else:
            n = len(self.importances)
            low, high = 0.0, 1.0
            if self.array is not None:
                ax.plot(self.array, color="black", linewidth=1)
                low, high = ax.get_ylim()
            else:
                ax.set_yticks([])
            extent = (-0.5, n - 0.5, low, high)
            self.image_ = ax.imshow(
                self.importances[None, :], extent=extent, aspect="auto", zorder=0, **settings
            )
            ax.set_xlabel("time step")
        ax.figure.colorbar(self.image_, ax=ax, label="importance")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _axes(ax: Axes | None) -> Any:
    """Return the axes to draw on, new ones for None."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "matplotlib is missing, which draws pictures: pip install 'gcforest[plot]'"
        ) from error
    return plt.subplots(layout="constrained")[1] if ax is None else ax
