"""The law of layouts: tiles cover each cell once, and planes are the array itself."""

from __future__ import annotations

import numpy as np
import pytest

from xgrad.kernels import layout


@pytest.mark.parametrize("dtype", ["?", "U3", "S3", "O"])
def test_values_without_differences_are_refused(dtype: str) -> None:
    with pytest.raises(TypeError, match="cannot be differentiated"):
        layout.result_dtype(np.dtype(dtype))
