"""The memory that a job takes: for a region on its way, and for a process besides."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xgrad.arrays.block import COLUMNS, ROWS
from xgrad.arrays.term import Positions, Term
from xgrad.jobs.request import Group, Job
from xgrad.kernels.stencil_kinds import LONG
from xgrad.stencils.scheme import Scheme

# What kernels take that are loaded from numba's cache, measured: 54 to 66 MB.
KERNELS = 55_000_000
# What a process needs besides its lanes: these, and small things.
START = KERNELS + 25_000_000
# Freed memory stays with the process.  Measured on 2 threads with chunks of 4 to 32 MB, whose
# numbers did not compress (``python -m benchmarks.compare memory``): for each lane so many times
# the largest buffer, up to the size from which malloc returns what is freed to the system.
_KEPT, _RETURNED = 5, 18_000_000
# What is live at once is known to about this.
_MARGIN = 1.1
# A chunk that is encoded, beside its numbers; less if it is so large that each of its buffers comes
# from the system and returns there: 1.0 of 268 MB, measured.
_CODING, _CODING_LARGE, _LARGE = 1.6, 1.2, 2**26
# A time that cftime decodes: an object, and what it is made from.  Measured 255 to 270.
_OF_AN_OBJECT = 280
# Positions while they are read, copies of them, and the steps between them, for each step.
_READ_AS_STEPS = 4
# zarr decodes and encodes so many chunks of a region at once, if it has them.
_CHUNKS_AT_ONCE = 10
# Tasks and names of each chunk of a region, which zarr makes for all of them before the first is
# read or written.  Measured with 30,000 chunks of 16 bytes: 2300.
_OF_A_TASK = 2500


@dataclass(frozen=True)
class Needs:
    """What a lane holds of a group of variables, in bytes.

    Attributes
    ----------
    cell : int
        For a cell that has been read, of all variables.
    stored, decoding : int
        For a cell of a variable as it is stored, and more while it is decoded.
    result : int
        For a cell of a result, and of what it is computed from besides the variables.
    encoding : int
        More for a cell of a result while it is written.
    source, target : int
        For a chunk of the source and of the target in its codec.
    coding : float
        Of the bytes of results, what encoding them takes.
    asking, handing : float
        For a cell that is read and for one that is written, whatever its chunk has in it.
    depths, strips : tuple of int
        Cells along each axis that a region needs from each neighbour, and that a kernel copies.
    steps, tables : tuple of int
        For each cell along an axis, however large the cross-section is: for steps between
        positions that are read in windows, and for tables of weights that are made for the cells at
        work.
    beside, whole : int
        For the chunks of positions that a window meets besides its own, and for the tables of axes
        that are not long, which are made as a whole.
    """

    cell: int
    stored: int
    decoding: int
    result: int
    encoding: int
    source: int
    target: int
    coding: float
    asking: float
    handing: float
    depths: tuple[int, ...]
    strips: tuple[int, ...]
    steps: tuple[int, ...]
    tables: tuple[int, ...]
    beside: int
    whole: int

    @classmethod
    def of(cls, job: Job, group: Group) -> Needs:
        """From dtypes, chunks and terms."""
        read = [_of_variable(job, name, variable) for name, variable in group.origins.items()]
        stored, decoding, out, more, source = (max(one[k] for one in read) for k in range(5))
        own = {a.name: a.array for t in group.terms if isinstance(a := t.along, Positions)}
        own |= {h.name: h.array for t in group.terms if (h := t.held or t.sigma) is not None}
        # Positions, their halos and the strips cut from them.
        positions = sum(3 * max(8, one.dtype.itemsize) for one in own.values())
        # What terms of a result are taken of is in memory as a whole.
        within = max(sum(len(term.chain) - 1 for term in one.terms) for one in group.results)
        filled = group.fill_value is not None and not np.isnan(group.fill_value)
        sharded = any(one.encoding.get("shards") for one in group.origins.values())
        within_shards = sharded and not job.chunks
        first = next(iter(group.origins))
        handed = job.source.smallest(first) if within_shards else group.written
        chunk = out * math.prod(group.written)
        coding = _CODING if chunk <= _LARGE else _CODING_LARGE
        along = [[term for term in group.terms if term.axis == k] for k in range(len(group.shape))]
        tables = [*zip(map(_of_tables, along), group.shape, strict=True)]
        return cls(
            sum(variable.dtype.itemsize for variable in group.origins.values()),
            stored, decoding, out * (1 + within) + more + positions, (out + 1) * filled, source,
            int(chunk * (3 if sharded else coding)), coding,
            max(_OF_A_TASK / math.prod(job.source.smallest(name)) for name in group.origins),
            _OF_A_TASK / math.prod(handed),
            tuple(max((term.scheme.depth for term in own), default=0) for own in along),
            tuple(2 * max(map(_strips, own), default=0) for own in along),
            tuple(8 * sum(map(_is_uneven, own)) for own in along),
            tuple(each if n > LONG else 0 for each, n in tables),
            max(map(_beside, group.terms), default=0),
            sum(each * n for each, n in tables if n <= LONG),
        )  # fmt: skip

    def of_region(self, sides: Sequence[int], sweep: int, *, ahead: bool) -> int:
        """For a region, and for the next one if that is read ahead."""
        cells = math.prod(sides)
        core = cells * self.cell
        thick = [depth / max(1, n) for depth, n in zip(self.depths, sides, strict=True)]
        before = core * min(1.0, thick[sweep]) * ahead
        faces = core * 2 * (sum(thick) - thick[sweep])
        region = cells * self.stored
        chunks = min(_CHUNKS_AT_ONCE * self.source, max(2 * region, self.source))
        reading = (core + before) * ahead + region + max(chunks, cells * self.decoding)
        reading += cells * self.asking
        strips = sum(k / max(1, n) for k, n in zip(self.strips, sides, strict=True))
        padded = cells * self.cell * strips
        out = cells * self.result
        coding = min(_CHUNKS_AT_ONCE * self.target, max(self.coding * out, self.target))
        coding += cells * (self.encoding + self.handing)
        there = core * (1 + ahead) + before + faces
        steps = sum(k * n for k, n in zip(self.steps, sides, strict=True))
        # All but the steps is freed before there are tables: one peak or the other.  What the steps
        # are read for may be there already, if it is a derivative itself.
        positions = there + out + _READ_AS_STEPS * steps + self.beside
        writing = there + out + max(coding, padded) + steps
        for k, n in zip(self.tables, sides, strict=True):
            writing += k * (n if cells >= ROWS * n else min(n, COLUMNS))
        most = max(reading, positions, writing) + self.whole
        return int(_MARGIN * most) + self.kept(sides)

    def kept(self, sides: Sequence[int]) -> int:
        """What a thread keeps of the buffers for a region after they are freed."""
        buffer = max(math.prod(sides) * max(self.cell, self.result), self.source // 2)
        return _KEPT * min(10**6 + buffer, _RETURNED)


def _of_variable(job: Job, name: Hashable, variable: xr.Variable) -> tuple[int, int, int, int, int]:
    """Bytes of a cell as stored, while it is decoded, of its result, in kernels; of a chunk."""
    item, kind = variable.dtype.itemsize, variable.dtype.kind
    as_stored = np.dtype(variable.encoding.get("dtype", variable.dtype)).itemsize
    # The kernels take float and complex numbers as they are, and copies of others.
    plain = variable.dtype.newbyteorder("=") in map(np.dtype, "fdFD")
    out = item if kind in "fc" else 8
    copied = 2 * max(8, item) if not plain or not variable.dtype.isnative else 0
    # Missing values are masked; packed numbers are then scaled in a copy.
    masks = item + 1 if job.source.is_decoded(name) else 0
    scales = item if job.source.is_scaled(name) else 0
    objects = _OF_AN_OBJECT if job.data.variables[name].dtype.kind == "O" else 0
    # A chunk is in memory as it is stored and as it is decoded; a shard is also put together.
    in_chunks = max(as_stored, objects) if job.request.given else as_stored  # dask decodes it
    chunk = job.source.copies(name) * in_chunks * math.prod(job.source.inseparable(name))
    return as_stored, masks + scales + objects, out, copied, chunk


def _strips(term: Term) -> int:
    """Cells on either side that the slowest kernel copies."""
    slow = term.scheme.skipna and not term.scheme.is_numpys
    return term.scheme.reach if slow else 0


def _is_uneven(term: Term) -> bool:
    return not isinstance(term.along, Positions) and getattr(term.along, "ndim", 0) == 1


def _of_tables(terms: Sequence[Term]) -> int:
    """Bytes of a column of the tables of an axis, and of what they are made from."""
    # The table of a fit is also made from parts, or copied, one after the other.
    beside = max((_rows(one.scheme) for one in terms if one.scheme.fit is not None), default=0)
    return 8 * beside + sum(8 * _rows(one.scheme) + 48 * _is_uneven(one) for one in terms)


def _rows(scheme: Scheme) -> int:
    """The approximate number of rows of a table."""
    if scheme.fit is not None and (
        scheme.skipna or scheme.fit.error is not None or scheme.fit.weighted
    ):
        return 4 * scheme.half + 4  # with steps, or copies
    return 24 if scheme.skipna else 2 * scheme.half + 4


def _beside(term: Term) -> int:
    """A window of positions that are read from chunks meets one more on either side."""
    (chunk,) = getattr(term.along, "encoding", {}).get("chunks") or (0,)
    return 4 * 8 * int(chunk) if _is_uneven(term) else 0
