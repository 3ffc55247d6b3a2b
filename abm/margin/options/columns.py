"""Arguments of array functions: broadcast over each other and laid out for a kernel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["flat"]

Floats = NDArray[np.float64]


def flat(numbers: Sequence[ArrayLike], call: ArrayLike) -> tuple[list[Floats], NDArray[np.bool_], tuple[int, ...]]:
    """The numbers as float64[n] each, `call` as bool[n], and the shape that all of them have together."""
    arrays = [np.asarray(x, np.float64) for x in numbers]
    *columns, side = np.broadcast_arrays(*arrays, np.asarray(call, np.bool_))
    return [np.ascontiguousarray(x).ravel() for x in columns], np.ascontiguousarray(side).ravel(), side.shape
