"""Each row of the tables in docs/coming_from.md, run with data for which both sides are defined."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad

PAGE = (Path(__file__).parents[1] / "docs" / "coming_from.md").read_text()
MODULES = {"MetPy": "metpy.calc", "xgcm": "xgcm", "findiff": "findiff"}
# Largest difference between two sides, relative to the largest value.
EXACT, ROUNDED, NORTHWARD = 0.0, 1e-9, 7e-3


def rows() -> Iterator[Any]:
    """Other package, its cell and xgrad's, of each row that maps one call to another."""
    for section in PAGE.split("\n## ")[1:]:
        package, *lines = section.splitlines()
        for line in lines:
            if line.startswith("| `") and not line.split(" | ")[1].startswith("none"):
                theirs, ours = line.strip("| ").split(" | ")
                # xgcm compiles its interpolation at the first call.
                marks = [pytest.mark.thorough] if "transform" in theirs else []
                name = f"{package}: {code(theirs)[0]}"
                yield pytest.param(package, theirs, ours, id=name, marks=marks)


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def arrays(found: Any) -> list[np.ndarray]:
    """The numbers of whatever a package returns."""
    if isinstance(found, xr.Dataset):
        found = list(found.values())
    if isinstance(found, list | tuple):
        return [array for one in found for array in arrays(one)]
    data = found.data if isinstance(found, xr.DataArray) else found
    return [np.asarray(getattr(data, "magnitude", data))]


def axis(name: str, positions: Any, units: str) -> Any:
    return {name: (name, positions, {"units": units})}


RNG = np.random.default_rng(0)
X, Y = np.cumsum(RNG.uniform(0.5, 1.5, 12)), np.cumsum(RNG.uniform(0.5, 1.5, 10))
NOISE = RNG.normal(size=(12, 10))


def plane() -> dict[str, Any]:
    coords = axis("x", X, "m") | axis("y", Y, "m")
    da = xr.DataArray(NOISE, coords, ("x", "y"), "t", {"units": "K"})
    return {"da": da, "ds": da.to_dataset(), "values": NOISE, "x": X}


def parabola() -> dict[str, Any]:
    """Of which differences of differences and second differences are the same."""
    da = plane()["da"]
    squared = (da.x**2).broadcast_like(da).rename("t").assign_coords(da.coords)
    return {"da": squared, "values": squared.values, "x": X}


def series() -> dict[str, Any]:
    times = np.datetime64("2024-01-01", "ns") + (X * 3600e9).astype("m8[ns]")
    return {"da": xr.DataArray(NOISE[:, 0], {"time": times}, ("time",), "t")}


def earth() -> dict[str, Any]:
    coords = axis("latitude", np.arange(30.0, 60.5, 1), "degrees_north")
    coords |= axis("longitude", np.arange(0.0, 30.5, 1), "degrees_east")
    empty = xr.Dataset(coords=coords)
    p, e = np.deg2rad(empty.latitude), np.deg2rad(empty.longitude)
    fields = {"da": 9 * np.cos(2 * p) * np.sin(3 * e), "u": 9 * np.sin(3 * p) * np.cos(2 * e)}
    fields["v"] = 9 * np.cos(4 * p) * np.sin(2 * e)
    names = {"da": ("t", "K"), "u": ("u", "m/s"), "v": ("v", "m/s")}
    return {
        key: field.rename(names[key][0]).assign_attrs(units=names[key][1])
        for key, field in fields.items()
    }


def staggered() -> dict[str, Any]:
    """Cells between faces, at even steps; and levels at heights of their own."""
    from xgcm import Grid

    centres, faces = np.arange(1.0, 24, 2), np.arange(0.0, 25, 2)
    ds = xr.Dataset(coords={"x": centres, "x_f": faces, "s": np.arange(10)})
    for name, step in (("dx", 2.0), ("dxC", 0.5)):
        ds[name] = "x", np.full(12, step)
    for name, step in (("dx_f", 2.0), ("dxF", 0.5)):
        ds[name] = "x_f", np.full(13, step)

    def grid(metrics: Any = None, padding: str | dict[str, str] = "extend") -> Any:
        coords = {"X": {"center": "x", "outer": "x_f"}, "Z": {"center": "s"}}
        own = {("X",): ["dx", "dx_f"]} if metrics is None else metrics
        return Grid(ds, coords=coords, metrics=own, padding=padding, autoparse_metadata=False)

    def at_the_centres(**options: Any) -> Any:
        made = grid(**options)
        return made.derivative(made.interp(da, "X"), "X")

    da = xr.DataArray(NOISE[:, 0], {"x": centres}, ("x",), "t")
    return {"grid": grid(), "at_the_centres": at_the_centres, "da": da}


def column() -> dict[str, Any]:
    heights = xr.DataArray(Y**2, dims="s", name="z")
    da = xr.DataArray(3 * Y**2, {"s": np.arange(10), "z": heights}, ("s",), "t")
    levels = np.linspace(Y[0] ** 2, Y[-1] ** 2, 10)
    return {**staggered(), "da": da, "levels": levels}


def data(package: str, row: str) -> dict[str, Any]:
    if "ellipsoid" in row:
        return earth()
    if "time" in row:
        return series()
    if "not of five" in row:
        return parabola()
    if package == "xgcm":
        return column() if "transform" in row else staggered()
    return plane()


def peers(package: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(MODULES[package]) if package in MODULES else None
    return {"np": np, "xgrad": xgrad, "mpcalc": module, "Diff": getattr(module, "Diff", None)}


def evaluated(snippet: str, otherwise: str, names: dict[str, Any]) -> list[np.ndarray]:
    """Evaluate a call, or the other call with the keyword that stands in its place."""
    is_keyword = re.match(r"\w+=", snippet)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MetPy's of a dimension that the data lack
        call = otherwise.format(snippet) if is_keyword else snippet
        return arrays(eval(call, names))  # noqa: S307  of our own page


def tolerance(package: str, row: str) -> float:
    if "ellipsoid" in row:
        return NORTHWARD
    is_exact = package in {"numpy", "xarray"} and "time" not in row and "not of five" not in row
    return EXACT if is_exact else ROUNDED


@pytest.mark.parametrize(("package", "theirs", "ours"), list(rows()))
def test_a_row_gives_the_same_numbers(package: str, theirs: str, ours: str) -> None:
    row = theirs + ours
    names = peers(package) | data(package, row)
    expected = evaluated(code(theirs)[0], "at_the_centres({})", names)
    snippets = [snippet for snippet in code(ours) if "(" in snippet or "=" in snippet]
    for definition in [snippet for snippet in snippets if " = " in snippet]:
        exec(definition, names)  # noqa: S102
        snippets.remove(definition)
    has_other_edges = "inside" in row or "not of five" in row or "ellipsoid" in row
    for snippet in snippets:
        found = evaluated(snippet, 'da.fdgrad.derivative("x", {})', names)
        for one, other in zip(found, expected, strict=True):
            part = (slice(2, -2),) * one.ndim if has_other_edges else ...
            limit = tolerance(package, row) * np.abs(other).max()
            assert np.abs(one - other)[part].max() <= limit, snippet


def test_what_the_northward_derivative_of_metpy_has_too_much() -> None:
    """The ratio of the equator's radius to that of the meridian's curvature."""
    names = peers("MetPy") | earth()
    theirs = arrays(names["mpcalc"].geospatial_gradient(names["da"]))[1]
    ours = names["da"].fdgrad.gradient("latitude", metric="ellipsoid").dt_dlatitude
    squared = 0.00669437999014  # the eccentricity of WGS 84
    sine = np.sin(np.deg2rad(names["da"].latitude))
    factor = (1 - squared * sine**2) ** 1.5 / (1 - squared)
    inside = slice(2, -2), slice(2, -2)
    np.testing.assert_allclose(theirs[inside], (ours * factor).values[inside], rtol=1e-4)
