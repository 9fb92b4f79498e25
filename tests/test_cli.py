"""The command line as a user runs it: the installed command in a separate process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyproj
import pytest
import xarray as xr
import zarr

import xgrad
import xgrad.cli
from tests.command import (
    COMMAND,
    Session,
    fails,
    on_a_terminal,
    run,
    started,
    stopped,
    wait_until,
)
from tests.helpers import numpy_gradient, real_data, same_bits
from tests.operators.grids import projected


@pytest.fixture
def source(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(size=(40, 100, 100))
    dataset = xr.Dataset(
        {"t": (("time", "y", "x"), values)},
        {"time": np.array("2000-01-01", "M8[s]") + np.arange(40) ** 2 * np.timedelta64(3600, "s")},
    )
    dataset.to_zarr(tmp_path / "in.zarr", encoding={"t": {"chunks": (4, 100, 100)}}, zarr_format=2)
    return tmp_path / "in.zarr"


@pytest.mark.filterwarnings("ignore::xarray.SerializationWarning")  # the file's fill value
def test_real_input(commands: Session, tmp_path: Path) -> None:
    path = real_data("eraint_uvz.nc")
    done = commands.run(
        "gradient", path, tmp_path / "out.zarr", "--var", "z", "--var", "u",
        "--dim", "latitude", "--dim", "longitude", "--dim", "level",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with xr.open_dataset(path) as given, xr.open_zarr(tmp_path / "out.zarr") as found:
        assert len(found.data_vars) == 6
        for name in ("z", "u"):
            for axis, dim in ((1, "level"), (2, "latitude"), (3, "longitude")):
                expected = numpy_gradient(given[name].values, given[dim].values, axis)
                assert same_bits(found[f"d{name}_d{dim}"].values, expected)
        assert found.dz_dlatitude.attrs["units"] == "m2 s-2 degrees_north-1"
        assert found.attrs["Conventions"] == "CF-1.0"


def test_options_reach_the_library(commands: Session, source: Path, tmp_path: Path) -> None:
    done = commands.run(
        "gradient", source, tmp_path / "out.zarr", "--var", "t", "--dim", "time",
        "--edge-order", "2", "--datetime-unit", "h", "--chunks", "time=8,y=50",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with xr.open_zarr(source) as given, xr.open_zarr(tmp_path / "out.zarr") as found:
        assert found.dt_dtime.encoding["chunks"] == (8, 50, 100)
        hours = (given.time - given.time[0]).values / np.timedelta64(1, "h")
        expected = numpy_gradient(given.t.values, hours, 0, 2)
        assert same_bits(found.dt_dtime.values, expected)


MORE_OPTIONS: list[tuple[list[str], Any]] = [
    (["--boundary", "extend"], {"boundary": "extend"}),
    (["--boundary=y=-1.5,nan"], {"boundary": {"y": (-1.5, "nan")}}),
    (
        ["--boundary", "y=periodic", "--period", "y=130", "--boundary", "x=reflect"],
        {"boundary": {"y": "periodic", "x": "reflect"}, "period": {"y": 130}},
    ),
    (["--skipna", "--accuracy", "4"], {"skipna": True, "accuracy": 4}),
    (["--spacing", "y=0.5", "--spacing", "x=height"], {"spacing": {"y": 0.5, "x": "height"}}),
    (
        ["--constant", "time=levels", "--constant-by", "linear"],
        {"constant": {"time": "levels"}, "constant_by": "linear"},
    ),
]


@pytest.mark.thorough  # tests/jobs/test_region.py has the options, docs/cli.md their flags
def test_options_that_numpy_does_not_have(commands: Session, source: Path, tmp_path: Path) -> None:
    with xr.open_zarr(source) as given:
        height = ("x", np.arange(100) ** 1.1)
        levels = given.t.dims, np.arange(40.0)[:, None, None] + 0.1 * np.sin(given.t.values)
        given.assign_coords(height=height, levels=levels).load().to_zarr(
            tmp_path / "high.zarr", zarr_format=2
        )
    common = ["gradient", tmp_path / "high.zarr", tmp_path / "out.zarr", "--dim", "y", "--dim", "x"]
    with xr.open_zarr(tmp_path / "high.zarr") as given:
        for arguments, options in MORE_OPTIONS:
            done = commands.run(*common, *arguments, "--overwrite")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            expected = given.load().fdgrad.gradient(["y", "x"], **options)
            with xr.open_zarr(tmp_path / "out.zarr") as found:
                assert set(found.data_vars) == set(expected.data_vars)
                for name, derivative in expected.items():
                    assert same_bits(found[name].values, derivative.values), arguments


@pytest.mark.thorough  # docs/cli.md runs the same commands
def test_vector_and_scalar_operators_on_a_sphere(commands: Session, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coords = {
        "lat": ("lat", np.linspace(90, -90, 19), {"units": "degrees_north"}),
        "lon": ("lon", np.arange(0.0, 360, 10), {"units": "degrees_east"}),
    }
    winds = xr.Dataset(
        {name: (("t", "lat", "lon"), rng.normal(size=(4, 19, 36)).astype("f4")) for name in "uv"},
        coords,
    )
    winds.to_zarr(tmp_path / "in.zarr", zarr_format=2, encoding={"u": {"chunks": (2, 7, 11)}})
    sphere = ["--metric", "sphere"]
    fields = ["--component", "lon=u", "--component", "lat=v", *sphere]
    scalar = ["--var", "u", "--dim", "lat", "--dim", "lon", *sphere]
    both = {"lon": "u", "lat": "v"}
    lazy = winds.chunk(lat=5).fdgrad
    expected = {
        "curl": lazy.curl(both, metric="sphere"),
        "divergence": lazy.divergence(both, metric="sphere", form="flux"),
        "magnitude": lazy.magnitude(["lat", "lon"], metric="sphere").u_gradient_magnitude,
        "laplacian": lazy.laplacian(["lat", "lon"], metric="sphere", radius=1.0).u_laplacian,
    }
    more = {"divergence": ["--form", "flux"], "laplacian": ["--radius", "1"]}
    for name, values in expected.items():
        arguments = fields if name in ("curl", "divergence") else scalar
        stores = tmp_path / "in.zarr", tmp_path / name
        done = commands.run(name, *stores, *arguments, *more.get(name, []))
        assert done.returncode == 0, done.stderr
        found = xr.open_zarr(tmp_path / name)[values.name]
        assert same_bits(found.values, values.values), name
        assert found.attrs == values.attrs


def test_names_of_places_and_a_crs_on_the_command_line(commands: Session, tmp_path: Path) -> None:
    ds = projected("equal-area", 12)[0].astype("f4")
    ds["crs"] = ((), 0, pyproj.CRS("EPSG:3035").to_cf())
    ds.f.attrs["grid_mapping"] = "crs"
    located = ds.drop_vars(["x", "y"]).assign_coords(
        lat=(("y", "x"), np.linspace(50, 60, 144).reshape(12, 12), {"units": "degrees_north"}),
        lon=(("y", "x"), np.linspace(0, 90, 144).reshape(12, 12).T, {"units": "degrees_east"}),
    )
    ds.to_zarr(tmp_path / "projected.zarr", zarr_format=2)
    located.to_zarr(tmp_path / "located.zarr", zarr_format=2)
    true, pair = {"longitude": "u", "latitude": "v"}, ["longitude", "latitude"]
    components = ["--component", "longitude=u", "--component", "latitude=v"]
    names = ["--var", "f", "--dim", "lon", "--dim", "lat"]
    cases: dict[str, tuple[list[str], Any]] = {
        "curl": (["projected.zarr", *components, "--metric", "EPSG:3035"],
                 ds.fdgrad.curl(true, metric="EPSG:3035").to_dataset()),
        "gradient": (
            ["projected.zarr", "--var", "f", "--dim", "longitude", "--dim", "latitude",
             "--metric", "grid_mapping"],
            ds.set_coords("crs").f.fdgrad.gradient(pair, metric="grid_mapping")),
        "magnitude": (["located.zarr", *names, "--metric", "ellipsoid"],
                      located.f.fdgrad.magnitude(["lon", "lat"], metric="ellipsoid").to_dataset()),
        "divergence": (
            ["located.zarr", "--component", "x=u", "--component", "y=v", "--metric", "sphere"],
            located.fdgrad.divergence({"x": "u", "y": "v"}, metric="sphere").to_dataset()),
    }  # fmt: skip
    for name, ((source, *arguments), expected) in cases.items():
        done = commands.run(name, tmp_path / source, tmp_path / name, *arguments)
        assert done.returncode == 0, done.stderr
        with xr.open_zarr(tmp_path / name) as found:
            for key, values in expected.items():
                assert same_bits(found[key], values), name
    turned = located.drop_vars("f")
    for name in "uv":
        turned[name].attrs.pop("standard_name", None)
    turned.to_zarr(tmp_path / "turned.zarr", zarr_format=2)
    along = ["--component", "x=u", "--component", "y=v"]
    done = commands.run("rotate", tmp_path / "turned.zarr", tmp_path / "r", *along, "--to", "earth")
    assert done.returncode == 0, done.stderr
    with xr.open_zarr(tmp_path / "r") as found:
        for key, values in turned.fdgrad.rotate({"x": "u", "y": "v"}, to="earth").items():
            assert same_bits(found[key], values)
    stores = tmp_path / "projected.zarr", tmp_path / "none"
    done = commands.run("gradient", *stores, "--var", "f", "--metric", "EPSG:4326")
    assert done.returncode == 1
    assert "--metric is 'EPSG:4326', a geographic CRS" in done.stderr


def test_a_coordinate_that_rounding_made_uneven_is_reported_in_one_line(
    commands: Session, tmp_path: Path
) -> None:
    x = (np.arange(4320) / 12).astype("f4")
    xr.Dataset({"t": ("x", np.sin(x))}, {"x": x}).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    done = commands.run("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "Warning: coordinate 'x' is evenly spaced, but rounding to float32"
    )
    assert len(done.stderr.splitlines()) == 1
    even = ("gradient", tmp_path / "in.zarr", tmp_path / "even.zarr", "--spacing", "x=uniform")
    done = commands.run(*even)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_that_is_printed_steers_the_terminal(commands: Session, tmp_path: Path) -> None:
    odd, bell = "\x1b[31mred\x1b[0m", "\x07\x9b\u202e"
    x = (np.arange(4320) / 12).astype("f4")  # which a warning names
    given = xr.Dataset({odd: (bell, np.sin(x))}, {bell: x})
    given.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    common = ("gradient", tmp_path / "in.zarr", tmp_path / f"{bell}.zarr")
    for arguments, status in (
        ((*common, "--dry-run"), 0),
        (common, 0),
        (common, 1),
        ((*common, "--dim", odd), 1),
        ((*common, "--chunks", odd), 2),
        ((*common, f"--{odd}", odd), 2),
        ((f"--{odd}",), 2),
        ((odd,), 2),
    ):
        done = commands.run(*arguments)
        assert done.returncode == status
        shown = done.stdout + done.stderr
        assert shown or not status
        assert all(line.isprintable() for line in shown.split("\n")), shown
        assert status == 0 or len(shown.splitlines()) == 1, shown


@pytest.mark.thorough  # tests/jobs/test_cluster_deaths.py joins one, too
def test_a_running_cluster(source: Path, tmp_path: Path) -> None:
    import distributed

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        address = cluster.scheduler_address
        done = run("gradient", source, tmp_path / "out.zarr", "--scheduler", address)
        assert (done.returncode, done.stderr) == (0, "")
    with xr.open_zarr(source) as given, xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.dt_dx.values, numpy_gradient(given.t.values, 1.0, 2))


@pytest.mark.thorough  # tests/jobs/test_progress.py has a terminal, too
@pytest.mark.parametrize("workers", [(), ("--workers", "1")])
def test_progress_on_a_terminal(source: Path, tmp_path: Path, workers: Any) -> None:
    status, shown = on_a_terminal("gradient", source, tmp_path / "out.zarr", *workers)
    assert status == 0, shown
    assert "100%" in shown
    assert "GB in" in shown
    with xr.open_zarr(source) as given, xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.dt_dx.values, numpy_gradient(given.t.values, 1.0, 2))


def test_errors(commands: Session, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    with xr.open_zarr(source) as given:
        bad = given.load().assign_coords(time=given.time.values[[0, 0, *range(2, 40)]])
        bad.drop_encoding().to_zarr(tmp_path / "bad.zarr", zarr_format=2)
    common = ("gradient", source, out)
    for message, *arguments in (
        ("does not exist", "gradient", tmp_path / "missing.zarr", out),
        ("'3' is not one of", *common, "--edge-order", "3"),
        ("which the source lacks; it has ['t']", *common, "--var", "q"),
        ("'time' twice", *common, "--dim", "time", "--dim", "time"),
        ("is the source", "gradient", f"file://{source}", source, "--overwrite"),
        ("is not of the form DIM=CELLS", *common, "--chunks", "time"),
        ("give one of the two", *common, "--workers", 1, "--scheduler", "a:1"),
        ("needs certificates; give an authority", *common,
         "--scheduler", "tls://127.0.0.1:9"),
        ("File 'none.pem' does not exist", *common, "--tls-ca-file", "none.pem"),
        ("--boundary is 'wrap'; give a number or", *common, "--boundary", "wrap"),
        ("--chunks names 'x' twice", *common, "--chunks", "x=5", "--chunks", "x=6,time=3"),
        ("--spacing names 'x' twice", *common, "--spacing", "x=1", "--spacing", "x=2"),
        ("--boundary names 'x' twice", *common, "--boundary", "x=nan", "--boundary", "x=extend"),
        ("'GB' is not a size such as 1GB", *common, "--memory", "GB"),
        ("--tls-cert or --tls-key is given without --scheduler", *common, "--tls-cert", __file__),
        ("'x' is not of the form DIM=VALUE", *common, "--spacing", "x"),
        ("--boundary is given several times, once without DIM=", *common,
         "--boundary", "nan", "--boundary", "x=extend"),
        ("'time' has the same position twice at index 0 and 1", "gradient",
         tmp_path / "bad.zarr", out),
        ("--engine is 'foo', which xarray lacks", *common, "--engine", "foo"),
        ("--open names 'foo', which the engine", *common, "--open", "foo=1"),
        ("give --decode-times or --no-decode-times", *common, "--open", "decode_times=false"),
        ("--scheduler is 'localhost', which has no port", *common, "--scheduler", "localhost"),
        ("--dim is missing", "derivative", source, out),
        ("--component names 'q', which the source lacks", "curl", source, out,
         "--component", "x=t", "--component", "y=q"),
        ("--component names 'z', which does not exist", "curl", source, out,
         "--component", "x=t", "--component", "z=t"),
        ("give --metric sphere", "magnitude", source, out, "--radius", "1"),
        ("Missing argument", "gradient", source),
        ("No such command", "integrate"),
    ):  # fmt: skip
        commands.fails(message, *arguments)
        assert not out.exists()
    assert commands.run(*common).returncode == 0
    commands.fails("exists; choose another, or replace it with --overwrite", *common)


@pytest.mark.thorough
def test_a_job_resumes_after_a_full_disk(source: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
        check=False, capture_output=True,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        fails("No space left", "gradient", source, disk / "out.zarr", "--dim", "time")
        assert [path.name for path in disk.iterdir()] == ["out.zarr.partial"]
        finished = (disk / "out.zarr.partial" / "finished").read_text()
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        assert run("gradient", source, disk / "out.zarr", "--dim", "time").returncode == 0
        assert [path.name for path in disk.iterdir()] == ["out.zarr"]
        assert finished, "some regions fit on the disk"
        with xr.open_zarr(source) as given, xr.open_zarr(disk / "out.zarr") as found:
            hours = (given.time - given.time[0]).values / np.timedelta64(1, "s")
            assert same_bits(found.dt_dtime.values, numpy_gradient(given.t.values, hours, 0))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.thorough  # the next test but one interrupts, and test_kills.py has the law
def test_an_interrupt_publishes_nothing_and_exits_with_130(
    commands: Session, source: Path, tmp_path: Path
) -> None:
    out, partial = tmp_path / "out.zarr", tmp_path / "out.zarr.partial"
    process = subprocess.Popen(
        [COMMAND, "gradient", str(source), str(out), "--chunks", "time=1,y=10"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert wait_until((partial / "store.zarr").exists, process)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate()
    assert process.returncode == 130
    assert shown == "\nError: interrupted; run the same command again to resume\n"
    assert not out.exists()
    assert commands.run("gradient", source, out, "--chunks", "time=1,y=10").returncode == 0
    assert out.exists()
    assert not partial.exists()


@pytest.mark.thorough  # the next test interrupts
def test_an_interrupt_after_the_publication_says_that_all_is_done(
    source: Path, tmp_path: Path
) -> None:
    out, partial = tmp_path / "out.zarr", tmp_path / "out.zarr.partial"
    old = zarr.open_group(out, mode="w").create_array("a", shape=2000, chunks=1, dtype="u1")
    old[:] = 1  # the removal of so many chunks takes a while
    process = started("gradient", source, out, "--dim", "time", "--overwrite")

    def is_published() -> bool:
        return (partial / "replaced.zarr").exists() and (out / "dt_dtime").exists()

    with stopped(process, is_published):
        assert (partial / "replaced.zarr").exists()
        process.send_signal(signal.SIGINT)
    _, shown = process.communicate()
    assert process.returncode == 0
    said = f"{out} is complete; {partial} has what it replaced, and can be deleted"
    assert shown == f"\n{said}\n"
    with xr.open_zarr(out) as found, xr.open_zarr(source) as given:
        hours = (given.time - given.time[0]).values / np.timedelta64(1, "s")
        assert same_bits(found.dt_dtime.values, numpy_gradient(given.t.values, hours, 0))


@pytest.mark.parametrize("command", [[COMMAND], [sys.executable, "-m", "xgrad"]])
def test_an_interrupt_while_the_command_is_imported_is_reported_in_one_line(
    command: list[str], tmp_path: Path
) -> None:
    # The import stops where it opens this pipe, and goes on when the test does.
    pipe, folder = tmp_path / "pipe", tmp_path / "before"
    folder.mkdir()
    os.mkfifo(pipe)
    (folder / "xarray.py").write_text(f"open({str(pipe)!r}).read()")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [*command, "gradient", "in.zarr", "out.zarr"], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    with pipe.open("w"):
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate()
    assert process.returncode == 130
    assert shown == "\nError: interrupted; run the same command again to resume\n"


def test_an_interrupt_is_left_to_programs_that_import_the_package() -> None:
    code = "import signal; a = signal.getsignal(2); import xgrad; assert signal.getsignal(2) is a"
    subprocess.run([sys.executable, "-c", code, "xgrad"], check=True)


@pytest.mark.thorough  # an interrupt of the imports is above
def test_an_interrupt_while_workers_start_is_reported_in_one_line(
    source: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [COMMAND, "gradient", str(source), str(tmp_path / "out.zarr"), "--workers", "2"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    # Wait for the second child; the first one only tracks shared memory.
    parent = psutil.Process(process.pid)
    assert wait_until(lambda: len(parent.children()) > 1, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, shown = process.communicate()
    assert process.returncode == 130
    assert shown == "\nError: interrupted; run the same command again to resume\n"
    assert not (tmp_path / "out.zarr").exists()


def test_version_and_help(commands: Session) -> None:
    assert xgrad.__version__ in commands.run("--version").stdout
    assert "gradient" in commands.run("-h").stdout
    assert "--edge-order" in commands.run("gradient", "--help").stdout
    module = subprocess.run(
        [sys.executable, "-m", "xgrad", "--version"], capture_output=True, text=True, check=True
    )
    assert xgrad.__version__ in module.stdout


@pytest.mark.thorough  # the README's command and docs/cli.md run it, too
def test_each_command_and_each_option_is_on_the_page() -> None:
    page = (Path(__file__).parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in xgrad.cli.main.commands.items():
        assert f"`{name}`" in page or f"xgrad {name}" in page, name
        for option in command.params:
            assert any(re.search(rf"(?<![\w-]){one}(?![\w-])", page) for one in option.opts), option


@pytest.mark.thorough  # the README's command, which CI runs
def test_demo(commands: Session, tmp_path: Path) -> None:
    done = run("demo", "--size", "20MB", "--keep", tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("bit for bit") == 3
    for word in ("read", "written", "GB/s", "peak memory", "× the data", "truncation error"):
        assert word in done.stdout
    with (
        xr.open_zarr(tmp_path / "kept" / "era5-like.zarr") as given,
        xr.open_zarr(tmp_path / "kept" / "gradients.zarr") as found,
    ):
        expected = numpy_gradient(given.temperature.values, given.latitude.values, 1, 2)
        assert same_bits(found.dtemperature_dlatitude.values, expected)
    commands.fails("exists; give `--keep` another", "demo", "--size", "20MB",
                   "--keep", tmp_path / "kept")  # fmt: skip
    commands.fails("at least 13MB", "demo", "--size", "9MB")
    commands.fails("is not a size such as 1GB", "demo", "--size", "large")
    commands.fails("choose a smaller `--size`", "demo", "--size", "1000TB")


@pytest.mark.thorough
def test_a_demo_of_several_gigabytes_needs_little_memory(tmp_path: Path) -> None:
    done = run("demo", "--size", "6GB", "--keep", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bit for bit") == 3
    (peak,) = [line for line in done.stdout.splitlines() if "peak memory" in line]
    assert float(peak.split()[2]) < 1.2


def test_a_key_that_is_lacking_is_not_a_bare_key() -> None:
    from click.testing import CliRunner

    from xgrad.cli import _OneLine

    group = _OneLine("group")

    @group.command()
    def lacking() -> None:
        dict[str, str]()["months"]

    before = signal.getsignal(signal.SIGINT)
    try:
        done = CliRunner().invoke(group, ["lacking"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.exit_code, done.stderr) == (1, "Error: there is no 'months'\n")
