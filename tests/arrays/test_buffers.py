"""The law of buffers: memory is reused only when nothing refers to it, and never at any risk."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xgrad
from tests.helpers import numpy_gradient, run, same_bits
from xgrad.arrays import buffers, combine
from xgrad.stencils.scheme import Scheme

SHAPE = (300, 1000)


@pytest.fixture(scope="module", autouse=True)
def only_new_objects_are_collected() -> Iterator[None]:
    """Leave out all that was imported: to look at it takes half a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    gc.collect()
    buffers.give_back()


def kept() -> int:
    """Bytes that are kept for reuse."""
    gc.collect()
    return sum(memory.nbytes for memory in buffers._FREE)


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_reused_only_when_the_last_view_is_gone() -> None:
    first = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    first[:] = 1
    where, view = address(first), first[5:7, ::2].T
    del first
    gc.collect()
    second = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    second[:] = 2
    assert address(second) != where
    assert (view == 1).all()
    del view
    gc.collect()
    third = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    assert address(third) == where


@pytest.mark.parametrize(
    "like",
    [
        np.zeros((200, 30, 40)),
        np.zeros((200, 30, 40), order="F"),
        np.zeros((200, 30, 40)).transpose(1, 2, 0),
        np.zeros((400, 30, 80))[::2, :, ::-2],
        np.broadcast_to(np.zeros(40), (200, 30, 40)),
        np.zeros((3, 4)),
        np.zeros((0, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [">f4", "f8", "c16", "g"])
def test_order_and_shape_are_those_of_numpy(like: Any, dtype: str) -> None:
    expected = np.empty_like(like, dtype=dtype)
    found = buffers.empty_like(like, np.dtype(dtype))
    assert (found.shape, found.dtype, found.strides) == (
        expected.shape,
        expected.dtype,
        expected.strides,
    )
    assert found.flags.writeable


def test_no_more_than_a_limit_is_kept() -> None:
    held = [buffers.empty_like(np.zeros((2**k, 1000)), np.dtype("f8")) for k in range(8, 14)]
    held += [buffers.empty_like(np.zeros((2**12, 1000)), np.dtype("f8")) for _ in range(5)]
    del held
    assert 0 < kept() <= buffers.limit


def test_a_program_may_set_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "limit", 5_000_000)
    held = [buffers.empty_like(np.zeros(SHAPE), np.dtype("f8")) for _ in range(3)]
    del held
    assert kept() == 4_800_000
    held = [buffers.empty_like(np.zeros(SHAPE), np.dtype("f8")) for _ in range(3)]
    monkeypatch.setattr(buffers, "limit", 0)
    buffers.give_back()
    del held
    assert kept() == 0
    assert isinstance(buffers.empty_like(np.zeros(SHAPE), np.dtype("f8")), np.ndarray)
    assert kept() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("64MB", 64_000_000), ("1.5 GiB", 3 * 2**29), ("2k", 2000), ("", 2**28)],
)
def test_the_limit_is_read_from_the_environment(
    text: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XGRAD_BUFFERS", text)
    assert buffers._from_environment() == expected


@pytest.mark.thorough  # starts two processes
def test_the_environment_is_read_on_import() -> None:
    code = "import os; os.environ['XGRAD_BUFFERS'] = '0'; from xgrad.arrays import buffers as b;"
    assert run(f"{code} print(b.limit)") == "0\n"


@pytest.mark.parametrize("text", ["64XB", "-1", "1.2.3MB", "much", "nan"])
def test_a_text_that_is_not_a_size_is_reported_and_the_default_used(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XGRAD_BUFFERS", text)
    with pytest.warns(UserWarning, match=rf"XGRAD_BUFFERS is '{text}', which is not a size"):
        assert buffers._from_environment() == 2**28


def test_less_is_kept_when_the_system_has_less_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    monkeypatch.setattr(buffers, "_MEMINFO", str(meminfo))
    monkeypatch.setattr(buffers, "_unused", lambda: 0)
    for available, expected in (("80000000", 3), ("40000", 2), ("20000", 1), ("1000", 0)):
        meminfo.write_text(f"MemTotal:  99000000 kB\nMemAvailable:  {available} kB\n")
        held = [buffers.empty_like(np.zeros(SHAPE), np.dtype("f8")) for _ in range(3)]
        del held
        assert kept() == expected * 2_400_000


@pytest.mark.parametrize("content", [None, "MemTotal:  99000000 kB\n"])
def test_only_the_limit_counts_if_the_system_does_not_say_what_is_available(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "meminfo").write_text(content)
    monkeypatch.setattr(buffers, "_MEMINFO", str(tmp_path / "meminfo"))
    assert buffers._most() == buffers.limit


def test_the_available_memory_of_this_system_is_read() -> None:
    if not Path("/proc/meminfo").exists():
        pytest.skip("this system has no /proc/meminfo")
    found = buffers.available()
    assert found is not None
    assert 2**20 < found < 2**50
    # What is unused is available, but for a reserve of the system; so it is enough to look at.
    assert 0 < buffers._unused() < 1.1 * found


# 180 MB are kept, and the address space leaves 40 MB: both a result that may be kept itself and
# one that is too large for that need them.
SHORT = """
import resource
import numpy as np
from xgrad.arrays import buffers
from xgrad.workers import memory

held = [buffers.empty_like(np.empty((60, 10**6), "u1"), np.dtype("u1")) for _ in range(3)]
del held
assert sum(one.nbytes for one in buffers._FREE) == 180 * 10**6
like = np.broadcast_to(np.uint8(0), ({size}, 10**6))
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (memory._status("VmSize") + 40 * 10**6, hard))
try:
    np.empty(like.shape, "u1")
except MemoryError:
    print("short")
print(buffers.empty_like(like, np.dtype("u1")).shape)
"""


@pytest.mark.parametrize("size", [100, pytest.param(200, marks=pytest.mark.thorough)])
def test_kept_memory_is_given_back_when_an_allocation_fails(size: int) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say how large a process is")
    assert run(SHORT.format(size=size)) == f"short\n({size}, 1000000)\n"


FORK = """
import faulthandler, os, threading, warnings
import numpy as np
import xarray as xr
import xgrad
from xgrad.arrays import buffers

# Python 3.12 and later warn that the child of a process with threads may hang: here it must not.
warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)

# Large enough for buffers and for two threads.
values = np.random.default_rng(0).normal(size=(90, 80, 80))
plain = np.gradient(values, axis=0)


def gradient(factor):
    return xgrad.gradient(xr.DataArray(factor * values, dims=("x", "y", "z")), "x").d_dx.values


def is_right(found, factor):
    return found.tobytes() == (factor * plain).tobytes()


def forked():
    pid = os.fork()
    if pid:
        return pid
    faulthandler.dump_traceback_later(100, exit=True)  # if it hangs, says where
    try:
        assert not buffers._FREE, "the child gives back its copy"
        kept = []
        for factor in (2, 4, 8):
            kept.append((gradient(factor), factor))
            assert all(is_right(*one) for one in kept)
        for factor in (2, 4, 8):
            assert is_right(gradient(factor), factor)
        assert buffers._FREE, "and keeps memory of its own"
        os._exit(0)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)


def ends_well(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

"""

HELD = """
held = gradient(2)
gradient(4)
assert buffers._FREE
pid = forked()
assert buffers._FREE
assert all(is_right(gradient(factor), factor) for factor in (2, 4, 8))
assert ends_well(pid)
assert is_right(held, 2)
"""

BUSY = """
over, right = threading.Event(), []

def work():
    while not over.is_set():
        right.append(is_right(gradient(2), 2))

gradient(2)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
ended = [ends_well(forked()) for _ in range(5)]
over.set()
for thread in threads:
    thread.join()
assert all(ended) and right and all(right)
"""


@pytest.mark.thorough  # starts three processes
@pytest.mark.parametrize(
    "parent",
    [HELD, BUSY],
    ids=["holds buffers", "differentiates in threads"],
)
def test_a_forked_child_has_the_same_bits_while_its_parent(parent: str) -> None:
    run(FORK + parent)


@pytest.mark.thorough
def test_a_result_that_lives_until_the_process_ends_is_freed_without_a_message() -> None:
    code = (
        "import builtins, os, numpy as np, xarray as xr, xgrad\n"
        "for holder in (np, os, builtins, xgrad):\n"  # modules that are cleared in turn
        f"    holder.held = xgrad.gradient(xr.DataArray(np.ones({SHAPE}), dims=('x', 'y')))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""


def test_results_of_many_threads_do_not_share_memory() -> None:
    values = np.random.default_rng(0).normal(size=(100, 50, 40))
    expected = numpy_gradient(values, 1.0, 0)
    wrong = []

    def work() -> None:
        kept = []
        for k in range(20):
            found = combine.differentiate((k + 1) * values, 1.0, 0, Scheme())
            kept = [*kept[-2:], (k + 1, found)]
            if any(not np.allclose(one, n * expected, rtol=1e-12) for n, one in kept):
                wrong.append(k)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_result_that_is_held_does_not_change() -> None:
    import xarray as xr

    values = np.random.default_rng(0).normal(size=(200, 50, 40))
    kept = [
        xgrad.gradient(xr.DataArray(k * values, dims=("x", "y", "z")), "x").d_dx for k in range(6)
    ]
    for k, found in enumerate(kept):
        assert same_bits(found.values, numpy_gradient(k * values, 1.0, 0))
