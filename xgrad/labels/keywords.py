"""Keywords in signatures: each public function shows all of its own, and refuses others by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, get_args, get_type_hints

from xgrad._typing import Keyword

_Function = TypeVar("_Function", bound=Callable[..., Any])


def keywords_of(options: type) -> dict[str, tuple[Any, Keyword]]:
    """Type and default of each keyword of a TypedDict.

    Parameters
    ----------
    options : type
        One of :mod:`xgrad._typing`.

    Examples
    --------
    >>> from xgrad._typing import LabelledOptions
    >>> kind, keyword = keywords_of(LabelledOptions)["skipna"]
    >>> kind, keyword.default
    (<class 'bool'>, False)
    """
    found = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        kind, *notes = get_args(hint)
        found[name] = kind, next(note for note in notes if isinstance(note, Keyword))
    return found


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
    >>> from xgrad._typing import LabelledOptions
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
    known = keywords_of(options)

    def wrap(function: _Function) -> _Function:
        own = inspect.signature(function)
        positional = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=keyword.default, annotation=kind
            )
            for name, (kind, keyword) in known.items()
        ]
        every = own.replace(parameters=[*positional, *added])

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
    import difflib  # noqa: PLC0415  only for a mistake

    near = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"it has {known}"
    return f"{function}() got an unexpected keyword argument {name!r}; {remedy}"
