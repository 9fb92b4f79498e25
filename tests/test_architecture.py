"""The storeys of the house: a module imports from lower storeys only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import xgrad

STOREYS = [
    {"_typing", "errors", "jit", "machine"},
    {
        "scheme",
        "boundaries",
        "weights",
        "fornberg",
        "loops",
        "blocks",
        "buffers",
        "chunks",
        "units",
        "execution",
        "publishing",
        "integrity",
        "sphere",
        "names",
    },
    {
        "stencil",
        "kernels",
        "rows",
        "columns",
        "halo",
        "regions",
        "sources",
        "object_store",
        "versioned",
    },
    {"coordinates", "overlap", "quantities"},
    {"options"},
    {"combination", "metric"},
    {"gradient"},
    {"calculus", "trees"},
    {"accessor", "slabs"},
    {"jobs"},
    {"plan", "skeleton"},
    {"storage"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {module: height for height, modules in enumerate(STOREYS) for module in modules}
FOLDER = Path(xgrad.__file__).parent
# What a module may import from outside, where the storey's job is narrow.
ONLY = {
    "jit": {"numpy", "numba"},
    "scheme": set(),
    "boundaries": {"numpy"},
    "weights": set(),
    "blocks": {"numpy"},
    "buffers": {"numpy"},
    "stencil": {"numpy"},
    "kernels": {"numpy"},
    "loops": {"numpy"},
    "fornberg": {"numpy"},
    "columns": {"numpy"},
    "sphere": {"numpy"},
    "combination": {"numpy", "xarray"},
    "halo": {"numpy", "dask"},
    "chunks": set(),
    "units": set(),
    "machine": set(),
    "publishing": {"zarr"},
    "regions": set(),
    "slabs": {"numpy", "xarray"},
    "plan": {"xarray"},
    "coordinates": {"numpy", "xarray"},
    "overlap": {"numpy", "dask"},
    "quantities": {"xarray", "pint", "cf_xarray"},
    "names": {"xarray", "cf_xarray"},
    "trees": {"xarray"},
    "accessor": {"xarray"},
}


def imports(module: str) -> set[str]:
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            if node.module == "xgrad":
                found |= {f"xgrad.{alias.name}" for alias in node.names}
            else:
                found.add(str(node.module))
    return found


def test_every_module_has_a_storey() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert modules == set(HEIGHT)


@pytest.mark.parametrize("module", sorted(HEIGHT))
def test_imports_point_down_only(module: str) -> None:
    for name in imports(module):
        if name.startswith("xgrad."):
            below = name.split(".")[1]
            assert HEIGHT[below] < HEIGHT[module], f"{module} imports {below}"


@pytest.mark.parametrize("module", sorted(ONLY))
def test_a_narrow_module_imports_little(module: str) -> None:
    packages = {name.split(".")[0] for name in imports(module)} - {"xgrad"}
    assert packages - set(sys.stdlib_module_names) <= ONLY[module]


def test_no_module_is_named_after_a_dependency() -> None:
    assert not set(HEIGHT) & {"numpy", "dask", "xarray", "zarr", "numba", "click", "distributed"}


def test_functions_fit_on_a_screen() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = [part for part in node.body if not isinstance(part, ast.Expr)]
                first = body[0].lineno if body else node.lineno
                assert node.end_lineno is not None
                assert node.end_lineno - first <= 45, f"{path.name}: {node.name}"
