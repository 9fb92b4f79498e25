"""The command line: arguments and messages, and one library call each."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import click

import xgrad
from xgrad import demo as demonstration
from xgrad._typing import DatetimeUnit, Form, Metric, Operation
from xgrad.jobs.api import plan_to_zarr, to_zarr
from xgrad.stores.urls import shown
from xgrad.workers.cluster import certificates, own_process

# What the library's messages name, in the words of the command line.
_WORDS = {
    "`source`": "SRC",
    "`target`": "DST",
    "`variables`": "--var",
    "`dim`": "--dim",
    "`overwrite`": "--overwrite",
    "`chunks`": "--chunks",
    "`spacing`": "--spacing",
    "`boundary`": "--boundary",
    "`period`": "--period",
    "`accuracy`": "--accuracy",
    "`workers`": "--workers",
    "`scheduler`": "--scheduler",
    "`memory`": "--memory",
    "`restart`": "--restart",
    "`allow_missing`": "--allow-missing",
    "`retries`": "--retries",
    "`security`": "--tls-ca-file, --tls-cert or --tls-key",
    "`edge_order`": "--edge-order",
    "`datetime_unit`": "--datetime-unit",
    "`components`": "--component",
    "`metric`": "--metric",
    "`radius`": "--radius",
    "`form`": "--form",
}


def _interrupted(*_signal: Any) -> None:
    # At once: an exception would be swallowed here and there, and threads that are still writing
    # would be waited for.  What is left behind is what a kill leaves, from which the next run goes
    # on.
    os.write(2, b"\nError: interrupted; run the same command again to go on from here\n")
    os._exit(130)  # as a shell says of a command that SIGINT ended


def _in_one_line(message: Warning | str, *_where: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


class _OneLine(click.Group):
    """Turns every error into one line and a status that is not zero."""

    def invoke(self, ctx: click.Context) -> Any:
        if not sys.warnoptions:
            # Of a file's odd fill value and the like: nothing that a user of it can mend.
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", xgrad.CoordinateWarning)
            warnings.showwarning = _in_one_line  # type: ignore[assignment]
        signal.signal(signal.SIGINT, _interrupted)
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = None  # without it click prints no lines of usage above the message
            raise
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            text = " ".join(shown(error).split()) or type(error).__name__
            for name, word in _WORDS.items():
                text = text.replace(name, word)
            raise click.ClickException(text) from error


class _Sizes(click.ParamType[Any]):
    """``time=24,latitude=181`` as pairs."""

    name = "DIM=CELLS,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        sizes = []
        for item in str(value).split(","):
            dim, _, size = item.rpartition("=")
            if not dim or not size.isdecimal():
                self.fail(f"{item!r} is not of the form DIM=CELLS", param, ctx)
            sizes.append((dim, int(size)))
        return sizes


class _PerDim(click.ParamType[Any]):
    """``DIM=VALUE``, where a value may be a number; without ``DIM=`` it is for all dimensions."""

    name = "DIM=VALUE"

    def __init__(self, *, pairs: bool = False) -> None:
        self.pairs = pairs

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        dim, separator, rest = str(value).rpartition("=")
        if not rest or (separator and not dim) or not (separator or self.pairs):
            self.fail(f"{value!r} is not of the form DIM=VALUE", param, ctx)
        values = [self._number(one) for one in (rest.split(",") if self.pairs else [rest])]
        return dim, values[0] if len(values) == 1 else tuple(values)

    @staticmethod
    def _number(text: str) -> float | str:
        try:
            # "nan" is the name of a boundary.
            return text if text == "nan" else float(text)
        except ValueError:
            return text


class _Component(click.ParamType[Any]):
    """``longitude=u``: a dimension, and the variable that points along it."""

    name = "DIM=VAR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        dim, _, variable = str(value).partition("=")
        if not dim or not variable:
            self.fail(f"{value!r} is not of the form DIM=VAR", param, ctx)
        return dim, variable


def _each_once(option: str, given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dim, value in given:
        if dim in found:
            raise click.UsageError(f"{option} names {dim!r} twice")
        found[dim] = value
    return found


def _mapping(given: tuple[tuple[str, Any], ...]) -> Any:
    """One value for all dimensions, or a mapping of those that were named."""
    if any(not dim for dim, _ in given):
        if len(given) > 1:
            raise click.UsageError("--boundary is given for all dimensions and once more")
        return given[0][1]
    return _each_once("--boundary", given)


class _Bytes(click.ParamType[Any]):
    """``1GB``, ``500 MiB`` or a number of bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from dask.utils import parse_bytes  # noqa: PLC0415  only the demo has a size

        if not any(map(str.isdigit, str(value))):
            self.fail(f"{value!r} is no size such as 1GB", param, ctx)
        try:
            return parse_bytes(value)
        except (ValueError, OverflowError) as error:
            self.fail(f"{value!r} is no size such as 1GB: {error}", param, ctx)


# distributed would wait for ever with certificates that it could not read.
_FILE = click.Path(exists=True, dir_okay=False, readable=True)


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(xgrad.__version__, prog_name="xgrad")
def main() -> None:
    """Gradients of labelled arrays, larger than memory, with numpy's numbers."""


# What every command that makes a store takes.
_SHARED = [
    click.argument("source", metavar="SRC"),
    click.argument("target", metavar="DST"),
    click.option(
        "--edge-order",
        type=click.Choice(["1", "2"]),
        default="1",
        show_default=True,
        help="Order of accuracy at the two edges.",
    ),
    click.option(
        "--datetime-unit",
        type=click.Choice(get_args(DatetimeUnit)),
        help="Unit of time of the result.  [default: s]",
    ),
    click.option(
        "--spacing",
        type=_PerDim(),
        multiple=True,
        help="A step, the name of a coordinate, or 'uniform'; once for each dimension.",
    ),
    click.option(
        "--boundary",
        type=_PerDim(pairs=True),
        multiple=True,
        metavar="[DIM=]KIND[,KIND]",
        help="one-sided, periodic, extend, reflect, nan or a number; may be repeated.",
    ),
    click.option(
        "--period", type=_PerDim(), multiple=True, help="Of a periodic dimension; may be repeated."
    ),
    click.option("--skipna", is_flag=True, help="Treat a missing neighbour as an edge."),
    click.option(
        "--accuracy",
        type=click.Choice(["2", "4", "6", "8"]),
        default="2",
        show_default=True,
        help="Order of accuracy.",
    ),
    click.option(
        "--metric",
        type=click.Choice(get_args(Metric)),
        help="Latitude and longitude are places on a sphere: derivatives are per metre.",
    ),
    click.option(
        "--radius",
        type=float,
        metavar="METRES",
        help="Of the sphere.  [default: 6371229]",
    ),
    click.option(
        "--chunks",
        type=_Sizes(),
        multiple=True,
        help="Chunks of DST; may be repeated.  Default: the source's.",
    ),
    click.option(
        "--memory",
        type=_Bytes(),
        help="Most memory of the process, or of each worker.  Default: half of what there is.",
    ),
    click.option("--dry-run", is_flag=True, help="Print the plan, and do nothing."),
    click.option("--checksum", is_flag=True, help="Add a CRC32C to each chunk."),
    click.option("--overwrite", is_flag=True, help="Replace DST once the new store is complete."),
    click.option(
        "--restart", is_flag=True, help="Begin anew where an unfinished job was another one."
    ),
    click.option(
        "--allow-missing", is_flag=True, help="Read chunks that SRC lacks as its fill value."
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        help="How many more times a read or write that failed is tried.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Work in N processes rather than in threads.",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Work on a running dask.distributed cluster."
    ),
    click.option(
        "--tls-ca-file",
        type=_FILE,
        metavar="FILE",
        help="Certificate authority of a tls:// scheduler.",
    ),
    click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate to show to it."),
    click.option("--tls-key", type=_FILE, metavar="FILE", help="Private key of that certificate."),
]
# What is differentiated along dimensions.
_ALONG = [
    click.option(
        "--var",
        "variables",
        multiple=True,
        metavar="NAME",
        help="A variable; may be repeated.  Default: every numeric one.",
    ),
    click.option(
        "--dim",
        "dims",
        multiple=True,
        metavar="NAME",
        help="A dimension or a 1-D coordinate; may be repeated.  Default: every dimension.",
    ),
]
# What a vector field is made of.
_COMPONENTS = [
    click.option(
        "--component",
        "components",
        type=_Component(),
        multiple=True,
        required=True,
        help="A variable that points along a dimension; once for each.",
    ),
    click.option(
        "--form",
        type=click.Choice(get_args(Form)),
        help="On a sphere, how its curvature is written.  [default: advective]",
    ),
]


def _takes(*options: Any) -> Callable[[Any], Any]:
    """Declare options in the order in which ``--help`` is to show them."""

    def declare(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return declare


def _run(operation: Operation, source: str, target: str, dim: Any, options: dict[str, Any]) -> None:
    """Make a store, or print the plan for it."""
    boundary, security = (
        options.pop("boundary"),
        (options.pop(f"tls_{name}") for name in ("ca_file", "cert", "key")),
    )
    options |= {
        "edge_order": 2 if options["edge_order"] == "2" else 1,
        "accuracy": int(options["accuracy"]),
        "spacing": _each_once("--spacing", options["spacing"]),
        "chunks": _each_once("--chunks", itertools.chain(*options["chunks"])),
        "boundary": _mapping(boundary) if boundary else "one-sided",
        "period": _each_once("--period", options["period"]),
        "security": certificates(*security),
    }
    variables = options.pop("variables", None) or None
    if options.pop("dry_run"):
        plan = plan_to_zarr(operation, source, target, variables, dim, **options)
        click.echo(plan)
        return
    own_process()
    options["progress"] = sys.stderr.isatty()
    report = to_zarr(operation, source, target, variables, dim, **options)
    if sys.stdout.isatty():
        click.echo(f"{shown(target)}: {report}")


@main.command()
@_takes(*_SHARED[:2], *_ALONG, *_SHARED[2:])
def gradient(source: str, target: str, dims: tuple[str, ...], **options: Any) -> None:
    """Differentiate the store or file SRC into the Zarr store DST.

    A run that was stopped goes on with the same command.
    """
    _run("gradient", source, target, dims or None, options)


@main.command()
@_takes(*_SHARED[:2], *_ALONG, *_SHARED[2:])
def magnitude(source: str, target: str, dims: tuple[str, ...], **options: Any) -> None:
    """Write the magnitude of the gradient of SRC into the Zarr store DST.

    A run that was stopped goes on with the same command.
    """
    _run("magnitude", source, target, dims or None, options)


@main.command()
@_takes(*_SHARED[:2], *_ALONG, *_SHARED[2:])
def laplacian(source: str, target: str, dims: tuple[str, ...], **options: Any) -> None:
    """Write the Laplacian of SRC into the Zarr store DST.

    A run that was stopped goes on with the same command.
    """
    _run("laplacian", source, target, dims or None, options)


@main.command()
@_takes(*_SHARED[:2], *_COMPONENTS, *_SHARED[2:])
def divergence(source: str, target: str, components: Any, **options: Any) -> None:
    """Write the divergence of a vector field of SRC into the Zarr store DST.

    A run that was stopped goes on with the same command.
    """
    _run("divergence", source, target, _each_once("--component", components), options)


@main.command()
@_takes(*_SHARED[:2], *_COMPONENTS, *_SHARED[2:])
def curl(source: str, target: str, components: Any, **options: Any) -> None:
    """Write the curl of a vector field of SRC into the Zarr store DST.

    A run that was stopped goes on with the same command.
    """
    _run("curl", source, target, _each_once("--component", components), options)


@main.command()
@click.option(
    "--size",
    "n_bytes",
    type=_Bytes(),
    default="1GB",
    show_default=True,
    help="Size of the data to make, such as 4GB.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the two stores in this folder.  Default: delete them.",
)
def demo(n_bytes: int, keep: Path | None) -> None:
    """Make a store like ERA5, differentiate it along every dimension, and check the result."""
    if not demonstration.run(n_bytes, keep, click.echo, progress=sys.stderr.isatty()):
        raise click.ClickException("a gradient differs from numpy.gradient")
