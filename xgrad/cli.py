"""The command line: each command parses its arguments and makes one library call."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

import xgrad
from xgrad import demo as demonstration
from xgrad._interrupt import interrupted
from xgrad._typing import Operation, Progress, To
from xgrad.jobs.api import plan_to_zarr, to_zarr
from xgrad.labels.fits import PER_DIM
from xgrad.labels.keywords import Keyword, OperationOptions, keywords_of
from xgrad.operators.operations import OPERATIONS
from xgrad.stores.on_disk import is_replacing
from xgrad.stores.urls import printable, shown
from xgrad.workers.cluster import certificates
from xgrad.workers.processes import own_process

# Names in the library's messages, and what the command line calls them.
_WORDS = {
    f"`{name}`": f"--{name.replace('_', '-')}"
    for options in (OperationOptions, *(entry.options for entry in OPERATIONS.values()))
    for name, (_, keyword) in keywords_of(options).items()
    if keyword.help is not None
} | {
    "`source`": "SRC",
    "`target`": "DST",
    "`variables`": "--var",
    "`dim`": "--dim",
    "`components`": "--component",
    "`security`": "--tls-ca-file, --tls-cert or --tls-key",
    "`decode_times`": "--decode-times or --no-decode-times",
    "`decode_times=False`": "--no-decode-times",
    "`open_options`": "--open",
}


# ``name='value'`` and ``name={'key': 'value'}`` in the library's messages.
_GIVEN = re.compile(r"`(\w+)=(?:\{'([^'`]+)': ([^`}]+)\}|([^`{}]+))`")


def _in_its_words(text: str, command: str | None) -> str:
    """A message of the library in the words of a command.

    Examples
    --------
    >>> _in_its_words("`metric` is None; give `metric='sphere'` or `spacing={'y': 'lat'}`", None)
    '--metric is missing; give --metric sphere or --spacing y=lat'
    """
    words = dict(_WORDS)
    if command in OPERATIONS and OPERATIONS[command].of_a_vector:
        words |= {"`variables`": "--component", "`dim`": "--component"}

    def given(found: re.Match[str]) -> str:
        name, key, of_key, alone = found.groups()
        word = words.get(f"`{name}`")
        value = (of_key or alone).strip("'\"")
        if found[0] in words or word is None or value in ("True", "False"):
            return found[0]
        return f"{word} {key}={value}" if key else f"{word} {value}"

    text = re.sub(r"(`\w+`) is None\b", r"\1 is missing", _GIVEN.sub(given, text))
    for name, word in words.items():
        text = text.replace(name, word)
    return text


def _line(text: object) -> str:
    """A text in one line, without credentials and what would steer a terminal."""
    return printable(" ".join(shown(text).split()))


def _print(text: str) -> None:
    click.echo(printable(text))


def _interrupted(target: str, *_signal: Any) -> None:
    """Say what an interruption leaves behind: a job to resume, or a store that is complete."""
    if not is_replacing(target):
        interrupted()
    _complete(f"{target} is complete; {target}.partial has what it replaced, and can be deleted")


def _complete(text: str, *_signal: Any) -> None:
    os.write(2, f"\n{_line(text)}\n".encode())
    os._exit(0)


def _in_one_line(message: Warning | str, *_where: Any) -> None:
    click.echo(f"Warning: {_line(message)}", err=True)


def _without_usage(error: click.UsageError) -> click.UsageError:
    # Without a context, click prints no usage above the message.
    return click.UsageError(_line(error.format_message()))


class _OneLine(click.Group):
    """A group that reports every error in one line, with a non-zero exit status."""

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*given, **more)
        except click.UsageError as error:
            raise _without_usage(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        if not sys.warnoptions:
            # Users cannot do anything about warnings such as an odd fill value in a file.
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", xgrad.CoordinateWarning)
            warnings.showwarning = _in_one_line  # type: ignore[assignment]
        signal.signal(signal.SIGINT, interrupted)
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _without_usage(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            text = _line(error) or type(error).__name__
            if isinstance(error, KeyError):  # whose text is the bare key
                text = f"there is no {text}"
            raise click.ClickException(_in_its_words(text, ctx.invoked_subcommand)) from error


class _Sizes(click.ParamType):  # type: ignore[type-arg]  # old versions have no type argument
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


class _PerDim(click.ParamType):  # type: ignore[type-arg]
    """``DIM=VALUE``, with a number or a name as value; without ``DIM=``, for all dimensions."""

    name = "DIM=VALUE"

    def __init__(self, *, pairs: bool = False, for_all: bool = False) -> None:
        self.pairs, self.for_all = pairs, for_all or pairs

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        dim, separator, rest = str(value).rpartition("=")
        if not rest or (separator and not dim) or not (separator or self.for_all):
            self.fail(f"{value!r} is not of the form DIM=VALUE", param, ctx)
        values = [self.number(one) for one in (rest.split(",") if self.pairs else [rest])]
        return dim, values[0] if len(values) == 1 else tuple(values)

    @staticmethod
    def number(text: str) -> float | str:
        try:
            # "nan" is the name of a boundary, not a number.
            return text if text == "nan" else float(text)
        except ValueError:
            return text


class _Component(click.ParamType):  # type: ignore[type-arg]
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


def _mapping(option: str, given: tuple[tuple[str, Any], ...]) -> Any:
    """One value for all dimensions, or a mapping of the named dimensions to their values."""
    if any(not dim for dim, _ in given):
        if len(given) > 1:
            raise click.UsageError(
                f"{option} is given several times, once without DIM=; give DIM= each time"
            )
        return given[0][1]
    return _each_once(option, given)


class _OpenOption(click.ParamType):  # type: ignore[type-arg]
    """``KEY=VALUE``, with a value of JSON or Python, or a text."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        key, separator, text = str(value).partition("=")
        if not key or not separator:
            self.fail(f"{value!r} is not of the form KEY=VALUE", param, ctx)
        for read in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError):
                return key, read(text)
        return key, text


class _Bytes(click.ParamType):  # type: ignore[type-arg]
    """``1GB``, ``500 MiB`` or a number of bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from dask.utils import parse_bytes  # noqa: PLC0415  few options need it

        if not any(map(str.isdigit, str(value))):
            self.fail(f"{value!r} is not a size such as 1GB", param, ctx)
        try:
            return parse_bytes(value)
        except (ValueError, OverflowError) as error:
            self.fail(f"{value!r} is not a size such as 1GB: {error}", param, ctx)


# distributed would wait forever if it could not read a certificate, so check first.
_FILE = click.Path(exists=True, dir_okay=False, readable=True)


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(xgrad.__version__, prog_name="xgrad")
def main() -> None:
    """Compute gradients of arrays larger than memory, with the numbers of numpy.gradient."""


_REPEATED = {"multiple": True}

# How to parse the keywords whose type alone does not say so.
_READ_AS: dict[str, dict[str, Any]] = {
    "spacing": {"type": _PerDim(), "multiple": True},
    "boundary": {"type": _PerDim(pairs=True), "metavar": "[DIM=]KIND[,KIND]"} | _REPEATED,
    **{
        name: {"type": _PerDim(for_all=True), "metavar": f"[DIM=]{value}"} | _REPEATED
        for name, value in zip(PER_DIM, ("CELLS", "LENGTH", "ORDER", "KIND"), strict=True)
    },
    "sigma": {"type": _PerDim.number, "metavar": "NUMBER|VARIABLE"},
    "period": {"type": _PerDim(), "multiple": True},
    "constant": {"type": _Component(), "multiple": True},
    "datetime_unit": {"metavar": "UNIT"},
    "metric": {"metavar": "METRIC"},
    "radius": {"type": float, "metavar": "METRES"},
    "chunks": {"type": _Sizes(), "multiple": True},
    "memory": {"type": _Bytes()},
    "retries": {"type": click.IntRange(min=0), "metavar": "N", "show_default": True},
    "workers": {"type": click.IntRange(min=1), "metavar": "N"},
    "scheduler": {"metavar": "ADDRESS"},
    "append": {"metavar": "DIM"},
    "progress": {"type": click.Choice(get_args(Progress)), "default": "auto"},
    "to": {"type": click.Choice(get_args(To)), "required": True},
    "group": {"metavar": "NAME"},
    "engine": {"metavar": "NAME"},
    "decode_times": {"is_flag": True, "type": bool},
    "open_options": {"type": _OpenOption(), "multiple": True},
    "fill_value": {"type": float, "metavar": "NUMBER"},
}  # fmt: skip


# Flags that are not the name of their keyword.
_FLAGS = {"decode_times": "--decode-times/--no-decode-times", "open_options": "--open"}


def _option(name: str, kind: Any, keyword: Keyword) -> click.Option:
    """The command-line option for a keyword of a job."""
    reads = dict(_READ_AS.get(name, {}))
    choices = [one for part in (kind, *get_args(kind)) for one in _choices(part)]
    if not reads and choices:
        reads = {"type": click.Choice(list(map(str, choices)))}
        if keyword.default is not None:
            reads["show_default"] = True
    elif kind is bool:
        reads = {"is_flag": True}
    default = None if reads.get("multiple") else reads.pop("default", keyword.default)
    if choices and default is not None:
        default = str(default)
    return click.Option(
        [_FLAGS.get(name, f"--{name.replace('_', '-')}"), name],
        help=keyword.help,
        default=default,
        **reads,
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


_ARGUMENTS = [
    click.Argument(["source"], metavar="SRC...", nargs=-1, required=True),
    click.Argument(["target"], metavar="DST"),
]
_ALONG = [
    click.Option(
        ["--var", "variables"],
        multiple=True,
        metavar="NAME",
        help="Variable; may be repeated.  [default: every numeric one, without bounds etc.]",
    ),
    click.Option(
        ["--dim", "dims"],
        multiple=True,
        metavar="NAME",
        help="Dimension or 1-D coordinate; may be repeated.  [default: every dimension]",
    ),
]
_COMPONENTS = click.Option(
    ["--component", "components"],
    type=_Component(),
    multiple=True,
    required=True,
    help="Variable that points along a dimension; repeat for each component.",
)
_DRY_RUN = click.Option(["--dry-run"], is_flag=True, help="Print the plan without running it.")
_CERTIFICATES = [
    click.Option(
        ["--tls-ca-file"],
        type=_FILE,
        metavar="FILE",
        help="Certificate authority of a tls:// scheduler.",
    ),
    click.Option(
        ["--tls-cert"], type=_FILE, metavar="FILE", help="Certificate to show to the scheduler."
    ),
    click.Option(
        ["--tls-key"], type=_FILE, metavar="FILE", help="Private key of that certificate."
    ),
]
_WHAT: dict[Operation, str] = {
    "gradient": "Write the gradient of SRC to DST.",
    "derivative": "Write one derivative, of higher order or mixed, of SRC to DST.",
    "magnitude": "Write the magnitude of the gradient of SRC to DST.",
    "direction": "Write the direction of the gradient of SRC to DST.",
    "laplacian": "Write the Laplacian of SRC to DST.",
    "hessian": "Write all second derivatives of SRC to DST.",
    "divergence": "Write the divergence of a vector field in SRC to DST.",
    "curl": "Write the curl of a vector field in SRC to DST.",
    "smooth": "Write polynomials fitted to SRC to DST.",
    "rotate": "Write rotated components of a vector field in SRC to DST.",
}


def _command(operation: Operation, what: str) -> click.Command:
    """The command for an operation, with the keywords of its job as options."""
    entry = OPERATIONS[operation]
    particular = {name: one for name, one in keywords_of(entry.options).items() if one[1].help}
    known = {**keywords_of(OperationOptions), **particular}
    keywords = {
        name: _option(name, *known[name])
        for name in entry.keywords
        if known[name][1].help is not None
    }
    own = [keywords.pop(entry.own)] if entry.own else []
    parameters = [
        *_ARGUMENTS, *([_COMPONENTS] if entry.of_a_vector else _ALONG), *own, *keywords.values(),
        _DRY_RUN, *_CERTIFICATES,
    ]  # fmt: skip
    return click.Command(
        operation,
        params=parameters,
        callback=partial(_run, operation),
        help=f"{what}\n\nSRC is a Zarr store, icechunk:PATH@VERSION, or a file that xarray opens; "
        "several, or a quoted pattern, are combined by their coordinates.  DST is the Zarr store "
        "to create.  The same command resumes a job that was stopped.",
    )


def _run(operation: Operation, source: tuple[str, ...], target: str, **options: Any) -> None:
    """Run a job, or print its plan."""
    security = [options.pop(f"tls_{name}") for name in ("ca_file", "cert", "key")]
    variables = options.pop("variables", None) or None
    dim = options.pop("dims", None) or None
    if "components" in options:
        dim = _each_once("--component", options.pop("components"))
    for name in set(options) & {"edge_order", "accuracy", "order"}:
        options[name] = int(options[name])
    for name in set(options) & {"spacing", "period", "constant"}:
        options[name] = _each_once(f"--{name}", options[name])
    for name in set(options) & {"boundary", *PER_DIM}:
        default = keywords_of(OperationOptions)[name][1].default
        options[name] = _mapping(f"--{name}", options[name]) if options[name] else default
    options |= {
        "chunks": _each_once("--chunks", itertools.chain(*options["chunks"])),
        "open_options": _each_once("--open", options["open_options"]),
        "security": certificates(*security),
    }
    if options.pop("dry_run"):
        click.echo(plan_to_zarr(operation, source, target, variables, dim, **options))
        return
    own_process()
    signal.signal(signal.SIGINT, partial(_interrupted, target))
    report = to_zarr(operation, source, target, variables, dim, **options)
    signal.signal(signal.SIGINT, partial(_complete, f"{target} is complete"))
    if sys.stdout.isatty() or report.is_of_nothing:
        click.echo(f"{_line(target)}: {report}", err=report.is_of_nothing)


for _operation, _what in _WHAT.items():
    main.add_command(_command(_operation, _what))


@main.command()
@click.option(
    "--size",
    "n_bytes",
    type=_Bytes(),
    default="1GB",
    show_default=True,
    help="Size of the generated data, such as 4GB.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to keep the two stores in.  [default: delete them]",
)
def demo(n_bytes: int, keep: Path | None) -> None:
    """Differentiate generated data like ERA5, and check the result.

    The data are global temperatures with known derivatives along time, latitude and longitude.
    """
    if not demonstration.run(n_bytes, keep, _print, progress=sys.stderr.isatty()):
        raise click.ClickException("a gradient differs from numpy.gradient")
