"""Arrays are cut into regions of whole chunks, each cell once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xgrad.jobs import cutting
from xgrad.jobs.cutting import Axis

axes = st.lists(
    st.builds(
        Axis,
        size=st.integers(1, 60),
        chunk=st.integers(1, 20),
        stored=st.integers(1, 20),
        halo=st.integers(0, 3),
        least_at_ends=st.integers(0, 5),
        around=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@given(axes, st.integers(1, 4), st.integers(1, 20), st.integers(1, 10**6))
def test_regions_cover_each_cell_once_in_whole_chunks(
    given: list[Axis], n_lanes: int, longest: int, room: int
) -> None:
    def needs(sides: Sequence[int], sweep: int, ahead: bool) -> int:
        del sweep
        cells = math.prod(sides)
        return cells * (1 + ahead)

    layout = cutting.laid_out(given, needs, room, n_lanes, longest)
    if layout is None:
        smallest = np.prod([max(axis.cut(1)) for axis in given])
        assert needs([int(smallest)], 0, ahead=True) > room
        return
    count = np.zeros([axis.size for axis in given], int)
    n_regions = 0
    runs = list(layout.runs())
    for run in runs:
        assert 1 <= len(run.boxes) <= layout.length <= longest
        for box, following in zip(run.boxes, run.boxes[1:], strict=False):
            assert box[layout.sweep].stop == following[layout.sweep].start
        for box in run.boxes:
            n_regions += 1
            count[box] += 1
            for part, axis in zip(box, given, strict=True):
                assert part.start % axis.chunk == 0
                assert part.stop % axis.chunk == 0 or part.stop == axis.size
                alone = part.stop - part.start == axis.size
                assert alone or part.stop - part.start >= axis.halo
    assert (count == 1).all()
    assert (n_regions, len(runs)) == (layout.n_regions, layout.n_runs)


def test_finished_regions_are_left_out_of_the_runs() -> None:
    layout = cutting.Layout(cuts=((2, 2, 2, 2, 2), (3, 3)), sweep=0, length=4)
    done = [(slice(4, 6), slice(0, 3)), (slice(0, 2), slice(3, 6))]
    runs = [run.boxes for run in layout.runs(lambda box: box in done)]
    assert [[(a.start, b.start) for a, b in run] for run in runs] == [
        [(0, 0), (2, 0)],
        [(6, 0), (8, 0)],
        [(2, 3), (4, 3), (6, 3), (8, 3)],
    ]


@given(axes, st.data())
def test_regions_begin_and_end_where_chunks_are_done(
    given: list[Axis], data: st.DataObject
) -> None:
    axis, along = given[0], 0
    count = -(-axis.size // axis.chunk)
    done = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    layout = cutting.Layout(tuple(one.cut(2) for one in given), along, 10)
    found = cutting.recut(layout, axis, along, done)
    assert found.cuts[1:] == layout.cuts[1:]
    assert sum(found.cuts[0]) == axis.size
    stops = np.cumsum(found.cuts[0])
    least = max(1, axis.halo, axis.least_at_ends)
    for start, stop in zip([0, *stops], stops, strict=False):
        assert start % axis.chunk == 0
        is_done = [done[k] for k in range(start // axis.chunk, -(-stop // axis.chunk))]
        # Each region has enough neighbours on either side, or is at the end.
        assert start in (0, axis.size) or min(start, axis.size - start) >= min(least, axis.size)
        # What is not done is never in a region with much that is.
        assert all(is_done) or stop - start >= min(least, axis.size)
        assert all(is_done) or sum(is_done) * axis.chunk < 3 * (least + axis.chunk)
