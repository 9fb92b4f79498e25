"""The law of extreme steps: those of the parts of a column decide as those of the whole."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions
from xgrad.stencils.scheme import Scheme


@pytest.mark.parametrize("bad", [np.nan, "twice", "back", "endless"])
@pytest.mark.parametrize("chunks", [(6, 4), (1, 1), (4, 2), (2, 4)])
def test_only_bad_columns_are_missing(bad: Any, chunks: Any) -> None:
    x = np.cumsum(np.random.default_rng(2).random((6, 4)) + 0.1, axis=0)
    if bad == "endless":
        x[5, 1] = np.inf
    else:
        x[3, 1] = {"twice": x[2, 1], "back": x[1, 1] - 1}.get(bad, bad)
    values = np.random.default_rng(3).normal(size=(6, 4))
    for scheme in (Scheme(), Scheme(edge_order=2), Scheme(accuracy=4), Scheme(skipna=True)):
        whole = combine.differentiate(values, Positions(x), 0, scheme)
        assert np.isnan(whole[:, 1]).all()
        assert np.isfinite(whole[:, [0, 2, 3]]).all()
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks),
            Positions(da.from_array(x, chunks=chunks[::-1])),
            0,
            scheme,
        )
        assert same_bits(lazy.compute(scheduler="sync"), whole)


@pytest.mark.parametrize("end", [359.9999999, 360.0, 400.0])
def test_a_column_that_goes_around_once_or_more_is_missing(end: float) -> None:
    x = np.stack([np.linspace(0, end, 7), np.linspace(0, 300, 7)], axis=1)
    values = np.random.default_rng(7).normal(size=x.shape)
    scheme = Scheme(boundary=("periodic",) * 2)
    for positions in (x, da.from_array(x, chunks=(2, 1))):
        found = np.asarray(combine.differentiate(values, Positions(positions, 360.0), 0, scheme))
        assert np.isnan(found[:, 0]).all()
        assert np.isfinite(found[:, 1]).all()
