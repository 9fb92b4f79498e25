"""Labelled, out-of-core gradients for xarray and dask, with numpy's numbers bit for bit."""

from typing import TYPE_CHECKING, Any

from xgrad import accessor as _accessor  # noqa: F401  (registers .fdgrad)
from xgrad.errors import ChunkError, CoordinateError, CoordinateWarning
from xgrad.operators.gradient import derivative, gradient
from xgrad.operators.rotation import rotate
from xgrad.operators.scalar import direction, hessian, laplacian, magnitude
from xgrad.operators.vector import curl, divergence

if TYPE_CHECKING:
    from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr, to_zarr

__all__ = [
    "ChunkError",
    "CoordinateError",
    "CoordinateWarning",
    "curl",
    "derivative",
    "direction",
    "divergence",
    "gradient",
    "gradient_to_zarr",
    "hessian",
    "laplacian",
    "magnitude",
    "plan_to_zarr",
    "rotate",
    "to_zarr",
]


def __getattr__(name: str) -> Any:
    """Import on first use what takes long: zarr and the jobs (0.1 s), importlib.metadata."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("xgrad")
    if name in ("gradient_to_zarr", "plan_to_zarr", "to_zarr"):
        from xgrad.jobs import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module 'xgrad' has no attribute {name!r}")
