"""The examples run, draw something and print true numbers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.helpers import real_data

image = pytest.importorskip("matplotlib.image", reason="the examples draw with matplotlib")

CHECKOUT = Path(__file__).resolve().parents[1]


# A process takes longer to start than most examples to run.
ONE_BY_ONE = """
import contextlib, io, json, os, runpy, sys, traceback
from matplotlib import pyplot
for line in sys.stdin:
    folder, *sys.argv = json.loads(line)
    os.chdir(folder)
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except BaseException:
            error = traceback.format_exc()
    pyplot.close("all")
    print(json.dumps([printed.getvalue(), error]), flush=True)
"""

Run = Callable[..., str]


def command(*arguments: str) -> list[str]:
    """Python, in which a warning is an error."""
    return [sys.executable, "-W", "error", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "MPLBACKEND": "Agg", **more}


@pytest.fixture(scope="module")
def start() -> Iterator[Run]:
    """Run an example in a folder, check that it succeeds, and return what it prints."""
    with subprocess.Popen(
        command("-c", ONE_BY_ONE), env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def call(name: str, folder: Path, *arguments: str) -> str:
            script = str(CHECKOUT / "examples" / name)
            stdin.write(json.dumps([str(folder), script, *arguments]) + "\n")
            stdin.flush()
            printed, error = json.loads(stdout.readline())
            assert not error, error
            return str(printed)

        yield call


@pytest.fixture
def run(start: Run, tmp_path: Path) -> Run:
    """Run an example, check that its figure is not blank, and return what it prints."""

    def call(name: str) -> str:
        printed = start(name, tmp_path, "--figure", str(tmp_path / "drawn.png"))
        assert is_drawn(tmp_path / "drawn.png")
        return printed

    return call


def is_drawn(figure: Path) -> bool:
    pixels = image.imread(figure)
    return min(pixels.shape[:2]) > 300 and pixels[..., :3].std() > 0.05


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<!\S)-?\d+\.\d+", line)]


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_geostrophic_wind(run: Run) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    printed = run("geostrophic_wind.py")
    rows = [numbers(row) for row in printed.splitlines() if "January" in row or "July" in row]
    assert [len(row) for row in rows] == [7, 7, 7, 7]  # two hemispheres, two months
    r_u, r_v, r_wind, rms_u, rms_v, std_u, std_v = np.transpose(rows)
    # As the docstring of the example says.
    assert (r_u > 0.99).all()
    assert (r_wind > 0.99).all()
    assert ((r_v > 0.95) & (r_v < 0.98)).all()
    assert (rms_v < rms_u).all()
    assert (std_v < std_u).all()


def test_warming_rate(run: Run) -> None:
    file = real_data("A1B_north_america.nc")
    printed = run("warming_rate.py").splitlines()
    gradient, ends, line = (numbers(row) for row in printed[1:])
    with xr.open_dataset(file) as ds:
        t = ds.air_temperature.astype(float).weighted(np.cos(np.deg2rad(ds.latitude)))
        yearly = t.mean(["latitude", "longitude"])
    year = dict(zip(yearly.time.dt.year.values.tolist(), yearly.values, strict=True))
    left = year[2099] + year[2098] - year[2000] - year[1999]
    assert gradient[0] == pytest.approx(left / 2 / 99 * 10, abs=1e-4)
    assert ends[0] == pytest.approx((year[2098] - year[2000]) / 98 * 10, abs=1e-4)
    period = np.arange(2000, 2099)
    slope = np.polyfit(period - 2049.0, [year[i] for i in period], 1)[0] * 10
    assert line[0] == pytest.approx(slope, abs=1e-4)


def test_warming_rate_reports_missing_data(tmp_path: Path) -> None:
    done = subprocess.run(
        command(str(CHECKOUT / "examples" / "warming_rate.py")), cwd=tmp_path,
        env=environment(XGRAD_DATA=str(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "set XGRAD_DATA" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_edges(run: Run) -> None:
    *same, direction, rim = run("edges.py").splitlines()
    assert same == [
        "in memory: equal to numpy.gradient bit for bit",
        "dask chunks of 64 x 64: equal to numpy.gradient bit for bit",
        "magnitude: equal to the root of the squares bit for bit",
    ]
    assert float(direction.split()[2]) < 1e-15
    assert numbers(rim)[0] < 5


def test_fronts(run: Run) -> None:
    front, cells = run("fronts.py").splitlines()
    strongest, error = numbers(front)
    assert 10 < strongest < 12
    assert 0 < error < 0.015 * strongest
    sea, lost, left = map(int, re.findall(r"\d+", cells))
    # Two cells have land on both sides.
    assert 300 < lost < 0.01 * sea
    assert left == 2


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_vorticity(run: Run) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    _, northern, southern = run("vorticity.py").splitlines()
    for line, band, fastest in (northern, (25, 40), 78.5), (southern, (-60, -35), 39.3):
        speed, latitude, longitude, north, south = numbers(line.replace(",", " ").replace(";", " "))
        assert speed == fastest
        assert band[0] < latitude < band[1]
        assert -180 <= longitude < 180
        assert north > 0.5
        assert south < -0.5


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_polar_vorticity(run: Run) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    title, *rows = run("polar_vorticity.py").splitlines()
    assert "40 to 88 N" in title
    right, mistaken, flat = (numbers(row)[-1] for row in rows)
    assert right < 3
    assert 2 * right < flat < 10
    assert mistaken > 50


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_blobs(run: Run) -> None:
    counts, distance, middle = run("blobs.py").splitlines()
    assert counts == "27 blobs, 27 found"
    assert numbers(distance)[0] <= 0.1
    mean, exact = numbers(middle.replace(",", " "))
    assert exact == -12
    assert mean == pytest.approx(exact, rel=0.05)


def test_motion(start: Run, tmp_path: Path) -> None:
    printed = start("motion.py", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["motion.png"], "the default name"
    assert is_drawn(tmp_path / "motion.png")
    _, velocity, acceleration = printed.splitlines()
    for line, share in (velocity, 0.02), (acceleration, 0.04):
        error, largest = numbers(line)
        assert 0 < error < share * largest


@pytest.mark.thorough  # draws for seconds; test_fronts and others draw in the quick suite
def test_terrain_following(run: Run) -> None:
    title, *rows = run("terrain_following.py").splitlines()
    assert "degC m-1" in title
    mean, own, accurate = (numbers(row)[0] for row in rows)
    # As the docstring of the example says; the largest gradient is nearly 17 / 400.
    assert mean > 0.6 * 17 / 400
    assert 0 < own < 0.005 * 17 / 400
    assert 0 < accurate < 0.001 * 17 / 400


@pytest.mark.thorough
def test_noisy_series(run: Run) -> None:
    _, *lines = run("noisy_series.py").splitlines()
    first, last = (dict(line.split() for line in lines[k : k + 3]) for k in (0, 4))
    for errors in (first, last):
        assert float(errors["xgrad"]) < 0.04
        assert float(errors["savgol_filter"]) > 0.15
        assert float(errors["numpy.gradient"]) > 50
    left = dict(
        zip(
            (5, 11, 21, 41, 81, 161, 321),
            map(numbers, [line.replace(",", " ") for line in lines[7:]]),
            strict=True,
        )
    )
    assert min(left, key=lambda window: left[window][1]) == 161
    assert left[161][0] < 0.011
    assert left[321][0] > 0.02
