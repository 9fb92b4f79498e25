"""The keywords of all functions, methods, jobs and commands: types, defaults and help.

They are listed here only, and :func:`spelled_out` writes them into signatures.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import (
    Annotated,
    Any,
    NamedTuple,
    TypedDict,
    TypeVar,
    cast,
    get_args,
    get_type_hints,
)

from xgrad._typing import (
    Accuracy,
    BoundaryLike,
    ConstantBy,
    ConstantLike,
    DatetimeUnitLike,
    EdgeOrder,
    FitWeights,
    Form,
    Metric,
    Order,
    Progress,
    SpacingLike,
    To,
)
from xgrad.labels.suggestions import did_you_mean

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Keyword(NamedTuple):
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
        DatetimeUnitLike | None,
        Keyword(None, "Unit of time of the result, such as h, hour or day.  [default: s]"),
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
    window: Annotated[
        int | Mapping[Any, int] | None,
        Keyword(
            None,
            "Differentiate the polynomial fitted to so many cells, an odd number; may be repeated.",
        ),
    ]
    bandwidth: Annotated[
        Any,
        Keyword(
            None,
            "The same with all cells in an interval of this width, such as 4h or 250; may be "
            "repeated.",
        ),
    ]
    polyorder: Annotated[
        int | Mapping[Any, int] | None,
        Keyword(None, "Order of the polynomial of a fit; may be repeated.  [default: 3]"),
    ]
    weights: Annotated[
        FitWeights | Mapping[Any, FitWeights] | None,
        Keyword(
            None,
            "How much the cells of a fit count: uniform, or tricube for near ones more; may be "
            "repeated.  [default: uniform]",
        ),
    ]
    uncertainty: Annotated[
        bool, Keyword(default=False, help="Write the standard errors of fits too.")
    ]
    sigma: Annotated[
        Any,
        Keyword(
            None,
            "Standard deviation of the noise: a number, or a variable with that of each cell.  "
            "[default: from the residuals of fits]",
        ),
    ]
    constant: Annotated[
        ConstantLike,
        Keyword(None, "What to hold constant along DIM, such as heights; may be repeated."),
    ]
    constant_by: Annotated[
        ConstantBy, Keyword("interpolation", "How neighbours are taken at a constant height.")
    ]
    validate: Annotated[bool, Keyword(default=True)]


class FieldOptions(DerivativeOptions, total=False):
    """The keywords of a derivative, and those of a sphere."""

    metric: Annotated[
        Metric | None,
        Keyword(
            None,
            "Where the cells are: sphere, ellipsoid, grid_mapping or a CRS; result per metre.",
        ),
    ]
    radius: Annotated[float | None, Keyword(None, "Radius of the sphere.  [default: 6371229]")]


class LabelledOptions(DerivativeOptions, total=False):
    """The keywords of a derivative, and the unit to convert the result to."""

    units: Annotated[str | None, Keyword(None)]


class LabelledFieldOptions(FieldOptions, total=False):
    """The keywords of a derivative and of a sphere, and the unit to convert the result to."""

    units: Annotated[str | None, Keyword(None)]


class PlaceOptions(TypedDict, total=False):
    """The keywords of what only needs the directions of a grid on the Earth."""

    metric: Annotated[
        Metric,
        Keyword(
            "sphere",
            "Where the cells are: sphere, ellipsoid, grid_mapping or a CRS.  [default: sphere]",
        ),
    ]
    radius: Annotated[float | None, Keyword(None)]
    edge_order: Annotated[EdgeOrder, Keyword(1)]
    boundary: Annotated[BoundaryLike, Keyword("one-sided")]
    accuracy: Annotated[Accuracy, Keyword(2)]


class SourceOptions(TypedDict, total=False):
    """Keywords for how a job opens its source, which are those of :func:`xarray.open_dataset`."""

    group: Annotated[str | None, Keyword(None, "Group of SRC.  [default: its root]")]
    engine: Annotated[
        str | None, Keyword(None, "Engine of xarray that opens SRC.  [default: the one that fits]")
    ]
    decode_times: Annotated[
        bool | None,
        Keyword(None, 'Whether numbers "since" a date are times.  [default: decode-times]'),
    ]
    open_options: Annotated[
        Mapping[str, Any] | None,
        Keyword(None, "Another option of xarray.open_dataset; may be repeated."),
    ]


class RunOptions(SourceOptions, total=False):
    """Keywords for how a job opens its source and runs, and what it may use."""

    fill_value: Annotated[
        float | None,
        Keyword(None, "Missing values of DST are stored as this.  [default: as in SRC]"),
    ]

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
    append: Annotated[
        str | None,
        Keyword(None, "Let DST grow along this dimension, as SRC has: compute only what is new."),
    ]
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
    progress: Annotated[
        Progress | bool,
        Keyword(
            default=False,
            help="What stderr shows: a bar, a line a minute, nothing; auto decides by whether it "
            "is a terminal.  [default: auto]",
        ),
    ]


class JobOptions(FieldOptions, RunOptions, total=False):
    """The keywords of a store-to-store job; see :func:`xgrad.gradient_to_zarr`."""


class OperationOptions(JobOptions, total=False):
    """The keywords of a job of any operation; see :func:`xgrad.to_zarr`."""

    form: Annotated[
        Form | None,
        Keyword(None, "Form of the curvature terms of a sphere.  [default: advective]"),
    ]
    order: Annotated[Order, Keyword(1, "Order of the derivative along each dimension.")]
    to: Annotated[To | None, Keyword(None, "Directions of the result.")]


@functools.cache
def keywords_of(options: type) -> dict[str, tuple[Any, Keyword]]:
    """Type and default of each keyword of a TypedDict.

    Parameters
    ----------
    options : type
        One of this module.

    Examples
    --------
    >>> kind, keyword = keywords_of(LabelledOptions)["skipna"]
    >>> kind, keyword.default
    (<class 'bool'>, False)
    """
    found = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        kind, *notes = get_args(hint)
        found[name] = kind, next(note for note in notes if isinstance(note, Keyword))
    return found


@functools.cache
def _parameters(options: type) -> list[inspect.Parameter]:
    only = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, only, default=keyword.default, annotation=kind)
        for name, (kind, keyword) in keywords_of(options).items()
    ]


def spelled_out(options: type) -> Callable[[_Function], _Function]:
    """Show the keywords of a TypedDict in the signature of a function that takes ``**options``.

    Parameters
    ----------
    options : type
        That of the function's ``**options``.

    Raises
    ------
    TypeError
        If the function is called with a keyword that it does not have.

    Examples
    --------
    >>> @spelled_out(LabelledOptions)
    ... def double(number, **options):
    ...     return 2 * number
    >>> list(inspect.signature(double).parameters)[:3]
    ['number', 'spacing', 'edge_order']
    >>> double(4, bounday="extend")
    Traceback (most recent call last):
      ...
    TypeError: double() got an unexpected keyword argument 'bounday'; did you mean 'boundary'?
    """

    def wrap(function: _Function) -> _Function:
        own = inspect.signature(function)
        positional = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        every = own.replace(parameters=[*positional, *_parameters(options)])

        @functools.wraps(function)
        def called(*arguments: Any, **given: Any) -> Any:
            for name in given:
                if name not in every.parameters:
                    raise TypeError(_unknown(function.__name__, name, list(every.parameters)))
            return function(*arguments, **given)

        called.__signature__ = every  # type: ignore[attr-defined]
        return cast(_Function, called)

    return wrap


def _unknown(function: str, name: str, known: list[str]) -> str:
    remedy = did_you_mean(name, known) or f"; it has {known}"
    return f"{function}() got an unexpected keyword argument {name!r}{remedy}"
