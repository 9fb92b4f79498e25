"""The law of terms: positions, boundary and name fit the variable, or the refusal says why."""

from __future__ import annotations

import pickle
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from xarray.backends import BackendArray
from xarray.core import indexing

import xgrad
from tests.helpers import numpy_gradient, same_bits
from tests.operators.helpers import raises
from xgrad.labels.options import Options
from xgrad.operators.gradient import gradients
from xgrad.operators.terms import Spread, spread


def test_positions_that_do_not_fit_are_refused(field: xr.DataArray) -> None:
    z = xr.DataArray(np.ones((9, 3)), dims=("y", "level"), name="z")
    with pytest.raises(xgrad.CoordinateError, match="without 'x'"):
        field.fdgrad.gradient("x", spacing={"x": z})
    with pytest.raises(xgrad.CoordinateError, match=r"do not broadcast against .f. .* lacks"):
        field.fdgrad.gradient("y", spacing={"y": z})
    words = xr.DataArray(np.full((9, 12), "a"), dims=("y", "x"), name="z")
    with pytest.raises(xgrad.CoordinateError, match="positions 'z' have dtype"):
        field.fdgrad.gradient("y", spacing={"y": words})
    times = field.astype("i8").astype("M8[s]")
    z = xr.DataArray(np.cumsum(np.ones((9, 12)), 0), dims=("y", "x"), name="z")
    with pytest.raises(TypeError, match="times as data cannot be combined"):
        times.fdgrad.gradient("y", spacing={"y": z})


@pytest.mark.parametrize("scale", [2.0**-980, 2.0**-133, 2.0**140, 2.0**980])
@pytest.mark.parametrize("skipna", [False, True])
@pytest.mark.parametrize("options", [{"accuracy": 4}, {"accuracy": 8}, {"boundary": "extend"}])
def test_the_scale_of_the_positions_changes_no_bit(
    scale: float, skipna: bool, options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    x, f = rng.random(14).cumsum(), rng.normal(size=(14, 3))
    f[8, 1] = np.nan
    options = {"accuracy": 6, "skipna": skipna} | options
    plain = xr.DataArray(f, {"x": x}, ("x", "y"), name="f").fdgrad.derivative("x", **options)
    one = xr.DataArray(f, {"x": x * scale}, ("x", "y"), name="f")
    for own in (one, one.chunk(x=5, y=2), one.chunk(x=1)):
        assert same_bits(own.fdgrad.derivative("x", **options), plain / scale)


@pytest.mark.parametrize(
    ("x", "dtype", "remedy"),
    [
        ([0, 300, 700, 1000], "f2", "convert it to float64"),
        ([0, 3e20, 7e20, 1e21], "f4", "convert it to float64"),
        ([0, 3e-200, 7e-200, 1e-199], "f8", "express it in another unit"),
    ],
)
def test_steps_that_leave_the_range_of_numpys_formula_are_reported_with_a_remedy(
    x: list[float], dtype: str, remedy: str
) -> None:
    f = np.arange(4.0, dtype=dtype) ** 2
    positions = xr.DataArray(np.array(x, dtype), dims="x", name="x")
    da = xr.DataArray(f, dims="x", name="f")
    with pytest.warns(xgrad.CoordinateWarning, match=f"product float.* {remedy}"):
        found = da.fdgrad.gradient("x", spacing={"x": positions})
    assert same_bits(found.df_dx, numpy_gradient(f, positions.values, 0))
    better = positions.astype("f8") * (1e200 if dtype == "f8" else 1)
    right = da.fdgrad.gradient("x", spacing={"x": better}).df_dx
    np.testing.assert_allclose(right * np.diff(better).mean(), [1.1, 1.7, 4.2, 5.6], rtol=0.1)


@pytest.mark.parametrize("unit", ["[Y]", "[3M]", ""])
def test_durations_without_a_fixed_length_are_refused(unit: str) -> None:
    months = da.from_array(np.array([1, 4, 12]).astype(f"m8{unit}"), chunks=2)
    f = xr.DataArray(months, dims="x", name="f")
    with pytest.raises(TypeError, match=r"'f' has dtype timedelta64.* no fixed length; convert"):
        f.fdgrad.gradient("x")
    assert f.astype("timedelta64[s]").fdgrad.gradient("x").df_dx[0] > 0
    dates = xr.DataArray(da.from_array(np.array([1, 4]).astype("M8[M]")), dims="x", name="f")
    assert dates.fdgrad.gradient("x", datetime_unit="D").df_dx[0] == 28 + 31 + 30


def test_positions_of_another_size_are_refused(field: xr.DataArray) -> None:
    z = (field.y * (1 + 0.1 * field.x)).rename("z").drop_vars(["x", "y"])
    for wrong, side in ((z[:3], 3), (z[:, :1], 1)):
        with pytest.raises(xgrad.CoordinateError, match=f"positions 'z' have size {side} along"):
            field.fdgrad.gradient("y", spacing={"y": wrong})
    with pytest.raises(xgrad.CoordinateError, match="a DataArray, whose dimensions have names"):
        field.fdgrad.gradient("y", spacing={"y": z.values})
    with pytest.raises(TypeError, match="its positions are not times"):
        field.fdgrad.gradient("x", boundary="periodic", period={"x": np.timedelta64(1, "D")})
    with pytest.raises(ValueError, match="`boundary` is array"):
        field.fdgrad.gradient("x", boundary=np.array([0, 1]))


def test_a_bad_column_in_memory_is_named(field: xr.DataArray) -> None:
    z = field.y + 0.1 * field.x
    z[5, 7] = z[4, 7].item()
    with pytest.raises(
        xgrad.CoordinateError,
        match=r"column x=7: 5\.97\S+ at index 4, then 5\.97\S+; .*validate=False",
    ):
        field.fdgrad.gradient("y", spacing={"y": z})
    lazily = field.chunk(x=5)
    with pytest.raises(xgrad.CoordinateError, match="column x=7"):
        lazily.fdgrad.gradient("y", spacing={"y": z})
    for positions, data, validate in (
        (z, field, False), (z.chunk(x=3), field, True), (z, lazily, False),
    ):  # fmt: skip
        found = data.fdgrad.derivative("y", spacing={"y": positions}, validate=validate)
        assert np.isnan(found[:, 7]).all()
        assert np.isfinite(found.drop_isel(x=7)).all()


@pytest.mark.parametrize(("end", "turns"), [(360, 360), (400, 400)])
def test_columns_that_go_around_once_or_more_are_refused(end: float, turns: float) -> None:
    lon = xr.DataArray(
        np.linspace(0, end, 13) + np.zeros((2, 1)), dims=("j", "i"), name="lon",
        attrs={"units": "degrees_east"},
    )  # fmt: skip
    f = np.sin(np.deg2rad(lon)).rename("f")
    options: Any = {"spacing": {"i": lon}, "boundary": {"lon": "periodic"}}
    with pytest.raises(xgrad.CoordinateError, match=f"go around by {turns} in the column j=0"):
        f.fdgrad.gradient("i", spacing={"i": lon}, boundary="periodic")
    named = f.assign_coords(lon=lon)
    with pytest.raises(xgrad.CoordinateError, match="drop the cells at the end that repeat"):
        named.fdgrad.gradient("i", spacing={"i": "lon"}, boundary={"lon": "periodic"})
    assert f.fdgrad.gradient("i", validate=False, **{**options, "boundary": "periodic"})


def test_variables_without_the_dimensions_of_positions_are_left_out(field: xr.DataArray) -> None:
    z = (field.y * (1 + 0.1 * field.x)).rename("z")
    ds = xr.Dataset({"f": field, "profile": field[:, 0]}).assign_coords(z=z)
    assert list(ds.fdgrad.gradient("y", spacing={"y": "z"})) == ["df_dz"]


@pytest.mark.parametrize("shape", [(4, 0), (0, 4)])
def test_positions_without_any_column_give_an_empty_result(shape: tuple[int, int]) -> None:
    empty = xr.DataArray(np.zeros(shape), dims=("s", "x"), name="f")
    z = xr.DataArray(np.zeros(shape), dims=("s", "x"), name="z")
    if shape[0] == 0:
        with pytest.raises(ValueError, match="has size 0"):
            empty.fdgrad.gradient("s", spacing={"s": z})
        return
    for data in (empty, empty.chunk()):
        assert data.fdgrad.gradient("s", spacing={"s": z}).df_dz.compute().shape == shape


def test_skipna_does_not_change_the_gradient_of_integers(field: xr.DataArray) -> None:
    whole = (field * 100).astype("i4")
    expected = whole.fdgrad.gradient("y").df_dy
    assert same_bits(whole.fdgrad.gradient("y", skipna=True).df_dy.values, expected.values)


def test_the_boundary_of_integers_may_be_any_number(field: xr.DataArray) -> None:
    whole = (field * 100).astype("i4")
    options: Any = {"boundary": {"x": (0.5, "nan")}}
    found = whole.fdgrad.gradient("x", **options).df_dx
    assert same_bits(found[:, 0].values, ((whole[:, 1] - 0.5) / 2).values)
    assert np.isnan(found[:, -1]).all()
    for chunks in (1, 5):
        lazy = whole.chunk(x=chunks).fdgrad.gradient("x", **options).df_dx
        assert same_bits(lazy.values, found.values)


def test_the_same_derivative_has_the_same_name_in_the_graph(field: xr.DataArray) -> None:
    lazy = field.chunk(x=5)
    assert lazy.fdgrad.derivative("x").data.name == lazy.fdgrad.derivative("x").data.name
    height = lazy.copy(data=np.cumsum(np.ones(lazy.shape), lazy.get_axis_num("x")))
    own = [
        lazy.fdgrad.derivative("x", spacing={"x": one}).data.name
        for one in (height, height.copy(), 2 * height)
    ]
    assert own[0] == own[1] != own[2]


def test_two_results_of_one_name_are_refused() -> None:
    one = np.zeros(3)
    pair = xr.Dataset({"a_db": ("c", one), "a": ("b_dc", one)})
    raises(pair, ValueError, "two results would be called 'da_db_dc'")
    both = xr.Dataset({1: ("c", one), "1": ("c", one)})
    raises(both, ValueError, "two results would be called 'd1_dc'")
    dim = xr.DataArray(np.zeros((3, 3)), dims=("x", "dt_dx"), name="t")
    raises(dim, ValueError, "two results would be called 'dt_dx'", "x")
    coord = xr.DataArray(one, dims="x", coords={"dt_dx": 1.0}, name="t")
    raises(coord, ValueError, "'t' with respect to 'x'; rename one", "x")


@pytest.mark.parametrize("size", [0, 1, 2])
def test_dimensions_with_too_few_cells_are_refused(temperature: xr.DataArray, size: int) -> None:
    short = temperature.isel(time=slice(size))
    message = f"dimension 'time' of 'temperature' has size {size}; `edge_order=2` needs at least 3"
    raises(short, ValueError, message, "time", edge_order=2)
    if size < 2:
        message = "`edge_order=1` needs at least 2; name other dimensions in `dim`"
        raises(short, ValueError, message, "time")


def test_unknown_chunks_are_refused() -> None:
    array = da.from_array(np.arange(10.0), chunks=5)
    unknown = xr.DataArray(array[array > 3], dims="x")
    raises(unknown, xgrad.ChunkError, "compute_chunk_sizes", "x")


def test_unknown_units_are_left_out(temperature: xr.DataArray) -> None:
    bare = temperature.drop_attrs()
    assert "units" not in bare.fdgrad.gradient("time").dtemperature_dtime.attrs
    overridden = temperature.fdgrad.gradient("latitude", spacing={"latitude": 0.5})
    assert "units" not in overridden.dtemperature_dlatitude.attrs
    assert temperature.fdgrad.gradient("level").dtemperature_dlevel.attrs["units"] == "K"
    stepped = temperature.fdgrad.gradient("level", spacing={"level": np.timedelta64(1, "h")})
    assert stepped.dtemperature_dlevel.attrs["units"] == "K s-1"


DIMS = ("z", "y", "x")


@st.composite
def spreads(draw: Any) -> tuple[xr.Variable, tuple[str, ...], tuple[int, ...]]:
    """Positions with some dimensions in any order, and the dimensions and shape of the data."""
    sizes = {dim: draw(st.integers(1, 5)) for dim in DIMS}
    own = draw(st.lists(st.sampled_from(DIMS), min_size=1, unique=True))
    shape = [sizes[dim] for dim in own]
    dims = tuple(draw(st.permutations(DIMS)))
    positions = xr.Variable(own, np.random.default_rng(0).normal(size=shape))
    return positions, dims, tuple(sizes[dim] for dim in dims)


@given(spreads(), st.data())
def test_positions_read_box_by_box_are_those_read_at_once(problem: Any, data: Any) -> None:
    positions, dims, shape = problem
    spread_out = Spread(positions, dims)
    whole = spread_out.read()
    assert (spread_out.shape, spread_out.ndim, spread_out.dtype) == (whole.shape, 3, whole.dtype)
    assert same_bits(np.asarray(spread_out), whole)
    # The oracle: xarray's own broadcasting.
    data_of_zeros = xr.Variable(dims, np.zeros(shape))
    assert same_bits(np.broadcast_to(whole, shape), (data_of_zeros + positions).data)
    starts = [data.draw(st.integers(0, n - 1)) for n in shape]
    box = tuple(
        slice(k, data.draw(st.integers(k + 1, n))) for k, n in zip(starts, shape, strict=True)
    )
    part = np.broadcast_to(whole, shape)[box]
    found = spread_out[box]
    assert same_bits(np.broadcast_to(found, part.shape), part)
    assert all(side == 1 for side, n in zip(found.shape, whole.shape, strict=True) if n == 1)


class Recorded(BackendArray):
    """Positions in a store, and the shapes that were read of them."""

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.reads: list[tuple[int, ...]] = []

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        self.reads.append(self.values[key].shape)
        return self.values[key]


def test_a_box_of_positions_in_a_store_is_all_that_is_read() -> None:
    stored = Recorded(np.arange(200.0).reshape(10, 20))
    positions = xr.Variable(("y", "x"), indexing.LazilyIndexedArray(stored))
    spread_out = spread(positions, ("x", "t", "y"), "f")
    assert stored.reads == []
    found = spread_out[slice(4, 7), slice(0, 9), slice(1, 3)]
    assert stored.reads == [(2, 3)]
    assert same_bits(found, stored.values[1:3, 4:7].T[:, np.newaxis])


def test_a_term_does_not_grow_with_its_data() -> None:
    def term(rows: int) -> Any:
        f = xr.DataArray(np.zeros((rows, 5)), {"x": np.arange(5) ** 1.5}, ("y", "x"), "f")
        (result,) = gradients(f, "x", Options(boundary={"x": "extend"}))
        return pickle.dumps(result.terms)

    assert len(term(10)) == len(term(10_000)) < 1000


def test_packed_numbers_are_refused_until_they_are_unpacked() -> None:
    x = ("x", [0.0, 2.0, 4.0], {"units": "m"})
    ds = xr.Dataset({"t": ("x", [0.0, 1.0, 3.0], {"units": "K"})}, {"x": x})
    expected = ds.fdgrad.gradient()
    for name in ("t", "x"):
        for key in ("scale_factor", "add_offset"):
            packed = ds.copy()
            packed[name].encoding = {key: 0.5}
            stored = packed.variables.items()
            raw = xr.Dataset({k: xr.conventions.encode_cf_variable(v) for k, v in stored})
            with pytest.raises(ValueError, match=f"{name}' has packed numbers, with {key} 0.5"):
                raw.fdgrad.gradient()
            xr.testing.assert_identical(xr.decode_cf(raw).fdgrad.gradient(), expected)


def test_an_array_without_a_name_is_called_as_xarray_does() -> None:
    with pytest.raises(
        ValueError, match="dimension 'x' of <this-array> has size 2; `edge_order=2`"
    ):
        xr.DataArray([1.0, 2.0], dims="x").fdgrad.gradient("x", edge_order=2)
