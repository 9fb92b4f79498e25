"""The examples run, draw something, print true numbers, and are pages of the gallery."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import script

image = pytest.importorskip("matplotlib.image", reason="the examples draw with matplotlib")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DOCS = EXAMPLES.parent / "docs"
PICTURE = DOCS / "images" / "fronts.png"  # in the README


# A process takes longer to start than most examples to run.
ONE_BY_ONE = """
import contextlib, io, json, os, runpy, sys, traceback
from matplotlib import pyplot
pyplot.show = lambda: pyplot.savefig("drawn.png")
for line in sys.stdin:
    folder, script = json.loads(line)
    os.chdir(folder)
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(script, run_name="__main__")
        except BaseException:
            error = traceback.format_exc()
    pyplot.close("all")
    print(json.dumps([printed.getvalue(), error]), flush=True)
"""

Run = Callable[[str], list[str]]


def environment() -> dict[str, str]:
    return {**os.environ, "MPLBACKEND": "Agg"}


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    """A process that runs examples, in which a warning is an error."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", ONE_BY_ONE], env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        yield started
        assert started.stdin is not None
        started.stdin.close()


@pytest.fixture
def run(process: subprocess.Popen[str], tmp_path: Path) -> Run:
    """Run an example, check that its figure is not blank, and return the lines that it prints."""

    def call(name: str) -> list[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(tmp_path), str(EXAMPLES / name)]) + "\n")
        process.stdin.flush()
        printed, error = json.loads(process.stdout.readline())
        assert not error, error
        assert [file.name for file in tmp_path.iterdir()] == ["drawn.png"]
        assert is_drawn(tmp_path / "drawn.png")
        return str(printed).splitlines()

    return call


def is_drawn(figure: Path) -> bool:
    pixels = image.imread(figure)
    return min(pixels.shape[:2]) > 200 and pixels[..., :3].std() > 0.05


def coarse(figure: Path) -> Any:
    pixels = image.imread(figure)[..., :3]
    height, width, colours = pixels.shape
    return pixels.reshape(height // 35, 35, width // 40, 40, colours).mean(axis=(1, 3))


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", line)]


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_a_page_of_the_gallery(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    title, line, empty, *_ = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    assert line == "=" * len(title), "the docstring begins with an underlined title"
    assert not empty
    assert "\n# %%\n" in source, "text between blocks of code"
    assert "plt.show()" in source
    # It makes its own data, so it needs neither a network nor a file.
    assert not re.search(r"tutorial|open_dataset|environ|urlopen", source)


def test_the_order_of_the_gallery_has_every_example() -> None:
    order = script(DOCS / "gallery_order.py").ORDER
    assert sorted(order) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.thorough  # draws for seconds; the build of the docs runs it, too
def test_fronts(run: Run, tmp_path: Path) -> None:
    sea, (lost, left) = (numbers(line) for line in run("fronts.py"))
    # Two cells have land on both sides.
    assert 300 < lost < 0.01 * sea[0]
    assert left == 2
    # Fonts differ between versions of matplotlib; a mean over 35 × 40 pixels does not show them.
    drawn, picture = (coarse(file) for file in (tmp_path / "drawn.png", PICTURE))
    assert drawn.shape == picture.shape
    assert abs(drawn - picture).mean() < 0.01, "redraw it with `python docs/picture.py`"


@pytest.mark.thorough  # draws for seconds; the build of the docs runs it, too
def test_heat_budget(run: Run) -> None:
    errors = [numbers(line)[-1] for line in run("heat_budget.py")]
    # The heating is 0.1 to 0.2 °C a day.
    assert errors[0] < 0.02
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 0.1 * errors[1]


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
@pytest.mark.parametrize("name", ["edges.py", "slopes.py", "vorticity.py"])
def test_examples_that_print_nothing(name: str, run: Run) -> None:
    assert run(name) == []


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
def test_polar_vorticity(run: Run) -> None:
    (line,) = run("polar_vorticity.py")
    assert 0 < numbers(line)[0] < 1


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
def test_blobs(run: Run) -> None:
    (line,) = run("blobs.py")
    blobs, found, away = numbers(line)
    assert blobs == found == 27
    assert away <= np.hypot(0.15, np.hypot(0.05, 0.05)) + 0.05  # half a voxel, and the noise


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
def test_constant_height(run: Run) -> None:
    _, *rows = run("constant_height.py")
    chain, linear, cubic = (numbers(row)[0] for row in rows)
    assert [row.split()[0] for row in rows] == ["chain", "linear", "interpolation"]
    assert chain > 20 * linear > 20 * cubic > 0


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
def test_terrain_following(run: Run) -> None:
    mean, own, accurate = (
        numbers(line.partition(":")[2])[0] for line in run("terrain_following.py")
    )
    assert mean > 60
    assert 0 < own < 0.5
    assert 0 < accurate < 0.1


@pytest.mark.thorough  # jobs in other processes
def test_resumed_job(run: Run) -> None:
    killed, partial, resumed, complete, same = run("resumed_job.py")
    assert killed == "exit status -9"
    assert resumed == "exit status 0"
    assert (partial, complete) == ("['in.zarr', 'out.zarr.partial']", "['in.zarr', 'out.zarr']")
    assert same == "True"


@pytest.mark.thorough  # jobs in other processes
def test_cluster() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "cluster.py")],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "read 38 MB, wrote 38 MB" in done.stdout


@pytest.mark.thorough  # draws for seconds; the others draw in the quick suite
def test_noisy_series(run: Run) -> None:
    lines = run("noisy_series.py")
    first, last = (dict(line.split() for line in lines[k : k + 3]) for k in (1, 5))
    for errors in (first, last):
        assert float(errors["xgrad"]) < 0.04
        assert float(errors["savgol_filter"]) > 0.15
        assert float(errors["numpy.gradient"]) > 50
    left = {window: (noise, rms) for window, noise, rms in map(numbers, lines[8:-2])}
    assert min(left, key=lambda window: left[window][1]) == 161
    assert left[161][0] < 0.011
    assert left[321][0] > 0.02
    shares = [numbers(line)[-1] for line in lines[-2:]]
    assert abs(shares[0] - 95) <= 2
    assert shares[1] < shares[0]  # the window begins to be too wide
