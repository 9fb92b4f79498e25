"""Keywords are listed once: every signature, docstring and command agrees with that list."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pytest
import xarray as xr

import xgrad
from xgrad import accessor
from xgrad.cli import main
from xgrad.labels import keywords
from xgrad.labels.keywords import keywords_of
from xgrad.labels.options import Options
from xgrad.operators.operations import OPERATIONS

FIELD, PLAIN = keywords.LabelledFieldOptions, keywords.LabelledOptions
JOB, ANY_JOB = keywords.JobOptions, keywords.OperationOptions
FUNCTIONS = {
    "gradient": FIELD, "derivative": PLAIN, "magnitude": FIELD, "direction": FIELD,
    "laplacian": FIELD, "hessian": FIELD, "smooth": PLAIN, "divergence": FIELD, "curl": FIELD,
    "to_zarr": ANY_JOB, "gradient_to_zarr": JOB, "plan_to_zarr": ANY_JOB,
}  # fmt: skip
METHODS = [
    (kind, name)
    for kind in (accessor.DataArrayAccessor, accessor.DatasetAccessor, accessor.DataTreeAccessor)
    for name in FUNCTIONS
    if hasattr(kind, name)
]


def shown(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters), "a signature hides its keywords"
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def expected(options: type) -> dict[str, Any]:
    return {name: keyword.default for name, (_, keyword) in keywords_of(options).items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_shows_all_of_its_keywords(name: str) -> None:
    function = getattr(xgrad, name)
    found = shown(function)
    assert expected(FUNCTIONS[name]).items() <= found.items()
    assert set(found) - set(expected(FUNCTIONS[name])) <= {"u", "v", "w", "form"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_names_all_keywords(name: str) -> None:
    named = set(re.findall(r"\w+", str(getattr(xgrad, name).__doc__)))
    assert set(expected(FUNCTIONS[name])) <= named


@pytest.mark.parametrize(("kind", "name"), METHODS)
def test_a_method_shows_the_keywords_of_its_function(kind: type, name: str) -> None:
    assert expected(FUNCTIONS[name]).items() <= shown(getattr(kind, name)).items()


def test_all_operations_are_methods() -> None:
    operations = set(FUNCTIONS) - {"to_zarr", "gradient_to_zarr", "plan_to_zarr"}
    for kind in (accessor.DatasetAccessor, accessor.DataTreeAccessor):
        assert {name for one, name in METHODS if one is kind} - {"to_zarr"} == operations


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_unknown_keyword_is_refused_with_the_nearest_one(name: str) -> None:
    nearly = f"{name}() got an unexpected keyword argument 'bounday'; did you mean 'boundary'?"
    with pytest.raises(TypeError, match=re.escape(nearly)):
        getattr(xgrad, name)(bounday="extend")
    with pytest.raises(TypeError, match=r"'zzz'; it has \["):
        getattr(xgrad, name)(zzz=1)


def test_a_method_refuses_an_unknown_keyword_too() -> None:
    da = xr.DataArray([0.0, 1.0], dims="x")
    with pytest.raises(TypeError, match=r"gradient\(\) .* 'skip_na'; did you mean 'skipna'\?"):
        da.fdgrad.gradient("x", skip_na=True)


def test_the_record_of_options_has_the_same_defaults() -> None:
    own = {field.name: field.default for field in dataclasses.fields(Options)}
    del own["order"]
    assert own == expected(keywords.FieldOptions)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_command_has_an_option_for_each_keyword_with_help(name: str) -> None:
    with_help = {key for key, (_, keyword) in keywords_of(ANY_JOB).items() if keyword.help}
    with_help &= {*OPERATIONS[name].keywords}
    own = {"dry_run", "tls_ca_file", "tls_cert", "tls_key", "source", "target"}
    own |= {"components"} if OPERATIONS[name].of_a_vector else {"variables", "dims"}
    found = {parameter.name for parameter in main.commands[name].params}
    assert found == own | with_help
