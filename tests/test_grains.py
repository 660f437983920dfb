"""Settings of each grain: what an entry of `windows` may say."""

import numpy as np
import pytest

from deepforest.grains import grain_settings, lay_grains

SHARED = {"stride": 1, "padding": 0, "pool": 2, "pool_method": "mean"}


@pytest.mark.parametrize("size", [3, 0.5, (3, 0.5), np.int64(3)])
def test_a_size_alone_takes_everything_else_from_the_scanner(size):
    [settings] = grain_settings([size], **SHARED)
    assert settings == (size, 1, 0, 2, "mean")


def test_a_dict_overrides_what_it_says():
    own = {"size": [3, 2], "stride": None, "padding": 1, "pool": (1, 2), "pool_method": "max"}
    first, second = grain_settings([own, {"size": 2, "pool": 1}], **SHARED)
    assert first == ((3, 2), None, 1, (1, 2), "max")
    assert second == (2, 1, 0, 1, "mean")


def test_grains_of_different_settings_lie_over_one_another():
    grains = grain_settings([3, {"size": 4, "stride": 2, "padding": 1, "pool": 3}], **SHARED)
    first, second = lay_grains(grains, (6, 6))
    assert (first.grid.positions, first.pool, first.pooled_shape) == ((4, 4), (2, 2), (2, 2))
    assert (second.grid.positions, second.pool, second.n_pooled) == ((3, 3), (3, 3), 1)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"size": 3, "strid": 2}, r"the unknown key 'strid': did you mean 'stride'\?"),
        ({"size": 3, "colour": 2}, "unknown key 'colour': Accepted are size, stride, padding"),
        ({"stride": 2}, "without a size: add one"),
        ({"size": "3"}, "windows holds '3': a size is an integer or a fraction"),
        ({"size": 3, "stride": 0}, "windows holds .*: stride=0 must be an integer of at least 1"),
        ({"size": 3, "padding": -1}, "padding=-1 must be an integer of at least 0"),
        ({"size": 3, "pool": None}, "pool=None must be an integer"),
        ({"size": 3, "pool_method": "median"}, "pool_method='median' must be one of 'mean'"),
        (None, "windows holds None: a size is"),
        (0, "windows holds 0: a size is at least 1"),
        (1.5, "windows holds 1.5: a fraction"),
    ],
)
def test_an_entry_of_no_use_is_an_error_that_shows_it(entry, message):
    with pytest.raises(ValueError, match=message):
        grain_settings([3, entry], **SHARED)


def test_a_tuple_of_other_axes_is_an_error():
    for name in ("stride", "padding", "pool"):
        grains = grain_settings([{"size": 3, name: (1, 1)}], **SHARED)
        with pytest.raises(ValueError, match=rf"{name}=\(1, 1\) has 2 sizes for 1 axes"):
            lay_grains(grains, (8,))
