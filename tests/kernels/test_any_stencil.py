"""The law of free stencils: between gaps a derivative is that of the run alone."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from tests.helpers import same_bits
from tests.kernels.helpers import runs
from xgrad.arrays import combine
from xgrad.stencils.scheme import Scheme


@pytest.mark.parametrize(("order", "accuracy"), [(1, 4), (1, 6), (2, 2), (3, 2), (4, 2)])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_between_gaps_any_derivative_equals_that_of_the_run_alone(
    order: int, accuracy: int, layout: str
) -> None:
    # The shape of a coast: land that reaches into the sea, an island, a strait of one cell.
    y, x = np.mgrid[0:40, 0:60]
    land = (y < 8 + 6 * np.sin(x / 7.0)) | (np.hypot(y - 25, x - 30) < 5) | (x == 50) | (x == 52)
    values = np.asarray(np.where(land, np.nan, np.cos(x / 5.0) * np.sin(y / 6.0)), order=layout)
    positions = np.cumsum(1 + 0.3 * np.sin(np.arange(60)))
    scheme = Scheme(order=order, accuracy=accuracy, skipna=True)
    found = combine.differentiate(values, np.diff(positions), 1, scheme)
    assert np.isnan(found[land]).all()
    alone = Scheme(order=order, accuracy=accuracy)
    for row, valid in enumerate(~land):
        for run in runs(valid):
            size = run.stop - run.start
            if size >= alone.needed:
                expected = combine.differentiate(
                    values[row, run], np.diff(positions[run]), 0, alone
                )
                assert same_bits(found[row, run], expected)
            else:
                assert np.isnan(found[row, run]).all() == (size <= order)
    for chunks in ((40, 7), (9, 60), (40, 1)):
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks), np.diff(positions), 1, scheme
        )
        assert same_bits(lazy.compute(scheduler="sync"), found)
