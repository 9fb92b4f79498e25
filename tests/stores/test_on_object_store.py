"""A workplace on an object store."""

from __future__ import annotations

import fsspec
import pytest
import zarr

from xgrad.stores import on_object_store
from xgrad.stores.workplace import mark


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_only_unfinished_stores_of_xgrad_are_replaced(zarr_format: int) -> None:
    url, memory = f"memory://{zarr_format}/out.zarr", fsspec.filesystem("memory")
    with on_object_store.at_url(url) as place:
        place.begin(zarr_format, "a run")
        place.remember("this job")
        place.finish("0:4 t")
        assert place.remembered() == "this job"
        place.publish()
        assert place.remembered() is None
    assert dict(zarr.open_group(url, mode="r").attrs) == {}
    with pytest.raises(FileExistsError, match="exists; choose another, or remove it first"):
        on_object_store.check("in.zarr", url, overwrite=False)
    # If a user removes an unfinished store, there is nothing to resume, and the next run may begin.
    memory.rm(f"/{zarr_format}/out.zarr", recursive=True)
    with on_object_store.at_url(url) as place:
        place.begin(zarr_format, "a run")
        place.remember("this job")
    memory.rm(f"/{zarr_format}/out.zarr", recursive=True)
    on_object_store.check("in.zarr", url, overwrite=False)
    with on_object_store.at_url(url) as place:
        assert not mark(place.store, "another run")
        memory.pipe_file(f"/{zarr_format}/out.zarr/thesis.tex", b"years of work")
    with (
        pytest.raises(FileExistsError, match="exists; choose another"),
        on_object_store.at_url(url),
    ):
        pass
    assert memory.cat_file(f"/{zarr_format}/out.zarr/thesis.tex") == b"years of work"
