"""Predicting with LightGBM's trees: LightGBM itself beside the arrays that a cascade keeps.

    python benchmarks/boosted.py

One thread each, in turns, the median of five; both say the same, bit for bit, which is checked.
Writes results/boosted.md. "Reading" is what making the arrays costs, once after a fit.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
from lightgbm import LGBMClassifier, __version__
from rivals import as_numbers
from suite import DEVELOPMENT, EVALUATION, split

from deepforest.boosted import read_model

RESULTS = Path(__file__).parent / "results" / "boosted.md"
SETS = {**DEVELOPMENT, **EVALUATION}
HEAD = """# LightGBM's trees, read by arrays

Made by `python benchmarks/boosted.py`: {rounds} rounds of LightGBM {version}, seconds of the
processor, one thread. "categories" has them as LightGBM's splits on sets.

| data | test rows | trees | LightGBM s | arrays s | times as fast | reading s |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    lines = []
    for name, categories in (
        ("letter", False),
        ("covtype_part", False),
        ("satimage", False),
        ("adult", False),
        ("adult", True),
        ("nursery", True),
    ):
        data = split(SETS[name], SETS[name].load(), 0)
        X_train, X_test = (as_numbers(X) for X in (data.X_train, data.X_test[:20_000]))
        sets = [c for c, t in enumerate(data.X_train.dtypes) if t == "category"]
        model = LGBMClassifier(n_estimators=rounds, n_jobs=2, verbosity=-1, random_state=0)
        model.fit(X_train, data.y_train, categorical_feature=sets if categories else "auto")
        start = process_time()
        arrays = read_model(model)
        reading = process_time() - start
        own = []
        for _ in range(5):
            times = [process_time()]
            by_lightgbm = model.predict_proba(X_test, num_threads=1)
            times.append(process_time())
            by_arrays = arrays.predict_proba(X_test)
            times.append(process_time())
            np.testing.assert_array_equal(by_lightgbm, by_arrays)
            own.append(np.diff(times))
        theirs, ours = np.median(own, axis=0)
        cells = (
            name + (", categories" if categories else ""),
            len(X_test),
            len(arrays.trees.roots),
            f"{theirs:.2f}",
            f"{ours:.2f}",
            f"{theirs / ours:.1f}",
            f"{reading:.2f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |\n")
        print(lines[-1], end="", flush=True)
    RESULTS.write_text(HEAD.format(rounds=rounds, version=__version__) + "".join(lines))


if __name__ == "__main__":
    main()
