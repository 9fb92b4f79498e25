"""What a release says of itself in several files is the same in all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def text(name: str) -> str:
    path = CHECKOUT / name
    if not path.exists():
        pytest.skip(f"{name} is not part of this distribution")
    return path.read_text()


def requirements(lines: list[str]) -> dict[str, str]:
    """Name and lower bound."""
    found = [re.fullmatch(r"([\w-]+)(?:\[.*\])?\s*>=([\d.]+)", line) for line in lines]
    assert all(found), lines
    return {match[1]: match[2] for match in found if match}


def test_every_dependency_has_a_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"].values()
    every = [line for extra in extras for line in extra if not line.startswith("xgrad[")]
    assert requirements([*PROJECT["dependencies"], *every])


def test_the_recipe_needs_what_the_package_needs() -> None:
    run = re.search(r"  run:\n((?:    - .*\n)+)", text("recipe/recipe.yaml"))
    assert run is not None
    lines = [line.removeprefix("    - ") for line in run[1].splitlines()]
    conda = requirements([line for line in lines if not line.startswith("python ")])
    conda["dask"] = conda.pop("dask-core")
    assert conda == requirements(PROJECT["dependencies"])


def test_the_version_to_come_is_the_same_everywhere() -> None:
    newest = re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert f"\nversion: {newest[1]}\n" in text("CITATION.cff")
    assert f'version: "{newest[1]}"' in text("recipe/recipe.yaml")
    fallback = re.search(r'fallback_version = "(.*)\.dev0"', text("pyproject.toml"))
    assert fallback is not None
    assert fallback[1] == newest[1]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CITATION.cff", "recipe/recipe.yaml"])
def test_the_address_is_that_of_the_project(name: str) -> None:
    addresses = set(re.findall(r"https://github\.com/[\w-]+/xgrad", text(name)))
    assert addresses == {PROJECT["urls"]["Homepage"]}


def test_python_versions_are_those_of_the_workflow() -> None:
    kinds = PROJECT["classifiers"]
    versions = [one.rpartition(" ")[2] for one in kinds if re.search(r":: 3\.\d+$", one)]
    assert versions[0] == PROJECT["requires-python"].removeprefix(">=")
    quoted = ", ".join(f'"{version}"' for version in versions)
    assert f"python: [{quoted}]" in text(".github/workflows/tests.yml")
