"""The figure of the Earth, a sphere or an ellipsoid of revolution.  numpy only, angles in radians.

With the semi-major axis a, the flattening f and the eccentricity e, ``e² = f (2 - f)``, the two
radii of curvature at latitude φ are::

    across the meridian    N = a / sqrt(1 - e² sin²(φ))
    along the meridian     M = N (1 - e²) / (1 - e² sin²(φ))

A sphere has f = 0.  J. P. Snyder, *Map Projections: A Working Manual* (1987), chapter 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xgrad._typing import AnyArray

#: Radius of the Earth in metres: that of the GRIB format and of most weather models.
RADIUS = 6371229.0

# Nearer to each other than this, in semi-major axes, are two cells in one place: 6 micrometres.
_ONE_PLACE = 1e-12
#: What stands for the way between them, and for that to a missing place: longer than any great
#: circle, in semi-major axes.
NO_WAY, NOWHERE = 4.0, 8.0
# Cells whose paths are computed at once.
_CELLS_OF_A_STRIP = 2**17


class Figure(NamedTuple):
    """An ellipsoid of revolution.

    Attributes
    ----------
    semi_major : float
        The radius of the equator, in metres.
    flattening : float, default: 0
        That of a sphere is 0.

    Examples
    --------
    >>> float(Figure(2.0).arc(0.0, 0.0, 0.0, np.pi / 2).round(12))
    3.14159265359
    """

    semi_major: float
    flattening: float = 0.0

    @property
    def _squared_eccentricity(self) -> float:
        return self.flattening * (2 - self.flattening)

    def widening(self, latitude: Any) -> Any:
        """``N / a``: how much wider than on a sphere of radius a the parallels are.

        Examples
        --------
        >>> earth = Figure(6378137.0, 1 / 298.257223563)
        >>> earth.widening(np.radians([0.0, 90.0])).round(6)
        array([1.      , 1.003364])
        """
        return 1 / np.sqrt(1 - self._squared_eccentricity * np.sin(latitude) ** 2)

    def meridian(self, middle: AnyArray, steps: AnyArray | float) -> Any:
        """Length of pieces of a meridian, by Helmert's series; its error is below 1 µm.

        Parameters
        ----------
        middle : array of shape (n,)
            The latitudes halfway.
        steps : float or array of shape (n,)
            The differences of latitude.

        Returns
        -------
        float or array of shape (n,)
            In metres; a float if `steps` is one and all lengths are the same, as on a sphere.

        References
        ----------
        F. R. Helmert, *Die mathematischen und physikalischen Theorieen der höheren Geodäsie*
        (1880), volume 1, section 1.7.

        Examples
        --------
        >>> earth = Figure(6378137.0, 1 / 298.257223563)
        >>> float(earth.meridian(np.pi / 4, np.pi / 2).round(3))
        10001965.729
        """
        if self.flattening == 0:
            return steps * self.semi_major
        n = self.flattening / (2 - self.flattening)
        series = {
            2: -3 / 2 * (n - n**3 / 8), 4: 15 / 16 * (n**2 - n**4 / 4), 6: -35 / 48 * n**3,
            8: 315 / 512 * n**4,
        }  # fmt: skip
        # Differences of sin(k φ) as products, which keep all digits of a short step.
        waves = sum(
            2 * weight * np.cos(k * middle) * np.sin(k * steps / 2) for k, weight in series.items()
        )
        mean = 1 + n**2 / 4 + n**4 / 64
        return self.semi_major / (1 + n) * (mean * steps + waves)

    def normal(self, latitude: Any, longitude: Any) -> list[Any]:
        """The vertical, as a vector of length 1 in space.

        Examples
        --------
        >>> [float(x) for x in Figure(1.0).normal(0.0, 0.0)]
        [1.0, 0.0, 0.0]
        """
        return self.normal_of(
            np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
        )

    @staticmethod
    def normal_of(up: Any, across: Any, sine: Any, cosine: Any) -> list[Any]:
        """The same from sine and cosine of the latitude, and of the longitude.

        Examples
        --------
        >>> Figure.normal_of(0.0, 1.0, 0.0, 1.0)
        [1.0, 0.0, 0.0]
        """
        return [across * cosine, across * sine, up]

    def point(self, normal: list[Any]) -> list[Any]:
        """The place in space that has a vertical: three coordinates in metres.

        Examples
        --------
        >>> flat = Figure(2.0, 0.5)
        >>> [float(x) for x in flat.point(flat.normal(np.pi / 2, 0.0))][2]
        1.0
        """
        x, y, z = normal
        squared = self._squared_eccentricity
        radius: Any = self.semi_major
        if squared:
            radius = radius / np.sqrt(1 - squared * z**2)
        return [radius * x, radius * y, (1 - squared) * radius * z]

    def arc(self, latitude: Any, longitude: Any, other_latitude: Any, other_longitude: Any) -> Any:
        """Shortest distance between two places along the surface, in metres.

        It is the arc over their chord, with the curvature of the surface half-way between them, in
        the direction of the chord.  That is exact on a sphere.  On the Earth's ellipsoid its error
        is below 1e-9 of the distance up to 300 km, and below 1e-6 up to 2000 km.

        Examples
        --------
        >>> earth = Figure(6378137.0, 1 / 298.257223563)
        >>> float(earth.arc(0.0, 0.0, 0.0, np.radians(1.0)).round(3))
        111319.491
        """
        one = self.normal(latitude, longitude)
        other = self.normal(other_latitude, other_longitude)
        return self._arc((one, self.point(one)), (other, self.point(other)))

    def path(self, latitude: AnyArray, longitude: AnyArray, axis: int) -> AnyArray:
        """Distance travelled along an axis of a grid, from its first cell, in metres.

        It grows along the index, wherever the axis leads: a sign that depended on the place would
        change from row to row on a grid over a pole, and with the part of the grid that is loaded.
        Between two cells in one place it grows by ``NO_WAY``, and beside a missing one by
        ``NOWHERE``, times the semi-major axis, by which they are known.

        Parameters
        ----------
        latitude, longitude : arrays of one shape
            In radians.
        axis : int
            Not negative.

        Examples
        --------
        >>> lon, lat = np.meshgrid(np.radians([0.0, 2.0, 4.0]), np.radians([60.0, 59.0]))
        >>> np.degrees(Figure(1.0).path(lat, lon, 1))[0].round(2)
        array([0., 1., 2.])
        """
        phi, lam = np.moveaxis(latitude, axis, 0), np.moveaxis(longitude, axis, 0)
        travelled = np.empty_like(phi)
        step = max(1, _CELLS_OF_A_STRIP * phi.shape[-1] // max(1, phi.size))
        for start in range(0, phi.shape[-1] if phi.ndim > 1 else 1, step):
            # What is computed on the way is fifteen times as large as the result.
            strip = (..., slice(start, start + step)) if phi.ndim > 1 else ...
            travelled[strip] = self._travelled(phi[strip], lam[strip])
        return np.moveaxis(travelled, 0, axis)

    def _travelled(self, phi: AnyArray, lam: AnyArray) -> AnyArray:
        """The same along the first axis."""
        normal = self.normal(phi, lam)
        point = self.point(normal)
        below = [x[:-1] for x in normal], [x[:-1] for x in point]
        above = [x[1:] for x in normal], [x[1:] for x in point]
        steps = self._arc(below, above)
        steps = np.where(steps > _ONE_PLACE * self.semi_major, steps, NO_WAY * self.semi_major)
        missing = np.isnan(phi + lam)
        steps[missing[1:] | missing[:-1]] = NOWHERE * self.semi_major
        return np.concatenate([np.zeros_like(phi[:1]), np.cumsum(steps, axis=0)])

    def _arc(self, one: tuple[list[Any], list[Any]], other: tuple[list[Any], list[Any]]) -> Any:
        """The same from normals and points."""
        x, y, z = (b - a for a, b in zip(one[1], other[1], strict=True))
        squared = x**2 + y**2 + z**2
        chord = np.sqrt(squared)
        if self.flattening == 0:
            curvature: Any = 1 / self.semi_major
        else:
            a, b, c = (m + n for m, n in zip(one[0], other[0], strict=True))
            # The direction: the squared eastward part of the chord.  It has no meaning, and no
            # influence, at a pole and between two equal places.
            with np.errstate(divide="ignore", invalid="ignore"):
                eastward = (a * y - b * x) ** 2 / ((a**2 + b**2) * squared)
                sine = c**2 / (a**2 + b**2 + c**2)
            eastward = np.where(np.isfinite(eastward), eastward, 0.0)
            curvature = self._curvature(np.where(np.isfinite(sine), sine, 1.0), eastward)
        return 2 / curvature * np.arcsin(np.minimum(curvature * chord / 2, 1.0))

    def _curvature(self, sine: Any, eastward: Any) -> Any:
        """Euler's formula for the curvature in a direction, from sin²(φ) and its eastward part."""
        ratio = 1 - self._squared_eccentricity * sine
        across = np.sqrt(ratio) / self.semi_major
        along = across * ratio / (1 - self._squared_eccentricity)
        return eastward * across + (1 - eastward) * along


#: The ellipsoid of GPS and of most maps.
WGS84 = Figure(6378137.0, 1 / 298.257223563)
