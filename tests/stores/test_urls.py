"""What the name of a store says."""

from __future__ import annotations

import sys
from pathlib import Path

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
        ("s3://KEY:SE/CR+ET@bucket/in.zarr", "s3://bucket/in.zarr"),
        ("s3://KEY:SE CR'ET@bucket/in.zarr", "s3://bucket/in.zarr"),
        ("icechunk:s3://KEY:SE CR@bucket/in", "icechunk:s3://bucket/in"),
        ("s3://KEY:S@E/CR@ET@bucket/in.zarr", "s3://bucket/in.zarr"),
        ("s3://KEY:SE?CR#ET@bucket/in.zarr", "s3://..."),
        ("https://host/in.zarr#secret", "https://host/in.zarr"),
        ("https://host/in.zarr?by=a:b@secret", "https://..."),
        ("https://host/in.zarr?a secret", "https://host/in.zarr"),
        ("s3://bucket/run@2/in.zarr", "s3://bucket/run@2/in.zarr"),
        ("no s3://KEY:SE/CR+ET@bucket/in.zarr here", "no s3://bucket/in.zarr here"),
        ("icechunk:repo@main", "icechunk:repo@main"),
        ("no 'icechunk:repo@tag:v1' here", "no 'icechunk:repo@tag:v1' here"),
        ("icechunk:s3://KEY:SE@bucket/repo@tag:v1", "icechunk:s3://tag:v1"),
    ],
)
def test_credentials_are_not_shown(given: str, shown: str) -> None:
    assert urls.shown(given) == shown


SECRETS = "KEY", "SE", "CR", "ET"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://KEY:SE/CR+ET@bucket/in.zarr", "has a key in its s3:// address, where it is not"),
        ("icechunk:s3://KEY:SE@bucket/in", "has a key in its s3:// address"),
        ("simplecache::gs://KEY:SE::CR@bucket/in.zarr", "is not a chain of addresses"),
        ("https://KEY:SE/CR@host/in.zarr", "escape them, a slash as %2F"),
        ("https://KEY:SE?CR@host/in.zarr", "escape them, a slash as %2F"),
        ("https://host/in.zarr?KEY SE", "escape them, a slash as %2F"),
        ("file://file:///data/in.zarr", "has an address within an address; give one"),
        ("https://https://host/in.zarr", "has an address within an address; give one"),
        ("s3://s3://bucket/in.zarr", "has an address within an address; give one"),
        ("in.zarr::in.zarr", "is not a chain of addresses; give one path or URL"),
        ("in\0.zarr", r"'in\\x00.zarr' has a NUL character; give another name"),
    ],
)
def test_names_that_no_store_can_have_are_refused_without_their_secrets(
    address: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        urls.require_address("target", address)
    assert not any(secret in str(caught.value) for secret in SECRETS)


@pytest.mark.parametrize(
    "address",
    [
        "in.zarr", "s3://bucket/run@2/in.zarr", "abfs://container@account.net/in.zarr",
        "https://me:pass%2Fword@host/in.zarr?signature=a%20b&of=https://host/x#part",
        "simplecache::file:///data/12:00@noon.zarr", "zip://in.zarr::https://host:80/in.zip",
        "icechunk:/data/repository", r"/data/a\b.zarr", "https://host:8080/a/in.zarr",
    ],
)  # fmt: skip
def test_other_names_are_taken(address: str) -> None:
    urls.require_address("source", address)


def test_a_cause_that_shows_credentials_is_left_out() -> None:
    harmless = OSError("s3://bucket/in.zarr is not there")
    assert urls.cause(harmless) is harmless
    assert urls.cause(OSError("https://host/in.zarr?signature=abc is not there")) is None


def test_whatever_is_printed_neither_steers_a_terminal_nor_fails() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = urls.printable(every)
    assert shown.isprintable()
    shown.encode()
    assert urls.printable("temperatur, température, 温度 °C") == "temperatur, température, 温度 °C"


def test_a_version_follows_the_folder_that_exists(tmp_path: Path) -> None:
    for name in ("repo", "at@home"):
        (tmp_path / name).mkdir()
    for text, place, version in [
        ("repo", "repo", ""), ("repo@v1", "repo", "v1"), ("repo@x@y", "repo", "x@y"),
        ("repo@tag:v1", "repo", "tag:v1"), ("at@home", "at@home", ""),
        ("at@home@main", "at@home", "main"), ("at@home/repo", "at@home/repo", ""),
        ("none@v1", "none", "v1"),
    ]:  # fmt: skip
        name = f"icechunk:{tmp_path / text}"
        assert urls.repository_in(name) == (str(tmp_path / place), version)
        assert urls.local_path(name) == tmp_path / place
        assert urls.absolute(name) == name
    assert urls.repository_in("icechunk:s3://b/p@q/repo@v1") == ("s3://b/p@q/repo", "v1")
    assert urls.local_path("icechunk:s3://b/repo@v1") is None
