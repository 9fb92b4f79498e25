"""Labelled, out-of-core gradients for xarray and dask, with numpy's numbers bit for bit."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xgrad import _interrupt  # noqa: F401  (first: what follows takes long)
from xgrad.accessor import fdgrad  # registers .fdgrad
from xgrad.errors import ChunkError, CoordinateError, CoordinateWarning
from xgrad.operators.gradient import derivative, gradient
from xgrad.operators.scalar import direction, hessian, laplacian, magnitude
from xgrad.operators.smooth import smooth

if TYPE_CHECKING:
    from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr, to_zarr
    from xgrad.operators.rotation import rotate
    from xgrad.operators.vector import curl, divergence

__all__ = [
    "ChunkError",
    "CoordinateError",
    "CoordinateWarning",
    "curl",
    "derivative",
    "direction",
    "divergence",
    "fdgrad",
    "gradient",
    "gradient_to_zarr",
    "hessian",
    "laplacian",
    "magnitude",
    "plan_to_zarr",
    "rotate",
    "smooth",
    "to_zarr",
    "without_final_task",
]


_ON_FIRST_USE = {
    "curl": "xgrad.operators.vector",
    "divergence": "xgrad.operators.vector",
    "gradient_to_zarr": "xgrad.jobs.api",
    "plan_to_zarr": "xgrad.jobs.api",
    "rotate": "xgrad.operators.rotation",
    "to_zarr": "xgrad.jobs.api",
    "without_final_task": "xgrad.workers.order",
}


def __getattr__(name: str) -> Any:
    """Import on first use what takes long, such as zarr (0.1 s), or is needed rarely."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("xgrad")
    if name in _ON_FIRST_USE:
        return getattr(import_module(_ON_FIRST_USE[name]), name)
    raise AttributeError(f"module 'xgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names: not the modules that happen to be imported."""
    return [*__all__, "__version__"]
