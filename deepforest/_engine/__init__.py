"""Kernels that grow and read trees: numpy arrays in, numpy arrays out.

Every kernel reads a table through one rule: the code of sample ``i`` and feature ``f`` is
``flat[base[i] + offset[f]]``. A column-major table has ``base[i] = i`` and ``offset[f] = f * n``;
a window of an image has its first pixel as ``base`` and the distance to its f-th as ``offset``.
"""
