"""Hypothesis profiles: the quick one by default, the thorough one with --hypothesis-profile."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Small arrays take the compiled loops too, which a process loads for large ones first
# (tests/kernels/test_tabled.py tests what goes before).
import xgrad.kernels.tabled_loops  # noqa: F401

# No deadline: the first example of a dtype compiles its kernel.
settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")
