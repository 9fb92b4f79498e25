"""What a name that does not exist was probably meant to be."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def nearest(name: Hashable, known: Iterable[Hashable]) -> str | None:
    """The known name that is most like another, if one is.

    Parameters
    ----------
    name : hashable
        What was given; anything but a string is like nothing.
    known : iterable of hashable
        What exists.

    Returns
    -------
    str or None
        A name that differs by a few letters, or by capitals only, or the only one that starts so.

    Examples
    --------
    >>> nearest("latt", ["time", "lat"]), nearest("T", ["t"]), nearest("x", ["time", "lat"])
    ('lat', 't', None)
    >>> nearest("tri", ["uniform", "tricube"]), nearest("l", ["lat", "lon"])
    ('tricube', None)
    """
    import difflib  # noqa: PLC0415  only for a mistake

    if not isinstance(name, str):
        return None
    small = name.casefold()
    by_small_letters = {one.casefold(): one for one in known if isinstance(one, str)}
    # difflib's own 0.6 takes "radius" for "dims"; two of three letters, "lno" for "lon", give 0.67.
    near = difflib.get_close_matches(small, by_small_letters, n=1, cutoff=0.65)
    starting = [one for one in by_small_letters if small and one.startswith(small)]
    if not near and len(starting) == 1:
        near = starting
    return by_small_letters[near[0]] if near else None


def did_you_mean(name: Hashable, known: Iterable[Hashable]) -> str:
    """A part of a message that suggests the nearest name; empty if there is none.

    Examples
    --------
    >>> did_you_mean("latt", ["time", "lat"]), did_you_mean("x", ["time", "lat"])
    ("; did you mean 'lat'?", '')
    """
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"
