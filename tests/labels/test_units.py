from __future__ import annotations

import pytest

from xgrad.labels.units import quotient


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
