from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgrad
from xgrad.accessor import DataArrayAccessor, DatasetAccessor, DataTreeAccessor

DA = xr.DataArray(np.arange(4.0) ** 2, {"x": np.arange(4.0)}, "x", "t")


@pytest.mark.parametrize(
    ("obj", "kind"),
    [
        (DA, DataArrayAccessor),
        (DA.to_dataset(), DatasetAccessor),
        (xr.DataTree(DA.to_dataset()), DataTreeAccessor),
    ],
)
def test_the_function_gives_the_accessor(obj: object, kind: type) -> None:
    found = xgrad.fdgrad(obj)  # type: ignore[call-overload]
    assert found is obj.fdgrad  # type: ignore[attr-defined]
    assert type(found) is kind
    assert "methods: " in repr(found)


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match="`obj` is a list; give a DataArray, Dataset or DataTree"):
        xgrad.fdgrad([1.0])  # type: ignore[call-overload]


def test_dir_has_the_public_names_only() -> None:
    assert dir(xgrad) == sorted([*xgrad.__all__, "__version__"])
    assert all(getattr(xgrad, name) is not None for name in dir(xgrad))


def test_methods_have_the_keywords_of_the_functions() -> None:
    for name in ("gradient", "derivative", "magnitude", "direction", "laplacian", "hessian"):
        function = inspect.signature(getattr(xgrad, name)).parameters
        for kind in (DataArrayAccessor, DatasetAccessor, DataTreeAccessor):
            method = inspect.signature(getattr(kind, name)).parameters
            assert list(method)[1:] == list(function)[1:]


@pytest.mark.thorough  # mypy reads xarray, which takes half a minute
def test_a_type_checker_knows_what_the_function_gives(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import xarray as xr, xgrad\n"
        "da = xr.DataArray([0.0, 1.0])\n"
        "reveal_type(xgrad.fdgrad(da).gradient('dim_0'))\n"
        "reveal_type(xgrad.gradient(da, 'dim_0'))\n"
        "xgrad.fdgrad(da).gradient('dim_0', bounday='nan')\n"
        "xgrad.fdgrad(da).gradient('dim_0', accuracy=3)\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", str(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    assert [line.split(": ", 1)[1] for line in lines[:2]] == [
        'note: Revealed type is "xarray.core.dataset.Dataset"'
    ] * 2
    assert 'Unexpected keyword argument "bounday"' in lines[2]
    assert any("Literal[2, 4, 6, 8]" in line for line in lines[3:])
    assert run.returncode == 1
