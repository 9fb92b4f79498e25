"""Certificates of a cluster."""

from __future__ import annotations

from pathlib import Path

import dask
import distributed
import pytest

from tests.command import run
from xgrad.jobs.api import gradient_to_zarr


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    from distributed import Security

    found = {}
    temporary = Security.temporary()
    for name, content in {
        "ca-file": temporary.tls_ca_file,
        "cert": temporary.tls_client_cert,
        "key": temporary.tls_client_key,
    }.items():
        path = tmp_path / f"{name}.pem"
        path.write_text(str(content))
        found[name] = str(path)
    return found


@pytest.mark.thorough  # a cluster takes seconds to start
def test_tls_settings_reach_the_scheduler(
    source: Path, tmp_path: Path, tls: dict[str, str]
) -> None:

    files = {
        f"tls_{role}_{kind}": tls[kind]
        for role in ("client", "worker", "scheduler")
        for kind in ("cert", "key")
    }
    security = distributed.Security(tls_ca_file=tls["ca-file"], require_encryption=True, **files)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", security=security,
        protocol="tls://",
    ) as processes:  # fmt: skip
        address = processes.scheduler_address
        assert address.startswith("tls://")
        common = ("gradient", source, tmp_path / "out.zarr", "--dim", "x", "--scheduler", address)
        options = [part for name, path in tls.items() for part in (f"--tls-{name}", path)]
        assert run(*common, *options).returncode == 0
        # And those of dask's configuration.
        names = {"ca-file": "ca-file", "client.cert": "cert", "client.key": "key"}
        configured = {f"distributed.comm.tls.{key}": tls[name] for key, name in names.items()}
        with dask.config.set(configured):
            gradient_to_zarr(
                source, tmp_path / "out.zarr", dim="x", scheduler=address, overwrite=True
            )
