"""
Gradient descent and its learning rate
======================================

A network is trained by steps against the gradient, and somebody must say how long a step is. Why is
there a longest one, how wide is the range of rates that work, and what does a model reach that
takes no steps at all?
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import network
from real_data import FULL_SIZE, images

from deepforest import CascadeForestClassifier

# %%
# The simplest surface with a valley is :math:`f(x) = \frac{1}{2} (a x_1^2 + b x_2^2)`. Its gradient
# is :math:`(a x_1, b x_2)`, so a step of rate :math:`\eta` multiplies :math:`x_1` by
# :math:`1 - \eta a` and :math:`x_2` by :math:`1 - \eta b`. Both shrink only if
# :math:`\eta < 2 / L`, where :math:`L = \max(a, b)` is the largest curvature. Of the flattest
# direction, of curvature :math:`l`, a step then leaves more than the share :math:`1 - 2 l / L`.
#
# Other functions have a bound of the same form. If the gradient changes by at most :math:`L` times
# the way, then :math:`f(x - \eta g) \leq f(x) - \eta (1 - \eta L / 2) \, |g|^2`: it falls for every
# :math:`\eta < 2 / L`, and may rise beyond.
curvatures, start, n_steps = np.array([1.0, 20.0]), np.array([-10.0, 2.0]), 40
L = curvatures.max()


def value(x):
    return (curvatures * x**2).sum(axis=-1) / 2


def gradient(x):
    return curvatures * x


def descent(rate):
    """Return the places (n_steps + 1, 2) that the descent comes to."""
    places = [start]
    for _ in range(n_steps):
        places.append(places[-1] - rate * gradient(places[-1]))
    return np.array(places)


# The gradient is checked by a difference quotient, the descent by what was derived above.
steps = 1e-6 * np.eye(2)
quotient = (value(start + steps) - value(start - steps)) / 2e-6
np.testing.assert_allclose(gradient(start), quotient, rtol=1e-6)
derived = start * (1 - 0.05 * curvatures) ** np.arange(n_steps + 1)[:, None]
np.testing.assert_allclose(descent(0.05), derived, atol=1e-12)

# %%
# Too short a step crawls. One near the bound jumps from one wall of the valley to the other, but
# gets along its floor; one beyond the bound climbs out.
figure, axes = plt.subplots(1, 5, figsize=(14, 3.2), layout="constrained")
x_1, x_2 = np.meshgrid(np.linspace(-11, 3, 80), np.linspace(-3.4, 3.4, 80))
for colour, (ax, factor) in enumerate(zip(axes, (0.1, 1.0, 1.9, 2.02), strict=False)):
    places = descent(factor / L)
    ax.contour(x_1, x_2, value(np.stack([x_1, x_2], axis=-1)), 12, colors="0.8")
    ax.plot(*places.T, ".-", color=f"C{colour}", markersize=4, linewidth=1)
    ax.set(title=f"rate {factor:g} / L", xlim=(-11, 3), ylim=(-3.4, 3.4))
    axes[4].plot(value(places), color=f"C{colour}", label=f"{factor:g} / L")
    print(f"rate {factor:4g} / L: value {value(start):.0f} -> {value(places[-1]):.2g}")
axes[4].set(title="value", xlabel="step", yscale="log")
axes[4].legend(fontsize="small")

# %%
# A network's surface is no quadratic, and nobody knows its curvatures. So the rate is tried: here
# over five orders of magnitude, for plain gradient descent on batches and for Adam, which scales
# the step of each weight by the gradients it has seen. Both stop early on held-out rows. The
# cascade is fitted once, as it comes. At full size these are the first 2,000 images of MNIST.
data = images(2000)
X_train, X_test = (X.reshape(len(X), -1) for X in (data.X_train, data.X_test))
print(f"{data.name}: {len(X_train)} rows to train on, {len(X_test)} to test")
rates = np.logspace(-4, 1, 11 if FULL_SIZE else 6)
held_out, test = {}, {}
for optimiser in ("SGD", "Adam"):
    models = [network("mlp", optimiser=optimiser, learning_rate=rate) for rate in rates]
    for model in models:
        model.fit(X_train, data.y_train)
    held_out[optimiser] = np.array([max(model.validation_scores_) for model in models])
    test[optimiser] = np.array([model.score(X_test, data.y_test) for model in models])

cascade = CascadeForestClassifier(n_jobs=-1, random_state=0).fit(X_train, data.y_train)
of_cascade = cascade.score(X_test, data.y_test)

# %%
# Stars mark the rate that held-out rows choose.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for optimiser, marker in (("SGD", "o-"), ("Adam", "s-")):
    (line,) = ax.plot(rates, test[optimiser], marker, label=f"network, {optimiser}")
    best = held_out[optimiser].argmax()
    ax.plot(rates[best], test[optimiser][best], "*", color=line.get_color(), markersize=16)
ax.axhline(of_cascade, color="C2", label="cascade of forests, defaults")
ax.set(xscale="log", xlabel="learning rate", ylabel="test accuracy")
ax.legend()
plt.show()

# %%
# Where the network is the more accurate one at its best rate, this says so.
print("rate     " + "".join(f"{rate:>9.0e}" for rate in rates))
for optimiser, scores in test.items():
    print(f"{optimiser:9}" + "".join(f"{score:9.3f}" for score in scores))
for optimiser, scores in test.items():
    best = held_out[optimiser].argmax()
    near = (scores > scores.max() - 0.01).sum()
    print(
        f"{optimiser}: held-out rows choose {rates[best]:.0e}, test accuracy {scores[best]:.4f}; "
        f"{near} of {len(rates)} rates are within a point of the best"
    )
print(f"cascade at its defaults: {cascade.n_layers_} layers, test accuracy {of_cascade:.4f}")
chosen = max(test[optimiser][held_out[optimiser].argmax()] for optimiser in test)
print(f"most accurate: {'network' if chosen > of_cascade else 'cascade'}")
