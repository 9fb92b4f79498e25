"""What is made of derivatives has the bits of what a user would make of them, one by one."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xgrad
from tests.arrays.helpers import chunkings
from tests.helpers import nothing_computed, same_bits
from xgrad.arrays import block, threads
from xgrad.jobs.api import to_zarr
from xgrad.kernels import fused

SHAPE = {"z": 6, "y": 7, "x": 9}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "edge order 2": {"edge_order": 2},
    "boundaries": {"boundary": {"z": ("extend", "nan"), "y": "reflect", "x": 3.0}},
    "around": {"boundary": {"x": "periodic"}, "period": {"x": 45.5}},
    "accuracy 4": {"accuracy": 4},
    "gaps": {"skipna": True},
    "columns": {"spacing": {"z": "height"}},
    "steps": {"spacing": {"x": 0.5, "y": 2, "z": 1.5}},
}


def field(dtype: str = "f4", *, gaps: bool = False, seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    values = 100 * rng.normal(size=tuple(SHAPE.values()))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.normal(size=values.shape)
    if gaps:
        values[rng.random(values.shape) < 0.1] = np.nan
    height = np.cumsum(rng.uniform(0.5, 2, values.shape), axis=0)
    coords = {
        "x": np.cumsum(rng.uniform(1, 5, 9)),
        "y": np.arange(7.0),
        "z": [0.0, 1.0, 3.0, 4.0, 8.0, 9.0],
        "height": (tuple(SHAPE), height),
    }
    return xr.DataArray(values.astype(dtype), dims=tuple(SHAPE), coords=coords, name="f")


def wide(array: Any) -> Any:
    """In the dtype of sums."""
    return np.asarray(array).astype(np.result_type(np.asarray(array).dtype, np.float64))


def rooted(parts: list[Any], dtype: Any) -> Any:
    squares = [wide(p).real ** 2 + (wide(p).imag ** 2 if p.dtype.kind == "c" else 0) for p in parts]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    return np.sqrt(total).astype(np.empty(0, dtype).real.dtype)


def summed(parts: list[Any], dtype: Any) -> Any:
    total = wide(parts[0])
    for part in parts[1:]:
        total = total + wide(part)
    return total.astype(dtype)


def by_hand(operation: str, f: xr.DataArray, options: dict[str, Any]) -> Any:
    """The same from gradients and second derivatives that are in memory as a whole."""
    if operation == "laplacian":
        own = {key: value for key, value in options.items() if key not in ("boundary", "period")}
        parts = []
        for dim in f.dims:
            more = {k: {d: v for d, v in options[k].items() if d == dim}
                    for k in ("boundary", "period", "spacing") if k in options}  # fmt: skip
            parts.append(f.fdgrad.derivative(dim, 2, **{**own, **more}).values)
        return summed(parts, parts[0].dtype)
    g = f.fdgrad.gradient(**options)
    parts = [one.values for one in g.data_vars.values()]
    if operation == "magnitude":
        return rooted(parts, parts[0].dtype)
    return np.arctan2(wide(parts[1]), wide(parts[2])).astype(parts[0].dtype)


def made(operation: str, f: xr.DataArray, options: dict[str, Any]) -> Any:
    if operation == "direction":
        own = {
            key: {d: v for d, v in value.items() if d != "z"} if isinstance(value, dict) else value
            for key, value in options.items()
        }
        return f.fdgrad.direction(("y", "x"), **own)
    return getattr(f.fdgrad, operation)(**options)


@pytest.fixture(scope="module", params=["rows", "tiles"])
def loops(request: Any) -> Iterator[None]:
    """Rows of any length through the compiled loop, or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "_SHORT_ROW", 1 if request.param == "rows" else 2**62)
        yield


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("operation", ["magnitude", "laplacian", "direction"])
def test_bits_are_those_of_the_parts(operation: str, name: str) -> None:
    f = field("f4", gaps=name == "gaps")
    expected = by_hand(operation, f, OPTIONS[name])
    found = made(operation, f, OPTIONS[name])
    assert found.name == f"f_{'gradient_' * (operation != 'laplacian')}{operation}"
    assert same_bits(found.values, expected)


@pytest.mark.parametrize("dtype", ["f2", "f8", "i2", "u1", "c8", "c16", ">f4", "g"])
@pytest.mark.parametrize("operation", ["magnitude", "laplacian"])
def test_any_dtype(operation: str, dtype: str) -> None:
    f = field("f8").astype(dtype) if dtype not in ("c8", "c16") else field(dtype)
    found = made(operation, f, {})
    expected = by_hand(operation, f, {})
    assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
    assert same_bits(found.values.astype(expected.dtype), expected)
    lazy = made(operation, f.chunk(x=4, y=3), {})
    assert lazy.dtype == lazy.values.dtype == found.dtype
    assert same_bits(lazy.values, found.values)


@pytest.mark.usefixtures("loops")
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(OPTIONS)), st.sampled_from(["magnitude", "laplacian", "direction"]),
       st.tuples(*(chunkings(size) for size in SHAPE.values())))  # fmt: skip
def test_no_bit_depends_on_the_chunks(name: str, operation: str, chunks: Any) -> None:
    f = field("f4", gaps=name == "gaps")
    expected = made(operation, f, OPTIONS[name])
    lazy = f.chunk(dict(zip(SHAPE, chunks, strict=True)))
    with nothing_computed():
        found = made(operation, lazy, OPTIONS[name])
    assert found.chunks == lazy.chunks
    assert same_bits(found.compute(scheduler="sync").values, expected.values)
    assert found.attrs == expected.attrs


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("order", ["C", "F", "mixed"])
def test_no_bit_depends_on_tiles_threads_or_memory(name: str, order: str, monkeypatch: Any) -> None:
    f = field("f4", gaps=name == "gaps")
    expected = {op: made(op, f, OPTIONS[name]).values for op in ("magnitude", "laplacian")}
    monkeypatch.setattr(block, "_CELLS_OF_A_TILE", 5)
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 64)
    if order == "F":
        f = f.copy(data=np.asfortranarray(f.values))
    if order == "mixed":
        f = f.copy(data=np.ascontiguousarray(f.values.transpose(1, 0, 2)).transpose(1, 0, 2))
    for operation, values in expected.items():
        assert same_bits(made(operation, f, OPTIONS[name]).values, values)


def wind(dtype: str = "f4") -> xr.Dataset:
    f = field(dtype).reset_coords("height", drop=True)
    parts = {name: f.copy(data=field(dtype, seed=k).values) for k, name in enumerate("uvw")}
    return xr.Dataset(parts)


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_divergence_and_curl_are_those_of_the_parts(dtype: str) -> None:
    ds = wind(dtype)
    d = {f"{name}_{dim}": ds[name].fdgrad.gradient(dim)[f"d{name}_d{dim}"].values
         for name, dim in itertools.product("uvw", "xyz")}  # fmt: skip
    found = ds.fdgrad.divergence({"x": "u", "y": "v", "z": "w"})
    assert found.name == "divergence"
    assert same_bits(found.values, summed([d["u_x"], d["v_y"], d["w_z"]], dtype))
    flat = ds.fdgrad.curl({"x": "u", "y": "v"})
    assert same_bits(flat.values, summed([d["v_x"], -d["u_y"]], dtype))
    curl = ds.fdgrad.curl({"x": "u", "y": "v", "z": "w"})
    assert list(curl) == ["curl_x", "curl_y", "curl_z"]
    assert same_bits(curl.curl_x.values, summed([d["w_y"], -d["v_z"]], dtype))
    assert same_bits(curl.curl_y.values, summed([d["u_z"], -d["w_x"]], dtype))
    assert same_bits(curl.curl_z.values, flat.values)
    loose = xgrad.curl(u=ds.u, v=ds.v, w=ds.w)
    assert loose.identical(curl)
    assert xgrad.divergence({"x": ds.u, "y": ds.v, "z": ds.w}).identical(found)


@settings(max_examples=10, deadline=None)
@given(*(st.tuples(*(chunkings(size) for size in SHAPE.values())) for _ in "uv"))
def test_components_in_other_chunks_and_orders(chunks: Any, others: Any) -> None:
    ds = wind()
    expected = ds.fdgrad.divergence({"x": "u", "y": "v"})
    u = ds.u.chunk(dict(zip(SHAPE, chunks, strict=True)))
    v = ds.v.chunk(dict(zip(SHAPE, others, strict=True))).transpose("x", "z", "y")
    with nothing_computed():
        found = xgrad.divergence(u=u, v=v)
    assert found.chunks == u.chunks
    assert same_bits(found.compute(scheduler="sync").values, expected.values)
    half = xgrad.divergence(u=u.compute(scheduler="sync"), v=v)
    assert same_bits(half.compute(scheduler="sync").transpose(*SHAPE).values, expected.values)


def test_hessian_is_all_second_derivatives() -> None:
    f = field("f8")
    found = f.fdgrad.hessian(boundary={"x": "reflect"})
    assert list(found) == ["d2f_dz2", "d2f_dzdy", "d2f_dzdx", "d2f_dy2", "d2f_dydx", "d2f_dx2"]
    mixed = f.fdgrad.derivative(["y", "x"], boundary={"x": "reflect"})
    assert found.d2f_dydx.identical(mixed)
    assert found.d2f_dz2.identical(f.fdgrad.derivative("z", 2))
    f = f.reset_coords("height", drop=True)
    two = xr.Dataset({"f": f, "g": f.isel(z=0, drop=True)})
    assert "d2g_dydx" in two.fdgrad.hessian(["z", "y", "x"])
    assert "d2g_dz2" not in two.fdgrad.hessian()


@pytest.mark.parametrize(
    "operation",
    [lambda ds: ds.u.fdgrad.magnitude(), lambda ds: ds.u.fdgrad.laplacian(),
     lambda ds: ds.fdgrad.divergence({"x": "u", "y": "v"}),
     lambda ds: ds.fdgrad.curl({"x": "u", "y": "v"})],
    ids=["magnitude", "laplacian", "divergence", "curl"],
)  # fmt: skip
def test_each_chunk_is_loaded_once_and_made_in_one_task(operation: Any, monkeypatch: Any) -> None:
    loaded: Counter[Any] = Counter()
    folded: Counter[str] = Counter()
    values = np.random.default_rng(0).normal(size=(6, 8, 10))

    def source(name: str) -> da.Array:
        def load(block: Any, block_info: Any = None) -> Any:
            loaded[name, tuple(map(tuple, block_info[0]["array-location"]))] += 1
            return block

        return da.from_array(values, chunks=(3, 4, 5)).map_blocks(
            load, dtype="f8", meta=np.empty((0, 0, 0))
        )

    whole = block.fold

    def counted(*arguments: Any, **options: Any) -> Any:
        folded["calls"] += 1
        return whole(*arguments, **options)

    monkeypatch.setattr(block, "fold", counted)
    ds = xr.Dataset({name: (("z", "y", "x"), source(name)) for name in "uv"})
    with nothing_computed():
        lazy = operation(ds)
    lazy.compute(scheduler="sync")
    assert set(loaded.values()) == {1}
    assert folded["calls"] == 8


def test_no_term_is_in_memory_as_a_whole() -> None:
    f = xr.DataArray(np.zeros((64, 512, 512)), dims=("z", "y", "x"), name="f")
    for operation in ("magnitude", "laplacian"):
        tracemalloc.start()
        found = getattr(f.fdgrad, operation)()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= 1.1 * found.nbytes


def test_names_units_and_attributes() -> None:
    x = xr.DataArray([0.0, 1.0, 2.0, 3.0], dims="x", attrs={"units": "m"})
    given = {"units": "K", "long_name": "sea water temperature", "source": "made up",
             "standard_name": "sea_water_temperature"}  # fmt: skip
    f = xr.DataArray(np.ones((4, 4)), {"y": x.rename(x="y"), "x": x}, ("y", "x"), "t", given)
    f.y.attrs["units"] = f.x.attrs["units"] = "m"
    m = f.fdgrad.magnitude()
    assert m.attrs == {
        "units": "K m-1", "source": "made up",
        "long_name": "magnitude of the gradient of sea water temperature",
    }  # fmt: skip
    assert f.fdgrad.laplacian().attrs["units"] == "K m-2"
    assert f.fdgrad.direction(("y", "x")).attrs["units"] == "radian"
    f.y.attrs["units"] = "s"
    assert "units" not in f.fdgrad.magnitude().attrs
    assert f.rename(None).fdgrad.magnitude().name == "gradient_magnitude"
    u = f.rename("u").assign_attrs(units="m s-1", long_name="u")
    u.y.attrs["units"] = "m"
    d = xgrad.divergence(u=u, v=u.rename("v").assign_attrs(long_name="v"))
    assert d.attrs["units"] == "s-1"
    assert d.attrs["long_name"] == "divergence of u and v"


def test_datasets_trees_quantities_and_cf_names() -> None:
    pint = pytest.importorskip("pint")
    ds = wind().assign(name=("z", list("abcdef")), flat=wind().u.isel(z=0, drop=True))
    found = ds.fdgrad.magnitude(["z", "y"])
    assert list(found) == [f"{name}_gradient_magnitude" for name in "uvw"]
    assert found.u_gradient_magnitude.identical(ds.u.fdgrad.magnitude(["z", "y"]))
    assert "flat_gradient_magnitude" in ds.fdgrad.magnitude()
    lazy = ds.drop_vars("name").chunk(x=3)
    tree = xr.DataTree.from_dict({"/a": lazy, "/b": lazy.isel(x=0, drop=True)})
    with nothing_computed():
        curls = tree.fdgrad.curl({"x": "u", "y": "v"})
    assert list(curls.children) == ["a"]
    assert same_bits(curls["a/curl"].values, ds.fdgrad.curl({"x": "u", "y": "v"}).values)
    for name in "xy":
        lazy[name].attrs |= {"units": "km", "axis": name.upper()}
    metres = lazy.assign({n: lazy[n].copy(data=pint.Quantity(lazy[n].data, "m/s")) for n in "uv"})
    with nothing_computed():
        quantity = metres.fdgrad.divergence({"X": "u", "Y": "v"}, units="h-1")
    assert str(quantity.data.units) in ("1 / hour", "1 / h")
    plain = lazy.fdgrad.divergence({"x": "u", "y": "v"}).values
    np.testing.assert_allclose(quantity.data.magnitude.compute(), plain * 3.6, rtol=1e-6)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda ds: ds.u.fdgrad.direction("x"), "`dim` is 'x'; a direction is .* give \\(y, x\\)"),
        (lambda ds: ds.u.fdgrad.direction(("x", "y", "z")), "of two dimensions"),
        (lambda ds: ds.astype("c8").u.fdgrad.direction(("x", "y")), "has no direction; give its"),
        (lambda ds: ds.fdgrad.curl({"x": "u"}), "`components` are \\['x'\\]; a curl needs"),
        (lambda ds: ds.fdgrad.divergence({}), "`components` are {}; give a mapping"),
        (lambda ds: ds.fdgrad.divergence("u"), "`components` are 'u'; give a mapping"),
        (lambda ds: ds.fdgrad.divergence({"x": "q"}), "`components` name 'q', which does not"),
        (lambda ds: ds.fdgrad.divergence({"q": "u"}), "names 'q', which"),
        (lambda ds: ds.fdgrad.divergence({"x": "u"}, form="flux"), "`form` is 'flux', which"),
        (lambda ds: ds.fdgrad.divergence({"x": "u"}, form="wrong"), "`form` is 'wrong'; give"),
        (lambda _: xgrad.divergence(), "`components` are None and \\[\\] are given"),
        (lambda ds: xgrad.divergence({"x": ds.u}, u=ds.u), "give divergence either"),
        (lambda _: xgrad.divergence({"x": 3}), "for 'x' is a int; give a DataArray"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.isel(x=slice(3))), "sizes 9 and 3 along 'x'"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.isel(z=0)), "different grids"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.assign_coords(y=ds.y + 1)),
         "unequal coordinates 'y': 0.0 and 1.0 at index 0; interpolate"),
        (lambda ds: xgrad.curl(u=ds.u.rename(x="a"), v=ds.v.rename(x="a")),
         "`u` has dimensions .* none of which is marked or named"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="cube"), "`metric` is 'cube'; give 'sphere'"),
        (lambda ds: ds.u.fdgrad.magnitude(radius=1), "`radius` is 1 without a `metric`"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius=0), "`radius` is 0; give a posi"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius=-1.0), "`radius` is -1.0; give"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius="a"), "`radius` is 'a'; give a"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere"), "no coordinate of latitude among"),
        (lambda ds: ds.u.astype("M8[s]").fdgrad.laplacian(), "subtract a time and divide"),
        (lambda ds: ds.u.fdgrad.magnitude(units="K"), "`units` is 'K', but the unit of"),
        (lambda ds: ds.assign_coords(lat=("y", ds.y.values + 88)).u.assign_coords(
            lon=("x", ds.x.values)).fdgrad.magnitude(["x", "y"], metric="sphere"),
         "latitude 'lat' is 91 degrees at index 3, beyond a pole"),
    ],
)  # fmt: skip
def test_bad_input(operation: Any, message: str) -> None:
    ds = wind()
    with pytest.raises((ValueError, TypeError), match=message):
        operation(ds)
    with nothing_computed(), pytest.raises((ValueError, TypeError), match=message):
        operation(ds.chunk(x=4))


@pytest.mark.parametrize(
    ("operation", "dim", "options"),
    [
        ("magnitude", None, {"boundary": {"x": "periodic"}, "period": {"x": 45.5}}),
        ("laplacian", ["x", "z"], {"accuracy": 4}),
        ("magnitude", ["z"], {"spacing": {"z": "height"}}),
        ("magnitude", None, {"spacing": {"z": "height"}, "skipna": True}),
        ("divergence", {"x": "u", "y": "v", "z": "w"}, {"edge_order": 2}),
        ("curl", {"x": "u", "y": "v", "z": "w"}, {}),
        ("curl", {"x": "u", "y": "v"}, {"boundary": {"x": "extend"}}),
    ],
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_job_gives_the_bits_of_the_accessor(
    operation: Any, dim: Any, options: Any, zarr_format: Any, tmp_path: Path
) -> None:
    ds = wind().assign_coords(height=field().height)
    chunks = {"u": (2, 7, 4), "v": (3, 2, 9), "w": (6, 3, 2)}
    encoding = {name: {"chunks": own, "_FillValue": -999.0} for name, own in chunks.items()}
    ds.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False)
    to_zarr(operation, tmp_path / "in.zarr", tmp_path / "out.zarr", None, dim, **options)
    expected = (
        getattr(ds.fdgrad, operation)(dim, **options)
        if operation in ("divergence", "curl")
        else getattr(ds.drop_vars("height").fdgrad if "spacing" not in options else ds.fdgrad,
                     operation)(dim, **options)
    )  # fmt: skip
    expected = expected if isinstance(expected, xr.Dataset) else expected.to_dataset()
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, values in expected.data_vars.items():
            assert same_bits(found[name].values, values.values), name
            assert found[name].attrs == values.attrs
        assert f"xgrad {operation} of" in found.attrs["history"]


def test_a_job_that_asks_for_what_is_not_there(tmp_path: Path) -> None:
    wind().to_zarr(tmp_path / "in.zarr", zarr_format=2)
    for operation, dim, options, message in [
        ("twirl", None, {}, "`operation` is 'twirl'; give one of"),
        ("curl", ["x", "y"], {}, "a curl needs a mapping"),
        ("magnitude", None, {"form": "flux"}, "`form` is 'flux', which a magnitude has not"),
        ("curl", {"x": "u"}, {}, "a curl needs two"),
    ]:
        with pytest.raises(ValueError, match=message):
            to_zarr(operation, tmp_path / "in.zarr", tmp_path / "o.zarr", None, dim, **options)
    assert not (tmp_path / "o.zarr").exists()


def test_chunks_of_a_cluster_are_those_of_threads() -> None:
    ds = wind().chunk(x=4, z=2)
    lazy = ds.fdgrad.curl({"x": "u", "y": "v"})
    (threads,) = dask.compute(lazy, scheduler="threads")
    (processes,) = dask.compute(lazy, scheduler="processes", num_workers=2)
    assert same_bits(threads.values, processes.values)
