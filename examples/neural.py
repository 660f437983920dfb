"""Neural networks of the examples: PyTorch's where it is installed, else scikit-learn's.

`network(kind)` returns one, `networks(*kinds)` several by name. All have scikit-learn's `fit`,
`predict_proba` and `predict`, stop early on rows held out of the training rows, and keep the epoch
that was best there: `validation_scores_` has the held-out accuracy of each epoch, which
`draw_training` draws.
"""

import warnings
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

try:
    import torch
    from torch import nn
except ImportError:
    torch = None


class PlainMLP(MLPClassifier):
    """scikit-learn's network on arrays, which it takes as rows."""

    standardise = False

    def fit(self, X, y):
        self._mean, self._spread = (X.mean(), X.std()) if self.standardise else (0, 1)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # The number of epochs is a bound that may be reached.
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                super().fit(self._rows(X), y)
            except ValueError:  # training diverged: all classes are alike to it
                if not hasattr(self, "coefs_"):
                    raise
                self.coefs_ = [np.zeros_like(weights) for weights in self.coefs_]
                self.intercepts_ = [np.zeros_like(weights) for weights in self.intercepts_]
        self.validation_scores_ = np.nan_to_num(self.validation_scores_)
        return self

    def predict_proba(self, X):
        return super().predict_proba(self._rows(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _rows(self, X):
        return ((X.reshape(len(X), -1) - self._mean) / self._spread).astype(np.float32)


class StandardisedMLP(PlainMLP):
    """The same on values with mean 0 and variance 1, taken over all of them together."""

    standardise = True


class TorchNetwork(ClassifierMixin, BaseEstimator):
    """A network trained on the log loss.

    Parameters
    ----------
    layers : callable
        Takes the shape of an instance and the number of classes, returns a `torch.nn.Module`.
    optimiser : {"Adam", "SGD"}
        SGD is plain: without momentum.
    learning_rate, batch_size, max_epochs, random_state
    standardise : bool
        Whether values are brought to mean 0 and variance 1, taken over all of them together.
    patience : int
        Training ends after so many epochs without a lower held-out loss.
    held_out : float
        Share of the training rows that are held out.
    """

    def __init__(
        self,
        layers,
        *,
        optimiser="Adam",
        learning_rate=1e-3,
        batch_size=64,
        max_epochs=40,
        patience=5,
        held_out=0.15,
        standardise=True,
        random_state=0,
    ):
        self.layers = layers
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.held_out = held_out
        self.standardise = standardise
        self.random_state = random_state

    def fit(self, X, y):
        torch.manual_seed(self.random_state)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._mean, self._spread = (X.mean(), X.std()) if self.standardise else (0, 1)
        X_fit, X_held, y_fit, y_held = train_test_split(
            X, labels, test_size=self.held_out, stratify=labels, random_state=self.random_state
        )
        self.module_ = self.layers(X.shape[1:], len(self.classes_))
        y_fit, y_held = torch.as_tensor(y_fit), torch.as_tensor(y_held)
        kind = getattr(torch.optim, self.optimiser)
        optimiser = kind(self.module_.parameters(), lr=self.learning_rate)
        # Where training diverges at once, the best state is the one before it.
        best_state, best_loss, waited = self._state(), np.inf, 0
        self.validation_scores_ = []
        for _ in range(self.max_epochs):
            self.module_.train()
            for rows in torch.randperm(len(X_fit)).split(self.batch_size):
                if len(rows) > 1:  # one row has no variance to normalise by
                    optimiser.zero_grad()
                    said = self.module_(self._tensor(X_fit[rows.numpy()]))
                    nn.functional.cross_entropy(said, y_fit[rows]).backward()
                    optimiser.step()
            said = self._said(X_held)
            loss = nn.functional.cross_entropy(said, y_held).item()
            self.validation_scores_.append((said.argmax(1) == y_held).double().mean().item())
            waited += 1
            if loss < best_loss:
                best_loss, waited = loss, 0
                best_state = self._state()
            if waited == self.patience:
                break
        self.module_.load_state_dict(best_state)
        return self

    def predict_proba(self, X):
        return self._said(X).double().softmax(dim=1).numpy()

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _state(self):
        return {name: values.clone() for name, values in self.module_.state_dict().items()}

    def _tensor(self, X):
        return torch.as_tensor((X.astype(np.float32) - self._mean) / self._spread).float()

    def _said(self, X):
        """Return the scores (n, n_classes) before the softmax, in blocks of rows."""
        self.module_.eval()
        with torch.no_grad():
            blocks = [X[start : start + 1000] for start in range(0, len(X), 1000)]
            return torch.cat([self.module_(self._tensor(block)) for block in blocks])


def mlp(shape, n_classes, *, width=256, batch_norm=False):
    """Return two hidden layers of ReLU."""
    layers, n = [nn.Flatten()], int(np.prod(shape))
    for m in (width, width // 2):
        layers += [nn.Linear(n, m), *([nn.BatchNorm1d(m)] if batch_norm else []), nn.ReLU()]
        n = m
    return nn.Sequential(*layers, nn.Linear(n, n_classes))


def lenet(shape, n_classes, *, channels=(16, 32), batch_norm=False):
    """Return convolution, pooling, convolution, pooling and two dense layers (LeCun, 1998)."""
    size = 3 if min(shape[:2]) < 20 else 5
    # Arrays are (h, w) or (h, w, c); convolutions want (c, h, w).
    layers = [nn.Unflatten(1, (1, shape[0]))] if len(shape) == 2 else [ChannelsFirst()]
    n = 1 if len(shape) == 2 else shape[2]
    for m in channels:
        layers += [nn.Conv2d(n, m, size, padding="same")]
        layers += [*([nn.BatchNorm2d(m)] if batch_norm else []), nn.ReLU(), nn.MaxPool2d(2)]
        n = m
    layers += [nn.Flatten(), nn.LazyLinear(128)]
    layers += [*([nn.BatchNorm1d(128)] if batch_norm else []), nn.ReLU()]
    return _ready(nn.Sequential(*layers, nn.Linear(128, n_classes)), shape)


def convolutions_1d(shape, n_classes, *, channels=(32, 64), batch_norm=True):
    """Return convolutions over time and the mean over time (a small FCN; Wang and others, 2017)."""
    # Arrays are (t,) or (t, c); convolutions want (c, t).
    layers = [nn.Unflatten(1, (shape[0], 1))] if len(shape) == 1 else []
    layers += [ChannelsFirst()]
    n = 1 if len(shape) == 1 else shape[1]
    for m in channels:
        layers += [nn.Conv1d(n, m, 3 if shape[0] < 20 else 7, padding="same")]
        layers += [*([nn.BatchNorm1d(m)] if batch_norm else []), nn.ReLU()]
        n = m
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(n, n_classes))


def _ready(module, shape):
    """Return the module after one look at an instance, which tells lazy layers their size."""
    module.eval()
    with torch.no_grad():
        module(torch.zeros(1, *shape))
    return module


if torch is not None:

    class ChannelsFirst(nn.Module):
        """(n, ..., c) to (n, c, ...)."""

        def forward(self, X):
            return X.movedim(-1, 1)


KINDS = {"mlp": ("MLP", mlp), "lenet": ("CNN", lenet), "series": ("CNN over time", convolutions_1d)}


def network(kind, **settings):
    """Return a network "mlp", "lenet" or "series".

    `settings` are those of `TorchNetwork`; others go to the function that makes the layers.
    Without PyTorch it is scikit-learn's MLP, of which only the width may be chosen.
    """
    made = TorchNetwork(None)
    of_training = {name: settings.pop(name) for name in made.get_params() if name in settings}
    made.set_params(**of_training)
    if torch is not None:
        return made.set_params(layers=partial(KINDS[kind][1], **settings))
    width = settings.get("width", 256)
    return (StandardisedMLP if made.standardise else PlainMLP)(
        (width, width // 2),
        solver=made.optimiser.lower(),
        momentum=0,
        learning_rate_init=made.learning_rate,
        batch_size=made.batch_size,
        max_iter=made.max_epochs,
        early_stopping=True,
        n_iter_no_change=made.patience,
        validation_fraction=made.held_out,
        random_state=made.random_state,
    )


def networks(*kinds, **settings):
    """Return networks by name: of "mlp", "lenet", "series", without and with batch normalisation.

    Without PyTorch there is scikit-learn's MLP alone.
    """
    if torch is None:
        print("PyTorch is not installed: scikit-learn's MLP stands for all networks")
        return {"MLP (scikit-learn)": network("mlp", **settings)}
    return {
        KINDS[kind][0] + (", batch normalisation" if batch_norm else ""): network(
            kind, batch_norm=batch_norm, **settings
        )
        for kind in kinds
        for batch_norm in (False, True)
    }


def draw_training(models, ax):
    """Draw the held-out accuracy of each epoch of the networks among fitted models by name."""
    for colour, (name, model) in enumerate(models.items()):
        network = model[-1] if isinstance(model, Pipeline) else model
        if hasattr(network, "validation_scores_"):
            scores = network.validation_scores_
            ax.plot(range(1, len(scores) + 1), scores, color=f"C{colour}", label=name)
    ax.set(title="networks", xlabel="epoch", ylabel="held-out accuracy")
