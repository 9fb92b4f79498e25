"""Digests that are the same in every environment."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import xarray as xr

from xgrad.labels.long_steps import LongSteps
from xgrad.stores.lasting import digest

DIFFERENT = [
    None, True, 1, 1.0, 0.0, -0.0, 1j, "1", b"1", "", [], [[]], {}, [1], ["1"], [1, [2]], [1, 2],
    [[1], 2], {"a": 1}, {"a": "1"}, {"b": 1}, np.float32(1), np.float64(1), np.arange(4),
    np.arange(4.0), np.arange(4).reshape(2, 2), np.arange(4, dtype=">i8"),
    np.arange(4).astype("M8[s]"), np.arange(4).astype("M8[ms]"), np.array(["a", 1], dtype="O"),
    xr.DataArray(np.arange(2000)), xr.DataArray(np.where(np.arange(2000) == 999, 0, 1)),
    xr.DataArray(np.ones(2000, int)),
]  # fmt: skip


def test_it_differs_where_values_do() -> None:
    found = [digest(one) for one in DIFFERENT]
    assert len(set(found)) == len(found)
    for one, other in combinations(DIFFERENT[:12], 2):
        assert digest(one, other) != digest(other, one)


def test_equal_values_have_one_digest() -> None:
    assert digest(np.arange(8)[::2]) == digest(np.array([0, 2, 4, 6]))
    assert digest({"a": 1, "b": [2]}) == digest({"b": (2,), "a": 1})
    ones = xr.DataArray(np.ones(3), attrs={"units": "K"})
    assert digest(ones) == digest(ones.copy(deep=True))


def test_records_of_other_environments_have_the_same() -> None:
    steps = LongSteps(xr.Variable("x", np.arange(9.0) ** 2), np.diff, np.dtype("f8"))
    given = [None, "t", 1, 0.5, np.arange(3, dtype="<f4"), np.array(["2000"], "M8[s]"), steps]
    assert digest(given) == "9240e1f0e68801c0"
