"""Names → positions: the rules of which positions a name means."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels.options import Options
from xgrad.operators.along import dims_of, is_multidimensional, spacings_of

PLANE = {"z": (("y", "x"), np.ones((2, 3))), "s": ("x", [0.0, 1.0, 4.0])}
DA = xr.DataArray(np.zeros((2, 3)), PLANE, ("y", "x"), "f")


def test_names_have_dimensions() -> None:
    assert is_multidimensional(DA, "z")
    assert not is_multidimensional(DA, "s")
    assert dims_of(DA, "z") == ("y", "x")
    assert dims_of(DA, "s") == ("x",)
    assert dims_of(DA, "y") == ("y",)


def test_a_coordinate_and_its_dimension_have_the_same_positions() -> None:
    (by_name,) = spacings_of(DA, ["s"], [], Options(), None)
    (by_dim,) = spacings_of(DA, ["x"], [], Options(spacing={"x": "s"}), None)
    np.testing.assert_array_equal(by_name.steps, [1.0, 3.0])
    np.testing.assert_array_equal(by_dim.steps, by_name.steps)
    (index,) = spacings_of(DA, ["y"], [], Options(), None)
    assert index.steps == 1.0


def test_multidimensional_names_are_left_out() -> None:
    assert spacings_of(DA, ["z"], ["z"], Options(), None) == []
    with pytest.raises(CoordinateError, match=r"a dimension of coordinates .'z'., which are the"):
        spacings_of(DA, ["z"], ["z"], Options(spacing={"x": 2.0}), None)


def test_positions_that_would_not_be_used_are_refused() -> None:
    with pytest.raises(CoordinateError, match="whose positions would not be used; name 'x' in bot"):
        spacings_of(DA, ["s"], [], Options(spacing={"x": 2.0}), None)
