"""Reads that fail are tried again, as often as `retries` says, and no more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xgrad
from tests.command import run, started, stopped
from tests.helpers import script
from tests.jobs.helpers import assert_equal, dataset, with_codec, write_for_codec


@pytest.mark.thorough  # in processes that end at once, below
def test_a_read_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    partial = tmp_path / "out.zarr.partial"
    encoding = {"t": {"chunks": (2, 100, 100), "shards": (12, 200, 100)}}
    dataset().to_zarr(source, encoding=encoding, zarr_format=3, consolidated=False)
    shard, whole = source / "t" / "c" / "3" / "0" / "0", tmp_path / "whole"
    shard.rename(whole)
    shard.symlink_to(whole)
    for retries, status in ((0, 1), (1, 0)):
        # Reading half a shard needs a seek, and in a pipe that is an OSError.
        pipe, link = tmp_path / "pipe", tmp_path / "link"
        os.mkfifo(pipe)
        link.symlink_to(whole)
        process = started("gradient", source, target, "--retries", retries,
                          "--dim", "x", "--chunks", "time=6,y=200")  # fmt: skip
        with stopped(process, (partial / "store.zarr").exists):
            pipe.replace(shard)
        with shard.open("wb"):  # opens when the command does
            link.replace(shard)
        _, shown = process.communicate()
        assert process.returncode == status, shown
        assert ("variable 't' could not be read in the region time" in shown) == (retries == 0)
        assert target.exists() == (retries == 1)
        shutil.rmtree(partial, ignore_errors=True)
    assert_equal(target, xgrad.gradient(dataset(), "x"))


# A codec that counts its attempts at a chunk that begins with 666 or 667, and fails: the first
# raises an error, the second kills the process.
FAULTY = """
import os, signal
import numcodecs
import numpy as np

class Faulty(numcodecs.abc.Codec):
    codec_id = "faulty"

    def encode(self, buf):
        return buf

    def decode(self, buf, out=None):
        first = np.frombuffer(buf, "f4")[0]
        if first in (666, 667):
            with open(os.environ["ATTEMPTS"], "a") as file:
                file.write("x")
            if first == 667:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError("a bad sector")
        return buf

numcodecs.register_codec(Faulty)
"""


def write_faulty(path: Path, first: int) -> None:
    values = np.ones((20, 30, 40), "f4")
    values[16, 0, 0] = first
    write_for_codec(path, values, "faulty")


@pytest.mark.parametrize("retries", [0, 2])
def test_in_this_process_an_attempt_is_repeated_as_often(
    retries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    script(tmp_path / "faulty.py")
    attempts = tmp_path / "attempts"
    monkeypatch.setenv("ATTEMPTS", str(attempts))
    write_faulty(tmp_path / "in.zarr", 666)
    with pytest.raises(RuntimeError, match="variable 't' could not be read") as raised:
        xgrad.gradient_to_zarr(
            tmp_path / "in.zarr", tmp_path / "out.zarr", "t", "x", retries=retries
        )
    assert "a bad sector" in str(raised.value)
    assert attempts.read_text() == "x" * (1 + retries)


DEADLY = "every worker that was given variable 't', time"


@pytest.mark.parametrize(
    ("first", "message", "workers", "retries"),
    [
        pytest.param(666, "a bad sector", (), 0, marks=pytest.mark.thorough),
        pytest.param(666, "a bad sector", (), 2, marks=pytest.mark.thorough),
        pytest.param(666, "a bad sector", ("--workers", 1), 2, marks=pytest.mark.thorough),
        pytest.param(666, "a bad sector", ("--workers", 2), 0, marks=pytest.mark.thorough),
        pytest.param(667, DEADLY, ("--workers", 2), 0, marks=pytest.mark.thorough),
        pytest.param(667, DEADLY, ("--workers", 2), 2, marks=pytest.mark.thorough),
    ],
)
def test_an_attempt_that_fails_is_repeated_as_often_as_retries_says(
    first: int, message: str, workers: Any, retries: int, tmp_path: Path
) -> None:
    attempts = tmp_path / "attempts"
    environment = {**with_codec(tmp_path, FAULTY), "ATTEMPTS": str(attempts)}
    write_faulty(tmp_path / "in.zarr", first)
    done = run("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", "--dim", "x",
               "--retries", retries, *workers, env=environment)  # fmt: skip
    assert done.returncode == 1
    assert message in done.stderr, done.stderr
    assert attempts.read_text() == "x" * (1 + retries)
