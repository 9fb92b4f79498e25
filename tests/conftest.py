"""Hypothesis profiles: the quick one by default, the thorough one with --hypothesis-profile."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline: the first example of a dtype compiles its kernel.
settings.register_profile(
    "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")
