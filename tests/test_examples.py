"""The examples run, draw something and print true numbers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.helpers import real_data

image = pytest.importorskip("matplotlib.image", reason="the examples draw with matplotlib")

CHECKOUT = Path(__file__).resolve().parents[1]


def start(name: str, folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Start an example, which fails if it warns."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(CHECKOUT / "examples" / name), *arguments],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run(name: str, folder: Path) -> str:
    """Run an example, check that its figure is not blank, and return what it prints."""
    figure = folder / "drawn.png"
    done = start(name, folder, "--figure", str(figure))
    assert done.returncode == 0, done.stderr
    assert is_drawn(figure)
    return done.stdout


def is_drawn(figure: Path) -> bool:
    pixels = image.imread(figure)
    return min(pixels.shape[:2]) > 300 and pixels[..., :3].std() > 0.05


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<!\S)-?\d+\.\d+", line)]


def test_geostrophic_wind(tmp_path: Path) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    printed = run("geostrophic_wind.py", tmp_path)
    rows = [numbers(row) for row in printed.splitlines() if "January" in row or "July" in row]
    assert [len(row) for row in rows] == [7, 7, 7, 7]  # two hemispheres, two months
    r_u, r_v, r_wind, rms_u, rms_v, std_u, std_v = np.transpose(rows)
    # As the docstring of the example says.
    assert (r_u > 0.99).all()
    assert (r_wind > 0.99).all()
    assert ((r_v > 0.95) & (r_v < 0.98)).all()
    assert (rms_v < rms_u).all()
    assert (std_v < std_u).all()


def test_warming_rate(tmp_path: Path) -> None:
    file = real_data("A1B_north_america.nc")
    printed = run("warming_rate.py", tmp_path).splitlines()
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
    done = start("warming_rate.py", tmp_path, XGRAD_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "set XGRAD_DATA" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_edges(tmp_path: Path) -> None:
    *same, direction, rim = run("edges.py", tmp_path).splitlines()
    assert same == [
        "in memory: equal to numpy.gradient bit for bit",
        "dask chunks of 64 x 64: equal to numpy.gradient bit for bit",
        "magnitude: equal to the root of the squares bit for bit",
    ]
    assert float(direction.split()[2]) < 1e-15
    assert numbers(rim)[0] < 5


def test_fronts(tmp_path: Path) -> None:
    front, cells = run("fronts.py", tmp_path).splitlines()
    strongest, error = numbers(front)
    assert 10 < strongest < 12
    assert 0 < error < 0.015 * strongest
    sea, lost, left = map(int, re.findall(r"\d+", cells))
    # Two cells have land on both sides.
    assert 300 < lost < 0.01 * sea
    assert left == 2


def test_vorticity(tmp_path: Path) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    _, northern, southern = run("vorticity.py", tmp_path).splitlines()
    for line, band, fastest in (northern, (25, 40), 78.5), (southern, (-60, -35), 39.3):
        speed, latitude, longitude, north, south = numbers(line.replace(",", " ").replace(";", " "))
        assert speed == fastest
        assert band[0] < latitude < band[1]
        assert -180 <= longitude < 180
        assert north > 0.5
        assert south < -0.5


def test_polar_vorticity(tmp_path: Path) -> None:
    real_data("eraint_uvz.nc")  # otherwise the example would download it
    title, *rows = run("polar_vorticity.py", tmp_path).splitlines()
    assert "40 to 88 N" in title
    right, mistaken, flat = (numbers(row)[-1] for row in rows)
    assert right < 3
    assert 2 * right < flat < 10
    assert mistaken > 50


def test_blobs(tmp_path: Path) -> None:
    counts, distance, middle = run("blobs.py", tmp_path).splitlines()
    assert counts == "27 blobs, 27 found"
    assert numbers(distance)[0] <= 0.1
    mean, exact = numbers(middle.replace(",", " "))
    assert exact == -12
    assert mean == pytest.approx(exact, rel=0.05)


def test_motion(tmp_path: Path) -> None:
    done = start("motion.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["motion.png"], "the default name"
    assert is_drawn(tmp_path / "motion.png")
    _, velocity, acceleration = done.stdout.splitlines()
    for line, share in (velocity, 0.02), (acceleration, 0.04):
        error, largest = numbers(line)
        assert 0 < error < share * largest


def test_terrain_following(tmp_path: Path) -> None:
    title, *rows = run("terrain_following.py", tmp_path).splitlines()
    assert "degC m-1" in title
    mean, own, accurate = (numbers(row)[0] for row in rows)
    # As the docstring of the example says; the largest gradient is nearly 17 / 400.
    assert mean > 0.6 * 17 / 400
    assert 0 < own < 0.005 * 17 / 400
    assert 0 < accurate < 0.001 * 17 / 400
