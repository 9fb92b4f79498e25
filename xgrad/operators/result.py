"""A labelled result before it is computed: its terms, name and attributes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad.arrays.term import How, Term, dtype_of


class Result(NamedTuple):
    """One result: the sum, norm or angle of its terms.

    Attributes
    ----------
    name : str
        Name of the result.
    variables : mapping of hashable to Variable
        The operands of the terms by name, with the same dimensions in the same order.
    terms : tuple of Term
        At least one.
    attrs : mapping
        Attributes of the result.
    how : How
        How the terms are combined.
    seconds : float
        If the data are times, the unit of time of the result in seconds; 1 for other data.
    """

    name: str
    variables: Mapping[Hashable, xr.Variable]
    terms: tuple[Term, ...]
    attrs: Mapping[Hashable, Any]
    how: How = "sum"
    seconds: float = 1.0

    @property
    def variable(self) -> xr.Variable:
        """The first operand, whose shape and storage the result takes."""
        return self.variables[self.terms[0].operand]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the result."""
        return dtype_of([self.variables[term.operand].dtype for term in self.terms], self.how)
