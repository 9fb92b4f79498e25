"""Variables on an unstructured mesh, as the UGRID conventions mark them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels import cf


def refuse(
    obj: xr.DataArray | xr.Dataset,
    variables: Mapping[Hashable, xr.Variable],
    dims: Iterable[Hashable],
) -> None:
    """Refuse a derivative along the cells of a mesh, whose numbers are in no order.

    Parameters
    ----------
    obj : DataArray or Dataset
        May have the topology of the mesh, which names the dimension of its cells.
    variables : mapping of hashable to Variable
        The variables to differentiate.
    dims : iterable of hashable
        The dimensions to differentiate along.

    Raises
    ------
    CoordinateError
        If a variable with the attributes ``mesh`` and ``location`` is on the mesh along one.

    Examples
    --------
    >>> t = xr.DataArray([[0.0, 1.0]], dims=("time", "cell"), name="t")
    >>> t.attrs = {"mesh": "ocean", "location": "face"}
    >>> refuse(t, {"t": t.variable}, ["time"])
    """
    asked = list(dims)
    for name, variable in variables.items():
        mesh, location = (variable.attrs.get(key) for key in ("mesh", "location"))
        if not (isinstance(mesh, str) and isinstance(location, str)):
            continue
        for dim in _dims_of_cells(obj, variable, mesh, location):
            if dim in asked:
                raise CoordinateError(
                    f"{name!r} is on the {location}s of the unstructured mesh {mesh!r} along "
                    f"{dim!r}, whose neighbours are not those of the index; uxarray has gradients "
                    "on meshes, or name other dimensions in `dim`"
                )


def _dims_of_cells(
    obj: xr.DataArray | xr.Dataset, variable: xr.Variable, mesh: str, location: str
) -> list[Hashable]:
    """The dimension of the mesh, as its topology or the places of the cells show it.

    Without either, each dimension without a coordinate that is neither time nor vertical, or the
    only one that is left.
    """
    known = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    topology = known[mesh].attrs if mesh in known else {}
    named = topology.get(f"{location}_dimension")
    places = str(topology.get(f"{location}_coordinates", "")).split()
    places += [str(one) for one in cf.meant(obj, "longitude", obj.coords)]
    lines = [known[place].dims for place in places if place in known and known[place].ndim == 1]
    found = [named, *(line[0] for line in lines)]
    on_mesh = [dim for dim in variable.dims if dim in found]
    others = [*cf.meant(obj, "T", variable.dims), *cf.meant(obj, "Z", variable.dims)]
    rest = [dim for dim in variable.dims if dim not in others]
    bare = [dim for dim in rest if dim not in obj.coords]
    return on_mesh or bare or (rest if len(rest) == 1 else [])
