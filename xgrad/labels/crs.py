"""``metric``: the figure of the Earth, and places from projection coordinates, by pyproj."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.errors import CoordinateError
from xgrad.labels import cf
from xgrad.labels.ellipsoid import WGS84, Figure
from xgrad.labels.links import is_mapping
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.labels.suggestions import did_you_mean

_Labelled: TypeAlias = xr.DataArray | xr.Dataset

# The names of the places, if the data have projection coordinates only.
LATITUDE, LONGITUDE = "latitude", "longitude"

# The metrics that are not a CRS.
_FIGURES = ("sphere", "ellipsoid")

# Half the way around the Earth in kilometres, and a false origin: what is nearer to the origin of a
# map, and has no units, may be in kilometres or in metres.
_NEAR_THE_ORIGIN = 21000.0

# In degrees: places on another sphere or ellipsoid than that of the CRS differ by up to 0.2.
_SAME_PLACE = 0.25

_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0),
}


def placed(obj: _Labelled, options: Options) -> tuple[_Labelled, Place | None]:
    """The places of an object on the Earth, and the object with coordinates for them.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has latitude and longitude or, with a CRS as the metric, projection coordinates.
    options : Options
        As the caller gave them.

    Raises
    ------
    ImportError
        If the metric is a CRS and pyproj is not installed.
    CoordinateError
        If the CRS does not fit the coordinates, or as :meth:`Place.of`.

    Examples
    --------
    >>> da = xr.DataArray([[0.0, 1.0]], {"lat": [60.0], "lon": [0.0, 1.0]}, ("lat", "lon"))
    >>> placed(da, Options(metric="sphere"))[1].names
    ('lat', 'lon')
    """
    metric = options.metric
    if metric is None:
        return obj, None
    if isinstance(metric, str) and metric in _FIGURES:
        figure = Figure(options.length_of_radius) if metric == "sphere" else WGS84
        return obj, Place.of(obj, metric, figure)
    crs = crs_of(obj, metric)
    said = metric if isinstance(metric, str) else crs.name
    inverse = crs.ellipsoid.inverse_flattening
    figure = Figure(crs.ellipsoid.semi_major_metre, 1 / inverse if inverse else 0.0)
    x, y = (cf.meant(obj, axis, _lines(obj)) for axis in ("X", "Y"))
    if _has_places(obj):
        _refuse_a_projection(obj, crs, said)
        _refuse_other_places(obj, crs, said, x, y)
    else:
        obj = _with_places(obj, crs, said, x, y)
    own = [obj.coords[name] for name in (*x, *y)]
    return obj, Place.of(obj, said, figure, tuple(one.dims[0] for one in own if _decreases(one)))


def crs_of(obj: _Labelled, metric: Any) -> Any:
    """The pyproj CRS that a metric means.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the grid mapping, if that is the metric.
    metric : object
        ``"grid_mapping"``, or anything that pyproj takes.

    Raises
    ------
    ImportError
        If pyproj is not installed.
    ValueError
        If pyproj does not know it.
    CoordinateError
        If there is no grid mapping, or more than one.
    """
    try:
        import pyproj  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ImportError(
            f"`metric` is {metric!r}, not 'sphere' or 'ellipsoid'; a CRS needs pyproj: install "
            "xgrad[crs]"
        ) from error
    if isinstance(metric, str) and metric == "grid_mapping":
        crs = _mapped(obj, pyproj.CRS)
    else:
        try:
            crs = pyproj.CRS.from_user_input(metric)
        except pyproj.exceptions.CRSError as error:
            raise ValueError(
                f"`metric` is {metric!r}, which pyproj does not know as a CRS; give 'sphere', "
                "'ellipsoid', 'grid_mapping' or a CRS such as 'EPSG:3413'"
                f"{did_you_mean(metric, ['sphere', 'ellipsoid', 'grid_mapping'])}"
            ) from error
    if crs.ellipsoid is None or not (crs.is_projected or crs.is_geographic):
        raise CoordinateError(
            f"`metric` is {crs.name!r}, a {crs.type_name}; give a projected or a geographic CRS"
        )
    return crs


def without_places(obj: _Labelled, metric: Any) -> bool:
    """Whether a metric is a CRS, from which the data get their latitude and longitude.

    Examples
    --------
    >>> without_places(xr.DataArray([0.0], {"x": [0.0]}, "x"), "EPSG:3413")
    True
    """
    is_crs = metric is not None and not (isinstance(metric, str) and metric in _FIGURES)
    return is_crs and not _has_places(obj)


def behind(obj: _Labelled, name: Hashable, metric: Any) -> list[Hashable]:
    """The projection coordinates that a longitude or a latitude is made from, or the name itself.

    Examples
    --------
    >>> da = xr.DataArray([[0.0]], {"y": [0.0], "x": [0.0]}, ("y", "x"))
    >>> behind(da, "longitude", "EPSG:3413"), behind(da, "x", "EPSG:3413")
    (['x', 'y'], ['x'])
    """
    if name not in (LATITUDE, LONGITUDE) or not without_places(obj, metric):
        return [name]
    axes = [cf.meant(obj, axis, _lines(obj)) for axis in ("X", "Y")]
    return [axis[0] for axis in axes if axis] if all(axes) else [name]


def as_text(metric: Any) -> str | None:
    """A metric as a text, which may travel and be stored.

    Raises
    ------
    ImportError, ValueError, CoordinateError
        As :func:`crs_of`.

    Examples
    --------
    >>> as_text("sphere"), as_text(None)
    ('sphere', None)
    """
    if metric is None or isinstance(metric, str):
        return metric
    text: str = crs_of(xr.Dataset(), metric).to_wkt()
    return text


def _mapped(obj: _Labelled, kind: Any) -> Any:
    """The CRS that the data name by CF's attribute ``grid_mapping``, or the only one there is."""
    variables = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    data = obj.data_vars.values() if isinstance(obj, xr.Dataset) else [obj]
    named = {
        name.rstrip(":")
        for one in data
        for name in str({**one.encoding, **one.attrs}.get("grid_mapping", "")).split()[:1]
    }
    lost = sorted(named - set(map(str, variables)))
    if lost:
        raise CoordinateError(
            f"`metric` is 'grid_mapping', but the grid mapping {lost[0]!r} is not a coordinate of "
            f"the data; use `ds.set_coords({lost[0]!r})` before you select a variable, or give the "
            "CRS as `metric`"
        )
    chosen = [one for name, one in variables.items() if is_mapping(one)]
    if named:
        chosen = [variables[name] for name in named]
    found = [kind.from_cf(one.attrs) for one in chosen]
    # The index that xproj gives to a coordinate knows its CRS.
    found += [index.crs for index in obj.xindexes.values() if isinstance(_crs_in(index), kind)]
    different = [crs for k, crs in enumerate(found) if crs not in found[:k]]
    if len(different) != 1:
        why = [crs.name for crs in different] if different else "no variable has one"
        raise CoordinateError(
            f"`metric` is 'grid_mapping', but there must be one grid mapping: {why}; give the CRS "
            "as `metric`"
        )
    return different[0]


def _crs_in(index: Any) -> Any:
    return getattr(index, "crs", None)


def _lines(obj: _Labelled) -> list[Hashable]:
    return [name for name, coord in obj.coords.items() if coord.ndim == 1]


def _has_places(obj: _Labelled) -> bool:
    return all(cf.meant(obj, kind, obj.coords) for kind in (LATITUDE, LONGITUDE))


def _decreases(coord: xr.DataArray) -> bool:
    return coord.size > 1 and bool(coord[-1].item() < coord[0].item())


def _refuse_a_projection(obj: _Labelled, crs: Any, said: str) -> None:
    """Refuse a projected CRS for data on a grid of latitude and longitude."""
    names = [cf.meant(obj, kind, obj.coords)[0] for kind in (LATITUDE, LONGITUDE)]
    if crs.is_projected and all(name in obj.dims for name in names):
        raise CoordinateError(
            f"`metric` is {said!r}, a projected CRS, but the data are on a grid of {names[0]!r} "
            f"and {names[1]!r}; give 'ellipsoid', 'sphere' or a geographic CRS such as "
            f"{crs.geodetic_crs.name!r}"
        )


def _with_places(
    obj: _Labelled, crs: Any, said: str, x: list[Hashable], y: list[Hashable]
) -> _Labelled:
    """The same with coordinates of latitude and longitude, of two dimensions."""
    if crs.is_geographic and not crs.is_derived:
        raise CoordinateError(
            f"`metric` is {said!r}, a geographic CRS, but the data have no latitude and longitude "
            f"among {list(obj.coords)}; give the projected CRS of the data, or name latitude and "
            "longitude by the units 'degrees_north' and 'degrees_east'"
        )
    if len(x) != 1 or len(y) != 1 or obj.coords[x[0]].dims == obj.coords[y[0]].dims:
        raise CoordinateError(
            f"`metric` is {said!r}, but the projection coordinates along x and y are not clear: "
            f"{x} and {y}; give one the standard_name 'projection_x_coordinate', the other "
            "'projection_y_coordinate'"
        )
    for name in (LATITUDE, LONGITUDE):
        if name in obj.dims or name in obj.coords:
            raise CoordinateError(
                f"`metric` is {said!r}, which gives the data a coordinate {name!r}, but they have "
                "another one; rename it, or give it the units of a latitude or longitude"
            )
    own = [obj.coords[x[0]], obj.coords[y[0]]]
    _require_clear_units(own, crs, said)
    sides = [
        _chunked(obj, one) * _scale(one, axis, said)
        for one, axis in zip(own, crs.axis_info, strict=False)
    ]
    latitude, longitude = xr.apply_ufunc(
        _inverse, *sides[::-1], kwargs={"wkt": crs.to_wkt()}, output_core_dims=[[], []],
        dask="parallelized", output_dtypes=[float, float],
    )  # fmt: skip
    latitude.attrs, longitude.attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
    return obj.assign_coords({LATITUDE: latitude, LONGITUDE: longitude})


def _chunked(obj: _Labelled, coord: xr.DataArray) -> xr.Variable:
    """A coordinate in the chunks of the data along it, if they are lazy."""
    known = obj.chunksizes if isinstance(obj, xr.Dataset) else obj.variable.chunksizes
    variable = xr.Variable(coord.dims, coord.values)
    (dim,) = coord.dims
    return variable.chunk({dim: known[dim]}) if dim in known else variable


def _require_clear_units(own: list[xr.DataArray], crs: Any, said: str) -> None:
    """Refuse coordinates without units that may be in kilometres."""
    bare = [one for one in own if one.attrs.get("units") is None]
    if not bare or crs.axis_info[0].unit_name == "degree":
        return
    farthest = max(float(np.nanmax(np.abs(one.values), initial=0.0)) for one in bare)
    if farthest <= _NEAR_THE_ORIGIN:
        names = [one.name for one in bare]
        also = f", and that of {names[1]!r}" if len(names) > 1 else ""
        raise CoordinateError(
            f"`metric` is {said!r}, but coordinates {names} have no units and are at most "
            f"{farthest:g}: kilometres, or metres near the origin of the map; set "
            f"`ds[{names[0]!r}].attrs['units'] = 'km'` or `'m'`{also}"
        )


def _refuse_other_places(
    obj: _Labelled, crs: Any, said: str, x: list[Hashable], y: list[Hashable]
) -> None:
    """Refuse a CRS that puts the corners of a grid elsewhere than its latitudes and longitudes."""
    found = [cf.meant(obj, kind, obj.coords) for kind in (LATITUDE, LONGITUDE)]
    if (crs.is_geographic and not crs.is_derived) or any(len(one) != 1 for one in (x, y, *found)):
        return
    own = [obj.coords[y[0]], obj.coords[x[0]]]
    places = [obj.coords[one] for (one,) in found]
    scales = [_scale_of(one, axis) for one, axis in zip(own[::-1], crs.axis_info, strict=False)]
    dims = tuple(one.dims[0] for one in own)
    fits = all(one.chunks is None and set(one.dims) == set(dims) for one in places)
    if not fits or len(set(dims)) < 2 or None in scales:
        return
    ends = [0, -1]
    corners = [one[dict.fromkeys(dims, ends)].transpose(*dims) for one in places]
    theirs = [
        np.degrees(one.values) if cf.is_radians(one.attrs.get("units")) else one.values
        for one in corners
    ]
    rows, columns = (one.values[ends] * by for one, by in zip(own, scales[::-1], strict=True))
    ours = _inverse(rows[:, None], columns, crs.to_wkt())
    apart = np.degrees(Figure(1.0).arc(*(np.radians(one) for one in (*theirs, *ours))))
    if np.nanmax(apart, initial=0.0) <= _SAME_PLACE:
        return
    # Of corners that are equally far apart, the first; their last bits depend on the machine.
    k, m = np.unravel_index(int(np.nanargmax(np.round(apart, 9))), apart.shape)
    here, there = (f"{one[0][k, m]:.2f}, {one[1][k, m]:.2f}" for one in (theirs, ours))
    corner = f"{y[0]!r} = {own[0].values[-k]:.7g}, {x[0]!r} = {own[1].values[-m]:.7g}"
    raise CoordinateError(
        f"`metric` is {said!r}, which puts the corner {corner} at latitude and longitude {there}, "
        f"but {places[0].name!r} and {places[1].name!r} are {here} there; give the CRS of the "
        f"data, correct the `units` of {x[0]!r} and {y[0]!r}, or drop the coordinates that are "
        "wrong"
    )


def _scale(coord: xr.DataArray, axis: Any, said: str) -> float:
    """A projection coordinate's unit, in that of an axis of the CRS."""
    found = _scale_of(coord, axis)
    if found is None:
        raise CoordinateError(
            f"`metric` is {said!r}, whose axes are in {axis.unit_name!r}, but {coord.name!r} has "
            f"units {coord.attrs['units']!r}; convert it, or correct its attribute `units`"
        )
    return found


def _scale_of(coord: xr.DataArray, axis: Any) -> float | None:
    """The same; None if the units do not fit the axis."""
    units, factor = coord.attrs.get("units"), axis.unit_conversion_factor
    if units is None or (units, axis.unit_name) == ("degrees", "degree"):
        return 1.0
    if axis.unit_name == "degree":  # of a rotated pole
        if cf.is_an_angle(units):
            return 180 / np.pi if cf.is_radians(units) else 1.0
    elif units in _METRES:
        return _METRES[units] / float(factor)
    return None


def _inverse(y: AnyArray, x: AnyArray, wkt: str) -> tuple[AnyArray, AnyArray]:
    """Latitude and longitude in degrees; NaN where the projection has no place."""
    import pyproj  # noqa: PLC0415  an extra

    crs = pyproj.CRS(wkt)
    # The geodetic CRS of a rotated pole is the rotated one itself.
    base = crs.source_crs if crs.is_geographic else crs.geodetic_crs
    to_places = pyproj.Transformer.from_crs(crs, base, always_xy=True)
    both = np.broadcast_arrays(x, y)
    longitude, latitude = to_places.transform(both[0], both[1])
    inside = np.isfinite(longitude) & np.isfinite(latitude)
    return np.where(inside, latitude, np.nan), np.where(inside, longitude, np.nan)
