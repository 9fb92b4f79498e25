"""numpy's three-point formulas of :mod:`xgrad.stencils.closed_form`, for compiled code."""

from __future__ import annotations

from xgrad._jit import compiled
from xgrad.stencils import closed_form

between = compiled(closed_form.between)
from_left = compiled(closed_form.from_left)
from_right = compiled(closed_form.from_right)
from_left_even = compiled(closed_form.from_left_even)
from_right_even = compiled(closed_form.from_right_even)
