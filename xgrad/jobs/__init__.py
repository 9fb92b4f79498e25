"""Jobs from store to store, region by region, which survive being killed."""

import sys

if sys.platform == "win32":
    raise ImportError(
        "jobs and commands need Linux or macOS, for their locks and signals; on Windows use "
        "`.fdgrad` and write its lazy results with `.to_zarr`, or work in WSL"
    )
