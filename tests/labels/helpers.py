"""What tests of units share."""

from __future__ import annotations

import pint

UNITS = pint.UnitRegistry(force_ndarray_like=True)  # as that of pint-xarray
