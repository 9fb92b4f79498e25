"""The architecture: which part of xgrad may import which, checked against the code."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import xgrad

FOLDER = Path(xgrad.__file__).parent

# A part is a package or a module at the top level.  It may import only the parts listed here, which
# are all on lower layers.
BELOW = {
    "errors": set(),
    "_interrupt": set(),
    "_heap": set(),
    "_jit": set(),
    "_typing": set(),
    "stencils": {"errors", "_jit", "_typing"},
    "stores": {"errors"},
    "workers": set(),
    "kernels": {"stencils", "_jit", "_typing"},
    "labels": {"stencils", "errors", "_heap", "_typing"},
    "arrays": {"kernels", "stencils", "errors", "_heap", "_typing"},
    "operators": {"arrays", "labels", "kernels", "stencils", "errors", "_heap", "_typing"},
    "jobs": {"operators", "arrays", "labels", "kernels", "stencils", "stores", "workers", "errors",
             "_heap", "_typing"},
    "accessor": {"operators", "jobs", "labels", "_typing"},
    "demo": {"jobs", "stores", "workers", "_typing"},
    "cli": {"__init__", "_interrupt", "demo", "jobs", "labels", "operators", "stores", "workers",
            "_typing"},
    "__main__": {"cli"},
    "__init__": {"_interrupt", "accessor", "operators", "jobs", "errors"},
}  # fmt: skip

# External packages that the modules of a part may import, directly or indirectly.
EXTERNAL = {
    "errors": set(),
    "_interrupt": set(),
    "_jit": {"numpy", "numba"},
    "_typing": {"numpy"},
    "stencils": {"numpy", "numba"},
    "kernels": {"numpy", "numba"},
    "labels": {"numpy", "numba", "xarray", "pint", "cf_xarray", "pyproj"},
    "arrays": {"numpy", "numba", "dask", "dask_array", "cubed"},
    "workers": {"dask", "distributed", "zarr"},
    "stores": {"numpy", "xarray", "zarr", "numcodecs", "fsspec", "dask", "icechunk", "netCDF4"},
}
# The same for modules that need less than the rest of their part.
NARROWER = {
    "stencils.scheme": {"numpy"},
    "stencils.closed_form": set(),
    "stencils.ghosts": {"numpy"},
    "stencils.circle": {"numpy"},
    "jobs.region": {"numpy", "numba", "xarray", "pint", "cf_xarray"},
    "jobs.cutting": set(),
    "stores.urls": set(),
    "stores.workplace": {"zarr"},
    "stores.on_disk": {"zarr"},
    "stores.listing": {"numpy", "zarr"},
    "workers.memory": set(),
    "workers.threads": {"dask"},
}
LAYERS, IMPORTS_BETWEEN_PARTS = 10, 70
TOP_LEVEL_MODULES, PACKAGES = 10, range(6, 10)
LINES_OF_A_MODULE, LINES_OF_A_BODY = 450, 40


def modules() -> dict[str, Path]:
    """All modules by their name within xgrad: ``errors``, ``stencils.scheme``."""
    found = {}
    for path in FOLDER.rglob("*.py"):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        name = ".".join(parts if parts[-1] != "__init__" or len(parts) == 1 else parts[:-1])
        found[name] = path
    return found


MODULES = modules()


def part(module: str) -> str:
    return module.partition(".")[0]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """The imports of a module: modules by their name within xgrad, external ones as ``:numpy``."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import; write the full name"
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


def within(module: str) -> set[str]:
    return {name for name in imports(module) if not name.startswith(":")}


def reached(module: str) -> dict[str, list[str]]:
    """External packages that a module imports, each with the chain of imports that leads there."""
    found: dict[str, list[str]] = {}
    chains, todo = {module: [module]}, [module]
    while todo:
        here = todo.pop()
        for name in imports(here):
            if name.startswith(":"):
                if name[1:] not in sys.stdlib_module_names:
                    found.setdefault(name[1:], chains[here])
            elif name not in chains:
                chains[name] = [*chains[here], name]
                todo.append(name)
    return found


def layers() -> dict[str, int]:
    """The layer of each part, above all parts that it may import."""
    layer: dict[str, int] = {}
    while len(layer) < len(BELOW):
        free = [p for p, below in BELOW.items() if p not in layer and below <= set(layer)]
        assert free, f"these parts import each other in a cycle: {set(BELOW) - set(layer)}"
        layer |= {p: 1 + max((layer[b] for b in BELOW[p]), default=-1) for p in free}
    return layer


def test_every_part_is_listed() -> None:
    assert {part(module) for module in MODULES} == set(BELOW)
    top_level = list(FOLDER.glob("*.py"))
    packages = [path for path in FOLDER.iterdir() if (path / "__init__.py").exists()]
    assert len(top_level) <= TOP_LEVEL_MODULES
    assert len(packages) in PACKAGES


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down_only(module: str) -> None:
    for below in within(module):
        here, there = part(module), part(below)
        allowed = sorted(BELOW[here])
        assert here == there or there in BELOW[here], (
            f"xgrad.{module} imports xgrad.{below}, but {here} may import {allowed} only: move the "
            f"imported code down into one of these, or the importing code to a part above {there}"
        )


def test_modules_of_a_part_do_not_import_each_other_in_a_cycle() -> None:
    def visit(module: str, chain: tuple[str, ...]) -> None:
        assert module not in chain, (
            f"a cycle: {' → '.join((*chain[chain.index(module) :], module))}; move what both need "
            "into a module below them"
        )
        for below in within(module) - {module}:
            if part(below) == part(module) and below != part(module):
                visit(below, (*chain, module))

    for module in MODULES:
        visit(module, ())


def test_layers_and_imports_are_few() -> None:
    pairs = {(part(m), part(b)) for m in MODULES for b in within(m)}
    assert sum(here != there for here, there in pairs) <= IMPORTS_BETWEEN_PARTS
    assert 1 + max(layers().values()) <= LAYERS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_uses_only_the_packages_of_its_part(module: str) -> None:
    allowed = NARROWER.get(module, EXTERNAL.get(part(module)))
    if allowed is None:
        return
    for package, chain in reached(module).items():
        assert package in allowed, (
            f"xgrad.{module} imports {package} through {' → '.join(chain)}, but may import "
            f"{sorted(allowed)} only: move the code that needs {package} to a part that may use it"
        )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short_and_functions_fit_on_a_screen(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= LINES_OF_A_MODULE, f"xgrad.{module} has {lines} lines: split it"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [part for part in node.body if not _is_docstring(part)] or node.body
            assert node.end_lineno is not None
            length = node.end_lineno - body[0].lineno + 1
            assert length <= LINES_OF_A_BODY, (
                f"xgrad.{module}.{node.name} has {length} lines: split it"
            )


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_module_is_named_after_a_dependency() -> None:
    names = {name.rpartition(".")[2] for name in MODULES}
    assert not names & {"numpy", "dask", "xarray", "zarr", "numba", "click", "distributed"}


@pytest.mark.parametrize("module", sorted(m for m in MODULES if "." in m))
def test_each_module_of_a_package_has_its_tests(module: str) -> None:
    package, name = module.split(".")
    path = Path(__file__).parent / package / f"test_{name}.py"
    assert path.exists(), f"the tests of xgrad.{module} belong into tests/{package}/{path.name}"
