"""The operations that a job can run, by name."""

from __future__ import annotations

from collections.abc import Callable

from xgrad.operators.gradient import gradients
from xgrad.operators.result import Result
from xgrad.operators.scalar import laplacians, magnitudes
from xgrad.operators.vector import curls, divergences

#: Each takes an object, dimensions or components, and options, and describes the results.
OPERATIONS: dict[str, Callable[..., list[Result]]] = {
    "gradient": gradients,
    "magnitude": magnitudes,
    "laplacian": laplacians,
    "divergence": divergences,
    "curl": curls,
}
