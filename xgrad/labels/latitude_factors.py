"""Functions of latitude, with care at the poles.  numpy only, angles in radians.

Unit vectors east and north, latitude φ, longitude λ, radii of curvature N and M (both R on a
sphere), distance s along the meridian::

    eastward distance    N cos(φ) dλ         northward distance    ds = M dφ
    divergence   1/(N cos φ) du/dλ + dv/ds - v tan(φ)/N
    curl         1/(N cos φ) dv/dλ - du/ds + u tan(φ)/N
    Laplacian    1/(N cos φ)² d²f/dλ² + d²f/ds² - tan(φ)/N df/ds

On a sphere these are those of Holton and Hakim, *An Introduction to Dynamic Meteorology* (5th
edition, 2013), section 2.3 and appendix C; on an ellipsoid the scale factors of orthogonal
coordinates are ``N cos(φ)`` and M, and the derivative of the first along s is ``-sin(φ)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._typing import AnyArray

# Nearer to a pole than this (0.06 m) is at the pole.
_AT_THE_POLE = 1e-8


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


def per_mean(latitude: AnyArray, widths: AnyArray) -> AnyArray:
    """One over the widths of the parallels; at a pole, with the mean width of the half cell there.

    This closes the flux form: the sum of divergence times area over the sphere, with half a cell at
    each pole, is zero.

    Examples
    --------
    >>> phi = np.radians([90.0, 60.0, 0.0])
    >>> per_mean(phi, cosine(phi)).round(12)
    array([4., 2., 1.])
    """
    poles = at_pole(latitude)
    if not poles.any():
        return np.asarray(1 / widths)
    inner = np.where(poles, np.nan, widths)
    beside = np.fmax(np.r_[inner[1:], np.nan], np.r_[np.nan, inner[:-1]])
    return np.asarray(1 / np.where(poles, beside / 2, widths))
