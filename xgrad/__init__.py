"""Labelled, out-of-core gradients for xarray and dask, with numpy's numbers bit for bit."""

from xgrad import accessor as _accessor  # noqa: F401  (registers .fdgrad)
from xgrad.errors import ChunkError, CoordinateError, CoordinateWarning
from xgrad.gradient import derivative, gradient

__all__ = ["ChunkError", "CoordinateError", "CoordinateWarning", "derivative", "gradient"]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module 'xgrad' has no attribute {name!r}")
    # Asked for when it is needed: importlib.metadata brings a parser of e-mail headers with it.
    from importlib.metadata import version  # noqa: PLC0415

    return version("xgrad")
