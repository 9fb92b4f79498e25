"""Distances and slopes on a sphere.  numpy only, angles in radians.

Unit vectors east and north, latitude φ, longitude λ, radius R::

    eastward distance    R cos(φ) dλ         northward distance    R dφ
    divergence   1/(R cos φ) du/dλ + 1/R dv/dφ - v tan(φ)/R
    curl         1/(R cos φ) dv/dλ - 1/R du/dφ + u tan(φ)/R
    Laplacian    1/(R cos φ)² d²f/dλ² + 1/R² d²f/dφ² - tan(φ)/R² df/dφ

Holton and Hakim, *An Introduction to Dynamic Meteorology* (5th edition, 2013), section 2.3 and
appendix C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._typing import AnyArray

#: Radius of the Earth in metres: that of the GRIB format and of most weather models.
RADIUS = 6371229.0

# Nearer to a pole than this (0.06 m) is at the pole.
_AT_THE_POLE = 1e-8

# Nearer to each other than this (6 micrometres) are two cells in one place.
_ONE_PLACE = 1e-12
#: What stands for the way between them: longer than any great circle.
OVER_A_REPEATED_PLACE = 4.0


def at_pole(latitude: AnyArray) -> AnyArray:
    """Which latitudes are poles.

    Examples
    --------
    >>> at_pole(np.radians([-90.0, 0.0, 89.999]))
    array([ True, False, False])
    """
    found: AnyArray = np.abs(np.abs(latitude) - np.pi / 2) < _AT_THE_POLE
    return found


def per_cosine(latitude: AnyArray, at_the_pole: Any = np.nan) -> AnyArray:
    """``1 / cos(φ)``, with another value at a pole.

    Examples
    --------
    >>> per_cosine(np.radians([0.0, 60.0, 90.0])).round(12)
    array([ 1.,  2., nan])
    """
    poles = at_pole(latitude)
    return np.where(poles, at_the_pole, 1 / np.where(poles, 1.0, np.cos(latitude)))


def tangent(latitude: AnyArray) -> AnyArray:
    """``tan(φ)``, or 0 at a pole.

    Examples
    --------
    >>> tangent(np.radians([-45.0, 90.0])).round(12)
    array([-1.,  0.])
    """
    poles = at_pole(latitude)
    return np.where(poles, 0.0, np.tan(np.where(poles, 0.0, latitude)))


def cosine(latitude: AnyArray) -> AnyArray:
    """``cos(φ)``, exactly 0 at a pole.

    Examples
    --------
    >>> cosine(np.radians([60.0, 90.0])).round(12)
    array([0.5, 0. ])
    """
    return np.where(at_pole(latitude), 0.0, np.cos(latitude))


def per_mean_cosine(latitude: AnyArray) -> AnyArray:
    """``1 / cos(φ)``; at a pole, with the mean cosine of the half cell beside it.

    This closes the flux form: the sum of divergence times area over the sphere, with half a cell at
    each pole, is zero.

    Examples
    --------
    >>> per_mean_cosine(np.radians([90.0, 60.0, 0.0])).round(12)
    array([4., 2., 1.])
    """
    poles = at_pole(latitude)
    cosines = cosine(latitude)
    if not poles.any():
        return np.asarray(1 / cosines)
    inner = np.where(poles, np.nan, cosines)
    beside = np.fmax(np.r_[inner[1:], np.nan], np.r_[np.nan, inner[:-1]])
    return np.asarray(1 / np.where(poles, beside / 2, cosines))


def arc(latitude: Any, longitude: Any, other_latitude: Any, other_longitude: Any) -> Any:
    """Angle between two places, by the haversine formula, which is precise for neighbours too.

    Examples
    --------
    >>> float(np.degrees(arc(0.0, 0.0, 0.0, np.pi / 2)).round(12))
    90.0
    """
    up = np.sin((other_latitude - latitude) / 2) ** 2
    across = np.sin((other_longitude - longitude) / 2) ** 2
    half = up + np.cos(latitude) * np.cos(other_latitude) * across
    return 2 * np.arcsin(np.sqrt(np.minimum(half, 1.0)))


def path(latitude: AnyArray, longitude: AnyArray, axis: int) -> AnyArray:
    """Angle travelled along an axis of a grid, from its first cell.

    It grows along the index, wherever the axis leads: a sign that depended on the place would
    change from row to row on a grid over a pole, and with the part of the grid that is loaded.
    Between two cells in one place it grows by ``OVER_A_REPEATED_PLACE``, by which they are known.

    Parameters
    ----------
    latitude, longitude : arrays of one shape
        In radians.
    axis : int
        Not negative.

    Examples
    --------
    >>> longitude, latitude = np.meshgrid(np.radians([0.0, 2.0, 4.0]), np.radians([60.0, 59.0]))
    >>> np.degrees(path(latitude, longitude, 1))[0].round(2)
    array([0., 1., 2.])
    >>> np.degrees(path(latitude, longitude, 0))[:, 0].round(2)
    array([0., 1.])
    """
    phi, lam = np.moveaxis(latitude, axis, 0), np.moveaxis(longitude, axis, 0)
    steps = arc(phi[:-1], lam[:-1], phi[1:], lam[1:])
    steps = np.where(steps <= _ONE_PLACE, OVER_A_REPEATED_PLACE, steps)
    travelled = np.concatenate([np.zeros_like(phi[:1]), np.cumsum(steps, axis=0)])
    return np.moveaxis(travelled, 0, axis)
