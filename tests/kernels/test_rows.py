"""Terms as rows of flat memory."""

from __future__ import annotations

import numpy as np
import pytest

from xgrad.kernels import rows, stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.row_loops import ACROSS, ALONG, MOST_TERMS, VALUES
from xgrad.stencils.scheme import Scheme


def test_layouts_of_terms_across_and_along_rows() -> None:
    f = np.arange(60.0).reshape(3, 4, 5)
    for axis, expected in ((0, (ACROSS, 3, 4, 0, 0)), (1, (ACROSS, 4, 1, 0, 0)),
                           (2, (ALONG, 5, 1, 0, 0))):  # fmt: skip
        none = np.take(f, [], axis=axis)
        stencil = stencil_kinds.of_axis(1.0, f.shape[axis], Scheme(), f.dtype)
        where, _, flat, _ = rows.placed(Cells(none, f, none, axis, 1), stencil, [0, 1, 2], 2)
        assert where == expected
        assert np.may_share_memory(flat, f)
    assert rows.placed(Cells.alone(f), None, [0, 1, 2], 2)[0][0] == VALUES


def test_a_halo_that_is_too_thin_is_found() -> None:
    f = np.arange(5.0)
    stencil = stencil_kinds.of_axis(1.0, 7, Scheme(), f.dtype).cut((slice(1, 6),), 0)
    with pytest.raises(AssertionError):
        rows.placed(Cells(f[:0], f, f[:0], 0, 1), stencil, [0], 0)


def test_arrays_are_never_written_and_tuples_have_one_length() -> None:
    found = rows.frozen(np.zeros((2, 3), ">f4"), np.dtype("f8"))
    assert (found.dtype, found.flags.writeable, found.flags.c_contiguous) == ("f8", False, True)
    assert len(rows.filled([found])) == MOST_TERMS
