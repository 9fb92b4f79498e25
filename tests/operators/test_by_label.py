"""Positions given as labelled arrays are matched by label."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xgrad

LEVELS = [1000, 850, 500]
T = xr.DataArray([[280.0, 281], [270, 272], [240, 243]], {"lev": LEVELS}, ("lev", "x"), name="t")
HEIGHT = xr.DataArray(
    [[100.0, 110], [1500, 1510], [5500, 5600]], {"lev": LEVELS}, ("lev", "x"), name="z"
)


@pytest.mark.parametrize("columns", [slice(None), 0])
@pytest.mark.parametrize("order", [[2, 1, 0], [1, 0, 2]])
def test_the_order_of_labelled_positions_does_not_matter(columns: int, order: list[int]) -> None:
    height = HEIGHT.isel(x=columns)
    expected = T.fdgrad.gradient("lev", spacing={"lev": height})
    found = T.fdgrad.gradient("lev", spacing={"lev": height.isel(lev=order)})
    xr.testing.assert_identical(found, expected)
    np.testing.assert_allclose(
        T.fdgrad.gradient("lev", spacing={"lev": HEIGHT.isel(lev=order)}).dt_dz[:, 0],
        np.gradient([280.0, 270, 240], [100.0, 1500, 5500]),
    )


def test_positions_may_have_labels_that_the_data_lack() -> None:
    more = xr.concat([HEIGHT, HEIGHT.isel(lev=[0]).assign_coords(lev=[300]) + 9000], "lev")
    expected = T.fdgrad.gradient("lev", spacing={"lev": HEIGHT})
    xr.testing.assert_identical(T.fdgrad.gradient("lev", spacing={"lev": more}), expected)


def test_labels_that_are_missing_or_repeated_are_refused() -> None:
    other = HEIGHT.assign_coords(lev=[1000, 850, 300])
    with pytest.raises(xgrad.CoordinateError, match="positions 'z' lack the label 500 along 'lev'"):
        T.fdgrad.gradient("lev", spacing={"lev": other})
    twice = HEIGHT.isel(lev=[0, 1, 2, 2])
    with pytest.raises(xgrad.CoordinateError, match="positions 'z' repeat the label 500"):
        T.fdgrad.gradient("lev", spacing={"lev": twice})
    by_place = T.fdgrad.gradient("lev", spacing={"lev": other.drop_vars("lev")})
    expected = T.fdgrad.gradient("lev", spacing={"lev": HEIGHT})
    xr.testing.assert_identical(by_place, expected)
