"""
A job that is killed and resumed
================================

A job goes from store to store within a limit of memory.  Whatever stops it, the same command
resumes it.  The target appears when it is complete, never before.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import matplotlib.pyplot as plt
import numcodecs
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# A store of 19 MB in 120 chunks.  Strong compression makes the job slow enough to kill.

folder = Path(tempfile.mkdtemp())
values = np.random.default_rng(0).normal(size=(30, 400, 400)).astype("f4")
source = xr.Dataset({"t": (("time", "y", "x"), values, {"units": "K"})})
hard = {"t": {"compressors": numcodecs.Zlib(9)}}
chunked = source.chunk(time=1, y=200, x=200)
_ = chunked.to_zarr(folder / "in.zarr", zarr_format=2, encoding=hard)

# %%
# The command is ``xgrad gradient in.zarr out.zarr --dim time``.  Until it is done, its work is in
# ``out.zarr.partial``.


def run(enough: float = np.inf) -> list[tuple[float, float]]:
    """Run the command until it has written enough; return seconds and MB on disk."""
    command = ["gradient", "in.zarr", "out.zarr", "--dim", "time", "--progress", "log"]
    python = [sys.executable, "-m", "xgrad"]
    seen, start = [(0.0, written())], time.perf_counter()
    with subprocess.Popen([*python, *command], cwd=folder) as process:
        while process.poll() is None:
            seen.append((time.perf_counter() - start, written()))
            if seen[-1][1] > enough:
                process.kill()  # SIGKILL: the process cannot tidy up
            time.sleep(0.02)
    print(f"exit status {process.returncode}")
    return seen


def written() -> float:
    """MB on disk, of a job that may be moving its files."""
    while True:
        with suppress(FileNotFoundError):  # moved as we looked: look again
            chunks = folder.glob("out.zarr*/**/[0-9]*.*.*")
            return sum(chunk.stat().st_size for chunk in chunks) / 1e6


# %%
# Kill it after 5 MB.

killed = run(enough=5)
print(sorted(path.name for path in folder.iterdir()))

# %%
# The same command again.  It keeps what is done and computes the rest.

resumed = run()
print(sorted(path.name for path in folder.iterdir()))

# %%
# The result is that of an undisturbed run, bit for bit.

result = xr.open_zarr(folder / "out.zarr").dt_dtime
print(result.values.tobytes() == source.t.fdgrad.derivative("time").values.tobytes())
result

# %%
# Both runs: the first is killed at the cross, and the second begins with what that left.  The flat
# parts are the start of Python and the plan, and in the first job after an installation also the
# compilation of its loops.

fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for label, seen in {"killed": killed, "resumed": resumed}.items():
    seconds, megabytes = np.transpose(seen)
    ax.plot(seconds, megabytes, label=label, linewidth=2)
ax.plot(*killed[-1], "x", color="C0", markersize=12, markeredgewidth=3)
ax.set(xlabel="time since the command began (s)", ylabel="on disk (MB)", ylim=(0, None))
ax.legend()
plt.show()
