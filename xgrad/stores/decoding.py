"""Decoding of files whose CF attributes are not texts, which xarray cannot decode.

Attributes of HDF5 and Zarr can be lists.  Some writers give a list of
words where the conventions have a text, as in ``coordinates``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgrad.errors import CoordinateWarning, warn

#: Keywords of :func:`xarray.open_dataset` that are also those of :func:`xarray.decode_cf`.
KEYWORDS = frozenset({
    "concat_characters", "mask_and_scale", "decode_times", "decode_coords", "drop_variables",
    "use_cftime", "decode_timedelta",
})  # fmt: skip
# Attributes that xarray takes apart into words.
_OF_WORDS = (
    "coordinates", "bounds", "grid_mapping", "cell_measures", "ancillary_variables",
    "formula_terms", "climatology",
)  # fmt: skip


def decoded(raw: xr.Dataset, keywords: Mapping[str, Any]) -> xr.Dataset:
    """Decode a Dataset, in which a list of words is read as a text, and a number as nothing.

    Parameters
    ----------
    raw : Dataset
        Opened with ``decode_cf=False``.
    keywords : mapping
        Those of :func:`xarray.open_dataset`.

    Warns
    -----
    CoordinateWarning
        For each attribute that is not text.

    Examples
    --------
    >>> raw = xr.Dataset({"t": ("x", [1.0], {"coordinates": ["lat"]}), "lat": ("x", [2.0])})
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", CoordinateWarning)
    ...     list(decoded(raw, {}).data_vars)
    ['t']
    """
    found = raw.copy()
    for name, variable in found.variables.items():
        for key in _OF_WORDS:
            value = variable.attrs.get(key, "")
            if isinstance(value, str):
                continue
            words = np.ravel(value).tolist()
            are_words = all(isinstance(one, str) for one in words)
            if are_words:
                variable.attrs[key] = " ".join(words)
            else:
                del variable.attrs[key]
            warn(
                f"the attribute {key!r} of {name!r} is not text but {words}, and is "
                + ("read as one" if are_words else "left out"),
                CoordinateWarning,
            )
    own = {key: value for key, value in keywords.items() if key in KEYWORDS}
    return xr.decode_cf(found, **own)
