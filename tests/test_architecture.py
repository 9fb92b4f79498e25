"""The house: which room may import which, read from the folders and from the imports."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import xgrad

FOLDER = Path(xgrad.__file__).parent

# A room is a package, or a module at the top.  Each imports from the rooms named here and from no
# others; what it names stands on a lower storey.
BELOW = {
    "errors": set(),
    "_jit": set(),
    "_typing": set(),
    "stencils": {"errors", "_jit", "_typing"},
    "stores": {"errors"},
    "workers": set(),
    "kernels": {"stencils", "_jit", "_typing"},
    "labels": {"stencils", "errors", "_typing"},
    "arrays": {"kernels", "stencils", "errors", "_typing"},
    "operators": {"arrays", "labels", "kernels", "stencils", "errors", "_typing"},
    "accessor": {"operators", "labels", "_typing"},
    "jobs": {"operators", "arrays", "labels", "kernels", "stencils", "stores", "workers", "errors",
             "_typing"},
    "demo": {"jobs", "stores", "workers", "_typing"},
    "cli": {"__init__", "demo", "jobs", "labels", "operators", "stores", "workers", "_typing"},
    "__main__": {"cli"},
    "__init__": {"accessor", "operators", "jobs", "errors"},
}  # fmt: skip

# What the modules of a room may reach outside xgrad, through whatever they import.
OUTSIDE = {
    "errors": set(),
    "_jit": {"numpy", "numba"},
    "_typing": {"numpy"},
    "stencils": {"numpy", "numba"},
    "kernels": {"numpy", "numba"},
    "labels": {"numpy", "numba", "xarray", "pint", "cf_xarray"},
    "arrays": {"numpy", "numba", "dask"},
    "workers": {"dask", "distributed", "zarr"},
    "stores": {"numpy", "xarray", "zarr", "numcodecs", "fsspec", "dask", "icechunk"},
}
# The same for a module whose job is narrower than that of its room.
NARROW = {
    "stencils.scheme": {"numpy"},
    "stencils.closed_form": set(),
    "stencils.ghosts": {"numpy"},
    "stencils.circle": {"numpy"},
    "jobs.region": {"numpy", "numba", "xarray", "pint", "cf_xarray"},
    "jobs.regions": set(),
    "stores.urls": set(),
    "stores.workplace": {"zarr"},
    "stores.on_disk": {"zarr"},
    "stores.listing": {"numpy", "zarr"},
    "workers.memory": set(),
    "workers.threads": {"dask"},
    "workers.drive": {"dask", "distributed"},
}
HEIGHT_OF_THE_HOUSE, ARROWS = 10, 70
ROOMS_AT_THE_TOP, PACKAGES = 10, range(6, 10)
LINES_OF_A_MODULE, LINES_OF_A_BODY = 450, 40


def modules() -> dict[str, Path]:
    """All modules by their name below xgrad: ``errors``, ``stencils.scheme``."""
    found = {}
    for path in FOLDER.rglob("*.py"):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        name = ".".join(parts if parts[-1] != "__init__" or len(parts) == 1 else parts[:-1])
        found[name] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    return module.partition(".")[0]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports: modules of xgrad by their name below it, others as ``:numpy``."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively; name the module in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, below = name.partition(".")
            if top != "xgrad":
                found.add(f":{top}")
                continue
            while below and below not in MODULES:
                below = below.rpartition(".")[0]
            found.add(below or "__init__")
    return frozenset(found)


def within(name: str) -> set[str]:
    return {one for one in imports(name) if not one.startswith(":")}


def reached(module: str) -> dict[str, list[str]]:
    """Packages from outside that a module reaches, each with the way that leads there."""
    found: dict[str, list[str]] = {}
    ways, todo = {module: [module]}, [module]
    while todo:
        here = todo.pop()
        for name in imports(here):
            if name.startswith(":"):
                if name[1:] not in sys.stdlib_module_names:
                    found.setdefault(name[1:], ways[here])
            elif name not in ways:
                ways[name] = [*ways[here], name]
                todo.append(name)
    return found


def storeys() -> dict[str, int]:
    """How high each room stands: above all that it may import."""
    height: dict[str, int] = {}
    while len(height) < len(BELOW):
        free = [r for r, below in BELOW.items() if r not in height and below <= set(height)]
        assert free, f"these rooms import each other in a circle: {set(BELOW) - set(height)}"
        height |= {r: 1 + max((height[b] for b in BELOW[r]), default=-1) for r in free}
    return height


def test_the_rooms_are_those_of_the_folder() -> None:
    assert {room(module) for module in MODULES} == set(BELOW)
    at_the_top = list(FOLDER.glob("*.py"))
    packages = [path for path in FOLDER.iterdir() if (path / "__init__.py").exists()]
    assert len(at_the_top) <= ROOMS_AT_THE_TOP
    assert len(packages) in PACKAGES


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down_only(module: str) -> None:
    for below in within(module):
        here, there = room(module), room(below)
        allowed = sorted(BELOW[here])
        assert here == there or there in BELOW[here], (
            f"xgrad.{module} imports xgrad.{below}, but {here} may only import {allowed}: move "
            f"what it needs down into one of these, or what needs it up into a room above {there}"
        )


def test_no_module_of_a_room_imports_another_in_a_circle() -> None:
    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' → '.join((*way[way.index(module) :], module))}"
        for below in within(module) - {module}:
            if room(below) == room(module) and below != room(module):
                visit(below, (*way, module))

    for module in MODULES:
        visit(module, ())


def test_the_house_is_small() -> None:
    arrows = {(room(m), room(b)) for m in MODULES for b in within(m)}
    arrows = {(here, there) for here, there in arrows if here != there}
    assert len(arrows) <= ARROWS
    assert 1 + max(storeys().values()) <= HEIGHT_OF_THE_HOUSE


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_reaches_only_what_its_room_is_for(module: str) -> None:
    allowed = NARROW.get(module, OUTSIDE.get(room(module)))
    if allowed is None:
        return
    for package, way in reached(module).items():
        assert package in allowed, (
            f"xgrad.{module} reaches {package} by {' → '.join(way)}; it may reach {sorted(allowed)}"
            f": move what needs {package} into a room that is for it"
        )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short_and_functions_fit_on_a_screen(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= LINES_OF_A_MODULE, f"xgrad.{module} has {lines} lines: split it by its jobs"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [part for part in node.body if not _is_docstring(part)] or node.body
            assert node.end_lineno is not None
            length = node.end_lineno - body[0].lineno + 1
            assert length <= LINES_OF_A_BODY, f"xgrad.{module}.{node.name} has {length} lines"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_module_is_named_after_a_dependency() -> None:
    names = {name.rpartition(".")[2] for name in MODULES}
    assert not names & {"numpy", "dask", "xarray", "zarr", "numba", "click", "distributed"}
