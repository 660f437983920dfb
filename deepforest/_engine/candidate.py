# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""What all searches for a split share."""

from numba import njit

from deepforest._engine.lanes import LANES

# The score of features that offer no split. Any real score is larger.
NO_SPLIT = -1e30

# The code of missing values, in features that keep one.
MISSING = 255


@njit(nogil=True, cache=True)
def padded(n: int) -> int:
    """Return the next multiple of ``LANES``."""
    return (n + LANES - 1) // LANES * LANES
