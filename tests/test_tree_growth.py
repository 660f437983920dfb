"""Growing trees: what comes tree by tree stands in one array in the end."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepforest.tree_growth import _Parts


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.sampled_from([(), (3,)]))
def test_parts_of_any_sizes_stand_one_after_the_other(sizes, rest):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 99, (size, *rest)) for size in sizes]
    parts = _Parts(len(arrays))
    starts = [parts.append(array) for array in arrays]
    assert starts == [sum(sizes[:t]) for t in range(len(sizes))]
    whole = parts.whole()
    np.testing.assert_array_equal(whole, np.concatenate(arrays))
    assert whole.base is None  # the room that was not needed is given back
