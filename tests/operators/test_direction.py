"""Along what a first derivative is taken."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgrad.labels.options import Options
from xgrad.operators.selection import select


def test_a_direction_has_the_spacings_and_the_dimensions_of_its_parts() -> None:
    x = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("j", "i"))
    y = xr.DataArray(np.arange(12.0).reshape(4, 3).T, dims=("j", "i"))
    f = (x + y).assign_coords(x=x, y=y, z=("i", [0.0, 1.0, 3.0, 4.0]))
    (plain,) = select(f, "z", Options()).directions
    assert plain.name == "z"
    assert plain.dims == ["i"]
    assert [factor for _, factor in plain.parts] == [None]
    for one in select(f, ["x", "y"], Options(), partial=True).directions:
        assert sorted(one.dims) == ["i", "j"]
        assert one.dims == [along.dim for along in one.spacings]
