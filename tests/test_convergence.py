"""The order of accuracy, measured as the slope of the error over the number of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad  # noqa: F401  registers .fdgrad

ORDERS, ACCURACIES = (1, 2, 3, 4), (2, 4, 6, 8)
# Numbers of cells for which truncation errors dominate rounding errors.
CELLS = {2: (80, 160), 4: (60, 120), 6: (60, 120), 8: (80, 160)}
LENGTH = {2: 4.0, 4: 4.0, 6: 8.0, 8: 16.0}
ROUND = {2: (80, 160), 4: (40, 80), 6: (24, 48), 8: (16, 32)}
# Least slopes.  The margin is larger for order 8: fewer cells are too coarse, and with more cells
# rounding dominates.
LEAST = {2: 1.65, 4: 3.65, 6: 5.65, 8: 7.0}


def axis(kind: str, n: int, length: float) -> Any:
    s = np.linspace(0, 1, n)
    if kind == "stretched":
        s = s + 0.1 * np.sin(2 * np.pi * s) / (2 * np.pi) + 0.1 * s * (1 - s)
        s = s / s[-1]
    return length * s


def exact(x: Any, order: int) -> Any:
    return (np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x))[order % 4](x)


def slope(errors: list[float], cells: tuple[int, int]) -> float:
    return float(np.log(errors[0] / errors[1]) / np.log((cells[1] - 1) / (cells[0] - 1)))


@pytest.mark.parametrize("kind", ["even", "stretched"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("accuracy", ACCURACIES)
def test_every_order_and_accuracy_up_to_the_edges(kind: str, order: int, accuracy: int) -> None:
    cells = CELLS[accuracy]
    errors = []
    for n in cells:
        x = axis(kind, n, LENGTH[accuracy])
        f = xr.DataArray(np.sin(x), coords={"x": x}, dims="x")
        options: Any = {"accuracy": accuracy, "edge_order": 2}
        found = f.fdgrad.derivative("x", order, **options)
        errors.append(float(np.abs(found - exact(x, order)).max()))
    assert slope(errors, cells) > LEAST[accuracy]


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["even", "stretched"])
def test_a_periodic_axis_converges_everywhere(accuracy: int, order: int, kind: str) -> None:
    cells = ROUND[accuracy]
    errors = []
    for n in cells:
        x = np.linspace(0, 2 * np.pi, n)
        x = (x + 0.2 * np.sin(x) if kind == "stretched" else x)[:-1]
        f = xr.DataArray(np.sin(x), coords={"x": ("x", x, {"units": "radian"})}, dims="x")
        options: Any = {"accuracy": accuracy, "boundary": "periodic"}
        found = f.fdgrad.derivative("x", order, **options)
        errors.append(float(np.abs(found - exact(x, order)).max()))
    assert slope(errors, cells) > LEAST[accuracy]


@pytest.mark.parametrize("accuracy", [2, 4])
def test_boundaries_converge_to_the_extended_function(accuracy: int) -> None:
    # cos is its own mirror image about 0 and pi; sin is 0 one spacing beyond either end.
    cells = CELLS[accuracy]
    mirrored, beyond = [], []
    for n in cells:
        x = np.linspace(0, np.pi, n)
        f = xr.DataArray(np.cos(x), coords={"x": x}, dims="x")
        options: Any = {"accuracy": accuracy, "boundary": "reflect"}
        mirrored.append(float(np.abs(f.fdgrad.derivative("x", **options) + np.sin(x)).max()))
        inside = x[1:-1]
        g = xr.DataArray(np.sin(inside), coords={"x": inside}, dims="x")
        zero: Any = {"boundary": 0.0}
        beyond.append(float(np.abs(g.fdgrad.derivative("x", **zero) - np.cos(inside)).max()))
    assert slope(mirrored, cells) > LEAST[accuracy]
    assert slope(beyond, cells) > 1.65


def test_second_order_beside_a_gap() -> None:
    cells, errors = (80, 160), []
    for n in cells:
        x = axis("stretched", n, 4.0)
        f = xr.DataArray(np.sin(x), coords={"x": x}, dims="x")
        sea = f.where((x < 1.3) | (x > 2.1))
        found = sea.fdgrad.derivative("x", skipna=True, edge_order=2)
        assert bool((found.isnull() == sea.isnull()).all())
        errors.append(float(np.abs(found - np.cos(x)).max()))
    assert slope(errors, cells) > 1.65


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_columns_with_their_own_positions(order: int, accuracy: int) -> None:
    cells, errors = CELLS[accuracy], []
    for n in cells:
        depth = xr.DataArray(np.linspace(2.0, 5.0, 7), dims="x")
        s = xr.DataArray(axis("stretched", n, 1.0), dims="s")
        z = (depth * s).rename("z")
        f = xr.DataArray(np.sin(z), dims=z.dims, name="f")
        options: Any = {"accuracy": accuracy, "edge_order": 2, "spacing": {"s": z}}
        found = f.fdgrad.derivative("s", order, **options)
        errors.append(float(np.abs(found - exact(z, order)).max()))
    assert slope(errors, cells) > LEAST[accuracy]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("degree", range(7))
def test_order_two_is_exact_for_parabolas_on_any_grid(order: int, degree: int) -> None:
    x = np.sort(np.random.default_rng(degree).random(12)) * 3
    f = xr.DataArray(x**degree, coords={"x": x}, dims="x")
    found = f.fdgrad.derivative("x", order)
    polynomial = np.polynomial.Polynomial.basis(degree).deriv(order)(x)
    width = (order - 1) // 2 * 2 + 3
    inside = slice(width // 2, -(width // 2))
    if degree < width and (order > 1 or degree < 3):
        scale = np.abs(f.values).max() / np.diff(x).min() ** order
        np.testing.assert_allclose(found[inside], polynomial[inside], atol=1e-13 * scale)


@pytest.mark.parametrize("accuracy", [4, 6])
def test_findiff_on_an_uneven_axis(accuracy: int) -> None:
    import findiff

    x = axis("stretched", 60, 4.0)
    f = np.sin(x)
    peer = findiff.Diff(0, x, acc=accuracy)(f)
    array = xr.DataArray(f, coords={"x": x}, dims="x")
    found = array.fdgrad.derivative("x", accuracy=accuracy)
    inside = slice(accuracy, -accuracy)
    # findiff has the same weights inside, but wrong ones near the edges.
    np.testing.assert_allclose(found[inside], peer[inside], rtol=1e-9, atol=1e-11)
