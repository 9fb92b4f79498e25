from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels.units import factors, quotient

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
        ("K", "days since 1850-01-01", "K days-1"),
        ("°C", "s", "°C s-1"),
        ("W/m2", "m", "(W/m2) m-1"),
        ("K", "m/s", "K (m/s)-1"),
        ("1e-3 kg", "m", "(1e-3 kg) m-1"),
        ("(W/m2) m-1", "m", "(W/m2) m-2"),
        ("K (m ** 0.5)-1", "(m ** 0.5)", "K (m ** 0.5)-2"),
        ("(m/s) s", "(m/s)", "s"),
        ("a ((b)/c)", "m", "(a ((b)/c)) m-1"),
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
    assert factors(quotient(quotient(a, b), c)) == factors(quotient(quotient(a, c), b))
    assert quotient(a, a) == "1"


@given(products())
def test_what_is_written_is_read_again(unit: tuple[str, dict[str, int]]) -> None:
    text, powers = unit
    assert factors(text) == factors(quotient(text, "1")) == powers


@pytest.mark.parametrize("since", ["since", "after", "from", "ref"])
def test_the_origin_of_a_time_drops_out(since: str) -> None:
    assert factors(f"hours {since} 1900-01-01 00:00:0.0") == {"hours": 1}
    assert factors("days @ 2000-01-01") == {"days": 1}
