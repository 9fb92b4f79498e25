"""What the name of a store says."""

from __future__ import annotations

import pytest

from xgrad.stores import urls


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://key:secret@bucket/in.zarr", "s3://bucket/in.zarr"),
        ("https://me:secret@host/in.zarr?signature=secret", "https://host/in.zarr"),
        ("simplecache::s3://key:secret@b/in.zarr", "simplecache::s3://b/in.zarr"),
        ("'az://k@c/x' and 's3://k:secret@b'", "'az://c/x' and 's3://b'"),
        ("/data/who?.zarr", "/data/who?.zarr"),
    ],
)
def test_credentials_are_not_shown(given: str, shown: str) -> None:
    assert urls.shown(given) == shown
