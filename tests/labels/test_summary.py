from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr

from tests.helpers import nothing_computed
from xgrad.labels import summary

METHODS = ["curl", "derivative", "direction", "divergence", "gradient", "hessian", "laplacian"]
METHODS += ["magnitude", "rotate", "smooth", "to_zarr"]
CURVED = xr.Dataset(
    {
        "t": (("time", "y", "x"), np.zeros((2, 3, 4)), {"grid_mapping": "crs"}),
        "crs": ((), 0),
        "name": (("y",), np.array(["a", "b", "c"])),
    },
    {
        "time": np.array(["2000-01-01", "2000-01-02"], "M8[ns]"),
        "lat": (("y", "x"), np.zeros((3, 4)), {"units": "degrees_north"}),
        "lon": (("y", "x"), np.zeros((3, 4)), {"units": "degrees_east"}),
    },
)


def test_each_dimension_and_coordinate_has_a_line() -> None:
    with nothing_computed():
        text = repr(CURVED.chunk(x=2).fdgrad)
    assert text.splitlines() == [
        "xgrad for 't'",
        "  time  2 cells: times, derivatives per second",
        "  y     3 cells: no coordinate, steps of 1",
        "  x     4 cells: no coordinate, steps of 1",
        "  also by 'lat' ('y', 'x'): latitude in degrees_north",
        "  also by 'lon' ('y', 'x'): longitude in degrees_east",
        '  on the Earth: `metric="sphere"` or "ellipsoid" gives derivatives per metre',
        f"methods: {', '.join(METHODS)}",
    ]


def test_every_variable_that_a_gradient_takes_is_named() -> None:
    ds = CURVED.assign(more=CURVED.t + 1, scalar=3.0)
    named = summary.of(ds, []).splitlines()[0]
    taken = {name.split("_d")[0].removeprefix("d") for name in ds.fdgrad.gradient("x")}
    assert named == "xgrad for " + ", ".join(map(repr, sorted(taken, reverse=True)))


@pytest.mark.parametrize("size", [0, 1, 2])
def test_coordinates_without_units_and_of_calendars(size: int) -> None:
    times = [cftime.datetime(2000, 1, 1 + k, calendar="noleap") for k in range(size)]
    da = xr.DataArray(np.zeros((size, 1)), {"t": ("t", times), "x": [3]}, ("t", "x"))
    lines = repr(da.fdgrad).splitlines()
    assert lines[0] == "xgrad for an array without a name"
    assert lines[2] == "  x  1 cell: positions, no units"
    if size:
        assert lines[1].endswith(": times, derivatives per second")
