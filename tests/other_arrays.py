"""Arrays of kinds that xgrad does not know."""

from __future__ import annotations

from typing import Any

import numpy as np


class Duck:
    """Takes numpy's functions, as those of sparse and cupy do, and says when it is read."""

    def __init__(self, values: Any, *, may_be_read: bool = True) -> None:
        self.values, self.may_be_read = np.asarray(values), may_be_read
        self.shape, self.dtype = self.values.shape, self.values.dtype
        self.ndim = len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        assert self.may_be_read
        return np.asarray(self.values, dtype, copy=copy)

    def __getitem__(self, index: Any) -> Any:
        return Duck(self.values[index], may_be_read=self.may_be_read)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was computed")


class Chunked(Duck):
    """One in chunks."""

    @property
    def chunks(self) -> Any:
        return tuple((n,) for n in self.shape)
