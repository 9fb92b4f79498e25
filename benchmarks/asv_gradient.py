"""The same contenders for airspeed velocity: ``asv run``."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contenders import CONTENDERS, OPTIONS

SHAPE = (128, 256, 256)


class Gradient:
    """Time and peak memory of one axis."""

    param_names = ("who", "dtype", "spacing", "axis")
    params = (list(CONTENDERS), ["float32", "float64"], ["even", "uneven"], [0, 1, 2])

    def setup(self, who: str, dtype: str, spacing: str, axis: int) -> None:
        self.who = CONTENDERS[who]
        self.values = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
        cells = np.arange(SHAPE[axis])
        self.positions: Any = cells * 0.75 if spacing == "even" else cells**1.01
        self.who(self.values, self.positions, axis)

    def time_gradient(self, _who: str, _dtype: str, _spacing: str, axis: int) -> None:
        self.who(self.values, self.positions, axis)

    def peakmem_gradient(self, _who: str, _dtype: str, _spacing: str, axis: int) -> None:
        self.who(self.values, self.positions, axis)


class Options:
    """Time of the options that numpy.gradient lacks."""

    param_names = ("option", "dtype", "axis")
    params = (list(OPTIONS), ["float32", "float64"], [0, 1, 2])

    def setup(self, option: str, dtype: str, axis: int) -> None:
        values = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
        self.call = OPTIONS[option](values, np.arange(SHAPE[axis]) ** 1.01, axis)
        self.call()

    def time_option(self, _option: str, _dtype: str, _axis: int) -> None:
        self.call()
