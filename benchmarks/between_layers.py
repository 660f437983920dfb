"""What a cascade does between layers, beside the layer itself.

    python benchmarks/between_layers.py

Coding the class vectors of a layer and joining them to a grain that is coded already,
as a share of fitting the next layer: 2 random forests and 2 extra-trees of 100 trees on
10,000 x 784 pixels, with out-of-bag votes.
"""

import time

import numpy as np
from datasets import arrays

from deepforest import default_estimators
from deepforest.layer import augmented_table, fit_layer, grain_table
from deepforest.splits import make_splits
from deepforest.target import Target


def main() -> None:
    mnist = arrays("mnist")
    X = mnist["X_train"][:10_000].reshape(10_000, -1)
    target = Target(mnist["y_train"][:10_000].astype(np.int64), None, 10)
    forests = [
        (f"{name}_{number}", estimator)
        for number in (1, 2)
        for name, estimator in default_estimators(n_estimators=100)[:2]
    ]
    splits = make_splits(5, X, target, None, 0)
    grain = grain_table(X, target, forests)
    _, vectors = fit_layer(forests, grain, splits, seed=0, n_jobs=2)  # compiles, too
    shares = []
    for repetition in range(3):
        start = time.perf_counter()
        table = augmented_table(grain, vectors)
        between = time.perf_counter() - start
        start = time.perf_counter()
        fit_layer(forests, table, splits, seed=repetition, n_jobs=2)
        layer = time.perf_counter() - start
        shares.append(between / layer)
        print(f"between layers {between:.3f} s, layer {layer:.2f} s, share {shares[-1]:.1%}")
    print(f"median share {np.median(shares):.1%}")


if __name__ == "__main__":
    main()
