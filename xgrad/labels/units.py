"""Unit strings as the CF conventions write them in ``attrs["units"]``."""

from __future__ import annotations

import re

# "m", "s-1", "m^2", "s**-2": a name with an exponent.  Factors are separated by a space, a dot or a
# star.  Anything else (a slash, a number) is kept whole, in brackets, as one name.
_FACTOR = re.compile(r"(?P<name>°?[^\W\d]+|[%°'\"]|\([^()]*\))(?:\^|\*\*)?(?P<power>[+-]?\d+)?")
_BETWEEN = re.compile(r"(?:[\s.]+|(?<!\*)\*(?!\*))(?![^()]*\))")

#: The UDUNITS name of each unit of time in numpy, whose "m" is a minute.
OF_TIME = {
    "W": "week",
    "D": "day",
    "h": "h",
    "m": "min",
    "s": "s",
    "ms": "ms",
    "us": "us",
    "ns": "ns",
    "ps": "ps",
    "fs": "fs",
    "as": "as",
}


def factors(units: str) -> dict[str, int]:
    """Split a unit into names and their exponents.

    Parameters
    ----------
    units : str
        As UDUNITS reads it.

    Returns
    -------
    dict of str to int
        A unit that is not understood is one name in brackets; a dimensionless one has no names.

    Examples
    --------
    >>> factors("m2 s-2"), factors("hours since 1900-01-01"), factors("(W/m2) m-1"), factors("1")
    ({'m': 2, 's': -2}, {'hours': 1}, {'(W/m2)': 1, 'm': -1}, {})
    """
    # "hours since 1900-01-01" measures hours; the origin drops out of any difference.
    units = re.split(r"\s+(?:since|after|from|ref)\s+|\s*@\s*", units.strip())[0]
    powers: dict[str, int] = {}
    for word in _BETWEEN.split(units):
        match = _FACTOR.fullmatch(word)
        if match is None:
            return {} if units in ("", "1") else {f"({units})": 1}
        name = match["name"]
        powers[name] = powers.get(name, 0) + int(match["power"] or 1)
    return powers


# Other spellings of a unit: the names of UDUNITS for those that spell out a symbol.
_SPELLINGS = {
    **dict.fromkeys(["metre", "metres", "meter", "meters"], "m"),
    **dict.fromkeys(["second", "seconds", "sec"], "s"),
    **dict.fromkeys(["kelvin", "degK", "deg_K"], "K"),
    **dict.fromkeys(["kilometre", "kilometres", "kilometer", "kilometers"], "km"),
}
_DEGREES = re.compile(r"degrees?_?(north|east|true|[NET])?")


def as_one(units: str) -> frozenset[tuple[str, int]]:
    """A unit in a form that does not depend on its spelling, to tell whether two are the same.

    Examples
    --------
    >>> as_one("K degrees_north-1") == as_one("degrees_east-1 K"), as_one("K m-1") == as_one("K")
    (True, False)
    """
    powers: dict[str, int] = {}
    for name, power in factors(units).items():
        one = "degree" if _DEGREES.fullmatch(name) else _SPELLINGS.get(name, name)
        powers[one] = powers.get(one, 0) + power
    return frozenset((name, power) for name, power in powers.items() if power)


def quotient(numerator: str, denominator: str) -> str:
    """The unit of a derivative: `numerator` per `denominator`.

    Parameters
    ----------
    numerator, denominator : str
        Units as UDUNITS reads them; ``"1"`` and ``""`` are dimensionless.

    Returns
    -------
    str
        Factors with integer exponents, as CF writes them.

    Examples
    --------
    >>> quotient("K", "s")
    'K s-1'
    >>> quotient("m s-1", "degrees_north")
    'm s-1 degrees_north-1'
    >>> quotient("m**2 s**-2", "m")
    'm s-2'
    >>> quotient("K", "hours since 1900-01-01")
    'K hours-1'
    >>> quotient("W/m2", "m"), quotient("m", "m")
    ('(W/m2) m-1', '1')
    """
    powers = factors(numerator)
    for name, power in factors(denominator).items():
        powers[name] = powers.get(name, 0) - power
    written = [name if power == 1 else f"{name}{power}" for name, power in powers.items() if power]
    return " ".join(written) or "1"
