"""Labelled, out-of-core gradients for xarray and dask, with numpy's numbers bit for bit."""

from importlib.metadata import version

from xgrad import accessor as _accessor  # noqa: F401  (registers .fdgrad)
from xgrad.errors import ChunkError, CoordinateError, CoordinateWarning
from xgrad.gradient import derivative, gradient

__version__ = version("xgrad")
__all__ = ["ChunkError", "CoordinateError", "CoordinateWarning", "derivative", "gradient"]
