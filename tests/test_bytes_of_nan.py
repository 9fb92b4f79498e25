"""The law of NaN: its sign and payload depend on the data alone, as all other bits do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgrad  # noqa: F401
from tests.arrays.helpers import chunkings
from tests.helpers import also_thorough, numpy_gradient, same_bytes, wild

DTYPES = also_thorough("f8", "f2 f4 c8 c16")
EDGES = st.sampled_from(["one-sided", "extend", "reflect", "nan", 2.5])
OPERATIONS: dict[str, Any] = {
    "gradient": lambda ds, **options: ds.u.fdgrad.gradient("x", **options).du_dx,
    "derivative": lambda ds, **options: ds.u.fdgrad.derivative("x", 2, **options),
    "own positions": lambda ds, **options: ds.u.fdgrad.derivative(
        "x", spacing={"x": ds.h}, **options
    ),
    "mixed": lambda ds, **options: ds.u.fdgrad.derivative(["y", "x"], **options),
    "magnitude": lambda ds, **options: ds.u.fdgrad.magnitude(**options),
    "laplacian": lambda ds, **options: ds.u.fdgrad.laplacian(**options),
    "divergence": lambda ds, **options: ds.fdgrad.divergence({"x": "u", "y": "v"}, **options),
    "curl": lambda ds, **options: ds.fdgrad.curl({"x": "u", "y": "v"}, **options),
    "direction": lambda ds, **options: ds.real.u.fdgrad.direction(["x", "y"], **options),
}


def fields(rng: np.random.Generator, dtype: str, sizes: tuple[int, int], even: bool) -> xr.Dataset:
    x, y = (np.arange(n) / 2 if even else np.cumsum(rng.random(n) + 0.2) for n in sizes[::-1])
    own = np.cumsum(rng.random(sizes) + 0.2, axis=1) if not even else x + 0 * y[:, None]
    u, v = (wild(rng, sizes, dtype) for _ in range(2))
    return xr.Dataset(
        {"u": (("y", "x"), u), "v": (("y", "x"), v)}, {"x": x, "y": y, "h": (("y", "x"), own)}
    )


@pytest.mark.parametrize("operation", OPERATIONS)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES))
@settings(max_examples=max(1, settings().max_examples // 8))
def test_no_byte_depends_on_the_chunks(operation: str, data: Any, seed: int, dtype: str) -> None:
    rng, even = np.random.default_rng(seed), data.draw(st.booleans())
    sizes = data.draw(st.integers(9, 40)), data.draw(st.integers(9, 40))
    ds = fields(rng, dtype, sizes, even)
    options = {
        "accuracy": data.draw(st.sampled_from([2, 4])),
        "skipna": data.draw(st.sampled_from([False, False, True])),
        "edge_order": data.draw(st.integers(1, 2)),
        "boundary": {"x": data.draw(st.tuples(EDGES, EDGES))},
    }
    apply = OPERATIONS[operation]
    whole = apply(ds, **options).values
    for _ in range(2):
        pieces = {"y": data.draw(chunkings(sizes[0])), "x": data.draw(chunkings(sizes[1]))}
        lazy = apply(ds.chunk(pieces).assign_coords(h=ds.h), **options)
        assert same_bytes(lazy.compute(scheduler="sync").values, whole)


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES), order=st.integers(1, 2))
def test_bytes_are_those_of_numpy(seed: int, dtype: str, order: int) -> None:
    rng = np.random.default_rng(seed)
    ds = fields(rng, dtype, (9, 40), even=True)
    found = ds.u.fdgrad.gradient("x").du_dx
    assert same_bytes(found.values, numpy_gradient(ds.u.values, ds.x.values, 1))
    # A sum of two NaN is one of them, and numpy's depends on the place: so all must be the same.
    with np.errstate(all="ignore"):
        nan = np.subtract(np.full(1, np.inf), np.inf)[0]
    uneven = fields(rng, dtype, (9, 40), even=False)
    uneven["u"] = uneven.u.copy(data=_with_nan(uneven.u.values, nan))
    found = uneven.u.fdgrad.gradient("x", edge_order=order).du_dx
    expected = numpy_gradient(uneven.u.values, uneven.x.values, 1, order)
    assert same_bytes(found.values, expected)


def _with_nan(values: Any, nan: Any) -> Any:
    found = values.copy()
    parts = (found.real, found.imag) if found.dtype.kind == "c" else (found,)
    for part in parts:
        part[np.isnan(part)] = nan
    return found
