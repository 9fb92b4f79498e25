"""What tests of terms over arrays share."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st


def reduced(positions: Any) -> Any:
    steps = np.diff(positions)
    return steps[0] if (steps == steps[0]).all() else steps


@st.composite
def chunkings(draw: Any, size: int) -> tuple[int, ...]:
    cuts = draw(st.lists(st.integers(1, size - 1), unique=True)) if size > 1 else []
    bounds = [0, *sorted(cuts), size]
    return tuple(b - a for a, b in itertools.pairwise(bounds))
