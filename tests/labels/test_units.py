from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels.units import as_one, quotient, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it wants matplotlib
    from cf_xarray.units import units as registry


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        ("K", "s", "K s-1"),
        ("m s-1", "degrees_north", "m s-1 degrees_north-1"),
        ("m s-1", "m", "s-1"),
        ("m**2 s**-2", "m", "m s-2"),
        ("m^2.s^-2", "m", "m s-2"),
        ("1", "m", "m-1"),
        ("", "m", "m-1"),
        ("K", "1", "K"),
        ("m", "m", "1"),
        ("s", "s2", "s-1"),
        ("K", "m s-1", "K m-1 s"),
        ("kg m-2", "hPa", "kg m-2 hPa-1"),
        ("%", "day", "% day-1"),
        ("K", "days since 1850-01-01", "K day-1"),
        ("°C", "s", "degC s-1"),
        ("W/m2", "m", "W m-3"),
        ("K", "m/s", "K m-1 s"),
        ("1e-3 kg", "m", "0.001 kg m-1"),
        ("(W/m2) m-1", "m", "W m-4"),
        ("K (m ** 0.5)-1", "(m ** 0.5)", "K (m ** 0.5)-2"),
        ("(m/s) s", "(m/s)", "s"),
        ("a ((b)/c)", "m", "a b c-1 m-1"),
        ("K", "100 km", "0.01 K km-1"),
        ("K", "3 km", "K (3 km)-1"),  # a third has no end
        ("1e-5 s-1", "meters", "1e-5 s-1 m-1"),
        ("2e7 kg", "1", "2e7 kg"),
        ("dimensionless", "kilometres", "km-1"),
        ("J/kg K", "m", "(J/kg K) m-1"),  # K above or below?
    ],
)
def test_quotient(numerator: str, denominator: str, expected: str) -> None:
    assert quotient(numerator, denominator) == expected


NAMES = ["K", "m", "s", "kg", "Pa", "J", "W", "mol", "degree", "hPa", "km", "h", "day"]
POWERS = st.dictionaries(st.sampled_from(NAMES), st.integers(-4, 4).filter(bool))


@st.composite
def products(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A unit as files write it, with spaces, dots or stars, and the powers of its factors."""
    powers = draw(POWERS)
    raised = draw(st.sampled_from(["", "^", "**"]))
    words = [
        name if power == 1 and draw(st.booleans()) else f"{name}{raised}{power}"
        for name, power in powers.items()
    ]
    return draw(st.sampled_from([" ", ".", "*", "  "])).join(words) or "1", powers


def by_pint(powers: dict[str, int]) -> Any:
    product = registry.Unit("dimensionless")
    for name, power in powers.items():
        product *= registry.Unit(name) ** power
    return product


@given(products(), products())
def test_a_quotient_is_that_of_pint(
    numerator: tuple[str, dict[str, int]], denominator: tuple[str, dict[str, int]]
) -> None:
    found = registry.Unit(quotient(numerator[0], denominator[0]))
    assert found == by_pint(numerator[1]) / by_pint(denominator[1])


@given(st.tuples(products(), products(), products()))
def test_a_quotient_of_quotients_does_not_depend_on_the_order(units: Any) -> None:
    a, b, c = (text for text, _ in units)
    assert as_one(quotient(quotient(a, b), c)) == as_one(quotient(quotient(a, c), b))
    assert quotient(a, a) == "1"


@given(products())
def test_what_is_written_is_read_again(unit: tuple[str, dict[str, int]]) -> None:
    text, powers = unit
    assert read(text).powers == read(quotient(text, "1")).powers == powers


@pytest.mark.parametrize("since", ["since", "after", "from", "ref"])
def test_the_origin_of_a_time_drops_out(since: str) -> None:
    assert read(f"hours {since} 1900-01-01 00:00:0.0").powers == {"h": 1}
    assert read("days @ 2000-01-01").powers == {"day": 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("m/s", "m s-1"),
        ("m/s", "m s**-1"),
        ("m/s", "meters per second"),
        ("m/s²", "m·s⁻²"),
        ("K/(100 km)", "0.01 K km-1"),
        ("10^-5 s-1", "1e-5/s"),
        ("J/(kg K)", "J/kg/K"),
        ("mm/hr", "millimetres hour-1"),
        ("°C", "degrees_Celsius"),
        ("degrees_north", "degree_E"),
        ("µmol kg-1", "micromoles/kg"),
        ("100km", "100 km"),
        ("hPa", "hectopascals"),
        ("percent", "%"),
    ],
)
def test_other_spellings_are_equal(one: str, other: str) -> None:
    assert as_one(one) == as_one(other)


@pytest.mark.parametrize(
    "text",
    [
        "J/kg K",  # in UDUNITS J K / kg, to many readers J / (kg K)
        "K/100 km",
        "K/100km",
        "s^-1/2",
        "10-5 s-1",
        "m s -1",
        "m2.5",
        "W m^{-2}",
        "m(s)",
        "ppm(v)",
        "K (m",
        "K)",
        "1/0",
        "0 m",
        "-1 m",
        "1e999999999 m",
        "9" * 1000,
        "(" * 1000,
        "m ** s",
        "m2²",
        "m²2",
        "10² m",
        "m123",
    ],
)
def test_what_could_mean_two_units_is_left_as_it_is(text: str) -> None:
    (name,), scale = read(text).powers, read(text).scale
    assert name.translate(str.maketrans("[]", "()")) == f"({text})"
    assert scale == 1


@given(st.text(alphabet="mKs/ *^-+.()12e5°µ²", max_size=12))
def test_any_text_is_read_and_what_is_written_means_the_same(text: str) -> None:
    assert as_one(str(read(text))) == as_one(text)


def pints(unit: str) -> Any:
    return registry.Quantity(1.0, registry.Unit(unit)).to_base_units()


@pytest.mark.parametrize(
    "word",
    ["meters", "kilometre", "hours", "minutes", "pascals", "hectopascal", "seconds", "grams",
     "millimeters", "kelvin", "days", "weeks", "watts", "joules", "hertz", "radians"],
)  # fmt: skip
def test_the_symbol_of_a_word_is_pints(word: str) -> None:
    assert pints(str(read(word))) == pints(word)
