"""A process for commands, and the profiles of hypothesis.

The profile is quick by default, and thorough with --hypothesis-profile=thorough.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# Load the compiled loops, so that tests with small arrays use them too.  A process loads them only
# for large arrays; tests/kernels/test_tabled.py tests what happens before.
import xgrad.kernels.tabled_loops  # noqa: F401
from tests.command import Session, commands_of_all_tests

# No deadline, because the first example of a dtype compiles its kernel.
settings.register_profile(
    "quick", max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


@pytest.fixture
def commands() -> Session:
    """A process that runs one command after another."""
    return commands_of_all_tests()
