"""Random numbers: splitmix64, one 64-bit state per tree.

numba would turn ``int64 + uint64`` into a float, so every constant here is a ``uint64``. Without
the compiler numpy warns where 64-bit products wrap around, which is what they are meant to do.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
U27 = np.uint64(27)
U30 = np.uint64(30)
U31 = np.uint64(31)
U32 = np.uint64(32)

# How kernels that allocate nothing are compiled. Without numba's reference counts, which are atomic
# and would be touched for every array of every call, small nodes are searched a third faster.
KERNEL: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
# A call passes each array of a named tuple as seven arguments: in nodes of a few rows that takes as
# long as the work, so what is called for each candidate feature is inlined.
INLINED: dict[str, Any] = {**KERNEL, "forceinline": True}
# What is called from one or two places becomes part of its caller before that is compiled, and is
# not compiled by itself: a fifth of the time that the first fit takes.
ONCE: dict[str, Any] = {**KERNEL, "inline": "always"}

RandomState = NDArray[np.uint64]


@njit(nogil=True, cache=True)
def next_random(state: RandomState) -> Any:
    """Advance ``state`` (one ``uint64``) and return 64 random bits."""
    state[0] += GAMMA
    z = state[0]
    z = (z ^ (z >> U30)) * MIX_1
    z = (z ^ (z >> U27)) * MIX_2
    return z ^ (z >> U31)


@njit(nogil=True, cache=True)
def random_below(state: RandomState, n: int) -> Any:
    """Return an integer in ``[0, n)``, ``n < 2**32``, by multiply and shift.

    The bias is below ``n / 2**32``, far under what any number of trees could show.
    """
    return np.int64(((next_random(state) >> U32) * np.uint64(n)) >> U32)


@njit(nogil=True, cache=True)
def tree_state(seed: int, tree: int) -> RandomState:
    """Return the generator of one tree, from the forest's seed (32 bits) and the tree's number."""
    state = np.empty(1, np.uint64)
    state[0] = (np.uint64(seed) << U32) + np.uint64(tree)
    # One step of mixing, so that neighbouring trees do not start on neighbouring states.
    state[0] = next_random(state)
    return state
