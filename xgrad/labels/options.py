"""The options of a derivative: the record of them, its checks, and the scheme of each dimension."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from xgrad._typing import Accuracy, Boundary, ConstantBy, DatetimeUnit
from xgrad.errors import CoordinateError
from xgrad.labels import fits, noise
from xgrad.labels.cf import full_turn
from xgrad.labels.ellipsoid import RADIUS
from xgrad.labels.quantities import is_quantity, number_in
from xgrad.labels.suggestions import did_you_mean
from xgrad.labels.times import seconds, unit_of_time
from xgrad.labels.units import OF_TIME
from xgrad.stencils.scheme import Scheme

_ACCURACIES = get_args(Accuracy)
_NAMED = ("one-sided", "periodic", "extend", "reflect", "nan")


def _is_one_of(value: Any, choices: tuple[int, ...]) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool | np.timedelta64) and value in choices


def _is_number(value: Any) -> bool:
    """Whether a value is a number that float64 or complex128 can hold."""
    if isinstance(value, bool | np.timedelta64):
        return False
    if not isinstance(value, int | float | complex | np.number):
        return False
    try:
        complex(value)
    except OverflowError:
        return False
    return True


@dataclass(frozen=True)
class Options:
    """The options of a derivative, as the user gave them.

    Attributes
    ----------
    order : int
        Order of the derivative.
    spacing, boundary, period : mappings or single values
        Per dimension; the keys are names of dimensions or of the coordinates asked for.
    window, bandwidth, polyorder, weights : mappings or single values
        Per dimension, as `boundary`: the polynomial that is fitted; see :mod:`xgrad.labels.fits`.
    uncertainty, sigma
        Whether standard errors are wanted, and for what noise; see :mod:`xgrad.labels.noise`.
    constant : mapping
        Per dimension, what is held constant instead of its index.
    edge_order, accuracy, skipna, validate, datetime_unit, metric, radius, constant_by
        See :func:`xgrad.gradient`.

    Examples
    --------
    >>> Options(boundary={"x": ("extend", 0)}).scheme("x").boundary
    ('extend', 0)
    """

    order: Any = 1
    spacing: Any = None
    edge_order: Any = 1
    datetime_unit: Any = None
    boundary: Any = "one-sided"
    period: Any = None
    skipna: Any = False
    accuracy: Any = 2
    window: Any = None
    bandwidth: Any = None
    polyorder: Any = None
    weights: Any = None
    uncertainty: Any = False
    sigma: Any = None
    validate: bool = True
    metric: Any = None
    radius: Any = None
    constant: Any = None
    constant_by: Any = "interpolation"

    def __post_init__(self) -> None:
        if not _is_one_of(self.edge_order, (1, 2)):
            raise ValueError(f"`edge_order` is {self.edge_order!r}; give 1 or 2")
        if not _is_one_of(self.order, (0, 1, 2, 3, 4)):
            raise ValueError(f"`order` is {self.order!r}; give 1, 2, 3 or 4")
        if not _is_one_of(self.accuracy, _ACCURACIES):
            raise ValueError(f"`accuracy` is {self.accuracy!r}; give 2, 4, 6 or 8")
        for argument in ("skipna", "uncertainty", "validate"):
            given = getattr(self, argument)
            if not isinstance(given, bool | np.bool_):
                # The repr of an array fills the screen.
                is_small = given is None or np.isscalar(given)
                shown = repr(given) if is_small else f"a {type(given).__name__}"
                also = ", and the noise itself as `sigma`" if argument == "uncertainty" else ""
                raise TypeError(f"`{argument}` is {shown}; give True or False{also}")
        object.__setattr__(self, "datetime_unit", unit_of_time(self.datetime_unit))
        noise.check(self)
        self._check_metric()
        self._check_constant()

    def _check_metric(self) -> None:
        if self.radius is None:
            return
        if not (isinstance(self.metric, str) and self.metric == "sphere"):
            given = (
                "without a `metric`" if self.metric is None else f"with `metric={self.metric!r}`"
            )
            raise ValueError(
                f"`radius` is {self.radius!r} {given}; give `metric='sphere'`, whose radius it is"
            )
        number = _is_number(self.radius) and not isinstance(
            self.radius, complex | np.complexfloating
        )
        if not number or not (math.isfinite(self.radius) and self.radius > 0):
            raise ValueError(f"`radius` is {self.radius!r}; give a positive number of metres")

    def _check_constant(self) -> None:
        if self.constant is not None and not isinstance(self.constant, Mapping):
            raise TypeError(
                f"`constant` is a {type(self.constant).__name__}; give a mapping of a dimension to "
                "what is held constant, such as {'s_rho': 'z_rho'}"
            )
        ways = get_args(ConstantBy)
        if self.constant_by not in ways:
            raise ValueError(
                f"`constant_by` is {self.constant_by!r}; give one of {ways}"
                f"{did_you_mean(self.constant_by, ways)}"
            )
        if not self.constant and self.constant_by != ways[0]:
            raise ValueError(
                f"`constant_by` is {self.constant_by!r} without `constant`; give `constant`, or "
                "leave it out"
            )

    def holding(self, constant: Mapping[Hashable, Any]) -> Options:
        """The same, with what is held constant."""
        return replace(self, constant=dict(constant))

    @property
    def length_of_radius(self) -> float:
        """`radius`, by default that of the Earth."""
        return RADIUS if self.radius is None else float(self.radius)

    @property
    def unit_of_time(self) -> DatetimeUnit:
        """`datetime_unit`, by default seconds."""
        unit: DatetimeUnit = self.datetime_unit or "s"
        return unit

    def require_known_names(self, names: Iterable[Hashable], dims: Iterable[Hashable]) -> None:
        """Refuse an option for a dimension that is not differentiated along.

        Parameters
        ----------
        names : iterable of hashable
            The dimensions or coordinates asked for.
        dims : iterable of hashable
            Their dimensions.

        Raises
        ------
        TypeError
            If `spacing` or `period` is not a mapping.
        CoordinateError
            If an option names anything else.
        ValueError
            If options do not go together.
        """
        spacing = self.spacing if isinstance(self.spacing, Mapping) else {}
        positions = [value for value in spacing.values() if isinstance(value, str)]
        known = [*dict.fromkeys([*names, *dims, *positions])]
        fits.require_one_way(self)
        noise.require_a_fit(self)
        for argument in ("spacing", "period", "boundary", *fits.PER_DIM):
            given = getattr(self, argument)
            single = argument in ("spacing", "period") and given is not None
            if single and not isinstance(given, Mapping):
                raise TypeError(
                    f"`{argument}` is {given!r}; give a mapping such as {{{known[0]!r}: {given!r}}}"
                )
            for key in given if isinstance(given, Mapping) else ():
                if key not in known:
                    raise CoordinateError(
                        f"`{argument}` names {key!r}, which is not among the dimensions asked "
                        f"for: {list(names)}{did_you_mean(key, known)}"
                    )

    def scheme(self, *names: Hashable) -> Scheme:
        """The scheme of the dimension that has one of `names`."""
        pair = self._boundary(names)
        return Scheme(
            int(self.order), int(self.accuracy), int(self.edge_order), bool(self.skipna), pair,
            fit=fits.fit_of(self, names),
        )  # fmt: skip

    def _boundary(self, names: tuple[Hashable, ...]) -> tuple[Boundary, Boundary]:
        given = self.boundary
        if isinstance(given, Mapping):
            given = next((given[name] for name in names if name in given), "one-sided")
        pair = tuple(given) if isinstance(given, tuple | list) else (given, given)
        if len(pair) != 2:
            raise ValueError(f"`boundary` is {given!r}; give one value or a (left, right) pair")
        for one in pair:
            if not (isinstance(one, str) and one in _NAMED) and not _is_number(one):
                raise ValueError(
                    f"`boundary` is {one!r}; give a number or one of {_NAMED}"
                    f"{did_you_mean(one, _NAMED)}"
                )
        if (pair[0] == "periodic") != (pair[1] == "periodic"):
            raise ValueError(
                f"`boundary` is {given!r}: a periodic dimension has no edge on either side; "
                "give 'periodic' for both"
            )
        return pair

    def full_period(self, units: Any, *names: Hashable, is_time: bool = False) -> float | None:
        """The period of the dimension that has one of `names`; None if it is not periodic.

        Parameters
        ----------
        units : str or anything
            Unit of its positions, if it is known.
        *names : hashable
            The dimension and its coordinates.
        is_time : bool, default: False
            Whether its positions are times.

        Raises
        ------
        TypeError, ValueError
            If the period is missing, is not wanted or is not a positive number.
        """
        given = next((self.period[name] for name in names if name in (self.period or {})), None)
        if "periodic" not in self._boundary(names):
            if given is not None:
                raise ValueError(
                    f"`period` is given for {names[0]!r}, whose `boundary` is not 'periodic'; give "
                    f"`boundary={{{names[0]!r}: 'periodic'}}` or leave it out"
                )
            return None
        if given is None:
            given = full_turn(units)
        if given is None:
            raise ValueError(
                f"`boundary` of {names[0]!r} is 'periodic', but its period is unknown (its units "
                f"are {units!r}); give `period={{{names[0]!r}: ...}}`"
            )
        return self._number_of(given, units, names[0], is_time=is_time)

    def _number_of(self, given: Any, units: Any, name: Hashable, *, is_time: bool) -> float:
        """A period as a number in the unit of the positions."""
        if is_quantity(given):
            units = OF_TIME[self.unit_of_time] if is_time else units
            given = number_in(given, units, f"`period` of {name!r}")
        if isinstance(given, dt.timedelta | np.timedelta64):
            if not is_time:
                raise TypeError(
                    f"`period` of {name!r} is {given!r}, but its positions are not times; give "
                    "a number in their unit"
                )
            try:
                length = np.timedelta64(given) / np.timedelta64(1, "s")
            except TypeError as error:
                raise TypeError(
                    f"`period` of {name!r} is {given!r}, which has no fixed length; give it in "
                    "days or shorter units"
                ) from error
            given = float(length / seconds(self.unit_of_time))
        if not _is_number(given) or isinstance(given, complex | np.complexfloating):
            raise TypeError(f"`period` of {name!r} is {given!r}; give a number")
        if not (math.isfinite(given) and given > 0):
            raise ValueError(f"`period` of {name!r} is {given!r}; give a positive number")
        return float(given)
