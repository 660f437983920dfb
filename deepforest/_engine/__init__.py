"""Kernels that grow and read trees: numpy arrays in, numpy arrays out.

Every kernel reads a table through one rule: the code of sample ``i`` and feature ``f`` is
``flat[base[i] + offset[f]]``. A column-major table has ``base[i] = i`` and ``offset[f] = f * n``;
a window of an image has its first pixel as ``base`` and the distance to its f-th as ``offset``.
"""

from pathlib import Path

from deepforest._engine.cache import drop_what_is_stale
from deepforest._engine.random import next_random

# Without the compiler kernels are plain functions, and nothing is kept.
if hasattr(next_random, "stats") and next_random.stats.cache_path:
    drop_what_is_stale(Path(next_random.stats.cache_path), Path(__file__).parent)
