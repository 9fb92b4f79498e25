"""The operations that a job can run, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from xgrad._typing import Dim
from xgrad.labels.keywords import (
    DerivativeOptions,
    FieldOptions,
    OperationOptions,
    PlaceOptions,
    RunOptions,
    keywords_of,
)
from xgrad.labels.options import Options
from xgrad.operators.gradient import derivatives, gradients
from xgrad.operators.result import Result
from xgrad.operators.rotation import rotations
from xgrad.operators.scalar import directions, hessians, laplacians, magnitudes
from xgrad.operators.smooth import smooths
from xgrad.operators.vector import curls, divergences


class Entry(NamedTuple):
    """How a job runs an operation.

    Attributes
    ----------
    describe : callable
        Takes an object, dimensions or components, options, and `own`; describes the results.
    options : type
        The keywords of a derivative that the operation takes, as a TypedDict.
    own : str or None
        A keyword that only this operation and its like take.
    of_a_vector : bool
        Whether it takes a mapping of dimensions to components.
    """

    describe: Callable[..., list[Result]]
    options: type = FieldOptions
    own: str | None = None
    of_a_vector: bool = False

    @property
    def keywords(self) -> list[str]:
        """Names of the keywords of the job, in the order of :class:`OperationOptions`."""
        known = {*keywords_of(self.options), *keywords_of(RunOptions), self.own}
        return [name for name in keywords_of(OperationOptions) if name in known]


def _derivatives(obj: Any, dim: Dim, options: Options, order: int = 1) -> list[Result]:
    return derivatives(obj, dim, replace(options, order=order))


def _rotations(obj: Any, components: Any, options: Options, to: Any = None) -> list[Result]:
    return rotations(obj, components, to, options)


OPERATIONS: dict[str, Entry] = {
    "gradient": Entry(gradients),
    "derivative": Entry(_derivatives, DerivativeOptions, own="order"),
    "magnitude": Entry(magnitudes),
    "direction": Entry(directions),
    "laplacian": Entry(laplacians),
    "hessian": Entry(hessians),
    "divergence": Entry(divergences, own="form", of_a_vector=True),
    "curl": Entry(curls, own="form", of_a_vector=True),
    "smooth": Entry(smooths, DerivativeOptions),
    "rotate": Entry(_rotations, PlaceOptions, own="to", of_a_vector=True),
}
