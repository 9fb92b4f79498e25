"""Names for the types and for the one data layout that several modules share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]

#: One step for a whole axis (a Python float is "weak" in numpy's promotion, a numpy scalar is
#: not), or the ``n - 1`` steps between its ``n`` positions.
Steps: TypeAlias = float | np.floating[Any] | NDArray[np.floating[Any]]

#: Which dimensions or coordinates to differentiate along.
Dim: TypeAlias = Hashable | Iterable[Hashable] | None

#: ``{dim: step | positions | name of a coordinate}``.
SpacingLike: TypeAlias = Mapping[Any, Any] | None

EdgeOrder: TypeAlias = Literal[1, 2]

DatetimeUnit: TypeAlias = Literal["W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]

#: Accuracy of the central stencil.
Accuracy: TypeAlias = Literal[2, 4, 6, 8]

#: What lies beyond one edge: "one-sided", "periodic", "extend", "reflect", "nan" or a number.
Boundary: TypeAlias = str | complex

#: Where the cells lie, if not on straight lines.
Metric: TypeAlias = Literal["sphere"]

#: One boundary for all edges, a (left, right) pair, or either of them for each dimension.
BoundaryLike: TypeAlias = Boundary | tuple[Boundary, Boundary] | Mapping[Any, Any]

#: The stencil of every cell along one axis: an array of shape ``(WEIGHTS + w, n)``, a column per
#: cell.  The stencil of cell i reaches from ``i + FIRST`` to ``i + LAST``.  Where row ``STEP`` is
#: not zero the derivative is the quotient ``(f[i + LAST] - f[i + FIRST]) / step``, and otherwise
#: the sum of ``weight[k] * f[i + FIRST + k]``, with the weights in the rows from ``WEIGHTS`` on.
Table: TypeAlias = NDArray[np.floating[Any]]
FIRST, LAST, STEP, WEIGHTS = 0, 1, 2, 3

#: What a cell at a coast is made of: an array of shape ``(12, n)``.  Rows 0 to 3 are the central
#: stencil ``a, b, c`` and the step of its quotient or 0; rows 4 and 5 the steps to the left and to
#: the right; rows 6 to 8 the weights of the cell and the two to its right, and rows 9 to 11 those
#: of the two to its left, the farther one first, and of the cell.
CoastalTable: TypeAlias = NDArray[np.floating[Any]]


#: What can be made of the derivatives of a store.
Operation: TypeAlias = Literal["gradient", "magnitude", "laplacian", "divergence", "curl"]

#: How a divergence or a curl on a sphere is written: with ``tan(φ)``, or as a flux.
Form: TypeAlias = Literal["advective", "flux"]


@dataclass(frozen=True)
class Keyword:
    """The default of a keyword, and what ``--help`` says of it; None if the command line lacks it.

    Attributes
    ----------
    default : object
        What the keyword is if it is left out.
    help : str or None
        One line.
    """

    default: Any
    help: str | None = None


# The keywords of all functions, methods, jobs and commands: their types, defaults and help are
# listed here and nowhere else (``xgrad.labels.keywords`` writes them into signatures).


class DerivativeOptions(TypedDict, total=False):
    """The keywords of a derivative."""

    spacing: Annotated[
        SpacingLike,
        Keyword(None, "A step, the name of a coordinate, or 'uniform'; once for each dimension."),
    ]
    edge_order: Annotated[EdgeOrder, Keyword(1, "Order of accuracy at the two edges.")]
    datetime_unit: Annotated[
        DatetimeUnit | None, Keyword(None, "Unit of time of the result.  [default: s]")
    ]
    boundary: Annotated[
        BoundaryLike,
        Keyword(
            "one-sided",
            "one-sided, periodic, extend, reflect, nan or a number; may be repeated.",
        ),
    ]
    period: Annotated[
        Mapping[Any, Any] | None, Keyword(None, "Of a periodic dimension; may be repeated.")
    ]
    skipna: Annotated[bool, Keyword(default=False, help="Treat a missing neighbour as an edge.")]
    accuracy: Annotated[Accuracy, Keyword(2, "Order of accuracy.")]
    validate: Annotated[bool, Keyword(default=True)]


class FieldOptions(DerivativeOptions, total=False):
    """The same for fields that may be on a sphere."""

    metric: Annotated[
        Metric | None,
        Keyword(None, "Latitude and longitude are places on a sphere: derivatives are per metre."),
    ]
    radius: Annotated[float | None, Keyword(None, "Of the sphere.  [default: 6371229]")]


class LabelledOptions(DerivativeOptions, total=False):
    """The keywords of a derivative, and the unit to convert the result to."""

    units: Annotated[str | None, Keyword(None)]


class LabelledFieldOptions(FieldOptions, total=False):
    """The same for fields that may be on a sphere."""

    units: Annotated[str | None, Keyword(None)]


class PlaceOptions(TypedDict, total=False):
    """Where a job works and what it may use."""

    chunks: Annotated[
        Mapping[str, int] | None,
        Keyword(None, "Chunks of DST; may be repeated.  Default: the source's."),
    ]
    memory: Annotated[
        int | None,
        Keyword(
            None,
            "Most memory of the process, or of each worker.  Default: half of what there is.",
        ),
    ]
    checksum: Annotated[bool, Keyword(default=False, help="Add a CRC32C to each chunk.")]
    overwrite: Annotated[
        bool, Keyword(default=False, help="Replace DST once the new store is complete.")
    ]
    restart: Annotated[
        bool, Keyword(default=False, help="Start over if an unfinished job at DST was another one.")
    ]
    allow_missing: Annotated[
        bool, Keyword(default=False, help="Read chunks that SRC lacks as its fill value.")
    ]
    retries: Annotated[int, Keyword(2, "How many more times a read or write that failed is tried.")]
    workers: Annotated[int | None, Keyword(None, "Work in N processes instead of threads.")]
    scheduler: Annotated[str | None, Keyword(None, "Work on a running dask.distributed cluster.")]
    security: Annotated[Any, Keyword(None)]
    progress: Annotated[bool, Keyword(default=False)]


class JobOptions(FieldOptions, PlaceOptions, total=False):
    """The keywords of a store-to-store job; see :func:`xgrad.gradient_to_zarr`."""


class OperationOptions(JobOptions, total=False):
    """The keywords of a job of any operation; see :func:`xgrad.to_zarr`."""

    form: Annotated[
        Form | None,
        Keyword(None, "On a sphere, how its curvature is written.  [default: advective]"),
    ]
