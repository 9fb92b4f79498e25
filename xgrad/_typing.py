"""Types, data layouts and keywords that several modules share."""

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

#: What is beyond one edge: "one-sided", "periodic", "extend", "reflect", "nan" or a number.
Boundary: TypeAlias = str | complex

#: The surface that the cells are on, if it is curved.
Metric: TypeAlias = Literal["sphere"]

#: One boundary for all edges, a (left, right) pair, or either of them for each dimension.
BoundaryLike: TypeAlias = Boundary | tuple[Boundary, Boundary] | Mapping[Any, Any]

#: The stencil of every cell along one axis: an array of shape ``(WEIGHTS + w, n)``, one column per
#: cell.  The stencil of cell i reaches from ``i + FIRST`` to ``i + LAST``.  If row ``STEP`` is not
#: zero, the derivative is the quotient ``(f[i + LAST] - f[i + FIRST]) / step``; otherwise it is the
#: sum of ``weight[k] * f[i + FIRST + k]``, with the weights in the rows from ``WEIGHTS`` on.
Table: TypeAlias = NDArray[np.floating[Any]]
FIRST, LAST, STEP, WEIGHTS = 0, 1, 2, 3

#: The stencils that a cell beside a gap may need: an array of shape ``(12, n)``.  Rows 0 to 3 are
#: the central weights ``a, b, c`` and the step of their quotient, or 0; rows 4 and 5 the steps to
#: the left and to the right; rows 6 to 8 the weights of the cell and the two cells to its right;
#: rows 9 to 11 the weights of the two cells to its left, the farther one first, and of the cell.
CoastalTable: TypeAlias = NDArray[np.floating[Any]]


#: The operations of a store-to-store job.
Operation: TypeAlias = Literal["gradient", "magnitude", "laplacian", "divergence", "curl"]

#: How the curvature terms of a divergence or curl on a sphere are written: with ``tan(φ)``, or as a
#: flux.
Form: TypeAlias = Literal["advective", "flux"]


@dataclass(frozen=True)
class Keyword:
    """The default of a keyword and its line in ``--help``.

    Attributes
    ----------
    default : object
        The value if the keyword is left out.
    help : str or None
        One line; None if the command line does not have the keyword.
    """

    default: Any
    help: str | None = None


# The types, defaults and help of the keywords of all functions, methods, jobs and commands are
# listed here only; ``xgrad.labels.keywords`` writes them into signatures.


class DerivativeOptions(TypedDict, total=False):
    """The keywords of a derivative."""

    spacing: Annotated[
        SpacingLike,
        Keyword(
            None,
            "Step, name of a coordinate, or 'uniform'; may be repeated.  [default: the coordinate]",
        ),
    ]
    edge_order: Annotated[EdgeOrder, Keyword(1, "Order of accuracy at the two edges.")]
    datetime_unit: Annotated[
        DatetimeUnit | None, Keyword(None, "Unit of time of the result.  [default: s]")
    ]
    boundary: Annotated[
        BoundaryLike,
        Keyword(
            "one-sided",
            "What is beyond the edges: one-sided, periodic, extend, reflect, nan or a number; may "
            "be repeated.  [default: one-sided]",
        ),
    ]
    period: Annotated[
        Mapping[Any, Any] | None,
        Keyword(
            None,
            "Length of the period, in the unit of the coordinate; may be repeated.  "
            "[default for angles: a full turn]",
        ),
    ]
    skipna: Annotated[bool, Keyword(default=False, help="Treat a missing neighbour as an edge.")]
    accuracy: Annotated[Accuracy, Keyword(2, "Order of accuracy; from 4 on, at the edges too.")]
    validate: Annotated[bool, Keyword(default=True)]


class FieldOptions(DerivativeOptions, total=False):
    """The keywords of a derivative, and those of a sphere."""

    metric: Annotated[
        Metric | None,
        Keyword(None, "Treat latitude and longitude as places on a sphere; result per metre."),
    ]
    radius: Annotated[float | None, Keyword(None, "Radius of the sphere.  [default: 6371229]")]


class LabelledOptions(DerivativeOptions, total=False):
    """The keywords of a derivative, and the unit to convert the result to."""

    units: Annotated[str | None, Keyword(None)]


class LabelledFieldOptions(FieldOptions, total=False):
    """The keywords of a derivative and of a sphere, and the unit to convert the result to."""

    units: Annotated[str | None, Keyword(None)]


class RunOptions(TypedDict, total=False):
    """Keywords for how a job runs and what it may use."""

    chunks: Annotated[
        Mapping[str, int] | None,
        Keyword(None, "Chunk sizes of DST; may be repeated.  [default: those of SRC]"),
    ]
    memory: Annotated[
        int | None,
        Keyword(
            None,
            "Memory limit of the process, or of each worker.  [default: half of what is available]",
        ),
    ]
    checksum: Annotated[bool, Keyword(default=False, help="Add a CRC32C checksum to each chunk.")]
    overwrite: Annotated[
        bool, Keyword(default=False, help="Replace DST once the new store is complete.")
    ]
    restart: Annotated[
        bool, Keyword(default=False, help="Start over if DST holds a different unfinished job.")
    ]
    allow_missing: Annotated[
        bool, Keyword(default=False, help="Read chunks that SRC lacks as its fill value.")
    ]
    retries: Annotated[int, Keyword(2, "Try a failed read or write up to N more times.")]
    workers: Annotated[int | None, Keyword(None, "Work in N processes instead of threads.")]
    scheduler: Annotated[str | None, Keyword(None, "Work on a running dask.distributed cluster.")]
    security: Annotated[Any, Keyword(None)]
    progress: Annotated[bool, Keyword(default=False)]


class JobOptions(FieldOptions, RunOptions, total=False):
    """The keywords of a store-to-store job; see :func:`xgrad.gradient_to_zarr`."""


class OperationOptions(JobOptions, total=False):
    """The keywords of a job of any operation; see :func:`xgrad.to_zarr`."""

    form: Annotated[
        Form | None,
        Keyword(None, "Form of the curvature terms of a sphere.  [default: advective]"),
    ]
