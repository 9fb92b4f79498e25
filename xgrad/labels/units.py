"""Unit strings: those that people write are read, and CF's form is written."""

from __future__ import annotations

import functools
import re
from decimal import Context, Decimal
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

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

# Words, in the singular, for the symbols of UDUNITS.  Only words: "C" is a coulomb, "d" may be a
# day or a name of the user's own.
_WORDS = {
    "metre": "m", "meter": "m", "gram": "g", "gramme": "g", "second": "s", "sec": "s",
    "minute": "min", "hour": "h", "hr": "h", "kelvin": "K", "degK": "K", "deg_K": "K",
    "degree_K": "K", "degree_Kelvin": "K", "°C": "degC", "deg_C": "degC", "degree_C": "degC",
    "celsius": "degC", "degree_Celsius": "degC", "degree_celsius": "degC", "pascal": "Pa",
    "newton": "N", "joule": "J", "watt": "W", "volt": "V", "mole": "mol", "hertz": "Hz",
    "radian": "rad", "percent": "%", "week": "week", "day": "day",
}  # fmt: skip
_PREFIXES = {
    "giga": "G", "mega": "M", "kilo": "k", "hecto": "h", "deca": "da", "deci": "d", "centi": "c",
    "milli": "m", "micro": "u", "nano": "n", "pico": "p",
}  # fmt: skip
_DEGREES = re.compile(r"degrees?_?(north|east|true|[NET])?")

# Numbers of few digits, so that no text takes long to read.
_NUMBER = re.compile(r"(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?")
_NAME = re.compile(r"°?[^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹]+|[%°'\"]")
_POWER = re.compile(r"(?:\^|\*\*)?(?P<plain>[+-]?[0-9]{1,2})|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2})")
_POWER_OF_A_NUMBER = re.compile(r"(?:\^|\*\*)(?P<plain>[+-]?[0-9]{1,2})(?P<raised>)")
_STRAY = re.compile(r"[\d.⁰¹²³⁴⁵⁶⁷⁸⁹]")
_SLASH = re.compile(r"\s*/\s*|\s+per\s+")
_TIMES = re.compile(r"\s*[.·⋅]\s*|\s*(?<!\*)\*(?!\*)\s*|\s+")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_LONGEST = 200


class Unit(NamedTuple):
    """A unit as a product.

    Attributes
    ----------
    scale : Fraction
        The number in front, 1/100 for ``1 / (100 km)``.
    powers : dict of str to int
        The exponent of each name.  A part that is not understood is one name in brackets.
    """

    scale: Fraction
    powers: dict[str, int]

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """The product with another unit, or with its reciprocal if `sign` is -1."""
        powers = dict(self.powers)
        for name, power in other.powers.items():
            powers[name] = powers.get(name, 0) + sign * power
        return Unit(self.scale * other.scale**sign, powers)

    def to_the(self, power: int) -> Unit:
        """A power of the unit."""
        return Unit(self.scale**power, {name: power * own for name, own in self.powers.items()})

    def __str__(self) -> str:
        """As CF writes it: a number if there is one, and names with integer exponents."""
        names = [name if p == 1 else f"{name}{p}" for name, p in self.powers.items() if p]
        number = [] if self.scale == 1 and names else [_decimal(self.scale)]
        return " ".join([*number, *names])


_ONE = Unit(Fraction(1), {})


class _UnclearError(Exception):
    """A text is not a unit, or could mean two."""


def read(units: str) -> Unit:
    """Read a unit.

    Parameters
    ----------
    units : str
        A product of names with exponents and of at most one number, which comes first, divided by
        single factors: ``"m s-1"``, ``"m s**-1"``, ``"m/s"``, ``"K/(100 km)"``, ``"1e-5 s-1"``.
        Words become symbols (``"meters"``, ``"m"``).  A product after a slash, as in ``"J/kg K"``,
        could mean two units and is not understood.

    Returns
    -------
    Unit
        If `units` is not understood, it is one name in brackets.

    Examples
    --------
    >>> read("m2 s-2").powers, read("K/(100 km)").scale, read("hours since 1900-01-01").powers
    ({'m': 2, 's': -2}, Fraction(1, 100), {'h': 1})
    >>> str(read("W/m2")), str(read("1e-5 1/s")), str(read("J/kg K")), str(read("meters per day"))
    ('W m-2', '(1e-5 1/s)', '(J/kg K)', 'm day-1')
    """
    # "hours since 1900-01-01" measures hours; the origin drops out of any difference.
    text = re.split(r"\s+(?:since|after|from|ref)\s+|\s*@\s*", units.strip())[0]
    if text in ("", "dimensionless"):
        return _ONE
    try:
        found, end = _quotient(text, 0)
        if len(text) > _LONGEST or end != len(text):
            raise _UnclearError
    except _UnclearError:
        return _as_a_name(text)
    return found


def _as_a_name(text: str) -> Unit:
    """A text that is not understood as one name in brackets, which reads as the same name."""
    if not _is_nested(text):
        text = text.replace("(", "[").replace(")", "]")
    return Unit(Fraction(1), {f"({text})": 1})


def _is_nested(text: str) -> bool:
    depths = list(accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in text))
    return not depths or (min(depths) >= 0 and depths[-1] == 0)


def _quotient(text: str, at: int) -> tuple[Unit, int]:
    """A product, and the single factors that it is divided by."""
    found, at = _factor(text, at, number=True)
    divided = False
    while at < len(text) and text[at] != ")":
        slash, times = _SLASH.match(text, at), _TIMES.match(text, at)
        if slash:
            # No number here: "s^-1/2" may mean a root, "K/100 km" one or the other.
            other, at = _factor(text, slash.end(), number=False)
            found, divided = found.times(other, -1), True
        elif divided:
            raise _UnclearError  # "J/kg K": is the kelvin above or below?
        else:
            tight = text[at - 1].isdigit() and not found.powers  # "100km"
            if not (times or tight):
                raise _UnclearError
            other, at = _factor(text, times.end() if times else at, number=False)
            found = found.times(other)
    if any(abs(power) > 99 for power in found.powers.values()):
        raise _UnclearError
    _decimal(found.scale)  # can be written
    return found, at


def _factor(text: str, at: int, *, number: bool) -> tuple[Unit, int]:
    """A number, a name or a bracket, with its exponent."""
    if number and (match := _NUMBER.match(text, at)):
        value = Fraction(match[0])
        if value == 0 or _STRAY.match(text, match.end()):
            raise _UnclearError
        return _raised(Unit(value, {}), _POWER_OF_A_NUMBER, text, match.end())
    if text.startswith("(", at):
        found, end = _bracket(text, at)
    elif match := _NAME.match(text, at):
        found, end = Unit(Fraction(1), {_symbol(match[0]): 1}), match.end()
    else:
        raise _UnclearError
    return _raised(found, _POWER, text, end)


def _raised(unit: Unit, pattern: re.Pattern[str], text: str, at: int) -> tuple[Unit, int]:
    """A unit with the exponent that follows it in the text."""
    match = pattern.match(text, at)
    if match is None:
        return unit, at
    if re.match(r"[\d⁰¹²³⁴⁵⁶⁷⁸⁹]", text[match.end() :]):
        raise _UnclearError
    power = match["plain"] or match["raised"].translate(_SUPERSCRIPTS)
    return unit.to_the(int(power)), match.end()


def _bracket(text: str, at: int) -> tuple[Unit, int]:
    """A unit in brackets; one that is not understood, as ``(m ** 0.5)``, is a name."""
    depth = 0
    for end in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            break
    else:
        raise _UnclearError
    inner = text[at + 1 : end]
    try:
        found, read_to = _quotient(inner, 0)
        if read_to != len(inner):
            raise _UnclearError
    except _UnclearError:
        return _as_a_name(inner), end + 1
    return found, end + 1


@functools.lru_cache(maxsize=1000)
def _symbol(name: str) -> str:
    """The symbol for a word, in the singular or plural, with or without a prefix."""
    for word in (name, name.removesuffix("s"), name.replace("degrees_", "degree_")):
        if word in _WORDS:
            return _WORDS[word]
        for prefix, letter in _PREFIXES.items():
            if word.startswith(prefix) and word.removeprefix(prefix) in _WORDS:
                return letter + _WORDS[word.removeprefix(prefix)]
    return "u" + name[1:] if name[0] in "µμ" and len(name) > 1 else name


def _decimal(number: Fraction) -> str:
    """A number with all its digits; refused if they are more than can be read."""
    context = Context(prec=20)
    quotient = context.divide(Decimal(number.numerator), Decimal(number.denominator))
    if Fraction(quotient) != number or abs(quotient.adjusted()) > 90:
        raise _UnclearError
    digits = quotient.normalize(context)
    if -5 < digits.adjusted() < 7:
        return f"{digits:f}"
    return f"{digits:e}".replace("e+", "e")


def as_one(units: str) -> tuple[Fraction, frozenset[tuple[str, int]]]:
    """A unit in a form that does not depend on its spelling, to tell whether two are the same.

    Examples
    --------
    >>> as_one("K degrees_north-1") == as_one("degrees_east-1 K"), as_one("K m-1") == as_one("K")
    (True, False)
    >>> as_one("m/s") == as_one("meters second^-1")
    True
    """
    found = read(units)
    powers: dict[str, int] = {}
    for name, power in found.powers.items():
        one = "degree" if _DEGREES.fullmatch(name) else name
        powers[one] = powers.get(one, 0) + power
    return found.scale, frozenset((name, power) for name, power in powers.items() if power)


def quotient(numerator: str, denominator: str) -> str:
    """The unit of a derivative: `numerator` per `denominator`.

    Parameters
    ----------
    numerator, denominator : str
        Units as :func:`read` takes them; ``"1"`` and ``""`` are dimensionless.

    Returns
    -------
    str
        As CF writes it.

    Examples
    --------
    >>> quotient("K", "s"), quotient("m s-1", "degrees_north")
    ('K s-1', 'm s-1 degrees_north-1')
    >>> quotient("m**2 s**-2", "m"), quotient("W/m2", "meters"), quotient("m", "m")
    ('m s-2', 'W m-3', '1')
    >>> quotient("K", "hours since 1900-01-01"), quotient("K", "100 km"), quotient("1e-3", "m")
    ('K h-1', '0.01 K km-1', '0.001 m-1')
    """
    one, other = read(numerator), read(denominator)
    try:
        return str(one.times(other, -1))
    except _UnclearError:  # a third has no end
        return str(one.times(_as_a_name(denominator), -1))
