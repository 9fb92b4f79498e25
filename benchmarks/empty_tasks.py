"""Memory that dask needs for as many tasks as a lazy gradient has, when they do nothing.

``python -m benchmarks.empty_tasks`` prints megabytes above the process before, for 1024 and 4096
chunks: one task that stands for the work on a chunk, and for each result one that takes it from
what that returns, with its maximum.  The arrays have one cell a chunk.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import dask
import dask.array as da
import numpy as np

from xgrad.workers.memory import peak_memory


def nothing(block: Any) -> Any:
    return block


def measure(chunks: int, results: int) -> float:
    """Megabytes of computing the maxima of results of so many chunks."""

    def maxima(shape: tuple[int, ...]) -> list[Any]:
        work = da.map_blocks(nothing, da.from_array(np.zeros(shape), chunks=1))
        if results == 1:
            return [work.max()]
        # Not fused with the work, because several results need it.
        return [work.map_blocks(nothing, token=str(k)).max() for k in range(results)]

    dask.config.set(scheduler="threads", num_workers=2)
    dask.compute(*maxima((2, 2, 2)))
    base = peak_memory()
    dask.compute(*maxima((chunks // 64, 8, 8)))
    return (peak_memory() - base) / 1e6


def main() -> None:
    print("| tasks that do nothing | 1024 chunks, MB | 4096 chunks, MB | kB a chunk |")
    print("| --- | --- | --- | --- |")
    for results, job in ((1, "one result → its maximum"), (3, "three results → their maxima")):
        found = []
        for chunks in (1024, 4096):
            command = [sys.executable, "-m", "benchmarks.empty_tasks", str(chunks), str(results)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found.append(float(done.stdout))
        grown = 1000 * (found[1] - found[0]) / 3072
        print(f"| {job} | {found[0]:.0f} | {found[1]:.0f} | {grown:.1f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(measure(*map(int, sys.argv[1:])))
    else:
        main()
