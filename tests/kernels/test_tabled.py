"""The law of tables: a block has the bits of numpy, with compiled loops and without."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import mostly_thorough, numpy_gradient, same_bits
from tests.kernels.helpers import DTYPES, values_of, whole
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS
from xgrad.kernels import tabled
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import table_of


@pytest.fixture(autouse=True, params=["compiled", "numpy's"])
def own(request: Any, monkeypatch: Any) -> str:
    """With compiled loops, and with numpy's, as before numba is loaded."""
    monkeypatch.setattr(tabled, "are_loaded", lambda _: request.param == "compiled")
    return str(request.param)


@pytest.mark.parametrize("dtype", mostly_thorough(DTYPES, "f2", "f4", "f8", "D", "i4", ">f8"))
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", ["python", "f4", "f8", "uneven f4", "uneven f8"])
def test_a_block_equals_numpy(dtype: str, edge_order: int, spacing: str) -> None:
    for shape in [(5,), (4, 5, 6), (40, 4, 3), (2, 3, 40)]:
        values = values_of(dtype, shape)
        for axis, size in enumerate(shape):
            if size <= edge_order:
                continue
            kind = "f4" if spacing.endswith("f4") else "f8"
            x = np.cumsum(np.random.default_rng(2).random(size) + 0.1).astype(kind)
            positions = {"python": 0.3, "f4": np.float32(0.3), "f8": np.float64(0.3)}.get(
                spacing, x
            )
            steps = np.diff(x) if "uneven" in spacing else positions
            expected = numpy_gradient(values, positions, axis, edge_order)
            assert same_bits(whole(values, steps, axis, edge_order), expected)


@pytest.mark.parametrize("dtype", mostly_thorough(["f4", "f8", "F", "D"], "f4", "f8", "D"))
@pytest.mark.parametrize("steps", [0.3, np.array([0.3, 0.5, 0.1, 0.9])])
def test_special_values_spread_as_in_numpy(dtype: str, steps: Any) -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-38, 1.0]
    parts = np.random.default_rng(3).choice(special, size=(2, 50, 5))
    values = parts[0].astype(dtype)
    if dtype in "FD":
        values.imag = parts[1]
    positions = steps if np.ndim(steps) == 0 else np.concatenate([[0], np.cumsum(steps)])
    used = steps if np.ndim(steps) == 0 else np.diff(positions)
    assert same_bits(whole(values, used, 1, 2), numpy_gradient(values, positions, 1, 2))


@pytest.mark.thorough  # compiles in a new process
@pytest.mark.parametrize("own", ["compiled"], indirect=True)  # once: it is about a new process
def test_small_arrays_do_not_wait_for_numba() -> None:
    code = (
        "import sys, numpy as np, xarray as xr, xgrad\n"
        "f = xr.DataArray(np.ones((50, 60, 70), 'f4'), dims=('z', 'y', 'x'), name='f')\n"
        "for dim in f.dims: f.fdgrad.gradient(dim), f.fdgrad.magnitude()\n"
        "print('numba' in sys.modules)\n"
        "f.isel(z=0).fdgrad.gradient('x', skipna=True)\n"
        "for _ in range(10): f.fdgrad.gradient('x')\n"
        "print('xgrad.kernels.tabled_loops' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "broadcast", "transposed"])
def test_the_result_has_the_memory_layout_of_the_block(layout: str) -> None:
    base = values_of("f4", (6, 7, 8))
    values = {
        "C": base,
        "F": np.asfortranarray(base),
        "strided": np.repeat(base, 2, axis=1)[:, ::2],
        "reversed": base[::-1, :, ::-1],
        "broadcast": np.broadcast_to(base[:, :1], (6, 7, 8)),
        "transposed": base.transpose(1, 2, 0),
    }[layout]
    for axis in range(3):
        steps = np.diff(np.arange(values.shape[axis]) ** 1.5)
        expected = numpy_gradient(values, np.arange(values.shape[axis]) ** 1.5, axis)
        found = whole(values, steps, axis, 1)
        assert same_bits(found, expected)
        assert found.strides == expected.strides


def test_read_only_and_unaligned_blocks_are_read_and_left_alone() -> None:
    values = values_of("f8", (5, 6))
    before = values.copy()
    values.flags.writeable = False
    assert same_bits(whole(values, 0.5, 0, 1), numpy_gradient(before, 0.5, 0))
    assert same_bits(values, before)
    raw = np.zeros(values.nbytes + 1, "u1")
    unaligned = raw[1:].view("f8").reshape(5, 6)
    unaligned[...] = before
    assert not unaligned.flags.aligned
    assert same_bits(whole(unaligned, 0.5, 1, 2), numpy_gradient(before, 0.5, 1, 2))


def test_an_empty_block_stays_empty() -> None:
    assert whole(np.empty((0, 4)), 1.0, 1, 1).shape == (0, 4)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_as_data_lose_no_tick(unit: str) -> None:
    # One tick a step, 50 years after 1970: in float64 seconds a nanosecond would vanish.
    ticks = np.arange(6) + np.datetime64("2020-01-01", unit).astype("i8")
    slopes = whole(ticks.astype(f"M8[{unit}]"), 1.0, 0, 2)
    tick = np.timedelta64(1, unit) / np.timedelta64(1, "s")
    np.testing.assert_allclose(slopes, tick, rtol=1e-14)


def test_a_stencil_that_meets_nat_gives_nan() -> None:
    days = np.array(["2000-01-01", "2000-01-02", "NaT", "2000-01-04", "2000-01-05", "2000-01-06"])
    slopes = whole(days.astype("M8[s]"), np.array([1.0, 1.0, 1.5, 1.0, 1.0]), 0, 1)
    np.testing.assert_array_equal(np.isnan(slopes), [False, True, True, True, False, False])


TICKS = st.integers(-(2**63) + 1, 2**63 - 1)
LENGTHS = {"W": 604800, "D": 86400, "h": 3600, "m": 60, "7s": 7, "s": 1} | {
    unit: Fraction(1, 1000**k) for k, unit in enumerate(["ms", "us", "ns", "ps", "fs", "as"], 1)
}


@given(
    ticks=st.lists(TICKS, min_size=10, max_size=12), unit=st.sampled_from(list(LENGTHS)),
    kind=st.sampled_from("mM"), scheme=st.sampled_from(
        [Scheme(), Scheme(edge_order=2), Scheme(accuracy=8), Scheme(order=2, accuracy=4)]
    ), steps=st.sampled_from([0.5, np.cumsum(np.arange(1.0, 12))]),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_differences_of_times_that_exceed_an_int64_are_right(
    ticks: list[int], unit: str, kind: str, scheme: Scheme, steps: Any
) -> None:
    size = len(ticks)
    table = table_of(steps if np.ndim(steps) == 0 else steps[: size - 1], size, scheme, "f8")
    times = np.array(ticks).view(f"{kind}8[{unit}]")
    tabled.differentiate(times, times[:0], times[:0], table, 0, out := np.empty(size))
    for i, found in enumerate(out):
        first, last = i + int(table[FIRST, i]), i + int(table[LAST, i])
        if table[STEP, i]:
            rise = float(ticks[last] - ticks[first])
            seconds = rise * float(max(1, LENGTHS[unit])) / float(max(1, 1 / LENGTHS[unit]))
            assert found == seconds / table[STEP, i]
            continue
        products = [
            Fraction(float(table[WEIGHTS + k - first, i])) * (ticks[k] - ticks[i]) * LENGTHS[unit]
            for k in range(first, last + 1)
        ]
        assert abs(Fraction(found) - sum(products)) <= 12 * 2.3e-16 * sum(map(abs, products))
